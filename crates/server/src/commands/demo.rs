//! `renkei demo`: two made-up institutions and an accounting site on this machine, for a browser or for tools.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::CommandError;
use super::data::{ANCHORS_FOLDER, DataArgs, StoreUrl};
use super::output::say;
use super::serve::{self, StopSignals};
use crate::app::{App, Site};
use crate::audit::service::keep_sealed;
use crate::demo::{self, Origins, Stage};
use crate::http;
use crate::http::connection::PartnerDoor;
use crate::listener::tls::{ClientCertificates, authority_names};
use crate::listener::{self, Limits, Transport};

/// The host of all the demo's addresses: loopback only, and one name for all, so that its cookies reach each of them.
const HOST: &str = "127.0.0.1";

/// The usual port of the institutions.
const MAIN_PORT: u16 = 4000;
/// The port of partners with certificates beside it.
const PARTNER_TLS_PORT: u16 = 4003;

/// What `renkei demo` takes.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "A port of 0 takes any free one. With --json one line of JSON is printed when everything is \
    ready: issuers, partner_app, certificate_origin, partner_tls_origin, ca, users and clients."
)]
pub struct Args {
    /// Keep the demo in this folder; without it everything is gone when the demo ends
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Keep the rows on this PostgreSQL server, a postgres:// URL, instead of in the folder
    #[arg(long, value_name = "URL")]
    store: Option<StoreUrl>,
    /// Port of the institutions
    #[arg(long, value_name = "PORT", default_value_t = MAIN_PORT)]
    port: u16,
    /// Port of the accounting site
    #[arg(long, value_name = "PORT", default_value_t = 4001)]
    partner_port: u16,
    /// Port of certificate login, always TLS
    #[arg(long, value_name = "PORT", default_value_t = 4002)]
    certificate_port: u16,
    /// Port of partners with certificates, always TLS; without it 4003, or any free one beside another --port
    #[arg(long, value_name = "PORT")]
    partner_tls_port: Option<u16>,
    /// Serve the institutions over TLS too, with a certificate of the demo's own authority
    #[arg(long)]
    tls: bool,
    /// Take so many times more requests than in earnest, for load tests
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    limits_factor: u32,
    /// Print one line of JSON for tools when ready
    #[arg(long)]
    json: bool,
}

/// Sets the stage and serves until SIGTERM or SIGINT.
///
/// # Errors
/// When the folder or a port can't be used.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let mut signals = StopSignals::catch()?;
    let folder = Folder::of(args.data.clone())?;
    let doors = Doors::open(&args).await?;
    let data = DataArgs { data: folder.path.clone(), config: None, store: args.store.clone() }.open().await?;
    let stage = Stage::set(&folder.path, doors.origins(args.tls)?, data.clock.now().day())?;
    stage.apply_registry(&data).await?;
    stage.import(&data).await?;
    let app = Arc::new(data.into_app(doors.site(args.tls)?, args.limits_factor));
    demo::register_pins(&app).await?;
    let (say_stop, stop) = watch::channel(false);
    let mut tasks = doors.serve(&stage, &app, args.tls, &stop).await?;
    tasks.spawn(keep_sealed(Arc::clone(&app), folder.path.join(ANCHORS_FOLDER), stop.clone()));
    let report = stage.report(&app).await?;
    if args.json {
        let line = serde_json::to_string(&report).map_err(|error| CommandError::Unavailable(error.to_string()))?;
        say!("{line}");
    } else {
        say!("{report}");
    }
    signals.wait().await;
    say_stop.send_replace(true);
    tasks.join_all().await;
    Ok(())
}

/// The data folder; a temporary one goes with its owner.
struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    fn of(named: Option<PathBuf>) -> Result<Folder, CommandError> {
        let is_temporary = named.is_none();
        let path = named.unwrap_or_else(|| std::env::temp_dir().join(format!("renkei-demo-{}", std::process::id())));
        // What stands there already may be somebody else's.
        if is_temporary && path.exists() {
            return Err(CommandError::Setup(format!("{} is there already; name a folder with --data", path.display())));
        }
        Ok(Folder { path, is_temporary })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, folder = %self.path.display(), "the demo's folder stays");
        }
    }
}

/// The sockets, bound before anything else, as their ports are part of every address.
struct Doors {
    main: TcpListener,
    partner: TcpListener,
    certificate: TcpListener,
    partner_tls: TcpListener,
}

impl Doors {
    async fn open(args: &Args) -> Result<Doors, CommandError> {
        Ok(Doors {
            main: bind(args.port).await?,
            partner: bind(args.partner_port).await?,
            certificate: bind(args.certificate_port).await?,
            partner_tls: bind(args.partner_tls_port.unwrap_or(if args.port == MAIN_PORT {
                PARTNER_TLS_PORT
            } else {
                0
            }))
            .await?,
        })
    }

    fn origins(&self, tls: bool) -> Result<Origins, CommandError> {
        Ok(Origins {
            main: origin(if tls { "https" } else { "http" }, &self.main)?,
            certificate: origin("https", &self.certificate)?,
            partner: origin("http", &self.partner)?,
        })
    }

    fn site(&self, tls: bool) -> Result<Site, CommandError> {
        let origins = self.origins(tls)?;
        let partner_origin = Some(origin("https", &self.partner_tls)?);
        Ok(Site { origin: origins.main, certificate_origin: Some(origins.certificate), partner_origin })
    }

    async fn serve(
        self,
        stage: &Stage,
        app: &Arc<App>,
        tls: bool,
        stop: &watch::Receiver<bool>,
    ) -> Result<JoinSet<()>, CommandError> {
        let partner = stage.partner_app(app).await?;
        let partner = renkei_partner_app::router(partner)
            .map_err(|error| CommandError::Setup(format!("the partner app: {error}")))?;
        let institutions = app.store.read_all().list_institutions().await?;
        let names = authority_names(institutions.iter().filter_map(|institution| institution.user_ca.as_deref()));
        let encrypted = |clients: &ClientCertificates| -> Result<Transport, CommandError> {
            let config = stage.tls.load(HOST, clients, app.now())?;
            Ok(Transport::Tls(Arc::new(ArcSwap::from_pointee(config))))
        };
        let main = if tls { encrypted(&ClientCertificates::NotAsked)? } else { Transport::Plain };
        let certificate = encrypted(&ClientCertificates::Asked(names))?;
        let partner_tls = encrypted(&ClientCertificates::Asked(Vec::new()))?;
        let door = PartnerDoor {
            origin: origin("https", &self.partner_tls)?.into(),
            trust: Arc::new(ArcSwap::from_pointee(stage.partner_trust()?)),
        };
        let mut tasks = JoinSet::new();
        let mut open = |socket: TcpListener, transport: Transport, router: Router| {
            let gate = http::gate(router, app, &Arc::default());
            tasks.spawn(listener::serve(socket, transport, gate, Limits::STANDARD, stop.clone()));
        };
        open(self.main, main, http::router(Arc::clone(app)));
        open(self.certificate, certificate, http::certificate_router(Arc::clone(app)));
        open(self.partner_tls, partner_tls, http::partner_router(Arc::clone(app), door));
        tasks.spawn(listener::serve(self.partner, Transport::Plain, partner, Limits::STANDARD, stop.clone()));
        tasks.spawn(serve::keep_counted(Arc::clone(app), stop.clone()));
        Ok(tasks)
    }
}

async fn bind(port: u16) -> Result<TcpListener, CommandError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| CommandError::Setup(format!("port {port} can't be listened on: {error}")))
}

fn origin(scheme: &str, socket: &TcpListener) -> Result<String, CommandError> {
    let address = socket.local_addr();
    let address =
        address.map_err(|error| CommandError::Unavailable(format!("a socket without an address: {error}")))?;
    Ok(format!("{scheme}://{HOST}:{}", address.port()))
}

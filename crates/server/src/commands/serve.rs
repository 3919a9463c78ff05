//! `renkei serve`: answer partners and customers until told to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use renkei_store::Store;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::CommandError;
use super::data::DataArgs;
use crate::app::App;
use crate::config::Config;
use crate::http;
use crate::listener::tls::{ClientCertificates, TlsFiles, authority_names};
use crate::listener::{self, Limits, Transport};

/// How often certificate files are looked at for renewed ones; SIGHUP looks at once.
const RELOAD_EVERY: Duration = Duration::from_secs(60);

/// How often counted refusals are looked through for those that are due as a record.
const COUNTED_EVERY: Duration = Duration::from_secs(15);

/// What `renkei serve` takes.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
}

/// Serves until SIGTERM or SIGINT, then lets running requests finish.
///
/// # Errors
/// When the configuration is refused, something it names can't be used, or an address can't be listened on.
pub async fn run(args: Args) -> Result<(), CommandError> {
    let signals = StopSignals::catch()?;
    let (data, config) = args.data.open_to_serve().await?;
    refuse_empty(&data.store).await?;
    let app = Arc::new(data.into_app(config.site(), config.limits.factor));
    let (say_stop, stop) = watch::channel(false);
    let mut tasks = JoinSet::new();
    for door in doors(&config, &app).await? {
        door.open(&app, &stop, &mut tasks).await?;
    }
    tasks.spawn(keep_counted(Arc::clone(&app), stop.clone()));
    tracing::info!(origin = config.origin, store = app.store.engine_name(), "serving");
    signals.wait().await;
    tracing::info!("stopping: no new connections, running requests finish");
    say_stop.send_replace(true);
    while tasks.join_next().await.is_some() {}
    Ok(())
}

/// Writes what was refused and only counted into the audit trail, now and then and at the end.
pub async fn keep_counted(app: Arc<App>, mut stop: watch::Receiver<bool>) {
    loop {
        let stopping = tokio::select! {
            () = sleep(COUNTED_EVERY) => false,
            _ = stop.wait_for(|stop| *stop) => true,
        };
        if let Err(error) = http::limits::write_counted(&app, stopping).await {
            tracing::error!(%error, "refusals that were counted could not be recorded");
        }
        if stopping {
            return;
        }
    }
}

/// Without an institution every request would be answered with 404, which nobody sets up on purpose.
async fn refuse_empty(store: &Store) -> Result<(), CommandError> {
    if store.read_all().list_institutions().await?.is_empty() {
        let message = "there is no institution to serve: describe one with `renkei apply` first";
        return Err(CommandError::Setup(message.into()));
    }
    Ok(())
}

/// An address to listen on and what answers there.
struct Door {
    listen: SocketAddr,
    router: Router,
    tls: Option<DoorTls>,
}

/// Where a door's handshakes get their certificate from.
struct DoorTls {
    host: String,
    files: TlsFiles,
    asks_for_certificates: bool,
}

async fn doors(config: &Config, app: &Arc<App>) -> Result<Vec<Door>, CommandError> {
    let tls = |named: Option<(String, TlsFiles)>, asks_for_certificates| {
        named.map(|(host, files)| DoorTls { host, files, asks_for_certificates })
    };
    let mut doors =
        vec![Door { listen: config.listen, router: http::router(Arc::clone(app)), tls: tls(config.main_tls(), false) }];
    if let Some(login) = &config.certificate_login {
        doors.push(Door {
            listen: login.listen,
            router: http::certificate_router(Arc::clone(app)),
            tls: tls(config.login_tls(), true),
        });
    }
    Ok(doors)
}

impl Door {
    async fn open(
        self,
        app: &Arc<App>,
        stop: &watch::Receiver<bool>,
        tasks: &mut JoinSet<()>,
    ) -> Result<(), CommandError> {
        let transport = match self.tls {
            None => Transport::Plain,
            Some(tls) => {
                let in_force = Arc::new(ArcSwap::from_pointee(tls.load(app).await?));
                tasks.spawn(reload(tls, Arc::clone(app), Arc::clone(&in_force), stop.clone()));
                Transport::Tls(in_force)
            }
        };
        let socket = TcpListener::bind(self.listen)
            .await
            .map_err(|error| CommandError::Setup(format!("{} can't be listened on: {error}", self.listen)))?;
        tasks.spawn(listener::serve(socket, transport, self.router, Limits::STANDARD, stop.clone()));
        Ok(())
    }
}

impl DoorTls {
    async fn load(&self, app: &App) -> Result<ServerConfig, CommandError> {
        let clients = if self.asks_for_certificates {
            let institutions = app.store.read_all().list_institutions().await?;
            let authorities = institutions.iter().filter_map(|institution| institution.user_ca.as_deref());
            ClientCertificates::Asked(authority_names(authorities))
        } else {
            ClientCertificates::NotAsked
        };
        Ok(self.files.load(&self.host, &clients, app.now())?)
    }
}

/// Takes renewed certificates, and institutions' new authorities, into new connections. What can't be used is logged
/// and changes nothing: the old certificate stays until the new one is right.
async fn reload(tls: DoorTls, app: Arc<App>, in_force: Arc<ArcSwap<ServerConfig>>, mut stop: watch::Receiver<bool>) {
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return };
    loop {
        tokio::select! {
            () = sleep(RELOAD_EVERY) => {}
            _ = hang_up.recv() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        match tls.load(&app).await {
            Ok(config) => in_force.store(Arc::new(config)),
            Err(error) => tracing::error!(%error, "the TLS certificate was not reloaded"),
        }
    }
}

/// The signals that end a server, caught from when this is made, so that none is missed.
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Catches SIGTERM and SIGINT from now on.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn catch() -> Result<StopSignals, CommandError> {
        let failed = |error: io::Error| CommandError::Unavailable(format!("signals can't be caught: {error}"));
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate()).map_err(failed)?,
            interrupt: signal(SignalKind::interrupt()).map_err(failed)?,
        })
    }

    /// Returns when one of them has come.
    pub async fn wait(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

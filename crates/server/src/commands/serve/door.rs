//! The listeners: who is asked for a certificate where, and taking renewed files into use without a restart.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use renkei_store::institutions::Institution;
use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::CommandError;
use crate::app::App;
use crate::certificates::partners::{PartnerFiles, PartnerTrust};
use crate::config::Config;
use crate::http;
use crate::http::connection::PartnerDoor;
use crate::http::places::Gate;
use crate::http::proxy::{Network, Proxies};
use crate::listener::tls::{ClientCertificates, TlsFiles, authority_names};
use crate::listener::{self, Limits, Transport};

/// How often certificate files are looked at for renewed ones; SIGHUP looks at once.
const RELOAD_EVERY: Duration = Duration::from_secs(60);

/// An address to listen on and what answers there.
pub struct Door {
    listen: SocketAddr,
    gate: Gate,
    tls: Option<DoorTls>,
    limits: Limits,
}

/// Where a door's handshakes get their certificate from.
struct DoorTls {
    host: String,
    files: TlsFiles,
    asks: Asks,
}

/// Who is asked for a certificate.
enum Asks {
    Nobody,
    /// Proxies in front.
    Proxies,
    /// Users' browsers, naming their institutions' authorities.
    Users,
    /// Partners' machines, naming none, as a registered key needs no authority.
    Partners(Partners),
}

/// Where the authorities of partners are, and those in force.
pub struct Partners {
    files: PartnerFiles,
    in_force: Arc<ArcSwap<PartnerTrust>>,
}

/// Every listener of this configuration.
pub fn doors(config: &Config, app: &Arc<App>) -> Vec<Door> {
    let proxies = Arc::new(config.proxies());
    let limits = limits(&proxies);
    let door = |listen, router: Router, named: Option<(String, TlsFiles)>, asks| Door {
        listen,
        gate: http::gate(router, app, &proxies),
        tls: named.map(|(host, files)| DoorTls { host, files, asks }),
        limits,
    };
    let asks = if proxies.certificates.is_empty() { Asks::Nobody } else { Asks::Proxies };
    let mut doors = vec![door(config.listen, http::router(Arc::clone(app)), config.main_tls(), asks)];
    if let Some(login) = &config.certificate_login {
        let router = http::certificate_router(Arc::clone(app));
        doors.push(door(login.listen, router, config.login_tls(), Asks::Users));
    }
    if let Some(partners) = &config.partner_tls {
        let files = PartnerFiles { ca: partners.ca.clone(), crl: partners.crl.clone() };
        let asked = Partners { files, in_force: Arc::default() };
        let extension = PartnerDoor { origin: partners.origin.as_str().into(), trust: Arc::clone(&asked.in_force) };
        let router = http::partner_router(Arc::clone(app), extension);
        doors.push(door(partners.listen, router, config.partner_tls_files(), Asks::Partners(asked)));
    }
    if let Some(metrics) = &config.metrics {
        let gate = Gate::before(crate::metrics::text::router(Arc::clone(app)), app, Arc::default());
        doors.push(Door { listen: metrics.listen, gate, tls: None, limits });
    }
    doors
}

/// A proxy on another machine has the connections of many.
fn limits(proxies: &Proxies) -> Limits {
    let far = proxies.peers.iter().any(Network::leaves_loopback);
    let per_source = if far { Limits::STANDARD.connections } else { Limits::STANDARD.per_source };
    Limits { per_source, ..Limits::STANDARD }
}

impl Door {
    /// Listens.
    ///
    /// # Errors
    /// When a file or the address can't be used.
    pub async fn open(
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
        tasks.spawn(listener::serve(socket, transport, self.gate, self.limits, stop.clone()));
        Ok(())
    }
}

impl DoorTls {
    async fn load(&self, app: &App) -> Result<ServerConfig, CommandError> {
        let clients = match &self.asks {
            Asks::Nobody => ClientCertificates::NotAsked,
            Asks::Proxies => ClientCertificates::Asked(Vec::new()),
            Asks::Users => {
                let institutions = app.store.read_all().list_institutions().await?;
                ClientCertificates::Asked(authority_names(user_authorities(&institutions)))
            }
            Asks::Partners(partners) => {
                partners.load(&app.store.read_all().list_institutions().await?)?;
                ClientCertificates::Asked(Vec::new())
            }
        };
        Ok(self.files.load(&self.host, &clients, app.now())?)
    }
}

impl Partners {
    /// Takes the files into use. While an authority of theirs is one of users too, no partner's chain is trusted: it
    /// could be a user's.
    fn load(&self, institutions: &[Institution]) -> Result<(), CommandError> {
        let trust = self.files.read()?;
        let users: Vec<_> = user_authorities(institutions)
            .flat_map(|pem| CertificateDer::pem_slice_iter(pem.as_bytes()).flatten())
            .collect();
        if trust.meets(&users) {
            self.in_force.store(Arc::default());
            return Err(CommandError::Setup(
                "partner_tls.ca: an authority of partners is an authority of an institution's users too, or issued by \
                 one; a certificate of one kind could stand in for the other: use separate authorities"
                    .into(),
            ));
        }
        self.in_force.store(Arc::new(trust));
        Ok(())
    }
}

fn user_authorities(institutions: &[Institution]) -> impl Iterator<Item = &str> {
    institutions.iter().filter_map(|institution| institution.user_ca.as_deref())
}

/// Takes renewed certificates, and new authorities, into new connections. What can't be used is logged and changes
/// nothing: the old certificate stays until the new one is right.
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

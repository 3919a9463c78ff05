//! `renkei.toml`: one file, read once, refused early. What would be unsafe to serve with is an error here, with the
//! sentence that says how to mend it, and never a warning that somebody may miss.

mod origin;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::app::Site;
use crate::audit::witness::Witness;
use crate::certificates::Fingerprint;
use crate::http::proxy::{Network, Proxies, SourceHeader};
use crate::keys::hsm::Hsm;
use crate::listener::tls::{TlsError, TlsFiles, read_certificates};
use crate::outbound::{Reach, Trust};
use origin::{Origin, host_of, is_loopback};

/// The configuration file's name in the data folder.
pub const FILE_NAME: &str = "renkei.toml";

/// Why the configuration is refused.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong and what to do about it.
    pub reason: String,
}

/// The whole configuration. Relative paths in it count from the file's folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Scheme, host and port under which partners and browsers reach this installation: `https://link.example.jp`.
    pub origin: String,
    /// Address to listen on: `0.0.0.0:443`.
    pub listen: SocketAddr,
    /// Certificate and key of that listener; must be there unless the origin is plain HTTP on loopback.
    pub tls: Option<TlsSection>,
    /// The listener for 電子証明書ログイン; without it certificate login is not offered.
    pub certificate_login: Option<CertificateLogin>,
    /// How much may be asked for.
    #[serde(default)]
    pub limits: LimitsSection,
    /// The listener that asks partners for certificates; without it they can't authenticate by one.
    pub partner_tls: Option<PartnerTls>,
    /// How partners' servers are reached: for the keys they publish at addresses of their own.
    #[serde(default)]
    pub outbound: OutboundSection,
    /// The proxies in front; without it nobody's word about who connected counts.
    pub proxy: Option<ProxySection>,
    /// Where counters are read; without it nowhere.
    pub metrics: Option<MetricsSection>,
    /// Where traces go; without it nowhere.
    pub traces: Option<TracesSection>,
    /// Who watches over the audit trail from elsewhere.
    #[serde(default)]
    pub audit: AuditSection,
    /// Where the rows are when it is not the SQLite file in the data folder.
    pub postgres: Option<Postgres>,
    /// The hardware module under whose key the file of the master keys is wrapped.
    pub hsm: Option<Hsm>,
}

/// PEM files of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSection {
    /// The certificate and its intermediates.
    pub certificate: PathBuf,
    /// The private key, readable by its owner alone.
    pub key: PathBuf,
}

/// The listener that asks browsers for certificates. It has a host name or port of its own, so that no other browser is
/// ever asked for one, and is always TLS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateLogin {
    /// Scheme, host and port under which browsers reach it.
    pub origin: String,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Certificate and key; those of `[tls]` when left out.
    pub tls: Option<TlsSection>,
}

/// Rate limits. Their figures are the program's (docs/operations.md); an installation says how many times as large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsSection {
    /// Multiplies every figure.
    pub factor: u32,
}

impl Default for LimitsSection {
    fn default() -> LimitsSection {
        LimitsSection { factor: 1 }
    }
}

/// Most that [`LimitsSection::factor`] may be: with more, nothing would be limited.
const FACTOR_MAX: u32 = 1_000;

/// Requests of ours to partners' servers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboundSection {
    /// PEM of the authorities whose certificates partners' servers may show; the operating system's when left out.
    pub ca: Option<PathBuf>,
    /// The ports they may have; 443 when left out.
    pub ports: Option<Vec<u16>>,
    /// Addresses reached though they are not of the public Internet: for demonstrations and tests on one machine.
    pub allow: Vec<SocketAddr>,
}

/// The listener that asks partners for certificates (RFC 8705): for their machines alone, with a host name or port of its
/// own, always TLS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartnerTls {
    /// Scheme, host and port under which partners reach it.
    pub origin: String,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// PEM of the authorities whose certificates `tls_client_auth` goes by; without it only registered keys count.
    pub ca: Option<PathBuf>,
    /// PEM of their revocation lists; without it revocation is not asked about.
    pub crl: Option<PathBuf>,
    /// Certificate and key; those of `[tls]` when left out.
    pub tls: Option<TlsSection>,
}

/// Proxies in front that say who connected to them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxySection {
    /// Addresses they connect from: `192.0.2.7`, `10.1.0.0/24`.
    pub peers: Vec<String>,
    /// SHA-256 of the certificates they show; must be there unless all of them are on loopback.
    #[serde(default)]
    pub certificates: Vec<String>,
    /// Where they say the source: `x-forwarded-for` or `forwarded`.
    #[serde(default)]
    pub source_header: SourceHeader,
}

impl ProxySection {
    fn read(&self) -> Result<Proxies, String> {
        let peer = |text: &String| text.parse::<Network>().map_err(|reason| format!("proxy.peers {text}: {reason}"));
        let peers = self.peers.iter().map(peer).collect::<Result<Vec<_>, _>>()?;
        let certificate = |text: &String| {
            Fingerprint::read(text).ok_or_else(|| format!("proxy.certificates: {text:?} is no SHA-256, 64 hex digits"))
        };
        let certificates = self.certificates.iter().map(certificate).collect::<Result<Vec<_>, _>>()?;
        if peers.is_empty() {
            return Err("proxy.peers: name at least one address, or leave [proxy] out".into());
        }
        if certificates.is_empty() && peers.iter().any(Network::leaves_loopback) {
            return Err("proxy.certificates is missing: an address alone is no proof; a proxy that is not on this \
                        machine shows a certificate"
                .into());
        }
        Ok(Proxies { peers, certificates, source_header: self.source_header })
    }
}

/// The listener for a collector of metrics: plain HTTP, for this machine alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsSection {
    /// Address to listen on; loopback.
    pub listen: SocketAddr,
}

impl Default for MetricsSection {
    fn default() -> MetricsSection {
        MetricsSection { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, METRICS_PORT)) }
    }
}

/// Where metrics are read unless the configuration says otherwise.
const METRICS_PORT: u16 = 9464;

/// The collector of traces on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesSection {
    /// Where it takes them (OTLP over HTTP in JSON): `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: String,
}

impl TracesSection {
    fn check(&self) -> Result<(), String> {
        let wrong = || {
            "traces.endpoint: it must be plain HTTP to a collector on this machine, such as \
                        http://127.0.0.1:4318/v1/traces; a collector there can pass them on"
                .to_owned()
        };
        let uri: http::Uri = self.endpoint.parse().map_err(|_| wrong())?;
        let is_here = uri.scheme_str() == Some("http") && uri.host().is_some_and(is_loopback);
        if is_here && uri.port_u16().is_some() { Ok(()) } else { Err(wrong()) }
    }
}

/// The audit trail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditSection {
    /// The witness that cosigns checkpoints; none when left out.
    pub witness: Option<WitnessSection>,
}

/// A witness (C2SP tlog-witness).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessSection {
    /// Its submission prefix.
    pub url: String,
    /// Its public key: `name+hash+key`.
    pub key: String,
}

/// A PostgreSQL server.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// `postgres://user:password@host/database?sslmode=require`. Holds a password, so the file is for its owner alone.
    pub url: String,
    /// PEM of the authority that issued the server's certificate; must be there unless the server is on loopback.
    pub ca: Option<PathBuf>,
    /// PEM of the certificate this program shows the server, with its intermediates; with `key` or not at all.
    pub certificate: Option<PathBuf>,
    /// PEM of its private key, readable by its owner alone.
    pub key: Option<PathBuf>,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("ca", &self.ca).finish_non_exhaustive()
    }
}

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`ConfigError`]: unreadable, unknown or missing items, or anything unsafe.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let failed = |reason: String| ConfigError { path: path.to_owned(), reason };
        let text = fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let mut config: Config = toml::from_str(&text).map_err(|error| failed(error.to_string()))?;
        config.resolve(path.parent().unwrap_or(Path::new("")));
        config.check().map_err(failed)?;
        Ok(config)
    }

    fn resolve(&mut self, folder: &Path) {
        if let Some(partners) = &mut self.partner_tls {
            for file in [&mut partners.ca, &mut partners.crl].into_iter().flatten() {
                *file = folder.join(&file);
            }
        }
        let sections = [
            self.tls.as_mut(),
            self.certificate_login.as_mut().and_then(|login| login.tls.as_mut()),
            self.partner_tls.as_mut().and_then(|partners| partners.tls.as_mut()),
        ];
        for section in sections.into_iter().flatten() {
            section.certificate = folder.join(&section.certificate);
            section.key = folder.join(&section.key);
        }
        if let Some(ca) = self.outbound.ca.as_mut() {
            *ca = folder.join(&ca);
        }
        if let Some(hsm) = &mut self.hsm {
            hsm.pin_file = folder.join(&hsm.pin_file);
        }
        if let Some(postgres) = &mut self.postgres {
            for file in [&mut postgres.ca, &mut postgres.certificate, &mut postgres.key].into_iter().flatten() {
                *file = folder.join(&file);
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        let origin = Origin::parse(&self.origin).map_err(|reason| format!("origin: {reason}"))?;
        match (origin.secure, &self.tls) {
            (true, None) => {
                return Err("[tls] is missing: an https origin needs a certificate and its key".into());
            }
            (false, Some(_)) => return Err("[tls] does not go with an http origin; make the origin https".into()),
            (false, None) if !self.listen.ip().is_loopback() => {
                return Err("listen: plain HTTP may only listen on loopback (127.0.0.1 or [::1])".into());
            }
            _ => {}
        }
        if !(1..=FACTOR_MAX).contains(&self.limits.factor) {
            return Err(format!("limits.factor: it must be from 1 to {FACTOR_MAX}"));
        }
        if self.outbound.ports.as_ref().is_some_and(|ports| ports.is_empty() || ports.contains(&0)) {
            return Err("outbound.ports: name at least one port, from 1 to 65535".into());
        }
        if !self.outbound.allow.is_empty() && !is_loopback(&host_of(&self.origin)) {
            return Err(
                "outbound.allow: it lets partners' names lead into networks of this machine, so it is only for \
                        an installation whose own origin is on loopback"
                    .into(),
            );
        }
        if let Some(proxy) = &self.proxy {
            proxy.read()?;
        }
        if self.metrics.is_some_and(|metrics| !metrics.listen.ip().is_loopback()) {
            return Err(
                "metrics.listen: they are for this machine alone (127.0.0.1 or [::1]); a collector there can pass \
                        them on"
                    .into(),
            );
        }
        if let Some(traces) = &self.traces {
            traces.check()?;
        }
        self.witness()?;
        self.check_others()
    }

    /// The listeners beside the main one: always TLS, each at an address of its own.
    fn check_others(&self) -> Result<(), String> {
        let login = self.certificate_login.as_ref().map(|login| Other {
            section: "certificate_login",
            origin: &login.origin,
            listen: login.listen,
            tls: login.tls.as_ref(),
        });
        let partners = self.partner_tls.as_ref().map(|partners| Other {
            section: "partner_tls",
            origin: &partners.origin,
            listen: partners.listen,
            tls: partners.tls.as_ref(),
        });
        for other in [&login, &partners].into_iter().flatten() {
            self.check_other(other)?;
        }
        if let (Some(login), Some(partners)) = (login, partners)
            && (login.origin == partners.origin || (login.listen == partners.listen && login.listen.port() != 0))
        {
            return Err(
                "partner_tls: users' and partners' certificates are asked for at different listeners; give it \
                        an origin and an address of its own"
                    .into(),
            );
        }
        match &self.partner_tls {
            Some(PartnerTls { ca: None, crl: Some(_), .. }) => {
                Err("partner_tls.ca is missing: a revocation list needs its authority".into())
            }
            _ => Ok(()),
        }
    }

    fn check_other(&self, other: &Other<'_>) -> Result<(), String> {
        let section = other.section;
        let origin = Origin::parse(other.origin).map_err(|reason| format!("{section}.origin: {reason}"))?;
        if !origin.secure {
            return Err(format!("{section}.origin: certificates are shown in TLS only; make it https"));
        }
        if other.origin == self.origin {
            return Err(format!(
                "{section}.origin: it needs a host name or port of its own, or every browser would be asked for a \
                 certificate"
            ));
        }
        if other.listen == self.listen {
            return Err(format!("{section}.listen: it is the main listener's address; give it one of its own"));
        }
        if other.tls.is_none() && self.tls.is_none() {
            return Err(format!("{section}.tls is missing, and there is no [tls] to take instead"));
        }
        Ok(())
    }

    /// Which servers its own requests may reach.
    #[must_use]
    pub fn reach(&self) -> Reach {
        let ports = self.outbound.ports.clone().unwrap_or_else(|| Reach::default().ports);
        Reach { ports, allowed: self.outbound.allow.clone() }
    }

    /// Whose certificates those servers may show.
    ///
    /// # Errors
    /// [`TlsError`] when the file that is named can't be read or holds none.
    pub fn trust(&self) -> Result<Trust, TlsError> {
        self.outbound.ca.as_deref().map_or(Ok(Trust::System), |path| Ok(Trust::Only(read_certificates(path)?)))
    }

    /// Who cosigns the audit trail.
    ///
    /// # Errors
    /// A sentence about what is wrong with its address or key.
    pub fn witness(&self) -> Result<Option<Witness>, String> {
        let read = |section: &WitnessSection| Witness::new(&section.url, &section.key);
        self.audit.witness.as_ref().map(read).transpose().map_err(|reason| format!("audit.witness: {reason}"))
    }

    /// The proxies in front.
    #[must_use]
    pub fn proxies(&self) -> Proxies {
        self.proxy.as_ref().and_then(|proxy| proxy.read().ok()).unwrap_or_default()
    }

    /// The addresses the outside world knows it by.
    #[must_use]
    pub fn site(&self) -> Site {
        Site {
            origin: self.origin.clone(),
            certificate_origin: self.certificate_login.as_ref().map(|login| login.origin.clone()),
            partner_origin: self.partner_tls.as_ref().map(|partners| partners.origin.clone()),
        }
    }

    /// The host of the main listener's certificate and its files; `None` for plain HTTP.
    #[must_use]
    pub fn main_tls(&self) -> Option<(String, TlsFiles)> {
        Some((host_of(&self.origin), self.tls.as_ref()?.files()))
    }

    /// The same for the certificate-login listener.
    #[must_use]
    pub fn login_tls(&self) -> Option<(String, TlsFiles)> {
        let login = self.certificate_login.as_ref()?;
        Some((host_of(&login.origin), login.tls.as_ref().or(self.tls.as_ref())?.files()))
    }

    /// The same for the partners' listener.
    #[must_use]
    pub fn partner_tls_files(&self) -> Option<(String, TlsFiles)> {
        let partners = self.partner_tls.as_ref()?;
        Some((host_of(&partners.origin), partners.tls.as_ref().or(self.tls.as_ref())?.files()))
    }
}

/// What the listeners beside the main one have in common.
struct Other<'a> {
    section: &'static str,
    origin: &'a str,
    listen: SocketAddr,
    tls: Option<&'a TlsSection>,
}

impl TlsSection {
    fn files(&self) -> TlsFiles {
        TlsFiles { certificate: self.certificate.clone(), key: self.key.clone() }
    }
}

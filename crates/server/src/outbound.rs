//! Requests of ours to servers that partners name: one small document over TLS, and every door to anything else shut.
//! The same way leads to the OCSP responders that the registry names.
//!
//! The name is resolved here, every address it has is checked, and the connection goes to one of those very addresses,
//! so a name whose answer changes in between gains nothing. The certificate must be for the name. No redirect is
//! followed, nothing of ours is sent, and time, bytes and encodings are bounded.

mod address;
mod fetch;
mod url;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use renkei_domain::time::Clock;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::system::SystemClock;

pub use address::{Reach, special_use};
pub use fetch::{Document, Wanted};
pub use url::{HttpsUrl, ResponderUrl, URL_BYTES_MAX, UrlFault};

/// How long a request may take in all, from the name to the last byte.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// Why a document was not got.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundFault {
    /// A port that this installation does not contact.
    #[error("port {0} is not contacted; if it is meant, name it in [outbound] ports")]
    Port(u16),
    /// The name can't be resolved.
    #[error("the name {host} does not resolve: {reason}")]
    Name {
        /// Which name.
        host: String,
        /// What the resolver says.
        reason: String,
    },
    /// One of the name's addresses has a special use.
    #[error("the name leads to {address}, which is {what}; only addresses of the public Internet are contacted")]
    Special {
        /// Which address.
        address: SocketAddr,
        /// What it is.
        what: &'static str,
    },
    /// No address takes a connection.
    #[error("no connection: {0}")]
    Unreachable(String),
    /// The handshake failed: another name, an unknown authority, an expired certificate.
    #[error("the TLS handshake failed: {0}")]
    Tls(String),
    /// This installation trusts no authority.
    #[error("no certificate authority is trusted here: {0}; name a PEM file in [outbound] ca")]
    Authorities(String),
    /// Not everything came in time.
    #[error("it did not answer within {} seconds", .0.as_secs_f32())]
    TooSlow(Duration),
    /// A redirect, which is not followed.
    #[error("it answers with a redirect (status {0}), which is not followed; register the final address")]
    Redirect(u16),
    /// Not 200.
    #[error("it answers with status {0}, not 200")]
    Status(u16),
    /// Another content type.
    #[error("its content type is not one of {0}")]
    MediaType(String),
    /// A body under gzip or the like, though none was asked for.
    #[error("its body is coded (Content-Encoding), which is not taken")]
    Coded,
    /// More bytes than are read.
    #[error("it is longer than {0} bytes")]
    TooLarge(usize),
    /// No HTTP, or an answer that ends too early.
    #[error("the answer can't be read: {0}")]
    Http(String),
}

impl OutboundFault {
    /// Whether trying again later may help without anybody changing anything.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        use OutboundFault::{Http, Name, TooSlow, Unreachable};
        matches!(self, Name { .. } | Unreachable(_) | TooSlow(_) | Http(_))
    }
}

/// Finds the addresses of a name.
pub trait Resolve: Send + Sync {
    /// Every address of the host, with the port.
    fn resolve(&self, host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// The operating system's resolver.
struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, host: String, port: u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// Whose certificates other servers may show.
#[derive(Debug, Clone)]
pub enum Trust {
    /// The operating system's authorities, read at the first request.
    System,
    /// These and no others.
    Only(Vec<CertificateDer<'static>>),
}

/// What requests of ours go through.
pub struct Outbound {
    resolver: Arc<dyn Resolve>,
    reach: Reach,
    trust: Trust,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    tls: OnceLock<Result<Arc<ClientConfig>, OutboundFault>>,
}

impl Default for Outbound {
    /// To the public Internet, with the operating system's authorities, clock and resolver.
    fn default() -> Outbound {
        Outbound::new(Reach::default(), Trust::System, Arc::new(SystemClock))
    }
}

impl Outbound {
    /// The operating system's resolver, and [`DEADLINE`].
    #[must_use]
    pub fn new(reach: Reach, trust: Trust, clock: Arc<dyn Clock>) -> Outbound {
        Outbound { resolver: Arc::new(SystemResolver), reach, trust, clock, deadline: DEADLINE, tls: OnceLock::new() }
    }

    /// The same with another resolver and another deadline.
    #[must_use]
    pub fn with(self, resolver: Arc<dyn Resolve>, deadline: Duration) -> Outbound {
        Outbound { resolver, deadline, ..self }
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, OutboundFault> {
        self.tls.get_or_init(|| configure(&self.trust, &self.clock)).clone()
    }
}

/// TLS 1.3 or 1.2 with the suites of BCP 195; no certificate of ours, no resumption, HTTP/1.1.
fn configure(trust: &Trust, clock: &Arc<dyn Clock>) -> Result<Arc<ClientConfig>, OutboundFault> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let time = Arc::new(HandshakeTime(Arc::clone(clock)));
    let builder = ClientConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| OutboundFault::Tls(error.to_string()))?;
    let mut config = builder.with_root_certificates(roots(trust)?).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

fn roots(trust: &Trust) -> Result<RootCertStore, OutboundFault> {
    let (certificates, reason) = match trust {
        Trust::Only(certificates) => (certificates.clone(), String::from("the file holds none")),
        Trust::System => {
            let found = rustls_native_certs::load_native_certs();
            let reason = found.errors.first().map_or_else(|| "the system has none".into(), ToString::to_string);
            (found.certs, reason)
        }
    };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    if roots.is_empty() { Err(OutboundFault::Authorities(reason)) } else { Ok(roots) }
}

/// The program's clock, as handshakes ask for it.
struct HandshakeTime(Arc<dyn Clock>);

impl fmt::Debug for HandshakeTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandshakeTime")
    }
}

impl TimeProvider for HandshakeTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().seconds()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

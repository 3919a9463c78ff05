//! What the client takes from the world: connections, time and randomness.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::Error;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one request may take in all, its answer included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Seconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> u64;
}

/// Gives unpredictable bytes.
pub trait Random: Send + Sync {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// [`Error::Random`] when the source gives nothing; the bytes must then not be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error>;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// The random source of the crypto library.
#[derive(Debug, Clone, Copy)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Error> {
        aws_lc_rs::rand::fill(bytes).map_err(|_| Error::Random)
    }
}

/// The three together. Cloning shares them.
#[derive(Clone)]
pub struct Outside {
    /// Carries the requests; make it with [`http_client`], or with redirects switched off.
    pub http: reqwest::Client,
    /// Dates assertions and proofs, and tells when an access token is worn out.
    pub clock: Arc<dyn Clock>,
    /// Makes `state`, the PKCE verifier and the ids of assertions and proofs.
    pub random: Arc<dyn Random>,
}

impl Outside {
    /// The machine's own clock and randomness, and a connection pool from [`http_client`].
    ///
    /// # Errors
    /// [`Error::Network`] when the pool can't be built.
    pub fn system() -> Result<Self, Error> {
        Ok(Self { http: http_client()?, clock: Arc::new(SystemClock), random: Arc::new(SystemRandom) })
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}

/// A connection pool fit for this protocol: TLS 1.2 or later by aws-lc, no redirect followed, every
/// request bounded in time, no proxy taken from the environment. It trusts the authorities the machine trusts.
///
/// # Errors
/// [`Error::Network`] when the machine's trust store can't be read.
pub fn http_client() -> Result<reqwest::Client, Error> {
    builder().build().map_err(Error::network)
}

/// The same, but trusting the authorities of this PEM text and no others: for an institution's test environment.
///
/// # Errors
/// [`Error::Network`] when the text holds no certificate in PEM.
pub fn http_client_trusting(authorities: &str) -> Result<reqwest::Client, Error> {
    let roots = reqwest::Certificate::from_pem_bundle(authorities.as_bytes()).map_err(Error::network)?;
    builder().tls_certs_only(roots).build().map_err(Error::network)
}

fn builder() -> reqwest::ClientBuilder {
    // The first provider installed in a process stays; a refusal only says that there is one already.
    let _already_there = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .min_tls_version(reqwest::tls::Version::TLS_1_2)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(REQUEST_TIMEOUT)
        .no_proxy()
}

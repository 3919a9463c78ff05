//! Which engine, and where.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Which engine holds the data.
#[derive(Clone)]
pub enum StoreConfig {
    /// One file, in this process. The default.
    Sqlite {
        /// The database file; made when it is missing.
        path: PathBuf,
    },
    /// A PostgreSQL server, where several nodes run.
    Postgres {
        /// A connection string, `postgres://…` or key-value form. Holds a password, so it is never printed.
        url: String,
        /// Connections kept.
        connections: usize,
        /// PEM of the authorities that may have issued the server's certificate. Needed for TLS, and so for every server
        /// that is not on this machine.
        ca: Option<String>,
        /// What this program shows the server of itself; nothing when left out.
        identity: Option<Arc<ClientIdentity>>,
    },
}

/// A certificate of this program, and its key.
pub struct ClientIdentity {
    /// The certificate, then its intermediates.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
}

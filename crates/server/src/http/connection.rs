//! What a partner's request came over: which listener, and which certificate the partner holds the key of.

use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::http::Extensions;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;

use crate::app::App;
use crate::certificates::partners::PartnerTrust;
use crate::certificates::{CertificateRefusal, PeerCertificate};

/// The listener that asks partners for certificates: an extension of each request on it, and of no other. A certificate
/// shown anywhere else is none.
#[derive(Clone)]
pub struct PartnerDoor {
    /// Scheme, host and port.
    pub origin: Arc<str>,
    /// The authorities in force.
    pub trust: Arc<ArcSwap<PartnerTrust>>,
}

/// The connection of one request.
pub struct Connection {
    origin: String,
    door: Option<PartnerDoor>,
    certificate: Option<PeerCertificate>,
}

impl Connection {
    /// Of a request with these extensions.
    #[must_use]
    pub fn of(extensions: &Extensions, app: &App) -> Connection {
        match extensions.get::<PartnerDoor>() {
            None => Connection::plain(app),
            Some(door) => Connection {
                origin: door.origin.to_string(),
                door: Some(door.clone()),
                certificate: extensions.get::<PeerCertificate>().cloned(),
            },
        }
    }

    /// One on the main listener, which asks for no certificates.
    #[must_use]
    pub fn plain(app: &App) -> Connection {
        Connection { origin: app.site.origin.clone(), door: None, certificate: None }
    }

    /// The address of this path as the partner called it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// The root of an institution's addresses on this listener.
    #[must_use]
    pub fn root(&self, institution: &InstitutionCode) -> String {
        format!("{}/{institution}", self.origin)
    }

    /// Whether the listener asks for certificates.
    #[must_use]
    pub const fn takes_certificates(&self) -> bool {
        self.door.is_some()
    }

    /// The certificate whose key the partner holds. Who it belongs to has not been asked.
    #[must_use]
    pub const fn certificate(&self) -> Option<&PeerCertificate> {
        self.certificate.as_ref()
    }

    /// Whether an authority of partners stands behind the certificate. `None`: there is no certificate.
    #[must_use]
    pub fn verify_chain(&self, now: Timestamp) -> Option<Result<(), CertificateRefusal>> {
        let (door, certificate) = self.door.as_ref().zip(self.certificate.as_ref())?;
        Some(door.trust.load().verify(certificate, now))
    }
}

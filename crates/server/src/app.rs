//! What every request handler is given: the store, the keys, time and chance as arguments.

use std::sync::Arc;

use renkei_domain::id::time_ordered;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::partner::SenderConstraint;
use renkei_domain::ticket::Ticket;
use renkei_domain::time::{Clock, Timestamp};
use renkei_store::{Random, Store};
use uuid::Uuid;

use crate::http::oauth::Memory;
use crate::keys::Keys;
use crate::outbound::Outbound;

/// A request that took this many seconds or more looks again before it hands anything out.
const LOOK_AGAIN_SECONDS: i64 = 1;

/// The running program, shared by all requests.
pub struct App {
    /// The data.
    pub store: Store,
    /// Keys that never stand in the data.
    pub keys: Keys,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where random bytes come from.
    pub random: Arc<dyn Random>,
    /// Under which addresses it is reached.
    pub site: Site,
    /// What requests of ours to partners' servers go through.
    pub outbound: Outbound,
    /// What the partner endpoints remember to do less work.
    pub memory: Memory,
}

/// The addresses the outside world knows this installation by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Scheme, host and port of everything but certificate login: `https://link.example.jp`. No slash at the end.
    pub origin: String,
    /// The same for the listener that asks for users' certificates; `None` where certificate login is not offered.
    pub certificate_origin: Option<String>,
    /// The same for the listener that asks for partners' certificates; `None` where partners can't use any.
    pub partner_origin: Option<String>,
}

impl Site {
    /// Whether browsers reach it over TLS; decides what cookies may demand. Plain HTTP is for loopback only.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// The issuer identifier of an institution (RFC 8414 §2).
    #[must_use]
    pub fn issuer(&self, institution: &InstitutionCode) -> String {
        format!("{}/{institution}", self.origin)
    }

    /// The account API of an institution under every address it is called at: its base URLs, and its identifiers
    /// (RFC 9728 §1.2).
    #[must_use]
    pub fn resources(&self, institution: &InstitutionCode) -> Vec<String> {
        let origins = std::iter::once(&self.origin).chain(&self.partner_origin);
        origins.map(|origin| format!("{origin}/{institution}/api/v1")).collect()
    }

    /// The one of them that tokens bound like this are for: a certificate can be shown only where one is asked for.
    #[must_use]
    pub fn resource(&self, institution: &InstitutionCode, bound: SenderConstraint) -> String {
        let origin = match (bound, &self.partner_origin) {
            (SenderConstraint::Mtls, Some(partners)) => partners,
            _ => &self.origin,
        };
        format!("{origin}/{institution}/api/v1")
    }

    /// What `aud` of a token bound like this is to whoever serves the resource `own`, or to whoever serves just the
    /// account API. `None`: it is not for that resource. A key can be shown at every address, a certificate at one.
    #[must_use]
    pub fn audience(
        &self,
        institution: &InstitutionCode,
        bound: SenderConstraint,
        own: Option<&str>,
    ) -> Option<String> {
        let usual = self.resource(institution, bound);
        let Some(own) = own.filter(|own| *own != usual) else { return Some(usual) };
        let everywhere = bound == SenderConstraint::Dpop;
        self.resources(institution).into_iter().find(|resource| everywhere && resource == own)
    }
}

impl App {
    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whether a request that began then has taken so long that what it read at its beginning is read again.
    #[must_use]
    pub fn has_waited(&self, begun: Timestamp) -> bool {
        begun.seconds_until(self.now()) >= LOOK_AGAIN_SECONDS
    }

    /// A fresh time-ordered row identifier.
    #[must_use]
    pub fn new_id(&self, now: Timestamp) -> Uuid {
        time_ordered(now, &self.random.bytes())
    }

    /// A fresh ticket.
    #[must_use]
    pub fn new_ticket(&self, now: Timestamp) -> Ticket {
        Ticket::new(self.new_id(now), &self.random.bytes())
    }
}

//! Asking an authority's OCSP responder, and remembering what it said.
//!
//! Only of a certificate that its authority signed and that is in force otherwise, so strangers cause no request. Each
//! certificate is asked about by one request at a time of this node, and an answer, or that there was none, stands for a
//! while; nothing that is remembered here makes a certificate good for longer than its responder said.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use renkei_domain::time::Timestamp;
use rustls_pki_types::CertificateRevocationListDer;
use tokio::sync::Semaphore;
use webpki::CertRevocationList;

use super::ocsp::{Answer, AnswerFault, NONCE_BYTES, Question, REQUEST_TYPE, RESPONSE_TYPE, Status};
use super::{parse_lists, revocation};
use crate::app::App;
use crate::keys::sha256;
use crate::outbound::{OutboundFault, ResponderUrl, UrlFault, Wanted};
use crate::sync::Mutex;

/// Most bytes of an answer. One about a single certificate, with its signer's own, has about two thousand.
pub const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// How long an answer stands here, in seconds, unless it ends sooner: so late may a revocation be noticed.
pub const KEPT_SECONDS: i64 = 300;
/// How long it stands that there was no answer, or that the responder knows no such certificate, in seconds.
pub const RETRY_SECONDS: i64 = 30;
/// Answers that are remembered; when there are more all are forgotten and asked for anew.
const KNOWN_MAX: usize = 16_384;
/// Requests at the same time.
const REQUESTS_MAX: usize = 64;

/// Held while a certificate is being asked about.
type Flight = tokio::sync::Mutex<()>;
/// Which certificate at which responder, or which responder.
type Key = [u8; 32];

/// What responders said.
pub struct Responders {
    /// With `None`: nothing that counts. Until when it stands.
    known: Mutex<HashMap<Key, (Option<Status>, Timestamp)>>,
    flights: Mutex<HashMap<Key, Arc<Flight>>>,
    seats: Semaphore,
}

impl Default for Responders {
    fn default() -> Responders {
        Responders { known: Mutex::default(), flights: Mutex::default(), seats: Semaphore::new(REQUESTS_MAX) }
    }
}

impl Responders {
    fn known(&self, keys: [Key; 2], now: Timestamp) -> Option<Option<Status>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let said = keys.iter().filter_map(|key| known.get(key)).find(|(_, until)| now < *until);
        said.map(|(status, _)| *status)
    }

    fn note(&self, key: Key, status: Option<Status>, until: Timestamp) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(key, (status, until));
    }

    /// What is known of a certificate, or what `ask` finds. Of each certificate one asks at a time.
    async fn once(
        &self,
        [certificate, responder]: [Key; 2],
        now: Timestamp,
        ask: impl Future<Output = Said>,
    ) -> Option<Status> {
        if let Some(said) = self.known([certificate, responder], now) {
            return said;
        }
        let flight = self.flight(certificate);
        let _held = flight.lock().await;
        if let Some(said) = self.known([certificate, responder], now) {
            return said;
        }
        let Said { key, status, until } = ask.await;
        self.note(key, status, until);
        status
    }

    /// Whoever asks about a certificate holds this lock, so that others can wait for the answer.
    fn flight(&self, key: Key) -> Arc<Flight> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        Arc::clone(flights.entry(key).or_default())
    }
}

/// What came of asking: about this certificate, or this responder altogether.
struct Said {
    key: Key,
    /// `None`: nothing that counts.
    status: Option<Status>,
    /// Until when it stands.
    until: Timestamp,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("the address: {0}")]
    Url(#[from] UrlFault),
    #[error(transparent)]
    Outbound(#[from] OutboundFault),
    #[error(transparent)]
    Answer(#[from] AnswerFault),
    #[error("too many are being asked about")]
    Busy,
}

impl NoAnswer {
    /// Whether the responder is away for every certificate, and not just odd about this one.
    fn is_away(&self) -> bool {
        matches!(self, NoAnswer::Outbound(fault) if fault.may_pass())
    }
}

/// What is asked, and where.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The responder, as the registry has it.
    pub url: &'a str,
    /// The certificate, DER.
    pub leaf: &'a [u8],
    /// Who signed it, DER.
    pub issuer: &'a [u8],
    /// The authority's revocation lists, which are in force: a responder's own certificate may stand on them.
    pub lists: &'a [CertificateRevocationListDer<'static>],
}

/// What the responder says of a certificate. `None`: nothing that counts.
pub async fn status(app: &App, asked: Asked<'_>, now: Timestamp) -> Option<Status> {
    let (certificate, responder) = (asked.key(), sha256(asked.url.as_bytes()));
    let ask = async {
        match asked.ask(app, now).await {
            Ok(Answer { status, until }) => {
                let kept = if status == Status::Unknown { RETRY_SECONDS } else { KEPT_SECONDS };
                Said { key: certificate, status: Some(status), until: until.min(now.plus_seconds(kept)) }
            }
            Err(fault) => {
                tracing::warn!(url = asked.url, %fault, "an OCSP responder gave no answer that counts");
                let key = if fault.is_away() { responder } else { certificate };
                Said { key, status: None, until: now.plus_seconds(RETRY_SECONDS) }
            }
        }
    };
    app.memory.responders.once([certificate, responder], now, ask).await
}

impl Asked<'_> {
    fn key(&self) -> Key {
        sha256(&[sha256(self.url.as_bytes()), sha256(self.leaf), sha256(self.issuer)].concat())
    }

    async fn ask(&self, app: &App, now: Timestamp) -> Result<Answer, NoAnswer> {
        let _seat = app.memory.responders.seats.try_acquire().map_err(|_| NoAnswer::Busy)?;
        let url: ResponderUrl = self.url.parse()?;
        let question = Question::new(self.leaf, self.issuer, app.random.bytes::<NONCE_BYTES>())?;
        let wanted = Wanted { media_types: &[RESPONSE_TYPE], bytes_max: ANSWER_BYTES_MAX };
        let answer = app.outbound.ask(&url, question.to_der()?, REQUEST_TYPE, wanted).await?;
        let lists = parse_lists(self.lists).map_err(|_| AnswerFault::Signer)?;
        let lists: Vec<&CertRevocationList<'_>> = lists.iter().collect();
        let lists = revocation(&lists).map_err(|_| AnswerFault::Signer)?;
        Ok(question.read(&answer.body, Some(lists), now)?)
    }
}

#[cfg(test)]
mod tests;

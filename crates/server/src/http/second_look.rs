//! A certificate is looked at again after the login: who logged in with one that has been revoked since, has expired, or
//! was taken from the user, goes no further.
//!
//! What changes anything is looked at anew, by everything that was asked at the login. Pages that are only shown go by a
//! look of the last minute, so that looking round costs no signatures.

use std::collections::HashMap;
use std::sync::PoisonError;

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::time::Timestamp;
use renkei_store::customers::User;
use renkei_store::sessions::BrowserSession;

use super::browser::Visit;
use super::limits;
use crate::certificates::{PeerCertificate, users};
use crate::error::Fault;
use crate::keys::sha256;
use crate::sync::{Mutex, MutexGuard};

/// How long a look serves pages that are only shown, in seconds: so late may they notice a revocation.
pub const LOOK_SECONDS: i64 = 60;
/// Looks that are remembered; when there are more all are forgotten and made anew.
const LOOKS_MAX: usize = 16_384;

/// What was looked at lately and was good: which user of which institution with which certificate by which authority, and
/// until when that serves.
#[derive(Default)]
pub struct Looks(Mutex<Noted>);

#[derive(Default)]
struct Noted {
    good: HashMap<[u8; 32], Timestamp>,
    /// Looks that found something against a certificate. What another saw that began before is not noted any more.
    refused: u64,
}

impl Looks {
    fn serves(&self, key: &[u8; 32], now: Timestamp) -> bool {
        self.noted().good.get(key).is_some_and(|until| now < *until)
    }

    /// A look begins.
    fn begin(&self) -> u64 {
        self.noted().refused
    }

    /// A look that began then found nothing against the certificate.
    fn note(&self, key: [u8; 32], until: Timestamp, begun: u64) {
        let mut noted = self.noted();
        if noted.refused != begun {
            return;
        }
        if noted.good.len() >= LOOKS_MAX {
            noted.good.clear();
        }
        noted.good.insert(key, until);
    }

    /// A look found something against it: no other look serves any more, whenever it was.
    fn refuse(&self, key: &[u8; 32]) {
        let mut noted = self.noted();
        noted.refused = noted.refused.wrapping_add(1);
        noted.good.remove(key);
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the certificate that this user logged in with in this session is still good and still the user's. If not,
/// that is recorded with the reason.
///
/// # Errors
/// [`Fault`] when the store is away.
pub async fn stands(visit: &Visit, session: &BrowserSession, user: &User) -> Result<bool, Fault> {
    let peer = session.certificate.as_deref().and_then(PeerCertificate::from_bytes);
    let reason = match &peer {
        None => Some("no_certificate"),
        Some(peer) => look(visit, peer, user).await?,
    };
    let Some(reason) = reason else { return Ok(true) };
    let source = format!("source {}", visit.source);
    let record = Record::refused(Actor::User(user.id), Action::CertificateLapsed, reason).on(source);
    limits::record_refusal(&visit.app, visit.code(), visit.source, record.in_request(&visit.request_id), visit.now)
        .await?;
    Ok(false)
}

/// What is against the certificate now.
async fn look(visit: &Visit, peer: &PeerCertificate, user: &User) -> Result<Option<&'static str>, Fault> {
    let Some(authority) = &visit.institution.user_ca else { return Ok(Some("no_authority")) };
    let looks = &visit.app.memory.looks;
    let digests = [sha256(&peer.leaf), sha256(authority.as_bytes())];
    let key = sha256(&[digests.as_flattened(), user.id.0.as_bytes(), visit.code().as_str().as_bytes()].concat());
    if !visit.acts && looks.serves(&key, visit.now) {
        return Ok(None);
    }
    let begun = looks.begin();
    let against = look_anew(visit, authority, peer, user).await?;
    match against {
        None => looks.note(key, visit.now.plus_seconds(LOOK_SECONDS), begun),
        Some(_) => looks.refuse(&key),
    }
    Ok(against)
}

async fn look_anew(
    visit: &Visit,
    authority: &str,
    peer: &PeerCertificate,
    user: &User,
) -> Result<Option<&'static str>, Fault> {
    let asked = users::Asked { institution: &visit.institution, authority, peer };
    let fingerprint = match users::check(&visit.app, &asked, visit.now).await? {
        Ok(fingerprint) => fingerprint,
        Err(refusal) => return Ok(Some(refusal.word())),
    };
    let holder = visit.read().find_user_by_certificate(fingerprint.as_str()).await?;
    Ok(holder.is_none_or(|holder| holder.id != user.id).then_some("not_registered"))
}

#[cfg(test)]
mod tests;

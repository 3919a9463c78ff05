//! A certificate is looked at again after the login: who logged in with one that has been revoked since, has expired, or
//! was taken from the user, goes no further.
//!
//! What changes anything is looked at anew, by everything that was asked at the login. Pages that are only shown go by a
//! look of the last minute, so that looking round costs no signatures.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::time::Timestamp;
use renkei_store::customers::User;
use renkei_store::sessions::BrowserSession;

use super::browser::Visit;
use super::limits;
use crate::certificates::{PeerCertificate, users};
use crate::error::Fault;
use crate::keys::sha256;

/// How long a look serves pages that are only shown, in seconds: so late may they notice a revocation.
pub const LOOK_SECONDS: i64 = 60;
/// Looks that are remembered; when there are more all are forgotten and made anew.
const LOOKS_MAX: usize = 16_384;

/// What was looked at lately and was good: which user of which institution with which certificate, and until when that
/// serves.
#[derive(Default)]
pub struct Looks(Mutex<HashMap<[u8; 32], Timestamp>>);

impl Looks {
    fn serves(&self, key: &[u8; 32], now: Timestamp) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).is_some_and(|until| now < *until)
    }

    fn note(&self, key: [u8; 32], until: Timestamp) {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= LOOKS_MAX {
            looks.clear();
        }
        looks.insert(key, until);
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
    let looks = &visit.app.memory.looks;
    let key = sha256(&[&sha256(&peer.leaf)[..], user.id.0.as_bytes(), visit.code().as_str().as_bytes()].concat());
    if !visit.acts && looks.serves(&key, visit.now) {
        return Ok(None);
    }
    let Some(authority) = &visit.institution.user_ca else { return Ok(Some("no_authority")) };
    let asked = users::Asked { institution: &visit.institution, authority, peer };
    let fingerprint = match users::check(&visit.app, &asked, visit.now).await {
        Ok(fingerprint) => fingerprint,
        Err(refusal) => return Ok(Some(refusal.word())),
    };
    let holder = visit.read().find_user_by_certificate(fingerprint.as_str()).await?;
    if holder.is_none_or(|holder| holder.id != user.id) {
        return Ok(Some("not_registered"));
    }
    looks.note(key, visit.now.plus_seconds(LOOK_SECONDS));
    Ok(None)
}

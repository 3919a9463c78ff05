//! The institutions' own signing keys: making one, and signing with the one that is in force.
//!
//! Which key signs follows from the store at each signature, so a rotation or an emergency on one node is in force on
//! every node with the next one; only opening and parsing a key is remembered.

pub mod rotation;

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_oauth::jose::{Algorithm, SigningKey};
use renkei_store::Random;
use renkei_store::signing_keys::StoredSigningKey;
use serde::Serialize;

use crate::app::App;
use crate::error::Fault;
use crate::keys::{KeyError, Keys, Purpose};

/// The longest life of anything signed here, in seconds: whoever signs sets no later `exp`, and answers without one are
/// read when they arrive. The key stays published so long after its last signature.
pub const SIGNED_SECONDS_MAX: i64 = 600;

/// Signs a JWT as the institution, with the newest of its keys that may sign now. `typ` is the header's media type,
/// without `application/` (RFC 7515 §4.1.9); the header names the key by `kid`.
///
/// # Errors
/// [`Fault::Unavailable`] when no key may sign now, or the store is away; [`Fault::Defect`] when the key does not open.
pub async fn sign(
    app: &App,
    institution: &InstitutionCode,
    typ: &str,
    claims: &impl Serialize,
    now: Timestamp,
) -> Result<String, Fault> {
    let key = key(app, institution, now).await?;
    key.sign(Some(typ), claims).map_err(|fault| Fault::Defect(format!("a signing key of {institution}: {fault}")))
}

/// The key of the institution that signs now, opened.
///
/// # Errors
/// As [`sign`].
pub async fn key(app: &App, institution: &InstitutionCode, now: Timestamp) -> Result<Arc<SigningKey>, Fault> {
    let published = app.store.read(institution).list_published_keys(now).await?;
    let stored = in_force(&published, now)
        .ok_or_else(|| Fault::Unavailable(format!("institution {institution} has no signing key in force")))?;
    app.memory.signing_key(institution, &stored.kid, || open(&app.keys, institution, stored))
}

/// The key that signs at this instant, out of those published then: the one that began to sign last.
#[must_use]
pub fn in_force<'k>(
    published: impl IntoIterator<Item = &'k StoredSigningKey>,
    now: Timestamp,
) -> Option<&'k StoredSigningKey> {
    published.into_iter().filter(|key| key.signs_from <= now).max_by_key(|key| (key.signs_from, &key.kid))
}

/// A new key of the algorithm that is advertised, sealed for its place. The library draws the private number itself.
///
/// # Errors
/// [`KeyError::Unsealable`] when the library refuses.
pub fn new_key(
    keys: &Keys,
    institution: &InstitutionCode,
    announced_at: Timestamp,
    signs_from: Timestamp,
    random: &dyn Random,
) -> Result<StoredSigningKey, KeyError> {
    let drawn = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| KeyError::Unsealable)?;
    let pkcs8 = drawn.to_pkcs8v1().map_err(|_| KeyError::Unsealable)?;
    let key = SigningKey::from_pkcs8(Algorithm::OWN, pkcs8.as_ref()).map_err(|_| KeyError::Unsealable)?;
    let public = key.to_public_jwk();
    let kid = public.thumbprint();
    Ok(StoredSigningKey {
        sealed_key: keys.seal(Purpose::SigningKey, &place(institution, &kid), pkcs8.as_ref(), random)?,
        kid,
        alg: Algorithm::OWN.name().to_owned(),
        public_jwk: public.to_json().to_string(),
        announced_at,
        signs_from,
        retires_at: None,
    })
}

/// The place a private key is sealed for.
fn place(institution: &InstitutionCode, kid: &str) -> String {
    format!("{institution}/{kid}")
}

/// Opens a stored key. What signs must be what is published under this `kid`.
///
/// # Errors
/// [`Fault`]: sealed under another master key, or another key than its `kid`.
pub fn open(keys: &Keys, institution: &InstitutionCode, stored: &StoredSigningKey) -> Result<SigningKey, Fault> {
    let defect = |why: &dyn std::fmt::Display| Fault::Defect(format!("signing key {}: {why}", stored.kid));
    let algorithm = Algorithm::parse(&stored.alg).ok_or_else(|| defect(&"unknown algorithm"))?;
    let pkcs8 = keys.open(Purpose::SigningKey, &place(institution, &stored.kid), &stored.sealed_key)?;
    let key = SigningKey::from_pkcs8(algorithm, &pkcs8).map_err(|fault| defect(&fault))?;
    if key.to_public_jwk().thumbprint() == stored.kid { Ok(key) } else { Err(defect(&"another key than its kid")) }
}

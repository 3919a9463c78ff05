//! The key a trail is signed with: one for each institution, made when it is first needed, sealed like its other keys.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::Ed25519KeyPair;
use renkei_audit_trail::note::{Algorithm, Signer};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_store::audit_checkpoints::AuditKey;
use renkei_store::{Random, Tx};

use super::AuditFault;
use crate::keys::{KeyError, Keys, Purpose};

/// What a trail is called: the host it is first signed under, without a scheme, and the institution.
#[must_use]
pub fn origin_name(host: &str, institution: &InstitutionCode) -> String {
    format!("{host}/{institution}/audit")
}

/// A new key of this name. The library draws it itself.
///
/// # Errors
/// [`KeyError::Unsealable`] when the library refuses.
pub fn new_key(
    keys: &Keys,
    institution: &InstitutionCode,
    origin: &str,
    now: Timestamp,
    random: &dyn Random,
) -> Result<AuditKey, KeyError> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError::Unsealable)?;
    let signer = Signer::new(origin, Algorithm::Ed25519, pkcs8.as_ref()).map_err(|_| KeyError::Unsealable)?;
    Ok(AuditKey {
        origin: origin.to_owned(),
        verifier: signer.verifier().to_string(),
        sealed_key: keys.seal(Purpose::SigningKey, &place(institution, origin), pkcs8.as_ref(), random)?,
        made_at: now,
    })
}

/// Signs on under another name and key from now on, after rows were taken back. None: nothing was ever signed.
///
/// # Errors
/// [`AuditFault`] when the store fails or the library refuses.
pub async fn begin_anew(
    tx: &mut Tx,
    keys: &Keys,
    institution: &InstitutionCode,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Option<AuditKey>, AuditFault> {
    let before = tx.list_audit_keys().await?;
    let Some(last) = before.last() else { return Ok(None) };
    let host = last.origin.split('/').next().unwrap_or_default();
    // The instant is part of the name: the rows may have been taken back more than once, and with them the names.
    let origin = format!("{}-{}", origin_name(host, institution), now.seconds());
    let key = new_key(keys, institution, &origin, now, random)?;
    tx.add_audit_key(&key).await?;
    Ok(Some(key))
}

/// Opens a stored key. What signs must be what verifies.
///
/// # Errors
/// [`AuditFault::Key`] when it does not open, [`AuditFault::Broken`] when it is another one than it says.
pub fn open(keys: &Keys, institution: &InstitutionCode, stored: &AuditKey) -> Result<Signer, AuditFault> {
    let pkcs8 = keys.open(Purpose::SigningKey, &place(institution, &stored.origin), &stored.sealed_key)?;
    let signer = Signer::new(&stored.origin, Algorithm::Ed25519, &pkcs8)
        .map_err(|error| AuditFault::Broken(format!("the key of {}: {error}", stored.origin)))?;
    if signer.verifier().to_string() == stored.verifier {
        Ok(signer)
    } else {
        Err(AuditFault::Broken(format!("the key of {} is another one than it says", stored.origin)))
    }
}

fn place(institution: &InstitutionCode, origin: &str) -> String {
    format!("{institution}/{origin}")
}

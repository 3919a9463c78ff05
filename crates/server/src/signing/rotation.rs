//! Rotation of the institutions' signing keys: a key is published before it signs, and stays published until the last
//! thing it signed has expired. So a partner that keeps the key set for its cache period never meets an unknown key.

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_store::signing_keys::StoredSigningKey;
use renkei_store::{Random, Store, StoreError, Tx};

use super::{SIGNED_SECONDS_MAX, in_force, new_key};
use crate::http::oauth::KEPT_SECONDS;
use crate::keys::{KeyError, Keys};

/// How far the clocks of nodes may differ, in seconds.
pub const CLOCKS_SECONDS: i64 = 60;
/// How long before its first signature a key is published, in seconds: one cache period of the key set, and what clocks
/// may differ by.
pub const LEAD_SECONDS: i64 = KEPT_SECONDS as i64 + CLOCKS_SECONDS;
/// How long after its last signature a key stays published, in seconds.
pub const TRAIL_SECONDS: i64 = SIGNED_SECONDS_MAX + CLOCKS_SECONDS;

/// Why the keys were left as they are.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// There is no such institution.
    #[error("there is no institution of this code")]
    NoInstitution,
    /// No key of this `kid` is published or announced.
    #[error("there is no such key, or it has retired; see `renkei keys list`")]
    NoKey,
    /// A key that does not sign yet is there already.
    #[error("key {kid} is announced already and signs from {}", signs_from.to_rfc3339())]
    Announced {
        /// Which.
        kid: String,
        /// From when on it signs.
        signs_from: Timestamp,
    },
    /// The key signs and no other key follows it.
    #[error("no other key is to sign after it; announce one first, or nothing could be signed any more")]
    NoSuccessor,
    /// What it signed would outlive it.
    #[error("it can't retire before {}: what it signs until then must stay verifiable", .0.to_rfc3339())]
    TooEarly(Timestamp),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key could not be made or sealed.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

/// Whose keys are changed, when, and who answers for it in the audit trail.
#[derive(Clone, Copy)]
pub struct Rotation<'a> {
    /// The rows.
    pub store: &'a Store,
    /// What private keys are sealed with.
    pub keys: &'a Keys,
    /// Whose keys.
    pub institution: &'a InstitutionCode,
    /// Who does it.
    pub operator: &'a str,
    /// When.
    pub now: Timestamp,
    /// For nonces and identifiers.
    pub random: &'a dyn Random,
}

impl Rotation<'_> {
    /// Makes a key that is published from now on and signs after [`LEAD_SECONDS`]; the key before it then stops. Where
    /// no key is in force it signs at once.
    ///
    /// # Errors
    /// [`RotationError::Announced`] while another key waits for its first signature; institution, store and sealing.
    pub async fn announce(&self) -> Result<StoredSigningKey, RotationError> {
        let (mut tx, all) = self.begin().await?;
        if let Some(next) = all.iter().find(|key| !key.has_ended(self.now) && key.signs_from > self.now) {
            return Err(RotationError::Announced { kid: next.kid.clone(), signs_from: next.signs_from });
        }
        let lead = if signer(&all, self.now).is_some() { LEAD_SECONDS } else { 0 };
        let key = self.make(self.now, self.now.plus_seconds(lead))?;
        self.add(&mut tx, &key).await?;
        tx.commit().await?;
        Ok(key)
    }

    /// Gives a key its end: the named instant, or the earliest there is, which is handed back. A key that has signed
    /// nothing yet, and is not needed, ends now.
    ///
    /// # Errors
    /// [`RotationError::NoSuccessor`], [`RotationError::TooEarly`]; institution, key and store.
    pub async fn retire(&self, kid: &str, at: Option<Timestamp>) -> Result<Timestamp, RotationError> {
        let (mut tx, all) = self.begin().await?;
        let key = self.find(&all, kid)?;
        let earliest = match earliest_end(&all, key) {
            Some(end) => end.max(self.now),
            None if at.is_none() && self.is_spare(&all, key) => self.now,
            None => return Err(RotationError::NoSuccessor),
        };
        let at = at.unwrap_or(earliest);
        if at < earliest {
            return Err(RotationError::TooEarly(earliest));
        }
        self.end(&mut tx, kid, at, "planned").await?;
        tx.commit().await?;
        Ok(at)
    }

    /// Takes a key out at once because somebody else may hold it. If it signed, the next key does from now on: the one
    /// that is announced, else a new one. Handed back is the key that signs now.
    ///
    /// # Errors
    /// Institution, key, store and sealing.
    pub async fn retire_compromised(&self, kid: &str) -> Result<String, RotationError> {
        let (mut tx, all) = self.begin().await?;
        self.find(&all, kid)?;
        // A node whose clock is behind must not use it for a minute more.
        let past = self.now.plus_seconds(-CLOCKS_SECONDS);
        self.end(&mut tx, kid, past, "compromised").await?;
        let left: Vec<_> = all.into_iter().filter(|key| key.kid != kid && !key.has_ended(self.now)).collect();
        let signs = if let Some(key) = signer(&left, self.now) {
            key.kid.clone()
        } else if let Some(next) = left.iter().min_by_key(|key| key.signs_from) {
            tx.hasten_signing_key(&next.kid, past).await?;
            next.kid.clone()
        } else {
            let key = self.make(past, past)?;
            self.add(&mut tx, &key).await?;
            key.kid
        };
        tx.commit().await?;
        Ok(signs)
    }

    async fn begin(&self) -> Result<(Tx, Vec<StoredSigningKey>), RotationError> {
        let mut tx = self.store.begin(self.institution).await?;
        if !tx.lock_signing_keys().await? {
            return Err(RotationError::NoInstitution);
        }
        let all = tx.list_signing_keys().await?;
        Ok((tx, all))
    }

    fn find<'k>(&self, all: &'k [StoredSigningKey], kid: &str) -> Result<&'k StoredSigningKey, RotationError> {
        all.iter().find(|key| key.kid == kid && !key.has_ended(self.now)).ok_or(RotationError::NoKey)
    }

    /// Whether the key has signed nothing, and another signs as long as it would have.
    fn is_spare(&self, all: &[StoredSigningKey], key: &StoredSigningKey) -> bool {
        let others: Vec<_> = all.iter().filter(|other| other.kid != key.kid).cloned().collect();
        let lasts = |at: Timestamp| signer(&others, at).is_some_and(|other| other.retires_at.is_none());
        key.signs_from > self.now && lasts(self.now)
    }

    fn make(&self, announced_at: Timestamp, signs_from: Timestamp) -> Result<StoredSigningKey, KeyError> {
        new_key(self.keys, self.institution, announced_at, signs_from, self.random)
    }

    async fn add(&self, tx: &mut Tx, key: &StoredSigningKey) -> Result<(), StoreError> {
        tx.add_signing_key(key).await?;
        let particulars = format!("signs_from={}", key.signs_from.to_rfc3339());
        self.record(tx, Action::SigningKeyAnnounced, &key.kid, particulars).await
    }

    async fn end(&self, tx: &mut Tx, kid: &str, at: Timestamp, why: &str) -> Result<(), RotationError> {
        if !tx.end_signing_key(kid, at, self.now).await? {
            return Err(RotationError::NoKey);
        }
        let particulars = format!("reason={why} retires_at={}", at.to_rfc3339());
        Ok(self.record(tx, Action::SigningKeyRetired, kid, particulars).await?)
    }

    async fn record(&self, tx: &mut Tx, action: Action, kid: &str, particulars: String) -> Result<(), StoreError> {
        let record = Record::done(Actor::Operator(self.operator.to_owned()), action).on(kid).with(particulars);
        tx.record(&record, self.now, self.random).await
    }
}

/// Puts one new key in place of all that were in force, within a transaction that restores the rows of an institution: one
/// of them may have been taken out as compromised after the backup was made. Nothing they signed counts any more.
///
/// # Errors
/// [`RotationError`]: store and sealing.
pub async fn replace_all(tx: &mut Tx, keys: &Keys, epoch: &NewEpoch<'_>) -> Result<(), RotationError> {
    let now = epoch.now;
    let past = now.plus_seconds(-CLOCKS_SECONDS);
    let actor = || Actor::Operator(epoch.operator.to_owned());
    for key in tx.list_signing_keys().await?.iter().filter(|key| !key.has_ended(now)) {
        tx.end_signing_key(&key.kid, past, now).await?;
        let particulars = format!("reason=restored retires_at={}", past.to_rfc3339());
        let record = Record::done(actor(), Action::SigningKeyRetired).on(&key.kid).with(particulars);
        tx.record(&record, now, epoch.random).await?;
    }
    let key = new_key(keys, epoch.institution, past, past, epoch.random)?;
    tx.add_signing_key(&key).await?;
    let particulars = format!("signs_from={}", past.to_rfc3339());
    let record = Record::done(actor(), Action::SigningKeyAnnounced).on(&key.kid).with(particulars);
    Ok(tx.record(&record, now, epoch.random).await?)
}

/// A restore of one institution's rows: who answers for it, and when.
#[derive(Clone, Copy)]
pub struct NewEpoch<'a> {
    /// Whose rows.
    pub institution: &'a InstitutionCode,
    /// Who does it.
    pub operator: &'a str,
    /// When.
    pub now: Timestamp,
    /// For nonces and identifiers.
    pub random: &'a dyn Random,
}

/// The key that signs at an instant, out of all there ever were.
fn signer(all: &[StoredSigningKey], at: Timestamp) -> Option<&StoredSigningKey> {
    in_force(all.iter().filter(|key| !key.has_ended(at)), at)
}

/// The first instant at which nothing this key signed has to be verified any more; `None` if it signs without end.
fn earliest_end(all: &[StoredSigningKey], key: &StoredSigningKey) -> Option<Timestamp> {
    let turns = all.iter().flat_map(|key| [Some(key.signs_from), key.retires_at]).flatten();
    let mut turns: Vec<Timestamp> = turns.collect();
    turns.sort_unstable();
    let signs = |at: &Timestamp| signer(all, *at).is_some_and(|signer| signer.kid == key.kid);
    // Whoever signs changes at these instants only, so it signs from its last turn up to the one after it.
    match turns.iter().rposition(signs) {
        Some(last) => turns.get(last + 1).map(|end| end.plus_seconds(TRAIL_SECONDS)),
        None => Some(key.signs_from),
    }
}

//! Signing keys of institutions: announced before they sign, published until the last thing they signed has expired.

use renkei_domain::time::Timestamp;

use crate::db::Row;
use crate::params;
use crate::{Session, StoreError, Tx};

/// One signing key. The private half is sealed under a key outside the database, for the place `institution/kid`.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredSigningKey {
    /// Its key id: the thumbprint of its public half (RFC 7638).
    pub kid: String,
    /// The one algorithm it signs with.
    pub alg: String,
    /// The public half, a JWK as JSON text.
    pub public_jwk: String,
    /// The private half (PKCS#8), sealed.
    pub sealed_key: Vec<u8>,
    /// From here on it is published.
    pub announced_at: Timestamp,
    /// From here on it signs.
    pub signs_from: Timestamp,
    /// From here on it is no longer published; none while its end is not planned.
    pub retires_at: Option<Timestamp>,
}

impl std::fmt::Debug for StoredSigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredSigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl StoredSigningKey {
    /// Whether it is no longer published at this instant.
    #[must_use]
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.retires_at.is_some_and(|end| end <= now)
    }
}

const COLUMNS: &str = "SELECT kid, alg, public_jwk, sealed_key, announced_at, signs_from, retires_at \
     FROM signing_keys WHERE institution = ?1";

impl Session {
    /// The keys published at this instant; the one that signed longest comes first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_published_keys(&mut self, now: Timestamp) -> Result<Vec<StoredSigningKey>, StoreError> {
        let select = const_format::concatcp!(
            COLUMNS,
            " AND announced_at <= ?2 AND (retires_at IS NULL OR retires_at > ?2) ORDER BY signs_from, kid"
        );
        self.rows(select, params![now]).await?.into_iter().map(read).collect()
    }

    /// Every key there ever was, in the order of their first signatures.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_signing_keys(&mut self) -> Result<Vec<StoredSigningKey>, StoreError> {
        let select = const_format::concatcp!(COLUMNS, " ORDER BY signs_from, kid");
        self.rows(select, &[]).await?.into_iter().map(read).collect()
    }
}

fn read(mut row: Row) -> Result<StoredSigningKey, StoreError> {
    Ok(StoredSigningKey {
        kid: row.get(0)?,
        alg: row.get(1)?,
        public_jwk: row.get(2)?,
        sealed_key: row.get(3)?,
        announced_at: row.get(4)?,
        signs_from: row.get(5)?,
        retires_at: row.get(6)?,
    })
}

impl Tx {
    /// Adds a signing key.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when there is one of this `kid`; the rest of [`StoreError`].
    pub async fn add_signing_key(&mut self, key: &StoredSigningKey) -> Result<(), StoreError> {
        let insert = "INSERT INTO signing_keys \
             (institution, kid, alg, public_jwk, sealed_key, announced_at, signs_from, retires_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let values = params![
            &key.kid,
            &key.alg,
            &key.public_jwk,
            &key.sealed_key,
            key.announced_at,
            key.signs_from,
            key.retires_at,
        ];
        self.execute(insert, values).await.map(|_| ())
    }

    /// Makes whoever else changes the institution's keys wait until this transaction has ended. `false`: there is no
    /// such institution.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn lock_signing_keys(&mut self) -> Result<bool, StoreError> {
        self.claim("UPDATE institutions SET updated_at = updated_at WHERE institution = ?1", &[]).await
    }

    /// Gives a key its end, in place of the one it had. `false`: there is none of this `kid` that has not ended by
    /// `now`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end_signing_key(
        &mut self,
        kid: &str,
        retires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE signing_keys SET retires_at = ?3 \
             WHERE institution = ?1 AND kid = ?2 AND (retires_at IS NULL OR retires_at > ?4)";
        self.claim(update, params![kid, retires_at, now]).await
    }

    /// Publishes a key and lets it sign from this instant on, where it was to do so later. `false`: there is none of
    /// this `kid` that was to sign later.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn hasten_signing_key(&mut self, kid: &str, signs_from: Timestamp) -> Result<bool, StoreError> {
        let update = "UPDATE signing_keys SET signs_from = ?3, \
             announced_at = CASE WHEN announced_at > ?3 THEN ?3 ELSE announced_at END \
             WHERE institution = ?1 AND kid = ?2 AND signs_from > ?3";
        self.claim(update, params![kid, signs_from]).await
    }
}

//! Key sets that products publish at an address of their own: the last good one, and when somebody last set out for it.

use renkei_domain::time::Timestamp;

use crate::params;
use crate::{Session, StoreError, Tx};

/// What is known of the keys at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartnerKeys {
    /// When somebody last set out to read them.
    pub tried_at: Timestamp,
    /// The last good set, if there was one.
    pub set: Option<FetchedSet>,
}

/// A key set as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedSet {
    /// The JWK set, JSON text.
    pub jwks: String,
    /// When it was asked for.
    pub fetched_at: Timestamp,
    /// From here on it is to be read anew.
    pub fresh_until: Timestamp,
}

impl Session {
    /// What is known of the product's keys at this address; nothing of those at another one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_partner_keys(&mut self, client_id: &str, uri: &str) -> Result<Option<PartnerKeys>, StoreError> {
        let select = "SELECT tried_at, jwks, fetched_at, fresh_until FROM partner_key_sets \
             WHERE institution = ?1 AND client_id = ?2 AND uri = ?3";
        let Some(mut row) = self.row(select, params![client_id, uri]).await? else { return Ok(None) };
        let (jwks, fetched_at, fresh_until): (Option<String>, Option<Timestamp>, Option<Timestamp>) =
            (row.get(1)?, row.get(2)?, row.get(3)?);
        let set = jwks.zip(fetched_at).zip(fresh_until);
        let set = set.map(|((jwks, fetched_at), fresh_until)| FetchedSet { jwks, fetched_at, fresh_until });
        Ok(Some(PartnerKeys { tried_at: row.get(0)?, set }))
    }
}

impl Tx {
    /// Takes it on oneself to read the product's keys at this address. `false`: somebody set out for them after
    /// `since`. Keys of another address are forgotten.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_partner_keys(
        &mut self,
        client_id: &str,
        uri: &str,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let upsert = "INSERT INTO partner_key_sets (institution, client_id, uri, tried_at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (institution, client_id) DO UPDATE SET uri = excluded.uri, tried_at = excluded.tried_at, \
             jwks = CASE WHEN partner_key_sets.uri = excluded.uri THEN partner_key_sets.jwks END, \
             fetched_at = CASE WHEN partner_key_sets.uri = excluded.uri THEN partner_key_sets.fetched_at END, \
             fresh_until = CASE WHEN partner_key_sets.uri = excluded.uri THEN partner_key_sets.fresh_until END \
             WHERE partner_key_sets.uri <> excluded.uri OR partner_key_sets.tried_at <= ?5";
        self.claim(upsert, params![client_id, uri, now, since]).await
    }

    /// Keeps a set that was read at this address. `false`: the address is no longer this one, or a set asked for later
    /// is kept already.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save_partner_keys(
        &mut self,
        client_id: &str,
        uri: &str,
        set: &FetchedSet,
    ) -> Result<bool, StoreError> {
        let update = "UPDATE partner_key_sets SET jwks = ?4, fetched_at = ?5, fresh_until = ?6 \
             WHERE institution = ?1 AND client_id = ?2 AND uri = ?3 AND (fetched_at IS NULL OR fetched_at <= ?5)";
        self.claim(update, params![client_id, uri, &set.jwks, set.fetched_at, set.fresh_until]).await
    }
}

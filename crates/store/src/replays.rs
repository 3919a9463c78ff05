//! What may be used once: the identifiers of client assertions and of DPoP proofs, as digests.

use renkei_domain::time::Timestamp;

use crate::db::Param;
use crate::params;
use crate::{StoreError, Tx, Unit};

impl Tx {
    /// Claims a digest until an instant. `false`: somebody has it already. One that has run out may be claimed anew,
    /// so that nothing depends on old rows being tidied away.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_replay(
        &mut self,
        digest: &[u8; 32],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.claim(CLAIM, params![digest, until, now]).await
    }
}

impl Unit {
    /// Adds the claim of a digest, as [`Tx::claim_replay`].
    pub fn claim_replay(&mut self, digest: &[u8; 32], until: Timestamp, now: Timestamp) {
        self.claim(CLAIM, vec![Param::Bytes(digest.to_vec().into()), Param::from(until), Param::from(now)]);
    }
}

const CLAIM: &str = "INSERT INTO replays (institution, digest, expires_at) VALUES (?1, ?2, ?3) \
     ON CONFLICT (institution, digest) DO UPDATE SET expires_at = excluded.expires_at \
     WHERE replays.expires_at < ?4";

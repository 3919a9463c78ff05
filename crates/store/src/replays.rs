//! What may be used once: the identifiers of client assertions and of DPoP proofs, as digests.

use renkei_domain::time::Timestamp;

use crate::params;
use crate::{StoreError, Tx};

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

/// Claims the digest `?2` until `?3`, at `?4`.
pub(crate) const CLAIM: &str = "INSERT INTO replays (institution, digest, expires_at) VALUES (?1, ?2, ?3) \
     ON CONFLICT (institution, digest) DO UPDATE SET expires_at = excluded.expires_at \
     WHERE replays.expires_at < ?4";

/// Claims many digests at once, of institutions `$1`, as of `$4`; gives those that it claimed. PostgreSQL only, and no
/// digest twice.
pub(crate) const CLAIM_ALL: &str = "INSERT INTO replays (institution, digest, expires_at) \
     SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[]) \
     ON CONFLICT (institution, digest) DO UPDATE SET expires_at = excluded.expires_at \
     WHERE replays.expires_at < $4 RETURNING institution, digest";

//! Leases: what only one process may do for an institution at a time.
//!
//! A lease is held until it is given back or expires. Its holder proves at every step that it still holds it, in the
//! transaction of that step; whoever was overtaken then changes nothing.

use renkei_domain::time::Timestamp;

use crate::params;
use crate::{Session, StoreError, Tx};

/// Who holds a lease, and until when unless it is renewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The holder, in words for people; unique to one run of one process.
    pub holder: String,
    /// When others may take it.
    pub expires_at: Timestamp,
}

impl Tx {
    /// Takes a lease that nobody holds or whose time is over. `false`: somebody holds it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim_lease(&mut self, name: &str, lease: &Lease, now: Timestamp) -> Result<bool, StoreError> {
        let upsert = "INSERT INTO leases (institution, name, holder, expires_at) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (institution, name) DO UPDATE SET holder = excluded.holder, \
             expires_at = excluded.expires_at WHERE leases.expires_at <= ?5";
        self.claim(upsert, params![name, &lease.holder, lease.expires_at, now]).await
    }

    /// Holds a lease for longer. `false`: somebody else took it; what this transaction writes must not be committed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn renew_lease(&mut self, name: &str, lease: &Lease) -> Result<bool, StoreError> {
        let update = "UPDATE leases SET expires_at = ?4 WHERE institution = ?1 AND name = ?2 AND holder = ?3";
        self.claim(update, params![name, &lease.holder, lease.expires_at]).await
    }

    /// Gives a lease back. `false`: it was somebody else's by then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn release_lease(&mut self, name: &str, holder: &str) -> Result<bool, StoreError> {
        let delete = "DELETE FROM leases WHERE institution = ?1 AND name = ?2 AND holder = ?3";
        self.claim(delete, params![name, holder]).await
    }
}

impl Session {
    /// The lease of this name, expired or not.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_lease(&mut self, name: &str) -> Result<Option<Lease>, StoreError> {
        let select = "SELECT holder, expires_at FROM leases WHERE institution = ?1 AND name = ?2";
        let row = self.row(select, params![name]).await?;
        row.map(|mut row| Ok(Lease { holder: row.get(0)?, expires_at: row.get(1)? })).transpose()
    }
}

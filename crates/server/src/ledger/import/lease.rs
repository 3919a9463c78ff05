//! The import lease: one import of entries at a time for an institution.

use renkei_domain::time::Timestamp;
use renkei_store::{Tx, leases};

use super::{Failure, Importer};

/// What the lease is called in the store.
const NAME: &str = "import";
/// Seconds after which others may take over from a run that is no longer heard of.
const LEASE_SECONDS: i64 = 60;
/// Seconds after which a run that writes nothing says that it is still there.
const RENEW_AFTER_SECONDS: i64 = 10;

/// The lease, held by this run.
pub(super) struct Lease {
    holder: String,
    renewed_at: Timestamp,
}

impl Lease {
    /// Takes the lease, or tells who has it.
    pub async fn claim(at: &Importer<'_>) -> Result<Lease, Failure> {
        let now = at.now();
        let holder = format!("{} ({}), run {}", at.operator, at.host, at.new_import_id());
        let mut tx = at.store.begin(at.institution).await?;
        let lease = leases::Lease { holder, expires_at: now.plus_seconds(LEASE_SECONDS) };
        if tx.claim_lease(NAME, &lease, now).await? {
            tx.commit().await?;
            return Ok(Lease { holder: lease.holder, renewed_at: now });
        }
        match tx.find_lease(NAME).await? {
            Some(held) => Err(Failure::Busy(held)),
            None => Err(Failure::Overtaken),
        }
    }

    /// Proves in a transaction that the run still holds the lease, and holds it for longer. Everything a run writes, it
    /// writes after this.
    pub async fn hold(&mut self, tx: &mut Tx, at: &Importer<'_>) -> Result<(), Failure> {
        let now = at.now();
        let expires_at = now.plus_seconds(LEASE_SECONDS);
        if !tx.renew_lease(NAME, &leases::Lease { holder: self.holder.clone(), expires_at }).await? {
            return Err(Failure::Overtaken);
        }
        self.renewed_at = now;
        Ok(())
    }

    /// Holds the lease for longer while nothing is written, when it is time to.
    pub async fn keep(&mut self, at: &Importer<'_>) -> Result<(), Failure> {
        if self.renewed_at.seconds_until(at.now()) < RENEW_AFTER_SECONDS {
            return Ok(());
        }
        let mut tx = at.store.begin(at.institution).await?;
        self.hold(&mut tx, at).await?;
        Ok(tx.commit().await?)
    }

    /// Gives the lease back as part of a transaction.
    pub async fn release(&self, tx: &mut Tx) -> Result<(), Failure> {
        tx.release_lease(NAME, &self.holder).await?;
        Ok(())
    }
}

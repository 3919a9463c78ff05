//! The sealer: gives committed records their positions, and signs what it has got so far.
//!
//! One of all nodes seals an institution's trail at a time. The lease keeps the others from doing the same work; what
//! makes two sealers harmless is that a batch begins where the last one ended, under a unique key.

use std::path::Path;
use std::time::Duration;

use renkei_audit_trail::checkpoint::Checkpoint;
use renkei_audit_trail::entry::Record;
use renkei_audit_trail::note::Signer;
use renkei_domain::id::{AuditId, made_at, time_ordered};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::{Clock, MICROS_PER_SECOND, Timestamp};
use renkei_store::audit_checkpoints::StoredCheckpoint;
use renkei_store::audit_sealing::FIRST_ID;
use renkei_store::leases::Lease;
use renkei_store::{Random, Session, Store, StoreError, Tx};

use super::trail::Trail;
use super::{AuditFault, anchor, signer};
use crate::keys::Keys;

/// What the lease is called in the store.
const LEASE: &str = "audit";
/// How long a sealer that does not come back keeps the others out.
const LEASE_SECONDS: i64 = 10;
/// Records sealed in one transaction, as many as a bundle has entries: on SQLite everybody's writes wait so long.
pub const BATCH: u32 = 256;
/// Between two batches, so that acts come in between.
const BREATH: Duration = Duration::from_millis(2);
/// Records looked over by one statement for those without a position: on SQLite a worker does nothing else so long.
const LOOK: u32 = 512;
/// Records that become visible late are looked for so far back in each pass …
const NEAR_SECONDS: i64 = 5;
/// … and so far back little by little.
const FAR_SECONDS: i64 = 2 * 86_400;
/// Records looked over for late ones in one pass, and in one look at everything before.
pub const SWEEP_RECORDS: u32 = 4_096;
/// Between two sweeps.
const SWEEP_EVERY_SECONDS: i64 = 60;
/// A checkpoint is signed when there are so many entries since the last …
pub const CHECKPOINT_ENTRIES: u64 = 1_000;
/// … or one at least, and so much time has gone by.
pub const CHECKPOINT_SECONDS: i64 = 60;
/// How often a node that seals nothing looks whether something is left unsigned.
const LOOK_EVERY_SECONDS: i64 = 10;

/// What sealing needs.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// The rows.
    pub store: &'a Store,
    /// What opens the trail's key.
    pub keys: &'a Keys,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Chance.
    pub random: &'a dyn Random,
    /// The host that new trails are named after.
    pub host: &'a str,
    /// The folder where this node remembers what it signed.
    pub anchors: &'a Path,
}

/// Seals the trail of one institution.
pub struct Sealer {
    institution: InstitutionCode,
    holder: String,
    trail: Option<Trail>,
    signer: Option<Signer>,
    /// How far the sweep has come; none while it rests.
    sweep: Option<AuditId>,
    swept_at: Timestamp,
    /// How far the walk through the whole trail has come; none before it has begun.
    walk: Option<AuditId>,
    looked_at: Timestamp,
    /// When it sealed something for the last time.
    sealed_at: Timestamp,
    /// The size that is known to be signed.
    signed: u64,
}

impl Sealer {
    /// A sealer under a name of its own.
    #[must_use]
    pub fn new(institution: InstitutionCode, tools: &Tools<'_>) -> Sealer {
        let name: [u8; 8] = tools.random.bytes();
        Sealer {
            institution,
            holder: format!("{}-{:016x}", std::process::id(), u64::from_be_bytes(name)),
            trail: None,
            signer: None,
            sweep: None,
            swept_at: Timestamp(i64::MIN),
            walk: None,
            looked_at: Timestamp(i64::MIN),
            sealed_at: Timestamp(i64::MIN),
            signed: 0,
        }
    }

    /// Whether records may come that are a little late: what was sealed last is so new.
    #[must_use]
    pub fn expects_late_ones(&self, now: Timestamp) -> bool {
        now <= self.sealed_at.plus_seconds(NEAR_SECONDS)
    }

    /// Whether there is nothing to do as far as it knows: all that it sealed is signed, and what came late was looked for
    /// not long ago.
    #[must_use]
    pub fn rests(&self, now: Timestamp) -> bool {
        self.trail.is_some() && self.signed == self.size() && self.sweep.is_none() && !self.is_sweep_due(now)
    }

    /// Seals what there is and signs what is due. Tells how many records were sealed.
    ///
    /// # Errors
    /// [`AuditFault`]; what was sealed before stays sealed.
    pub async fn pass(&mut self, tools: &Tools<'_>) -> Result<u64, AuditFault> {
        let outcome = self.seal_and_sign(tools).await;
        if outcome.is_err() {
            // Whatever it was, what is in memory may not be what is in the store.
            self.trail = None;
            // Nor may what was sealed before it be signed.
            self.looked_at = Timestamp(i64::MIN);
        }
        outcome
    }

    async fn seal_and_sign(&mut self, tools: &Tools<'_>) -> Result<u64, AuditFault> {
        let now = tools.clock.now();
        let lease = tools.store.read(&self.institution).find_lease(LEASE).await?;
        if lease.is_some_and(|lease| lease.holder != self.holder && lease.expires_at > now) {
            return Ok(0);
        }
        let mut sealed = 0;
        let mut looked = false;
        loop {
            let late = if looked { Vec::new() } else { self.late_by_a_little(tools).await? };
            looked = !is_full(&late);
            let mut records = if late.is_empty() { self.next(tools).await? } else { late };
            // What came after the pass had begun waits for the next: under load this one would never end, and whatever was
            // acknowledged before the act of a record that is sealed now could be seen when it was looked for what is late.
            records.retain(|record| record.at <= now.0);
            if records.is_empty() {
                break;
            }
            match self.seal(tools, &records).await? {
                true => {}
                // Another node is at it, or has been: nothing of ours is unsigned, and the lease is left to it.
                false if sealed == 0 => return Ok(0),
                false => break,
            }
            sealed += records.len() as u64;
            self.sealed_at = now;
            if self.size().saturating_sub(self.signed) >= CHECKPOINT_ENTRIES {
                self.sign_if_due(tools).await?;
            }
            tokio::time::sleep(BREATH).await;
        }
        if sealed > 0 || self.looked_at.seconds_until(now) >= LOOK_EVERY_SECONDS || self.signed < self.size() {
            self.looked_at = now;
            self.sign_if_due(tools).await?;
        }
        Ok(sealed)
    }

    /// Looks over a slice of the whole trail, however old, for records without a position, and seals them: a record may
    /// have become visible long after its time. `true`: the walk has come to its end, and the next one begins at the
    /// beginning. The first begins anywhere, so that a node that is restarted each day gets everywhere nevertheless.
    ///
    /// # Errors
    /// [`AuditFault`]; the next look then begins where this one did.
    pub async fn look_back(&mut self, tools: &Tools<'_>) -> Result<bool, AuditFault> {
        let now = tools.clock.now();
        let mut read = tools.store.read(&self.institution);
        let lease = read.find_lease(LEASE).await?;
        let Some(newest) = read.newest_sealed().await? else { return Ok(true) };
        if lease.is_some_and(|lease| lease.holder != self.holder && lease.expires_at > now) {
            return Ok(true);
        }
        // What is late by a little is found by the passes, and is nothing to tell of.
        let newest = newest.min(id_at(now.plus_seconds(-NEAR_SECONDS)));
        let from = match self.walk {
            Some(from) => from,
            None => {
                read.oldest_record().await?.map_or(FIRST_ID, |oldest| anywhere_between(oldest, newest, tools.random))
            }
        };
        let (late, next) = late_between(&mut read, (from, newest), SWEEP_RECORDS / LOOK).await?;
        self.walk = Some(from);
        if late.is_empty() {
            self.walk = Some(next.unwrap_or(FIRST_ID));
            return Ok(next.is_none());
        }
        let (count, oldest) = (late.len(), late.first().map_or(0, |record| record.at));
        if self.seal(tools, &late).await? {
            let oldest = Timestamp(oldest).to_rfc3339();
            tracing::warn!(institution = %self.institution, count, oldest, "audit records became visible long after \
                their time and are sealed now");
        }
        Ok(false)
    }

    /// A clock that was ahead and was put right does not keep it from coming.
    fn is_sweep_due(&self, now: Timestamp) -> bool {
        self.swept_at > now || self.swept_at.plus_seconds(SWEEP_EVERY_SECONDS) <= now
    }

    fn size(&self) -> u64 {
        self.trail.as_ref().map_or(0, Trail::size)
    }

    /// Records without a position that came late by a little. Looked for once in each pass, and again after a whole batch:
    /// it means going over all of the last seconds.
    async fn late_by_a_little(&self, tools: &Tools<'_>) -> Result<Vec<Record>, AuditFault> {
        let now = tools.clock.now();
        let mut read = tools.store.read(&self.institution);
        let Some(newest) = read.newest_sealed().await? else { return Ok(Vec::new()) };
        let from = id_at(now.min(made_at(newest.0)).plus_seconds(-NEAR_SECONDS));
        Ok(late_between(&mut read, (from, newest), u32::MAX).await?.0)
    }

    /// The next records without a position: those that are new, those that came very late.
    async fn next(&mut self, tools: &Tools<'_>) -> Result<Vec<Record>, AuditFault> {
        let now = tools.clock.now();
        let mut read = tools.store.read(&self.institution);
        let newest = read.newest_sealed().await?;
        let new = read.records_after(newest.unwrap_or(FIRST_ID), BATCH).await?;
        if !new.is_empty() {
            return Ok(new);
        }
        let Some(newest) = newest else { return Ok(Vec::new()) };
        if self.sweep.is_none() && self.is_sweep_due(now) {
            self.swept_at = now;
            self.sweep = Some(id_at(now.plus_seconds(-FAR_SECONDS)));
        }
        let Some(from) = self.sweep else { return Ok(Vec::new()) };
        let (late, next) = late_between(&mut read, (from, newest), SWEEP_RECORDS / LOOK).await?;
        if late.is_empty() {
            self.sweep = next;
        }
        Ok(late)
    }

    /// `false`: another node is at it, or has been since this one looked.
    async fn seal(&mut self, tools: &Tools<'_>, records: &[Record]) -> Result<bool, AuditFault> {
        let now = tools.clock.now();
        if self.trail.is_none() {
            self.trail = Trail::load(&mut tools.store.read(&self.institution)).await?;
        }
        let Some(trail) = &self.trail else { return Ok(false) };
        let (next, addition) = trail.with(records, &self.institution, now);
        let mut tx = tools.store.begin(&self.institution).await?;
        if !self.hold(&mut tx, now).await? {
            return Ok(false);
        }
        if tx.trail_size().await? != trail.size() {
            self.trail = None;
            return Ok(false);
        }
        for (batch, ids) in addition.batches.iter().zip(&addition.records) {
            let written = async {
                tx.add_positions(ids, batch.first).await?;
                tx.add_batch(batch).await
            };
            match written.await {
                Ok(()) => {}
                Err(StoreError::Taken) => {
                    self.trail = None;
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
        }
        for tile in &addition.tiles {
            tx.add_tile(tile).await?;
        }
        tx.commit().await?;
        self.trail = Some(next);
        Ok(true)
    }

    /// Takes or keeps the lease in a transaction. `false`: another node has it.
    async fn hold(&self, tx: &mut Tx, now: Timestamp) -> Result<bool, StoreError> {
        let lease = Lease { holder: self.holder.clone(), expires_at: now.plus_seconds(LEASE_SECONDS) };
        Ok(tx.renew_lease(LEASE, &lease).await? || tx.claim_lease(LEASE, &lease, now).await?)
    }

    /// Signs a checkpoint when one is due, and one that was about to be signed when a node went down.
    async fn sign_if_due(&mut self, tools: &Tools<'_>) -> Result<(), AuditFault> {
        let now = tools.clock.now();
        let mut read = tools.store.read(&self.institution);
        if read.trail_size().await? == 0 {
            return Ok(());
        }
        self.take_signer(tools, now).await?;
        let Some(signer) = &self.signer else { return Ok(()) };
        let origin = &signer.verifier().name;
        let last = read.newest_checkpoint(origin).await?;
        let anchor = anchor::read(tools.anchors, &self.institution)?.filter(|one| one.origin == *origin);
        // Looked at after these, so that it is no older than they are: another node may seal and sign meanwhile.
        let size = read.trail_size().await?;
        if self.trail.as_ref().is_none_or(|trail| trail.size() != size) {
            self.trail = Trail::load(&mut read).await?;
        }
        let Some(trail) = &self.trail else { return Ok(()) };
        if let Some(last) = &last {
            self.expect_to_go_on(tools, trail, &last.checkpoint).await?;
            if last.signatures.is_empty() {
                return self.sign(tools, signer, &last.checkpoint, now).await;
            }
            if last.checkpoint.size == trail.size() {
                self.signed = trail.size();
                return Ok(());
            }
        }
        if !is_due(last.as_ref(), trail.size(), now) {
            return Ok(());
        }
        if let Some(anchor) = anchor {
            self.expect_to_go_on(tools, trail, &anchor).await?;
        }
        let checkpoint = Checkpoint { origin: origin.clone(), size: trail.size(), root: trail.root() };
        let mut tx = tools.store.begin(&self.institution).await?;
        if !self.hold(&mut tx, now).await? {
            return Ok(());
        }
        match tx.add_checkpoint(&checkpoint, now).await {
            Ok(()) => tx.commit().await?,
            Err(StoreError::Taken) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        anchor::write(tools.anchors, &self.institution, &checkpoint)?;
        self.sign(tools, signer, &checkpoint, now).await?;
        self.signed = checkpoint.size;
        Ok(())
    }

    /// Signs what is durable already, and lets the signature out. Signing the same again gives the same.
    async fn sign(
        &self,
        tools: &Tools<'_>,
        signer: &Signer,
        checkpoint: &Checkpoint,
        now: Timestamp,
    ) -> Result<(), AuditFault> {
        let line = signer.sign(&checkpoint.to_string()).to_string();
        let mut tx = tools.store.begin(&self.institution).await?;
        match tx.add_checkpoint_signature(checkpoint, &signer.verifier().to_string(), &line, now).await {
            Ok(()) => Ok(tx.commit().await?),
            Err(StoreError::Taken) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn expect_to_go_on(&self, tools: &Tools<'_>, trail: &Trail, from: &Checkpoint) -> Result<(), AuditFault> {
        let Checkpoint { origin, size, root } = from;
        if *size > trail.size() {
            let now = trail.size();
            return Err(AuditFault::Forked(format!("{origin} was signed at {size} entries and has {now}")));
        }
        if trail.root_at(&mut tools.store.read(&self.institution), *size).await? != *root {
            return Err(AuditFault::Forked(format!("{origin} had another root at {size} entries")));
        }
        Ok(())
    }

    /// The key in force, made if there is none yet.
    async fn take_signer(&mut self, tools: &Tools<'_>, now: Timestamp) -> Result<(), AuditFault> {
        let stored = tools.store.read(&self.institution).list_audit_keys().await?;
        let Some(stored) = stored.last() else {
            let origin = signer::origin_name(tools.host, &self.institution);
            let key = signer::new_key(tools.keys, &self.institution, &origin, now, tools.random)?;
            let mut tx = tools.store.begin(&self.institution).await?;
            if self.hold(&mut tx, now).await? {
                tx.add_audit_key(&key).await?;
                tx.commit().await?;
                self.signer = Some(signer::open(tools.keys, &self.institution, &key)?);
            }
            return Ok(());
        };
        if self.signer.as_ref().is_none_or(|signer| signer.verifier().to_string() != stored.verifier) {
            self.signer = Some(signer::open(tools.keys, &self.institution, stored)?);
        }
        Ok(())
    }
}

/// The first records of a range, both ends included, that have no position, a batch of them at most, and where to go on
/// after so many stretches, if the range goes on. Others have their turn between one statement and the next.
async fn late_between(
    read: &mut Session,
    range: (AuditId, AuditId),
    stretches: u32,
) -> Result<(Vec<Record>, Option<AuditId>), StoreError> {
    let (mut from, until) = (Some(range.0), range.1);
    let mut late = Vec::<Record>::new();
    for _ in 0..stretches {
        let Some(first) = from.filter(|_| !is_full(&late)) else { break };
        from = read.record_far_after(first, LOOK).await?.filter(|next| *next < until);
        late.extend(read.late_records(first, from.unwrap_or(until), BATCH).await?);
        // Where one stretch ends the next begins.
        late.dedup_by_key(|record| record.id);
        tokio::task::yield_now().await;
    }
    late.truncate(BATCH as usize);
    Ok((late, from))
}

/// Whether there may be more of them.
fn is_full(records: &[Record]) -> bool {
    records.len() >= BATCH as usize
}

fn is_due(last: Option<&StoredCheckpoint>, size: u64, now: Timestamp) -> bool {
    let Some(last) = last else { return true };
    let since = now.0.saturating_sub(last.made_at.0);
    size - last.checkpoint.size >= CHECKPOINT_ENTRIES || since >= CHECKPOINT_SECONDS * MICROS_PER_SECOND
}

/// The least identifier of some instant between those of two records.
fn anywhere_between(oldest: AuditId, newest: AuditId, random: &dyn Random) -> AuditId {
    let (from, to) = (made_at(oldest.0), made_at(newest.0));
    let span = u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0);
    let chance: [u8; 8] = random.bytes();
    let offset = u64::from_be_bytes(chance) % span.saturating_add(1);
    id_at(Timestamp(from.0.saturating_add(i64::try_from(offset).unwrap_or(0))))
}

/// The least identifier of an instant.
fn id_at(instant: Timestamp) -> AuditId {
    AuditId(time_ordered(instant, &[0; 10]))
}

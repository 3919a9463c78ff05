//! Deleting audit records where the law or a retention period asks for it. Their entries stay, so the trail stands, and
//! an entry says that they are gone.

use renkei_audit_trail::entry::{Entry, removed_object};
use renkei_audit_trail::tile::read_bundle;
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::id::AuditId;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use uuid::Uuid;

use crate::params;
use crate::{Random, Store, StoreError};

/// Most records of one deletion: nobody can write records meanwhile.
pub const REMOVED_MAX: u64 = 100_000;

const WALL_DOWN: &str = "/*sqlite: DROP TRIGGER audit_undeleted; sqlite*/ \
     /*postgres: ALTER TABLE audit DISABLE TRIGGER audit_only_grows; postgres*/";
const WALL_UP: &str = "/*sqlite: CREATE TRIGGER audit_undeleted BEFORE DELETE ON audit \
     BEGIN SELECT RAISE(ABORT, 'only ever added to'); END; sqlite*/ \
     /*postgres: ALTER TABLE audit ENABLE TRIGGER audit_only_grows; postgres*/";

/// Which records go, and who says so.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'a> {
    /// Position of the first.
    pub first: u64,
    /// Position of the last.
    pub last: u64,
    /// Who answers for it.
    pub operator: &'a str,
    /// Why; kept in the trail.
    pub reason: &'a str,
}

/// Deletes sealed records and says so in the trail, in one transaction. Only whoever owns the tables can. Tells how many
/// records went.
///
/// # Errors
/// [`StoreError::Unusable`] when the positions are not those of the trail or too many, or this role may not; the rest of
/// [`StoreError`]. Nothing has changed then.
pub async fn remove_records(
    store: &Store,
    institution: &InstitutionCode,
    removal: Removal<'_>,
    now: Timestamp,
    random: &dyn Random,
) -> Result<u64, StoreError> {
    let Removal { first, last, operator, reason } = removal;
    let size = store.read(institution).trail_size().await?;
    if first > last || last >= size || last - first >= REMOVED_MAX {
        return Err(StoreError::Unusable(format!("the trail has {size} entries; at most {REMOVED_MAX} at a time")));
    }
    let ids = ids_between(store, institution, first, last).await?;
    let mut tx = store.begin(institution).await?;
    tx.define(WALL_DOWN).await?;
    let mut removed = 0;
    for id in ids {
        removed += tx.execute("DELETE FROM audit WHERE institution = ?1 AND audit_id = ?2", params![id]).await?;
    }
    tx.define(WALL_UP).await?;
    let note = Record::done(Actor::Operator(operator.to_owned()), Action::RecordsRemoved)
        .on(removed_object(first, last))
        .with(reason);
    tx.record(&note, now, random).await?;
    tx.commit().await?;
    Ok(removed)
}

async fn ids_between(
    store: &Store,
    institution: &InstitutionCode,
    first: u64,
    last: u64,
) -> Result<Vec<AuditId>, StoreError> {
    let (mut ids, mut read) = (Vec::new(), store.read(institution));
    let mut bundle = first - first % renkei_audit_trail::tree::TILE_WIDTH;
    while bundle <= last {
        for batch in read.list_batches(bundle).await? {
            let entries = read_bundle(&batch.entries).0.into_iter().filter_map(|entry| Entry::decode(entry).ok());
            let meant = entries.filter(|entry| (first..=last).contains(&entry.position));
            ids.extend(meant.map(|entry| AuditId(Uuid::from_bytes(entry.id))));
        }
        bundle += renkei_audit_trail::tree::TILE_WIDTH;
    }
    Ok(ids)
}

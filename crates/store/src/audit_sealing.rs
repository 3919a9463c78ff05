//! Sealing the audit trail: which records have no position yet, and the tables that hold entries and tiles.
//!
//! Acts write their records without waiting for each other, so records become visible in another order than that of
//! their identifiers. Whoever seals therefore asks two questions: what is newer than the newest that is sealed, and what
//! came late below it. Both are ranges of the primary key.

use renkei_audit_trail::entry::Record;
use renkei_audit_trail::tree::FullTile;
use renkei_audit_trail::{Hash, tile};
use renkei_domain::id::AuditId;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use uuid::Uuid;

use crate::db::Row;
use crate::params;
use crate::{Session, StoreError, Tx};

/// Positions written by one statement. Both engines find a place in a text by going through what stands before it, so a
/// longer text costs each of its identifiers more.
const POSITIONS_AT_ONCE: usize = 32;

/// Before every identifier.
pub const FIRST_ID: AuditId = AuditId(Uuid::nil());

/// Some entries of the trail, one after the other, within one bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Position of the first.
    pub first: u64,
    /// Entries in the trail with these.
    pub size: u64,
    /// Their bytes, each with its length in front.
    pub entries: Vec<u8>,
}

/// Records that have no position yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsealed {
    /// How many.
    pub count: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
}

const RECORD: &str = "SELECT a.audit_id, a.at, a.node, a.actor_kind, a.actor, a.action, a.outcome, a.object, a.detail, \
     a.request_id, a.salt FROM audit a WHERE a.institution = ?1";
const IN_RANGE: &str = " AND a.audit_id >= ?2 AND a.audit_id <= ?3";
// A value asked for row by row, so that it is one look-up by key for each record: of an anti-join PostgreSQL, as long as it
// knows nothing of the tables' sizes, makes a walk through all positions for every record.
const NOT_SEALED: &str = " AND (SELECT p.position FROM audit_positions p WHERE p.institution = a.institution \
     AND p.audit_id = a.audit_id) IS NULL";

impl Session {
    /// Entries in the trail.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn trail_size(&mut self) -> Result<u64, StoreError> {
        let select = "SELECT size FROM audit_batches WHERE institution = ?1 ORDER BY first DESC LIMIT 1";
        self.row(select, &[]).await?.map_or(Ok(0), |mut row| number(&mut row, 0))
    }

    /// The newest record that is sealed, by its identifier.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest_sealed(&mut self) -> Result<Option<AuditId>, StoreError> {
        let select = "SELECT audit_id FROM audit_positions WHERE institution = ?1 ORDER BY audit_id DESC LIMIT 1";
        self.row(select, &[]).await?.map(|mut row| row.get(0)).transpose()
    }

    /// Every institution by code, and whether it has records newer than the newest that is sealed: one statement, which
    /// looks at the end of two keys for each. For a session across institutions.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_fresh(&mut self) -> Result<Vec<(InstitutionCode, bool)>, StoreError> {
        let select = "SELECT i.institution, CAST(CASE WHEN COALESCE((SELECT a.audit_id FROM audit a \
             WHERE a.institution = i.institution ORDER BY a.audit_id DESC LIMIT 1), '') > COALESCE((SELECT p.audit_id \
             FROM audit_positions p WHERE p.institution = i.institution ORDER BY p.audit_id DESC LIMIT 1), '') \
             THEN 1 ELSE 0 END AS BIGINT) FROM institutions i ORDER BY i.institution";
        let rows = self.rows(select, &[]).await?;
        rows.into_iter().map(|mut row| Ok((row.get(0)?, row.get::<i64>(1)? != 0))).collect()
    }

    /// The first records after an identifier.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn records_after(&mut self, id: AuditId, limit: u32) -> Result<Vec<Record>, StoreError> {
        let select = const_format::concatcp!(RECORD, " AND a.audit_id > ?2 ORDER BY a.audit_id LIMIT ?3");
        self.rows(select, params![id, limit]).await?.into_iter().map(record).collect()
    }

    /// The first records of a range of identifiers, both ends included, that have no position.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn late_records(&mut self, from: AuditId, until: AuditId, limit: u32) -> Result<Vec<Record>, StoreError> {
        let select = const_format::concatcp!(RECORD, IN_RANGE, NOT_SEALED, " ORDER BY a.audit_id LIMIT ?4");
        self.rows(select, params![from, until, limit]).await?.into_iter().map(record).collect()
    }

    /// The identifier so many records after this one: where a look at a bounded number of records ends. None: there are
    /// fewer.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_far_after(&mut self, id: AuditId, records: u32) -> Result<Option<AuditId>, StoreError> {
        let select =
            "SELECT audit_id FROM audit WHERE institution = ?1 AND audit_id >= ?2 ORDER BY audit_id LIMIT 1 OFFSET ?3";
        self.row(select, params![id, records]).await?.map(|mut row| row.get(0)).transpose()
    }

    /// The oldest record there is, by its identifier.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn oldest_record(&mut self) -> Result<Option<AuditId>, StoreError> {
        let select = "SELECT audit_id FROM audit WHERE institution = ?1 ORDER BY audit_id LIMIT 1";
        self.row(select, &[]).await?.map(|mut row| row.get(0)).transpose()
    }

    /// How many records from `from` to before `until` have no position, and the oldest of them; of each kind at most
    /// `limit` are counted: those that are newer than the newest with a position, and those that came late.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unsealed(&mut self, from: AuditId, until: AuditId, limit: u32) -> Result<Unsealed, StoreError> {
        let newest = self.newest_sealed().await?.unwrap_or(FIRST_ID);
        let select = "SELECT COUNT(*), MIN(at) FROM (SELECT at FROM audit WHERE institution = ?1 \
             AND audit_id > ?2 AND audit_id < ?3 ORDER BY audit_id LIMIT ?4) fresh";
        let fresh = self.row(select, params![newest.max(from), until, limit]).await?;
        let select = const_format::concatcp!(
            "SELECT COUNT(*), MIN(at) FROM (SELECT a.at FROM audit a WHERE a.institution = ?1",
            IN_RANGE,
            NOT_SEALED,
            " LIMIT ?4) late"
        );
        let late = self.row(select, params![from, newest, limit]).await?;
        let mut all = Unsealed::default();
        for mut row in fresh.into_iter().chain(late) {
            all.count += number(&mut row, 0)?;
            let oldest: Option<Timestamp> = row.get(1)?;
            all.oldest = all.oldest.into_iter().chain(oldest).min();
        }
        Ok(all)
    }

    /// The record of this identifier.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit_record(&mut self, id: AuditId) -> Result<Option<Record>, StoreError> {
        let select = const_format::concatcp!(RECORD, " AND a.audit_id = ?2");
        self.row(select, params![id]).await?.map(record).transpose()
    }

    /// The records of a range of identifiers, both ends included.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn records_between(
        &mut self,
        from: AuditId,
        until: AuditId,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let select = const_format::concatcp!(RECORD, IN_RANGE, " ORDER BY a.audit_id LIMIT ?4");
        self.rows(select, params![from, until, limit]).await?.into_iter().map(record).collect()
    }

    /// The batches of the bundle that begins at this position, up to where they end.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_batches(&mut self, first: u64) -> Result<Vec<Batch>, StoreError> {
        let select = "SELECT first, size, entries FROM audit_batches \
             WHERE institution = ?1 AND first >= ?2 AND first < ?3 ORDER BY first";
        let rows =
            self.rows(select, params![signed(first), signed(first + renkei_audit_trail::tree::TILE_WIDTH)]).await?;
        rows.into_iter()
            .map(|mut row| Ok(Batch { first: number(&mut row, 0)?, size: number(&mut row, 1)?, entries: row.get(2)? }))
            .collect()
    }

    /// The hashes of a full tile.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find_tile(&mut self, level: u8, index: u64) -> Result<Option<Vec<Hash>>, StoreError> {
        let select = "SELECT hashes FROM audit_tiles WHERE institution = ?1 AND level = ?2 AND tile_index = ?3";
        let Some(mut row) = self.row(select, params![i64::from(level), signed(index)]).await? else { return Ok(None) };
        let hashes = tile::read_hashes(&row.get::<Vec<u8>>(0)?);
        hashes.map(Some).map_err(|malformed| StoreError::Corrupt { column: 0, found: malformed.to_string() })
    }

    /// What stands one level up for the full tiles of a level from this one on, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_tile_roots(&mut self, level: u8, from: u64) -> Result<Vec<Hash>, StoreError> {
        let select = "SELECT root FROM audit_tiles WHERE institution = ?1 AND level = ?2 AND tile_index >= ?3 \
             ORDER BY tile_index";
        let rows = self.rows(select, params![i64::from(level), signed(from)]).await?;
        rows.into_iter().map(|mut row| row.get(0)).collect()
    }
}

impl Tx {
    /// Gives records their positions, in this order, from `first` on. They are one bundle at the most.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when one of them has a position; the rest of [`StoreError`].
    pub async fn add_positions(&mut self, records: &[AuditId], first: u64) -> Result<(), StoreError> {
        // One statement for many: their identifiers as one text, of which each takes 36 characters.
        let insert = "WITH RECURSIVE ids (n) AS (SELECT CAST(0 AS BIGINT) UNION ALL SELECT ids.n + 1 FROM ids \
             WHERE ids.n < ?4) INSERT INTO audit_positions (institution, audit_id, position) \
             SELECT ?1, SUBSTR(?2, CAST(ids.n * 36 + 1 AS INTEGER), 36), ?3 + ids.n FROM ids";
        for (part, first) in records.chunks(POSITIONS_AT_ONCE).zip((first..).step_by(POSITIONS_AT_ONCE)) {
            let ids: String = part.iter().map(AuditId::to_string).collect();
            self.execute(insert, params![ids, signed(first), signed(part.len() as u64 - 1)]).await?;
        }
        Ok(())
    }

    /// Adds entries to the trail.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the trail has gone on already; the rest of [`StoreError`].
    pub async fn add_batch(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let insert = "INSERT INTO audit_batches (institution, first, size, entries) VALUES (?1, ?2, ?3, ?4)";
        self.execute(insert, params![signed(batch.first), signed(batch.size), &batch.entries]).await.map(|_| ())
    }

    /// Adds a tile that has become full.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add_tile(&mut self, full: &FullTile) -> Result<(), StoreError> {
        let insert = "INSERT INTO audit_tiles (institution, level, tile_index, hashes, root) \
             VALUES (?1, ?2, ?3, ?4, ?5)";
        let hashes = tile::write_hashes(&full.hashes);
        let values = params![i64::from(full.level), signed(full.index), &hashes, &full.root];
        self.execute(insert, values).await.map(|_| ())
    }
}

fn record(mut row: Row) -> Result<Record, StoreError> {
    let AuditId(id) = row.get(0)?;
    Ok(Record {
        id: id.into_bytes(),
        at: row.get(1)?,
        node: row.get(2)?,
        actor_kind: row.get(3)?,
        actor: row.get(4)?,
        action: row.get(5)?,
        outcome: row.get(6)?,
        object: row.get(7)?,
        detail: row.get(8)?,
        request_id: row.get(9)?,
        salt: row.get(10)?,
    })
}

/// A position as the engines have numbers. A trail ends long before they do.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn number(row: &mut Row, column: usize) -> Result<u64, StoreError> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| StoreError::Corrupt { column, found: "a negative number".into() })
}

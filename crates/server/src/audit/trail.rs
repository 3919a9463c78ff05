//! The trail as it stands in the store: its right edge, and the root at any size.

use renkei_audit_trail::Hash;
use renkei_audit_trail::entry::{Entry, Record};
use renkei_audit_trail::proof;
use renkei_audit_trail::tile::{put_entry, read_bundle};
use renkei_audit_trail::tree::{Edge, FullTile, Node, TILE_WIDTH, fold, leaf_hash, nodes_of};
use renkei_domain::id::AuditId;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_store::Session;
use renkei_store::audit_sealing::Batch;
use uuid::Uuid;

use super::AuditFault;

/// What is needed to add to a trail, and to find any of its hashes.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    edge: Edge,
    previous: Hash,
}

/// Entries that are to be added to a trail.
#[derive(Debug, Default)]
pub struct Addition {
    /// Their bytes, by bundle.
    pub batches: Vec<Batch>,
    /// Their records, by batch.
    pub records: Vec<Vec<AuditId>>,
    /// Tiles that become full by them.
    pub tiles: Vec<FullTile>,
}

impl Trail {
    /// Reads the edge. None: it was added to while it was read.
    ///
    /// # Errors
    /// [`AuditFault::Broken`] when the tables do not fit together.
    pub async fn load(read: &mut Session) -> Result<Option<Trail>, AuditFault> {
        let size = read.trail_size().await?;
        let mut leaves = Vec::new();
        for batch in read.list_batches(size - size % TILE_WIDTH).await? {
            let (entries, whole) = read_bundle(&batch.entries);
            leaves.extend(entries.into_iter().map(leaf_hash));
            whole.map_err(|_| AuditFault::Broken(format!("the batch at {} can't be read", batch.first)))?;
        }
        let mut previous = leaves.last().copied();
        let mut levels = vec![leaves];
        let mut above = size / TILE_WIDTH;
        while above > 0 {
            let level = u8::try_from(levels.len() - 1).unwrap_or(u8::MAX);
            levels.push(read.list_tile_roots(level, above - above % TILE_WIDTH).await?);
            above /= TILE_WIDTH;
        }
        if previous.is_none() && size > 0 {
            let tile = read.find_tile(0, size / TILE_WIDTH - 1).await?;
            previous = tile.and_then(|tile| tile.last().copied());
        }
        let trail = Trail { edge: Edge::from_levels(levels), previous: previous.unwrap_or_default() };
        match trail.size() == size {
            true => Ok(Some(trail)),
            false if read.trail_size().await? != size => Ok(None),
            false => Err(AuditFault::Broken(format!("{size} entries, but tiles of {}", trail.size()))),
        }
    }

    /// Entries in it.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The hashes of the unfinished tile of a level.
    #[must_use]
    pub fn unfinished(&self, level: u8) -> &[Hash] {
        self.edge.level(level)
    }

    /// The root over all of it.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// The trail with these records at its end, and what has to be written for that.
    #[must_use]
    pub fn with(&self, records: &[Record], institution: &InstitutionCode, now: Timestamp) -> (Trail, Addition) {
        let (mut trail, mut addition) = (self.clone(), Addition::default());
        for record in records {
            let position = trail.size();
            let entry = Entry::of(record, institution.as_str(), position, trail.previous, now.0).encode();
            if addition.batches.is_empty() || position.is_multiple_of(TILE_WIDTH) {
                addition.batches.push(Batch { first: position, size: position, entries: Vec::new() });
                addition.records.push(Vec::new());
            }
            if let (Some(batch), Some(ids)) = (addition.batches.last_mut(), addition.records.last_mut()) {
                put_entry(&mut batch.entries, &entry);
                batch.size = position + 1;
                ids.push(AuditId(Uuid::from_bytes(record.id)));
            }
            trail.previous = leaf_hash(&entry);
            trail.edge.push(trail.previous, |tile| addition.tiles.push(tile));
        }
        (trail, addition)
    }

    /// The root it had at an earlier size.
    ///
    /// # Errors
    /// [`AuditFault::Broken`] when a tile is missing.
    pub async fn root_at(&self, read: &mut Session, size: u64) -> Result<Hash, AuditFault> {
        self.range(read, 0, size).await
    }

    /// The hashes that prove that it begins with what it was at an earlier size.
    ///
    /// # Errors
    /// [`AuditFault::Broken`] when a tile is missing.
    pub async fn prove_from(&self, read: &mut Session, old: u64, size: u64) -> Result<Vec<Hash>, AuditFault> {
        let mut hashes = Vec::new();
        for (first, end) in proof::consistency(old, size) {
            hashes.push(self.range(read, first, end).await?);
        }
        Ok(hashes)
    }

    async fn range(&self, read: &mut Session, first: u64, end: u64) -> Result<Hash, AuditFault> {
        let mut parts = Vec::new();
        let mut kept: Option<((u8, u64), Vec<Hash>)> = None;
        for node in nodes_of(first, end) {
            let place = node.tile();
            let tile = match kept.take() {
                Some((at, tile)) if at == place => tile,
                _ => self.tile(read, place).await?,
            };
            parts.push(hash_in(node, &tile)?);
            kept = Some((place, tile));
        }
        Ok(fold(&parts))
    }

    async fn tile(&self, read: &mut Session, (level, index): (u8, u64)) -> Result<Vec<Hash>, AuditFault> {
        if index == self.size().checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0) {
            return Ok(self.edge.level(level).to_vec());
        }
        let tile = read.find_tile(level, index).await?;
        tile.ok_or_else(|| AuditFault::Broken(format!("the tile {index} of level {level} is missing")))
    }
}

fn hash_in(node: Node, tile: &[Hash]) -> Result<Hash, AuditFault> {
    node.hash(tile).ok_or_else(|| AuditFault::Broken("a tile is too short".into()))
}

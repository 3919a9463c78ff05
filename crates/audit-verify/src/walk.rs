//! From the first entry to the last: each against its hash, its neighbour, its record and the checkpoints.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use renkei_audit_trail::entry::{Entry, REMOVED, Record, removed_positions};
use renkei_audit_trail::tile::{self, Kind};
use renkei_audit_trail::tree::{Edge, FullTile, TILE_WIDTH, leaf_hash};
use renkei_audit_trail::{Hash, entry};

use crate::{Fault, Signed};

/// Walks the whole export; returns how many records were deleted and said so.
pub(crate) fn walk(folder: &Path, size: u64, signed: &[Signed]) -> Result<u64, Fault> {
    let mut walk = Walk {
        folder,
        checkpoints: signed.iter().peekable(),
        proved: 0,
        edge: Edge::default(),
        previous: [0; 32],
        institution: None,
        seen: HashSet::new(),
        missing: Vec::new(),
        removed: Vec::new(),
    };
    walk.compare_roots()?;
    for (index, width) in tile::tiles(0, size) {
        walk.bundle(index, width)?;
    }
    walk.upper_edges(size)?;
    walk.account_for_missing()
}

struct Walk<'a> {
    folder: &'a Path,
    checkpoints: std::iter::Peekable<std::slice::Iter<'a, Signed>>,
    /// Up to here the entries are proved by a checkpoint.
    proved: u64,
    edge: Edge,
    previous: Hash,
    institution: Option<String>,
    seen: HashSet<[u8; 16]>,
    /// Positions whose record is not there.
    missing: Vec<u64>,
    /// Ranges whose records the trail says were deleted.
    removed: Vec<(u64, u64)>,
}

impl Walk<'_> {
    fn read(&self, kind: Kind, index: u64, width: u64) -> Result<Vec<u8>, Fault> {
        let level = if let Kind::Hashes(level) = kind { u32::from(level) } else { 0 };
        let first = index.saturating_mul(TILE_WIDTH) << (8 * level).min(63);
        let path = tile::path(kind, index, width);
        fs::read(self.folder.join(&path)).map_err(|error| Fault::at(first, format!("{path}: {error}")))
    }

    fn bundle(&mut self, index: u64, width: u64) -> Result<(), Fault> {
        let first = index * TILE_WIDTH;
        let (entries, records) = (self.read(Kind::Entries, index, width)?, self.read(Kind::Records, index, width)?);
        let hashes = self.read(Kind::Hashes(0), index, width)?;
        let hashes = tile::read_hashes(&hashes).map_err(|_| Fault::at(first, "the tile of its hash is cut off"))?;
        let (entries, _) = tile::read_bundle(&entries);
        let (records, _) = tile::read_records(&records);
        for offset in 0..usize::try_from(width).unwrap_or(0) {
            let at = first + offset as u64;
            let entry = entries.get(offset).ok_or_else(|| Fault::at(at, "the entry is missing"))?;
            let record = records.get(offset).ok_or_else(|| Fault::at(at, "the record's place is missing"))?;
            let hash = hashes.get(offset).ok_or_else(|| Fault::at(at, "its hash is missing"))?;
            self.entry(at, entry, record, hash)?;
        }
        let more = [entries.len(), records.len(), hashes.len()].into_iter().max().unwrap_or(0) as u64;
        if more > width { Err(Fault::at(first + width, "an entry too many")) } else { Ok(()) }
    }

    fn entry(&mut self, at: u64, bytes: &[u8], record: &[u8], hash: &Hash) -> Result<(), Fault> {
        let fault = |what: &str| Fault::at(at, what);
        let leaf = leaf_hash(bytes);
        let entry = Entry::decode(bytes).map_err(|_| fault("the entry can't be read"))?;
        if entry.position != at {
            return Err(fault(&format!("the entry is of position {}", entry.position)));
        }
        if entry.previous != self.previous {
            let what = "the entry does not follow the one before it: one of the two was changed".to_owned();
            return Err(Fault { index: Some(at.saturating_sub(1)), before: Some(at + 1), what });
        }
        if leaf != *hash {
            return Err(fault("the entry is not the one that was hashed"));
        }
        if self.institution.get_or_insert_with(|| entry.institution.clone()) != &entry.institution {
            return Err(fault("the entry is of another institution"));
        }
        if !self.seen.insert(entry.id) {
            return Err(fault("the record stands in the trail twice"));
        }
        self.record(at, &entry, record)?;
        self.previous = leaf;
        let mut full = Vec::new();
        self.edge.push(leaf, |tile| full.push(tile));
        full.iter().try_for_each(|tile| self.upper_tile(tile))?;
        self.compare_roots()
    }

    fn record(&mut self, at: u64, entry: &Entry, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.is_empty() {
            self.missing.push(at);
            return Ok(());
        }
        let record = Record::decode(bytes).map_err(|entry::Malformed| Fault::at(at, "the record can't be read"))?;
        if !entry.tells_of(&record) {
            return Err(Fault::at(at, "the record is not the one that was sealed"));
        }
        if entry.action == REMOVED {
            self.removed.extend(record.object.as_deref().and_then(removed_positions));
        }
        Ok(())
    }

    fn upper_tile(&self, tile: &FullTile) -> Result<(), Fault> {
        if tile.level == 0 { Ok(()) } else { self.compare_tile(tile.level, tile.index, TILE_WIDTH, &tile.hashes) }
    }

    /// The tiles above the lowest that are not full.
    fn upper_edges(&self, size: u64) -> Result<(), Fault> {
        for level in tile::levels(size).skip(1) {
            if let Some((index, width)) = tile::tiles(level, size).last()
                && width < TILE_WIDTH
            {
                self.compare_tile(level, index, width, self.edge.level(level))?;
            }
        }
        Ok(())
    }

    fn compare_tile(&self, level: u8, index: u64, width: u64, hashes: &[Hash]) -> Result<(), Fault> {
        let bytes = self.read(Kind::Hashes(level), index, width)?;
        if bytes == tile::write_hashes(hashes) {
            return Ok(());
        }
        let wrong = bytes.chunks(32).zip(hashes).position(|(there, right)| there != right).unwrap_or(0) as u64;
        let first = (index * TILE_WIDTH + wrong) << (8 * u32::from(level)).min(63);
        Err(Fault::at(first, format!("{} is not of these entries", tile::path(Kind::Hashes(level), index, width))))
    }

    /// Each checkpoint of the present size must have the present root.
    fn compare_roots(&mut self) -> Result<(), Fault> {
        let size = self.edge.size();
        while let Some(signed) = self.checkpoints.next_if(|signed| signed.checkpoint.size == size) {
            if signed.checkpoint.root != self.edge.root() {
                let what = format!("these entries are not those that were signed at size {size}");
                return Err(Fault { index: Some(self.proved), before: Some(size), what });
            }
            self.proved = size;
        }
        Ok(())
    }

    fn account_for_missing(self) -> Result<u64, Fault> {
        let noted = |at: &u64| self.removed.iter().any(|(first, last)| (first..=last).contains(&at));
        match self.missing.iter().find(|at| !noted(at)) {
            Some(at) => Err(Fault::at(*at, "the record was deleted, and nothing in the trail says so")),
            None => Ok(self.missing.len() as u64),
        }
    }
}

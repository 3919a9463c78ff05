//! The trail as a folder: tiles, entries, records and checkpoints, for an auditor or another machine. A folder that is
//! there already is added to, if the trail goes on from it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use renkei_audit_trail::checkpoint::Checkpoint;
use renkei_audit_trail::entry::{Entry, Record};
use renkei_audit_trail::note::{Note, SignatureLine};
use renkei_audit_trail::tile::{self, Kind, put_entry, put_record, read_bundle};
use renkei_audit_trail::tree::{TILE_WIDTH, leaf_hash};
use renkei_domain::id::AuditId;
use renkei_domain::institution::InstitutionCode;
use renkei_store::audit_checkpoints::StoredCheckpoint;
use renkei_store::{Session, Store};
use uuid::Uuid;

use super::AuditFault;
use super::trail::Trail;

/// Checkpoints read at once.
const CHECKPOINTS: u32 = 1_000;

/// What an export has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Entries in the folder before.
    pub before: u64,
    /// Entries in the folder now: as many as the newest signature is about.
    pub size: u64,
}

/// Writes what is signed and not in the folder yet. It is whole again, at its earlier size or the new one, at every
/// instant.
///
/// # Errors
/// [`AuditFault::Forked`] when the trail does not go on from what is in the folder; nothing in it has changed then.
pub async fn export(
    store: &Store,
    institution: &InstitutionCode,
    folder: &Path,
) -> Result<Option<Exported>, AuditFault> {
    let mut read = store.read(institution);
    let before = find_before(folder)?;
    if let Some(before) = &before {
        expect_to_go_on(&mut read, before).await?;
    }
    let old = before.map_or(0, |before| before.size);
    let new = signed_beyond(&mut read, old).await?;
    let Some(newest) = new.last() else {
        return Ok((old > 0).then_some(Exported { before: old, size: old }));
    };
    let size = newest.checkpoint.size;
    let mut export = Export { folder, read, old, size };
    export.write_bundles().await?;
    export.write_upper_tiles().await?;
    export.write_keys().await?;
    export.add_checkpoints(&new)?;
    export.write("checkpoint", note(newest)?.to_string().as_bytes())?;
    export.drop_unfinished();
    Ok(Some(Exported { before: old, size }))
}

fn find_before(folder: &Path) -> Result<Option<Checkpoint>, AuditFault> {
    let path = folder.join("checkpoint");
    let failed = |error: &dyn std::fmt::Display| AuditFault::File(format!("{}: {error}", path.display()));
    match fs::read_to_string(&path) {
        Ok(text) => {
            let note = Note::parse(&text).map_err(|error| failed(&error))?;
            Checkpoint::parse(&note.text).map(Some).map_err(|error| failed(&error))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

async fn expect_to_go_on(read: &mut Session, before: &Checkpoint) -> Result<(), AuditFault> {
    let mut trail = None;
    while trail.is_none() {
        trail = Trail::load(read).await?;
    }
    let trail = trail.unwrap_or_default();
    let Checkpoint { size, root, .. } = before;
    if *size > trail.size() || trail.root_at(read, *size).await? != *root {
        let now = trail.size();
        return Err(AuditFault::Forked(format!(
            "the folder holds {size} signed entries which are not the beginning of the {now} in the store"
        )));
    }
    Ok(())
}

async fn signed_beyond(read: &mut Session, old: u64) -> Result<Vec<StoredCheckpoint>, AuditFault> {
    let mut all: Vec<StoredCheckpoint> = Vec::new();
    loop {
        let beyond = all.last().map_or(old, |last| last.checkpoint.size);
        let mut some = read.list_signed_checkpoints(beyond, CHECKPOINTS).await?;
        if some.is_empty() {
            return Ok(all);
        }
        all.append(&mut some);
    }
}

fn note(stored: &StoredCheckpoint) -> Result<Note, AuditFault> {
    let lines = stored.signatures.iter().map(|line| SignatureLine::parse(line));
    let signatures = lines.collect::<Result<Vec<_>, _>>().map_err(|error| AuditFault::Broken(error.to_string()))?;
    Ok(Note { text: stored.checkpoint.to_string(), signatures })
}

struct Export<'a> {
    folder: &'a Path,
    read: Session,
    old: u64,
    size: u64,
}

impl Export<'_> {
    /// Entries with their hashes and records. What is not there is not written: the verifier says which.
    async fn write_bundles(&mut self) -> Result<(), AuditFault> {
        let done = self.old / TILE_WIDTH;
        for (index, width) in tile::tiles(0, self.size).skip_while(|(index, _)| *index < done) {
            let batches = self.read.list_batches(index * TILE_WIDTH).await?;
            let bytes: Vec<u8> = batches.into_iter().flat_map(|batch| batch.entries).collect();
            let (mut entries, _) = read_bundle(&bytes);
            entries.truncate(usize::try_from(width).unwrap_or(usize::MAX));
            let (mut bundle, mut records) = (Vec::new(), Vec::new());
            entries.iter().for_each(|entry| put_entry(&mut bundle, entry));
            for record in self.records(&entries).await? {
                put_record(&mut records, &record.map(|record| record.encode()).unwrap_or_default());
            }
            let hashes = match self.read.find_tile(0, index).await? {
                Some(hashes) => hashes.into_iter().take(entries.len()).collect(),
                None => entries.iter().map(|entry| leaf_hash(entry)).collect::<Vec<_>>(),
            };
            self.write(&tile::path(Kind::Records, index, width), &records)?;
            self.write(&tile::path(Kind::Entries, index, width), &bundle)?;
            self.write(&tile::path(Kind::Hashes(0), index, width), &tile::write_hashes(&hashes))?;
        }
        Ok(())
    }

    /// The records of these entries as they stand now; none for one that is gone.
    async fn records(&mut self, entries: &[&[u8]]) -> Result<Vec<Option<Record>>, AuditFault> {
        let ids: Vec<Option<AuditId>> = entries.iter().map(|entry| id_of(entry)).collect();
        let (Some(from), Some(until)) = (ids.iter().flatten().min(), ids.iter().flatten().max()) else {
            return Ok(vec![None; entries.len()]);
        };
        // They are neighbours, but for those that came late.
        let limit = u32::try_from(2 * entries.len()).unwrap_or(u32::MAX);
        let near = self.read.records_between(*from, *until, limit).await?;
        let mut near: BTreeMap<[u8; 16], Record> = near.into_iter().map(|record| (record.id, record)).collect();
        let mut records = Vec::with_capacity(entries.len());
        for id in ids {
            let Some(id) = id else {
                records.push(None);
                continue;
            };
            let found = near.remove(id.0.as_bytes());
            records.push(if found.is_some() { found } else { self.read.audit_record(id).await? });
        }
        Ok(records)
    }

    async fn write_upper_tiles(&mut self) -> Result<(), AuditFault> {
        for level in tile::levels(self.size).skip(1) {
            let done = self.old >> (8 * (u32::from(level) + 1)).min(63);
            for (index, width) in tile::tiles(level, self.size).skip_while(|(index, _)| *index < done) {
                let mut hashes = self.read.list_tile_roots(level - 1, index * TILE_WIDTH).await?;
                hashes.truncate(usize::try_from(width).unwrap_or(usize::MAX));
                self.write(&tile::path(Kind::Hashes(level), index, width), &tile::write_hashes(&hashes))?;
            }
        }
        Ok(())
    }

    async fn write_keys(&mut self) -> Result<(), AuditFault> {
        let mut text =
            String::from("# For reading alone. Verify with keys that you got from the institution itself.\n");
        for key in self.read.list_audit_keys().await? {
            text.push_str(&key.verifier);
            text.push('\n');
        }
        self.write("keys", text.as_bytes())
    }

    fn add_checkpoints(&self, new: &[StoredCheckpoint]) -> Result<(), AuditFault> {
        // A run that was cut off may have added some already: what is beyond the newest of before is written anew.
        let path = self.folder.join("checkpoints");
        let mut text = if self.old > 0 { self.kept_checkpoints(&path)? } else { String::new() };
        for stored in new {
            text.push_str(&note(stored)?.to_string());
        }
        self.write("checkpoints", text.as_bytes())
    }

    fn kept_checkpoints(&self, path: &Path) -> Result<String, AuditFault> {
        let failed = |error: &dyn std::fmt::Display| AuditFault::File(format!("{}: {error}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
        let notes = Note::parse_all(&text).map_err(|error| failed(&error))?;
        let old = |note: &&Note| Checkpoint::parse(&note.text).is_ok_and(|one| one.size <= self.old);
        Ok(notes.iter().filter(old).map(Note::to_string).collect())
    }

    /// Writes a file as a whole or not at all.
    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), AuditFault> {
        let path = self.folder.join(path);
        let part = PathBuf::from(format!("{}.new", path.display()));
        let written = || -> std::io::Result<()> {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut file: File = OpenOptions::new().write(true).create(true).truncate(true).open(&part)?;
            file.write_all(bytes)?;
            file.sync_data()?;
            fs::rename(&part, &path)
        };
        written().map_err(|error| AuditFault::File(format!("{}: {error}", path.display())))
    }

    /// The unfinished tiles of before have wider ones beside them now. Where they can't be deleted they do no harm.
    fn drop_unfinished(&self) {
        if self.old == self.size {
            return;
        }
        let upper = tile::levels(self.old).map(Kind::Hashes);
        for kind in upper.chain([Kind::Entries, Kind::Records]) {
            let level = if let Kind::Hashes(level) = kind { level } else { 0 };
            let same = tile::tiles(level, self.size).any(|one| tile::tiles(level, self.old).last() == Some(one));
            if let Some((index, width)) = tile::tiles(level, self.old).last()
                && width < TILE_WIDTH
                && !same
            {
                let path = self.folder.join(tile::path(kind, index, width));
                let _ = fs::remove_file(&path);
                let _ = path.parent().map(fs::remove_dir);
            }
        }
    }
}

fn id_of(entry: &[u8]) -> Option<AuditId> {
    Entry::decode(entry).ok().map(|entry| AuditId(Uuid::from_bytes(entry.id)))
}

//! Verifies an exported audit trail, away from the installation it came from: the folder and the public keys are all
//! that is needed, and nothing in the folder is believed.

mod walk;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use renkei_audit_trail::checkpoint::Checkpoint;
use renkei_audit_trail::note::{Note, VerifierKey};

/// What the auditor knows from elsewhere.
#[derive(Debug, Default)]
pub struct Trust {
    /// Keys of the trail.
    pub keys: Vec<VerifierKey>,
    /// Keys of witnesses. With any, the trail must have been cosigned by one of them.
    pub witnesses: Vec<VerifierKey>,
    /// Signed checkpoints held since earlier, or by a witness: the trail must go on from each.
    pub held: Vec<String>,
}

/// A trail that is as it was signed.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// The trail's name.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// Checkpoints whose signature and root are right.
    pub checkpoints: usize,
    /// The largest size a witness cosigned, and when (seconds since 1970).
    pub cosigned: Option<(u64, u64)>,
    /// Records that were deleted, and said so in the trail.
    pub removed: u64,
}

/// The first thing that is not as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The first bad entry, or the first that may be.
    pub index: Option<u64>,
    /// Where only a range is known: the first entry after it.
    pub before: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl Fault {
    fn at(index: u64, what: impl Into<String>) -> Fault {
        Fault { index: Some(index), before: None, what: what.into() }
    }

    fn of(what: impl Into<String>) -> Fault {
        Fault { index: None, before: None, what: what.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.index, self.before) {
            (Some(first), Some(before)) => {
                write!(f, "first bad index: from {first} to {}: {}", before.saturating_sub(1), self.what)
            }
            (Some(index), None) => write!(f, "first bad index: {index}: {}", self.what),
            (None, _) => write!(f, "{}", self.what),
        }
    }
}

/// A checkpoint whose signature is right.
struct Signed {
    checkpoint: Checkpoint,
    cosigned: Option<u64>,
}

/// Verifies an export.
///
/// # Errors
/// The first [`Fault`].
pub fn verify(folder: &Path, trust: &Trust) -> Result<Report, Fault> {
    let newest = trust.read(&read_text(&folder.join("checkpoint"))?, "the checkpoint")?;
    let mut signed = Vec::new();
    for note in Note::parse_all(&read_text(&folder.join("checkpoints"))?).map_err(|_| unreadable("checkpoints"))? {
        signed.push(trust.check(&note, "a checkpoint of the export")?);
    }
    for text in &trust.held {
        signed.push(trust.read(text, "a checkpoint that was given")?);
    }
    let (origin, size) = (newest.checkpoint.origin.clone(), newest.checkpoint.size);
    signed.push(newest);
    signed.sort_by_key(|signed| signed.checkpoint.size);
    if let Some(larger) = signed.iter().find(|signed| signed.checkpoint.size > size) {
        let held = larger.checkpoint.size;
        let what = format!("entries are missing at the end: {held} were signed, the export has {size}");
        return Err(Fault { index: Some(size), before: Some(held), what });
    }
    let removed = walk::walk(folder, size, &signed)?;
    let cosigned = signed.iter().rev().find_map(|signed| Some((signed.checkpoint.size, signed.cosigned?)));
    if cosigned.is_none() && !trust.witnesses.is_empty() {
        return Err(Fault::of("no checkpoint is cosigned by a witness that was named"));
    }
    Ok(Report { origin, size, checkpoints: signed.len(), cosigned, removed })
}

impl Trust {
    fn read(&self, text: &str, which: &str) -> Result<Signed, Fault> {
        let note = Note::parse(text).map_err(|error| Fault::of(format!("{which} is {error}")))?;
        self.check(&note, which)
    }

    fn check(&self, note: &Note, which: &str) -> Result<Signed, Fault> {
        let checkpoint = Checkpoint::parse(&note.text).map_err(|error| Fault::of(format!("{which} is {error}")))?;
        let mine = self.keys.iter().filter(|key| key.name == checkpoint.origin);
        if mine.filter_map(|key| key.verify(note)).next().is_none() {
            let Checkpoint { origin, size, .. } = checkpoint;
            return Err(Fault::of(format!("{which} ({origin}, size {size}) is not signed by a key that was given")));
        }
        let cosigned = self.witnesses.iter().filter_map(|key| key.verify(note)).max();
        Ok(Signed { checkpoint, cosigned })
    }
}

fn unreadable(what: &str) -> Fault {
    Fault::of(format!("{what} can't be read"))
}

fn read_text(path: &Path) -> Result<String, Fault> {
    fs::read_to_string(path).map_err(|error| Fault::of(format!("{}: {error}", path.display())))
}

/// Reads verifier keys from a file: one a line; empty lines and lines that begin with `#` are passed over.
///
/// # Errors
/// A sentence about the file.
pub fn read_keys(path: &PathBuf) -> Result<Vec<VerifierKey>, String> {
    let failed = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.parse().map_err(|error| failed(&error))).collect()
}

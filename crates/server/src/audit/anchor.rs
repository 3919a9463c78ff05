//! A node's own memory of what it signed, in a file beside the database and not in it: who puts an older state of the
//! database in place is found out by the next signature.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use renkei_audit_trail::checkpoint::Checkpoint;
use renkei_domain::institution::InstitutionCode;

use super::AuditFault;

fn path(folder: &Path, institution: &InstitutionCode) -> PathBuf {
    folder.join(format!("{institution}.checkpoint"))
}

/// The last checkpoint this node signed, if it did.
///
/// # Errors
/// [`AuditFault::File`] when there is one that can't be read.
pub fn read(folder: &Path, institution: &InstitutionCode) -> Result<Option<Checkpoint>, AuditFault> {
    let path = path(folder, institution);
    let failed = |error: &dyn std::fmt::Display| AuditFault::File(format!("{}: {error}", path.display()));
    match fs::read_to_string(&path) {
        Ok(text) => Checkpoint::parse(&text).map(Some).map_err(|error| failed(&error)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

/// Remembers a checkpoint, durably, in place of the last one.
///
/// # Errors
/// [`AuditFault::File`].
pub fn write(folder: &Path, institution: &InstitutionCode, checkpoint: &Checkpoint) -> Result<(), AuditFault> {
    let path = path(folder, institution);
    let part = path.with_extension("new");
    let written = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = File::create(&part)?;
        file.write_all(checkpoint.to_string().as_bytes())?;
        file.sync_all()?;
        fs::rename(&part, &path)?;
        File::open(folder)?.sync_all()
    };
    written().map_err(|error| AuditFault::File(format!("{}: {error}", path.display())))
}

//! The demo's files: made once in its folder, read from then on, private ones for their owner alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::commands::CommandError;

/// Writes a file whole: under another name first, so that a demo that was stopped half-way leaves none cut off.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    let beside = path.with_extension("part");
    let written = (|| -> io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        fs::rename(&beside, path)
    })();
    written.map_err(|error| failed(path, &error))
}

/// Reads a file.
pub fn read(path: &Path) -> Result<String, CommandError> {
    fs::read_to_string(path).map_err(|error| failed(path, &error))
}

/// Where a path is, written out in full for whoever reads it elsewhere.
pub fn full(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn failed(path: &Path, error: &io::Error) -> CommandError {
    CommandError::Setup(format!("{}: {error}", path.display()))
}

//! Who may read what, and how much room is left.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Finding;
use crate::ballast;
use crate::commands::data::DataArgs;
use crate::config::Config;

/// Bytes that should be left on the disk.
const FREE_BYTES_MIN: u64 = 2 << 30;
/// The part of the disk that should be left, in hundredths.
const FREE_PERCENT_MIN: u64 = 5;
/// A write-ahead log beyond this is not being taken into the database.
const LOG_BYTES_MAX: u64 = 512 << 20;
/// Permission bits of anybody but the owner.
const OTHERS: u32 = 0o077;

/// Files that nobody but their owner may read, and the database's log.
#[must_use]
pub fn judge_files(args: &DataArgs, config: Option<&Config>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut private = vec![(args.master_key_path(), "keys_readable", "the master key")];
    let has_password = config.is_some_and(|config| config.postgres.is_some());
    if has_password {
        private.push((
            args.config_path(),
            "configuration_readable",
            "the configuration, with the database's password,",
        ));
    }
    for database in ["renkei.db", "renkei.db-wal"] {
        private.push((args.data.join(database), "database_readable", "the database"));
    }
    let folder_is_private = mode(&args.data).is_some_and(|mode| mode & OTHERS == 0);
    for (path, name, what) in private {
        let inside = path.starts_with(&args.data);
        if mode(&path).is_some_and(|mode| mode & OTHERS != 0) && !(inside && folder_is_private) {
            let path = path.display();
            let what = format!("{what} {path} can be read by others than its owner");
            found.push(Finding::problem(name, what, format!("chmod 600 {path}")));
        }
    }
    found.extend(judge_ballast(&args.data));
    let log = args.data.join("renkei.db-wal");
    if let Ok(bytes) = fs::metadata(&log).map(|log| log.len())
        && bytes > LOG_BYTES_MAX
    {
        let what = format!("the write-ahead log {} has grown to {} MiB", log.display(), bytes >> 20);
        let advice = "a backup or another reader may hold it open: end that; restart the server if it does not shrink";
        found.push(Finding::problem("log_size", what, advice));
    }
    found
}

/// The room that is kept for a full disk; only a server on SQLite keeps any.
fn judge_ballast(data: &Path) -> Option<Finding> {
    let path = ballast::path(data);
    let bytes = fs::metadata(&path).ok()?.len();
    (bytes < ballast::BYTES).then(|| {
        let what = format!(
            "the disk was found full: the room that was kept in {} is given up, and nothing new is begun",
            path.display()
        );
        let advice = "make room; the server fills it again by itself once 32 MiB are free, and goes on";
        Finding::problem("ballast", what, advice)
    })
}

fn mode(path: &Path) -> Option<u32> {
    Some(fs::metadata(path).ok()?.permissions().mode())
}

/// Room on a disk, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    /// For this user.
    pub free: u64,
    /// In all.
    pub total: u64,
}

impl Disk {
    /// That of the disk a folder is on.
    ///
    /// # Errors
    /// When the operating system can't say.
    pub fn of(folder: &Path) -> io::Result<Disk> {
        let disk = rustix::fs::statvfs(folder)?;
        Ok(Disk { free: disk.f_bavail * disk.f_frsize, total: disk.f_blocks * disk.f_frsize })
    }
}

/// Whether there is room.
#[must_use]
pub fn judge_disk(disk: Disk) -> Option<Finding> {
    if disk.free >= FREE_BYTES_MIN && disk.free / 100 * 100 >= disk.total / 100 * FREE_PERCENT_MIN {
        return None;
    }
    let what = format!("{} MiB of {} MiB are left on the disk of the data folder", disk.free >> 20, disk.total >> 20);
    Some(Finding::problem("disk_space", what, "make room: when it is full nothing can be permitted or read"))
}

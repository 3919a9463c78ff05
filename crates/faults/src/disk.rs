//! A disk that fails on purpose, mounted with FUSE: it keeps writes in memory until they are flushed and loses them when
//! the power fails, tears the last one, lies about flushes, fails one, takes its time, or is full.
//!
//! A new name counts as kept only once its folder was flushed, which is less than most file systems promise.

pub mod files;
mod fuse;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fuser::{BackgroundSession, MountOption};

use files::Files;
pub use files::Loss;
use fuse::Answers;

use crate::{Trouble, trouble};

/// How the disk behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plan {
    /// Flushes are answered and not made.
    pub lies: bool,
    /// The flush of this number, counted from 1 since the plan is in force, fails once.
    pub fails_at: Option<u64>,
    /// How long flushes take: from, to.
    pub slow: Option<(Duration, Duration)>,
    /// Bytes it holds.
    pub capacity: Option<u64>,
}

/// What the disk and those who look at it share.
#[derive(Debug, Default)]
pub struct Shared {
    files: Files,
    plan: Plan,
    flushes: u64,
    handles: u64,
    /// Handles through which a flush failed.
    failed: BTreeSet<(u64, u64)>,
    /// Flushes that were tried again through one of those.
    tried_again: usize,
}

impl Shared {
    fn new_handle(&mut self) -> u64 {
        self.handles += 1;
        self.handles
    }

    /// Flushes a file; false: it failed.
    fn sync(&mut self, number: u64, handle: u64) -> bool {
        self.flushes += 1;
        if self.failed.contains(&(number, handle)) {
            self.tried_again += 1;
        }
        if self.plan.fails_at == Some(self.flushes) {
            self.failed.insert((number, handle));
            self.files.forget(number);
            return false;
        }
        if !self.plan.lies {
            self.files.flush(number);
        }
        true
    }

    fn sync_folder(&mut self, number: u64) {
        if !self.plan.lies {
            self.files.flush(number);
        }
    }

    fn next_delay(&self) -> Duration {
        // Not by chance, so that every length comes up.
        let part = u32::try_from(self.flushes * 7 % 10).unwrap_or_default();
        self.plan.slow.map_or(Duration::ZERO, |(from, to)| from + (to - from) * part / 9)
    }
}

/// A mounted disk.
pub struct Disk {
    folder: tempfile::TempDir,
    shared: Arc<Mutex<Shared>>,
    session: Option<BackgroundSession>,
}

impl Disk {
    /// Whether this machine can have one; if not, what is missing.
    ///
    /// # Errors
    /// In words.
    pub fn can_be_had() -> Result<(), Trouble> {
        if !Path::new("/dev/fuse").exists() {
            return Err(
                "there is no /dev/fuse: load the kernel's module `fuse`, or give the container the device".into()
            );
        }
        Disk::mount().map(drop)
    }

    /// An empty one.
    ///
    /// # Errors
    /// When FUSE is missing or forbidden.
    pub fn mount() -> Result<Disk, Trouble> {
        let folder = tempfile::tempdir().map_err(trouble("a folder"))?;
        let mut disk = Disk { folder, shared: Arc::default(), session: None };
        disk.turn_on()?;
        Ok(disk)
    }

    fn turn_on(&mut self) -> Result<(), Trouble> {
        let mut config = fuser::Config::default();
        config.mount_options = vec![MountOption::FSName("renkei-faults".into()), MountOption::DefaultPermissions];
        let mounted = fuser::spawn_mount(Answers(Arc::clone(&self.shared)), self.folder.path(), &config);
        self.session = Some(mounted.map_err(|error| {
            format!(
                "no disk can be mounted with FUSE: {error} (root, or `fusermount3` of the package fuse3, and the \
                     right to use /dev/fuse)"
            )
        })?);
        Ok(())
    }

    fn turn_off(&mut self) -> Result<(), Trouble> {
        let Some(session) = self.session.take() else { return Ok(()) };
        session.umount_and_join().map_err(trouble("unmounting"))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// From here on it behaves like this; flushes are counted anew.
    pub fn behave(&self, plan: Plan) {
        let mut shared = self.shared();
        shared.plan = plan;
        shared.flushes = 0;
    }

    /// Flushes since it was last told how to behave.
    #[must_use]
    pub fn flushes(&self) -> u64 {
        self.shared().flushes
    }

    /// Bytes in use.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.shared().files.used()
    }

    /// Flushes that were tried again through a handle on which one had failed.
    #[must_use]
    pub fn tried_again(&self) -> usize {
        self.shared().tried_again
    }

    /// Makes everything durable, whatever it was told.
    pub fn flush_all(&self) {
        self.shared().files.flush_all();
    }

    /// The power fails and comes back; nobody may have a file open. Tells how many writes were not flushed.
    ///
    /// # Errors
    /// When somebody has.
    pub fn lose_power(&mut self, loss: Loss) -> Result<usize, Trouble> {
        self.turn_off()?;
        let lost = self.shared().files.lose(loss);
        self.turn_on()?;
        Ok(lost)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever still has a file open is part of the test, and gone in a moment.
        let _ = self.turn_off();
    }
}

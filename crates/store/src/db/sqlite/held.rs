//! A read lock that is held while nobody reads.
//!
//! Each statement of a reader takes a lock in the index of the log and gives it back, two calls of the kernel, unless
//! another connection of this process has the same lock already. So one holds it, as of the last commit: it looks at the
//! file again after each. Nothing is read over it, and nobody trusts it: whoever reads still looks where the log ends.
//!
//! A log begins anew only when nobody reads from it. So who holds moves on as soon as the log was taken into the file, and
//! gives way to other processes that write, whose commits nobody tells us of.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::{StoreError, run, translate};

/// Between two looks whether another process writes.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// The lock, and what was seen of others.
pub(super) struct Held {
    reader: Connection,
    pub(super) is_held: bool,
    /// Changes with each commit of another process.
    others: Option<i64>,
    looked_at: Option<Instant>,
}

impl Held {
    /// Not held before the first look.
    pub(super) const fn new(reader: Connection) -> Held {
        Held { reader, is_held: false, others: None, looked_at: None }
    }

    /// Holds the lock as of now, if it is held at all. For after a commit.
    pub(super) fn follow(&mut self) {
        if self.is_held {
            self.is_held = self.hold().is_ok();
        }
    }

    /// Whether it is time to look at what others do.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.looked_at.is_none_or(|at| now.duration_since(at) >= LOOK)
    }

    /// Holds the lock if no other process has written since the last look, which was some time ago, and gives it back if
    /// one has, or may have. `true`: it may have. For between two transactions of the writer.
    pub(super) fn look(&mut self, writer: &Connection, now: Instant) -> bool {
        self.looked_at = Some(now);
        let others = writer.pragma_query_value(None, "data_version", |row| row.get(0)).ok();
        let is_quiet = others.is_some() && others == self.others;
        self.others = others;
        self.is_held = if is_quiet { self.hold() } else { self.give_back() }.is_ok() && is_quiet;
        !is_quiet
    }

    fn hold(&mut self) -> Result<(), StoreError> {
        self.give_back()?;
        run(&self.reader, "BEGIN")?;
        // A transaction begins with its first read.
        let read = self.reader.prepare_cached("SELECT 1 FROM sqlite_master LIMIT 1").and_then(|mut any| any.exists([]));
        read.map(drop).or_else(|error| self.give_back().and(Err(translate(error))))
    }

    fn give_back(&self) -> Result<(), StoreError> {
        if self.reader.is_autocommit() {
            return Ok(());
        }
        run(&self.reader, "ROLLBACK")
    }
}

//! The writing connection: its outer transaction, its log, and its end after an I/O error.

use std::fs::File;
use std::io::{self, ErrorKind as IoErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{oneshot, watch};

use super::held::Held;
use super::{StoreError, open_reader, run, translate};

/// Pages in the log from which on they are taken into the database file.
const LOG_PAGES: i32 = 4_000;
/// What the log is written anew in, in bytes.
const PART: usize = 1 << 20;

/// The writing connection and those who wait for its next commit.
pub(super) struct Writer {
    /// Spares readers the kernel's locks. Closed before the connection, which then takes the log into the file if it is
    /// the last one.
    pub(super) held: Held,
    pub(super) connection: Connection,
    pub(super) waiting: Vec<oneshot::Sender<Result<(), StoreError>>>,
    /// Pages in the log after the last commit.
    log_pages: Arc<AtomicI32>,
    log: PathBuf,
    /// Whether what this process found in the log is known to be on the disk.
    is_log_durable: bool,
    spent: watch::Sender<Option<String>>,
}

impl Writer {
    /// A writer of the database at this path, and what tells when it is spent.
    pub(super) fn new(
        mut connection: Connection,
        path: &Path,
    ) -> Result<(Writer, watch::Receiver<Option<String>>), StoreError> {
        let log_pages = Arc::new(AtomicI32::new(0));
        let noted = Arc::clone(&log_pages);
        // In place of the engine's own checkpoints, whose failures nobody is told of.
        let note = move |_: &mut rusqlite::hooks::Wal, pages| {
            noted.store(pages, Ordering::Relaxed);
            Ok(())
        };
        connection.wal_hook(Some(note)).map_err(translate)?;
        let (spent, look) = watch::channel(None);
        let log = log_of(path);
        let held = Held::new(open_reader(path)?);
        let writer = Writer { held, connection, waiting: Vec::new(), log_pages, log, is_log_durable: false, spent };
        Ok((writer, look))
    }

    /// Sees to it that there is an outer transaction.
    pub(super) fn open(&mut self) -> Result<(), StoreError> {
        if let Some(why) = self.spent.borrow().clone() {
            return Err(StoreError::Unavailable(why));
        }
        if !self.connection.is_autocommit() {
            return Ok(());
        }
        // Whoever waits was in one that the engine took back: on a full disk or an I/O error it does so by itself.
        for waiter in self.waiting.drain(..) {
            let _ = waiter.send(Err(taken_back()));
        }
        run(&self.connection, "BEGIN IMMEDIATE")?;
        if self.is_log_durable {
            return Ok(());
        }
        let written = write_anew(&self.log);
        self.is_log_durable = written.is_ok();
        written.map_err(|error| {
            self.take_back();
            if error.kind() == IoErrorKind::StorageFull {
                return StoreError::Unavailable(error.to_string());
            }
            StoreError::Unavailable(self.spend(&error))
        })
    }

    /// Makes durable what has gathered in the outer transaction.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        if let Some(why) = self.spent.borrow().clone() {
            return Err(StoreError::Unavailable(why));
        }
        if self.connection.is_autocommit() {
            return if self.waiting.is_empty() { Ok(()) } else { Err(taken_back()) };
        }
        let done = self.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        let Err(error) = done else { return Ok(()) };
        if is_io_failure(&error) {
            // The log may hold it, and may hold it tomorrow: only the next start can tell.
            let why = self.spend(&error);
            return Err(StoreError::Unknown(why));
        }
        self.take_back();
        Err(translate(error))
    }

    /// Takes the outer transaction back, if the engine has not. One that could not be would be committed with what comes
    /// later, and so nothing does.
    pub(super) fn take_back(&self) {
        let done = self.connection.execute_batch("ROLLBACK");
        if let (Err(error), false) = (done, self.connection.is_autocommit()) {
            self.give_up(&format!("what was written could not be taken back: {error}"));
        }
    }

    /// What is to be done after a commit, when everybody has been answered.
    pub(super) fn settle(&mut self, now: Instant) {
        self.held.follow();
        if self.shorten_log() {
            // The log begins anew only if nobody reads from it any more.
            self.held.follow();
        }
        if self.held.is_due(now) {
            self.look(now);
        }
    }

    /// Looks at what other processes do. As long as the lock was held, they could not take what they wrote into the file.
    pub(super) fn look(&mut self, now: Instant) {
        let have_others_written = self.held.look(&self.connection, now);
        if have_others_written && self.is_log_durable {
            self.take_log_in();
        }
    }

    /// Takes the log into the database file once it is long enough. `true`: it was tried.
    fn shorten_log(&mut self) -> bool {
        let is_long = self.log_pages.load(Ordering::Relaxed) >= LOG_PAGES;
        if is_long {
            self.take_log_in();
        }
        is_long
    }

    /// Takes the log into the database file, as far as readers allow it.
    fn take_log_in(&mut self) {
        if self.spent.borrow().is_some() {
            return;
        }
        let done = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        match done {
            Err(error) if is_io_failure(&error) => drop(self.spend(&error)),
            Err(error) => tracing::warn!(%error, "the log could not be taken into the database file"),
            Ok(()) => {}
        }
    }

    /// Writes nothing from here on, and says why.
    fn spend(&self, error: &dyn std::error::Error) -> String {
        let why = format!("the disk failed while something was made durable: {error}");
        self.give_up(&why);
        why
    }

    /// Writes nothing from here on.
    pub(super) fn give_up(&self, why: &str) {
        // Closing the file would flush it, and a flush after one that failed may succeed without the data.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        self.spent.send_replace(Some(why.to_owned()));
    }
}

/// The engine rolled the outer transaction back by itself: nothing in it stands.
pub(super) fn taken_back() -> StoreError {
    StoreError::Unavailable("the engine took the transaction back".into())
}

/// Where the log of a database is.
pub(super) fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
}

/// Writes a log's bytes over themselves and flushes them. After a flush that failed, the kernel may show the next process
/// what never came to the disk; what it goes on from would be gone with the next power failure, and all that follows
/// with it. Only whoever may write the database may do this.
fn write_anew(log: &Path) -> io::Result<()> {
    let file = match File::options().read(true).write(true).open(log) {
        Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut part = vec![0; PART];
    let mut at = 0;
    loop {
        let count = file.read_at(&mut part, at)?;
        let Some(read) = part.get(..count).filter(|read| !read.is_empty()) else { break };
        file.write_all_at(read, at)?;
        at += count as u64;
    }
    file.sync_all()
}

fn is_io_failure(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}

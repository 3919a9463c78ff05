//! SQLite in this process: one writer whose transactions share their flush, several readers.
//!
//! Group commit: transactions run one after another on the writer, each inside a savepoint of one outer transaction.
//! Whoever is done releases its savepoint and waits. A thread of its own takes the writer when the queue lets it
//! (the lock is first come, first served), writes the units that wait, commits the outer transaction with one flush, and
//! only then wakes everybody whose savepoint or unit was in it.
//!
//! An I/O error at a commit or at a checkpoint spends the writer: what the disk holds is not known then, and asking it
//! for another flush would only hide that. Nothing is written any more, and the process should end; the next start reads
//! what is really there.

mod held;
mod log;
mod look;
mod sync;
#[cfg(test)]
mod tests;
mod units;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{Mutex as QueueMutex, OwnedMutexGuard, oneshot, watch};

use super::unit::{Asked, TOGETHER_MAX, gone};
use super::value::{Param, Row, Value};
use super::{Bound, StoreError};
use crate::examine::Looked;
use units::{Units, write_units};
use writer::Writer;

/// Before this version a checkpoint racing a commit could corrupt the file.
const OLDEST_SAFE_VERSION: i32 = 3_051_003;
/// Connections for reading. Reads are short and run where they are called.
const READERS: usize = 4;
/// Prepared statements kept per connection; more than the program has.
const STATEMENTS_KEPT: usize = 256;
/// What `PRAGMA synchronous` says when every commit is flushed.
const FULL: i64 = 2;
/// What the writer keeps of the file, in KiB: what it writes again and again. A commit looks through all of it whenever
/// pages of a table have changed places, which is why it is no more.
const WRITER_KEEPS_KIB: u32 = 4_096;
/// How long to wait for another process that writes, before giving up.
const BUSY: Duration = Duration::from_secs(5);
/// Between two looks at a log that seems damaged.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

#[derive(Clone)]
pub(super) struct Engine(Arc<Inner>);

struct Inner {
    path: PathBuf,
    writer: Arc<QueueMutex<Writer>>,
    readers: Vec<Mutex<Connection>>,
    next_reader: AtomicUsize,
    committer: mpsc::Sender<()>,
    units: Arc<Units>,
    /// Why nothing is written any more.
    spent: watch::Receiver<Option<String>>,
}

impl Engine {
    pub(super) fn open(path: &Path) -> Result<Engine, StoreError> {
        if rusqlite::version_number() < OLDEST_SAFE_VERSION {
            return Err(StoreError::Unusable(format!("SQLite {} is too old to be safe", rusqlite::version())));
        }
        refuse_damaged_log(path)?;
        let connection = Connection::open(path).map_err(translate)?;
        configure(&connection)?;
        let readers = (0..READERS).map(|_| open_reader(path).map(Mutex::new)).collect::<Result<Vec<_>, _>>()?;
        let (writer, spent) = Writer::new(connection, path)?;
        let writer = Arc::new(QueueMutex::new(writer));
        let (committer, work) = mpsc::channel();
        let units = Arc::<Units>::default();
        let shared = (Arc::clone(&writer), Arc::clone(&units));
        std::thread::Builder::new()
            .name("store-commit".into())
            .spawn(move || {
                commit_whenever(|| is_asked(&work, &shared.0), || gather(&work), &shared.0, &shared.1);
            })
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Engine(Arc::new(Inner {
            path: path.to_owned(),
            writer,
            readers,
            next_reader: AtomicUsize::new(0),
            committer,
            units,
            spent,
        })))
    }

    /// Writes nothing any more, for this reason.
    pub(super) async fn give_up(&self, why: &str) {
        self.0.writer.lock().await.give_up(why);
    }

    /// Returns once nothing is written any more, with the reason.
    pub(super) async fn until_spent(&self) -> String {
        let mut spent = self.0.spent.clone();
        let found = spent.wait_for(Option::is_some).await;
        found.ok().and_then(|why| why.clone()).unwrap_or_else(|| "the writer is gone".into())
    }

    pub(super) async fn begin(&self) -> Result<Write, StoreError> {
        let mut writer = Arc::clone(&self.0.writer).lock_owned().await;
        writer.open()?;
        let write = Write { writer: Some(writer), committer: self.0.committer.clone() };
        write.run("SAVEPOINT one")?;
        Ok(write)
    }

    pub(super) fn rows(&self, bound: &Bound<'_>) -> Result<Vec<Row>, StoreError> {
        rows(&self.reader(), bound)
    }

    /// A connection of its own that sees the file as it is now until it is dropped. Writers go on meanwhile; only the log
    /// can't begin anew before it is gone.
    pub(super) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let connection = open_reader(&self.0.path)?;
        // The view begins with the first read, not with BEGIN.
        let begin = "BEGIN; SELECT COUNT(*) FROM sqlite_master;";
        connection.execute_batch(begin).map_err(translate)?;
        Ok(Snapshot(connection))
    }

    pub(super) fn look_through(
        &self,
        stopped: impl Fn() -> bool + Clone + Send + 'static,
    ) -> Result<Looked, StoreError> {
        look::look(&self.0.path, stopped)
    }

    /// Leaves a unit to be written with the next commit.
    pub(super) fn leave(&self, asked: Asked) -> Result<(), StoreError> {
        self.0.units.lock().unwrap_or_else(PoisonError::into_inner).push_back(asked);
        self.0.committer.send(()).map_err(|_| gone())
    }

    /// A reading connection: the first free one, or the next in turn.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        let free = self.0.readers.iter().find_map(|reader| reader.try_lock().ok());
        free.unwrap_or_else(|| {
            let turn = self.0.next_reader.fetch_add(1, Ordering::Relaxed) % READERS;
            let reader = self.0.readers.get(turn).or(self.0.readers.first());
            // A poisoned lock only means that a reader panicked between two statements; the connection is sound.
            match reader {
                Some(reader) => reader.lock().unwrap_or_else(PoisonError::into_inner),
                None => unreachable!("READERS is not zero"),
            }
        })
    }
}

/// Reads of one instant.
pub(super) struct Snapshot(Connection);

impl Snapshot {
    pub(super) fn rows(&self, bound: &Bound<'_>) -> Result<Vec<Row>, StoreError> {
        rows(&self.0, bound)
    }

    pub(super) fn each_row<E: From<StoreError>>(&self, sql: &str, take: &mut Take<'_, E>) -> Result<(), E> {
        each_row(&self.0, sql, take)
    }
}

/// What rows are handed to, one by one.
type Take<'a, E> = dyn FnMut(&[Value]) -> Result<(), E> + Send + 'a;

/// Waits until somebody asks for a commit, and looks now and then at what other processes do. `false`: nobody will.
fn is_asked(asked: &mpsc::Receiver<()>, writer: &QueueMutex<Writer>) -> bool {
    loop {
        match asked.recv_timeout(held::LOOK) {
            Ok(()) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => sync::wait(writer).look(Instant::now()),
        }
    }
}

/// Lets others ask before the group is written: as long as processors are busy and somebody does, for one flush serves
/// them all. Where a processor is free nothing is waited for.
fn gather(asked: &mpsc::Receiver<()>) {
    for _ in 0..TOGETHER_MAX {
        std::thread::yield_now();
        // Whoever has asked by now is in this group, and needs no other.
        if asked.try_iter().count() == 0 {
            return;
        }
    }
}

/// Commits whenever somebody has asked, as long as `asked` waits for one who has. `passed_over` forgets those who have by
/// then.
fn commit_whenever(
    mut asked: impl FnMut() -> bool,
    mut passed_over: impl FnMut(),
    writer: &QueueMutex<Writer>,
    units: &Units,
) {
    while asked() {
        // Whoever has asked by now is in this group, and needs no other.
        passed_over();
        commit_group(writer, units);
        while !units.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            commit_group(writer, units);
        }
    }
}

/// Writes the units that wait, commits what has gathered with one flush, and tells everybody who waits.
fn commit_group(writer: &QueueMutex<Writer>, units: &Units) {
    let mut writer = sync::wait(writer);
    let written = write_units(&mut writer, units);
    let outcome = writer.commit();
    for waiter in writer.waiting.drain(..) {
        // A waiter that was cancelled does not need the answer.
        let _ = waiter.send(outcome.clone());
    }
    for (ended, answer) in written {
        let outcome = outcome.clone();
        let _ = answer.send(ended.and_then(|ended| outcome.map(|()| ended)));
    }
    // They are answered by now, and between two transactions nobody is in the way.
    writer.settle(Instant::now());
}

fn execute<'a>(
    connection: &Connection,
    sql: &str,
    values: impl Iterator<Item = &'a Param<'a>>,
) -> Result<usize, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(translate)?;
    statement.execute(rusqlite::params_from_iter(values)).map_err(translate)
}

/// Runs one statement that stays prepared.
fn run(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map(drop).map_err(translate)
}

/// A write transaction: the writer's lock, held until the savepoint is released or rolled back.
pub(super) struct Write {
    writer: Option<OwnedMutexGuard<Writer>>,
    committer: mpsc::Sender<()>,
}

impl Write {
    fn connection(&self) -> Result<&Connection, StoreError> {
        let writer = self.writer.as_ref().ok_or_else(|| StoreError::Statement("the transaction is over".into()))?;
        if writer.connection.is_autocommit() {
            // The engine took it back; a statement now would stand by itself.
            return Err(writer::taken_back());
        }
        Ok(&writer.connection)
    }

    fn run(&self, sql: &str) -> Result<(), StoreError> {
        run(self.connection()?, sql)
    }

    pub(super) fn rows(&mut self, bound: &Bound<'_>) -> Result<Vec<Row>, StoreError> {
        rows(self.connection()?, bound)
    }

    pub(super) fn each_row<E: From<StoreError>>(&self, sql: &str, take: &mut Take<'_, E>) -> Result<(), E> {
        each_row(self.connection()?, sql, take)
    }

    pub(super) fn execute(&mut self, bound: &Bound<'_>) -> Result<u64, StoreError> {
        let changed = execute(self.connection()?, bound.sql, bound.values())?;
        Ok(changed as u64)
    }

    pub(super) fn define(&mut self, sql: &str) -> Result<(), StoreError> {
        let sql = super::super::migrate::for_sqlite(sql);
        self.connection()?.execute_batch(&sql).map_err(translate)
    }

    pub(super) async fn commit(self) -> Result<(), StoreError> {
        self.end("RELEASE one").await
    }

    /// Takes back what was written, and waits for the flush all the same: others' work that was seen here is in it.
    pub(super) async fn concede(self) -> Result<(), StoreError> {
        self.run("ROLLBACK TO one")?;
        self.end("RELEASE one").await
    }

    async fn end(mut self, sql: &str) -> Result<(), StoreError> {
        self.run(sql)?;
        let (done, wait) = oneshot::channel();
        if let Some(mut writer) = self.writer.take() {
            writer.waiting.push(done);
        }
        let gone = || StoreError::Unavailable("the committing thread is gone".into());
        self.committer.send(()).map_err(|_| gone())?;
        wait.await.map_err(|_| gone())?
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        let done = self.run("ROLLBACK TO one").and_then(|()| self.run("RELEASE one"));
        if let Some(writer) = self.writer.take() {
            if done.is_err() {
                writer.take_back();
            }
            drop(writer);
            let _ = self.committer.send(());
        }
    }
}

/// Another process may be writing it just now, so damage is looked at twice.
fn refuse_damaged_log(path: &Path) -> Result<(), StoreError> {
    let log = writer::log_of(path);
    let look = || log::find_damage(&log).map_err(|error| StoreError::Unavailable(error.to_string()));
    if look()?.is_some() {
        std::thread::sleep(LOOK_AGAIN);
        if let Some(damage) = look()? {
            return Err(StoreError::Unusable(format!("{damage}: keep the files and restore the last backup")));
        }
    }
    Ok(())
}

fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY).map_err(translate)?;
    keep_statements(connection)?;
    let settings = const_format::formatcp!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA mmap_size = 0; \
         PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{WRITER_KEEPS_KIB}; \
         PRAGMA cell_size_check = ON;"
    );
    connection.execute_batch(settings).map_err(translate)?;
    let asked = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
    let journal = asked("journal_mode").map_err(translate)?;
    let synchronous = asked("synchronous").map_err(translate)?;
    if journal == rusqlite::types::Value::Text("wal".into()) && synchronous == rusqlite::types::Value::Integer(FULL) {
        return Ok(());
    }
    // A file system that can't do it leaves the settings as they were, without an error.
    Err(StoreError::Unusable(
        "SQLite can't write ahead and flush at every commit here; put the data folder on a local disk".into(),
    ))
}

/// Statements are prepared once. A plan that might depend on a value would be made anew for each value; our keys leave
/// nothing to choose.
fn keep_statements(connection: &Connection) -> Result<(), StoreError> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    let one_plan = DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG;
    connection.set_db_config(one_plan, true).map(drop).map_err(translate)
}

fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(translate)?;
    connection.busy_timeout(BUSY).map_err(translate)?;
    keep_statements(&connection)?;
    let settings = "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY; \
                    PRAGMA cell_size_check = ON;";
    connection.execute_batch(settings).map_err(translate)?;
    Ok(connection)
}

fn rows(connection: &Connection, bound: &Bound<'_>) -> Result<Vec<Row>, StoreError> {
    let mut statement = connection.prepare_cached(bound.sql).map_err(translate)?;
    let columns = statement.column_count();
    let mut result = statement.query(rusqlite::params_from_iter(bound.values())).map_err(translate)?;
    let mut rows = Vec::new();
    while let Some(row) = result.next().map_err(translate)? {
        rows.push(Row(read_row(row, columns)?));
    }
    Ok(rows)
}

fn each_row<E: From<StoreError>>(connection: &Connection, sql: &str, take: &mut Take<'_, E>) -> Result<(), E> {
    let mut statement = connection.prepare(sql).map_err(translate)?;
    let columns = statement.column_count();
    let mut result = statement.query([]).map_err(translate)?;
    while let Some(row) = result.next().map_err(translate)? {
        take(&read_row(row, columns)?)?;
    }
    Ok(())
}

fn read_row(row: &rusqlite::Row<'_>, columns: usize) -> Result<Vec<Value>, StoreError> {
    (0..columns).map(|column| read(row.get_ref(column).map_err(translate)?, column)).collect()
}

fn read(value: ValueRef<'_>, column: usize) -> Result<Value, StoreError> {
    let corrupt = |found: &str| StoreError::Corrupt { column, found: found.to_owned() };
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(_) => return Err(corrupt("a fraction")),
        ValueRef::Text(text) => {
            Value::Text(std::str::from_utf8(text).map_err(|_| corrupt("text that is not UTF-8"))?.to_owned())
        }
        ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
    })
}

impl rusqlite::ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Param::Null => ValueRef::Null,
            Param::Int(number) => ValueRef::Integer(*number),
            Param::Text(text) => ValueRef::Text(text.as_bytes()),
            Param::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn translate(error: rusqlite::Error) -> StoreError {
    let Some(code) = error.sqlite_error() else {
        return StoreError::Statement(error.to_string());
    };
    match (code.code, code.extended_code) {
        (_, rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE | rusqlite::ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => StoreError::Taken,
        (ErrorCode::DiskFull, _) => StoreError::Full(error.to_string()),
        (
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly,
            _,
        ) => StoreError::Unavailable(error.to_string()),
        (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => StoreError::Unusable(error.to_string()),
        _ if lacks_something(&error) => StoreError::Unusable(error.to_string()),
        _ => StoreError::Statement(error.to_string()),
    }
}

/// Whether a table or a column is gone. SQLite has no code of its own for that, only words.
fn lacks_something(error: &rusqlite::Error) -> bool {
    let words = error.to_string();
    words.starts_with("no such ") || words.contains(" has no column named ")
}

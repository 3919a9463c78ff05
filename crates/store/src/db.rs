//! The seam between one SQL text and two engines: text and values in, rows out.
//!
//! Placeholders are `?1`, `?2` … in every statement and become `$1`, `$2` … for PostgreSQL. In a session of one
//! institution `?1` is that institution's code and is bound here, so no statement can forget whose rows it means;
//! a statement without `?1` is refused before it reaches an engine.

pub mod act;
mod bound;
mod config;
mod postgres;
pub mod room;
mod sqlite;
pub mod unit;
mod upkeep;
mod value;
mod work;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use renkei_domain::audit::Record;
use renkei_domain::institution::InstitutionCode;

use crate::kept::{Known, Moment};

use bound::Bound;
pub use config::{ClientIdentity, StoreConfig};
pub use value::{FromValue, Param, Row, Value, to_json};
use work::Waiting;
pub use work::{PoolState, Work};

/// Has done now what rows that were written would have done at the commit (migration 0027).
pub(crate) const DUE_NOW: &str = "/*postgres: SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED postgres*/";

/// Something the store could not do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A unique key is taken: somebody else was first.
    #[error("the key is taken")]
    Taken,
    /// The engine can't be reached, is full or failed; nothing was changed.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// The disk is full; nothing was changed.
    #[error("the disk is full: {0}")]
    Full(String),
    /// The engine took the transaction back because of others at the same time (serialization failure, deadlock): nothing
    /// was changed, and the act may be done again from its beginning.
    #[error("others were at the same rows: {0}")]
    Conflict(String),
    /// Whether the transaction stands is not known: the answer to its commit is missing, or does not say that it is on
    /// two machines. It may stand now, later or never.
    #[error("the outcome is not known: {0}")]
    Unknown(String),
    /// A row holds what no statement of ours writes.
    #[error("column {column} holds {found}")]
    Corrupt {
        /// Position in the statement's result, from 0.
        column: usize,
        /// What was found instead; a type or a reason, never the value.
        found: String,
    },
    /// The statement itself is wrong; a defect of this program.
    #[error("the statement failed: {0}")]
    Statement(String),
    /// The database was made by a newer version, or is not usable as it is: broken, or without a table, a column or a
    /// right that a statement needs.
    #[error("the database can't be used: {0}")]
    Unusable(String),
}

/// The data, behind either engine. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    work: Arc<Work>,
    known: Arc<Known>,
}

#[derive(Clone)]
enum Engine {
    Sqlite(sqlite::Engine),
    Postgres(postgres::Engine),
}

/// Reads, of one institution or (for start-up and upkeep) of all.
pub struct Session {
    institution: Option<Param<'static>>,
    link: Link,
    work: Arc<Work>,
    known: Option<Arc<Known>>,
    moment: Option<Moment>,
}

enum Link {
    SqliteRead(sqlite::Engine),
    SqliteWrite(sqlite::Write),
    SqliteSnapshot(sqlite::Snapshot),
    PostgresRead(postgres::Engine),
    PostgresWrite(postgres::Write),
}

/// A write transaction. Dropped without [`Tx::commit`], it never happened.
pub struct Tx {
    session: Session,
}

impl Tx {
    /// Counts a record for [`Work::records`].
    pub(crate) fn count_record(&self, record: &Record) {
        self.session.work.records.count(record.action, record.outcome);
    }
}

impl Store {
    /// Opens the store and brings its tables up to date.
    ///
    /// # Errors
    /// When the engine can't be reached, is too old to be safe, or the database was made by a newer version.
    pub async fn open(config: &StoreConfig) -> Result<Store, StoreError> {
        let store = Store::connect(config).await?;
        crate::migrate::to_newest(&store).await?;
        Ok(store)
    }

    /// Opens the store as it is, for commands that must not change its tables.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn connect(config: &StoreConfig) -> Result<Store, StoreError> {
        let engine = match config {
            StoreConfig::Sqlite { path } => Engine::Sqlite(sqlite::Engine::open(path)?),
            StoreConfig::Postgres { url, connections, ca, identity } => {
                let engine = postgres::Engine::connect(url, *connections, ca.as_deref(), identity.as_deref());
                Engine::Postgres(engine.await?)
            }
        };
        Ok(Store { engine, work: Arc::default(), known: Arc::default() })
    }

    /// Returns once nothing can be written any more in this process, with the reason: the disk failed at a flush, and
    /// only a new start can tell what it holds. Never on PostgreSQL, where the server decides that.
    pub async fn until_spent(&self) -> String {
        match &self.engine {
            Engine::Sqlite(engine) => engine.until_spent().await,
            Engine::Postgres(_) => std::future::pending().await,
        }
    }

    /// Writes nothing any more in this process, for this reason: the file was found damaged.
    pub async fn give_up(&self, why: &str) {
        if let Engine::Sqlite(engine) = &self.engine {
            engine.give_up(why).await;
        }
    }

    /// Reads of one institution, each statement on its own.
    #[must_use]
    pub fn read(&self, institution: &InstitutionCode) -> Session {
        self.reader(Some(Param::from(institution)))
    }

    /// The same, beside others of this moment. It is for one look of a request, not for another later.
    #[must_use]
    pub fn read_within(&self, institution: &InstitutionCode, moment: &Moment) -> Session {
        Session { moment: Some(moment.clone()), ..self.read(institution) }
    }

    /// Reads across institutions: start-up, the list of institutions, upkeep.
    #[must_use]
    pub fn read_all(&self) -> Session {
        self.reader(None)
    }

    fn reader(&self, institution: Option<Param<'static>>) -> Session {
        let link = match &self.engine {
            Engine::Sqlite(engine) => Link::SqliteRead(engine.clone()),
            Engine::Postgres(engine) => Link::PostgresRead(engine.clone()),
        };
        Session { institution, link, work: Arc::clone(&self.work), known: Some(Arc::clone(&self.known)), moment: None }
    }

    /// Begins a write transaction of one institution.
    ///
    /// # Errors
    /// When the engine can't be reached.
    pub async fn begin(&self, institution: &InstitutionCode) -> Result<Tx, StoreError> {
        self.writer(Some(Param::from(institution))).await
    }

    /// Begins a write transaction across institutions: migrations and upkeep.
    ///
    /// # Errors
    /// When the engine can't be reached.
    pub async fn begin_all(&self) -> Result<Tx, StoreError> {
        self.writer(None).await
    }

    async fn writer(&self, institution: Option<Param<'static>>) -> Result<Tx, StoreError> {
        self.work.room.admit()?;
        self.work.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.work.waiting);
        let link = match &self.engine {
            Engine::Sqlite(engine) => Link::SqliteWrite(engine.begin().await?),
            Engine::Postgres(engine) => Link::PostgresWrite(engine.begin().await?),
        };
        Ok(Tx { session: Session { institution, link, work: Arc::clone(&self.work), known: None, moment: None } })
    }

    /// Reads of one instant across institutions, however long they take and whatever is written meanwhile: for backups.
    /// Nobody has to wait for it.
    ///
    /// # Errors
    /// When the engine can't be reached.
    pub async fn snapshot(&self) -> Result<Session, StoreError> {
        let link = match &self.engine {
            Engine::Sqlite(engine) => Link::SqliteSnapshot(engine.snapshot()?),
            Engine::Postgres(engine) => Link::PostgresWrite(engine.snapshot().await?),
        };
        Ok(Session { institution: None, link, work: Arc::clone(&self.work), known: None, moment: None })
    }

    /// What was asked of the store so far, by this process.
    #[must_use]
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// Whether the engine may take a transaction back because of others ([`StoreError::Conflict`]).
    #[must_use]
    pub fn has_conflicts(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// The connections to PostgreSQL; `None` on SQLite.
    #[must_use]
    pub fn pool(&self) -> Option<PoolState> {
        match &self.engine {
            Engine::Sqlite(_) => None,
            Engine::Postgres(engine) => Some(engine.pool_state()),
        }
    }
}

impl Session {
    /// What this process keeps, and the institution this session is of; none in a transaction, which sees its own work.
    pub(crate) fn known(&self) -> Option<(&Known, &str)> {
        Some((self.known.as_deref()?, self.institution.as_ref()?.as_text()))
    }

    /// The moment this session shares with others, if it does.
    pub(crate) fn moment(&self) -> Option<Moment> {
        self.moment.clone()
    }

    /// Runs a statement and returns all its rows.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rows(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        let bound = Bound::new(self.institution.as_ref(), sql, params)?;
        if matches!(self.link, Link::SqliteRead(_) | Link::PostgresRead(_)) {
            self.work.look_ups.fetch_add(1, Ordering::Relaxed);
        }
        let rows = match &mut self.link {
            Link::SqliteRead(engine) => engine.rows(&bound),
            Link::SqliteWrite(write) => write.rows(&bound),
            Link::SqliteSnapshot(snapshot) => snapshot.rows(&bound),
            Link::PostgresRead(engine) => engine.rows(&bound).await,
            Link::PostgresWrite(write) => write.rows(&bound).await,
        };
        act::note_statement(&rows);
        // A statement that gives rows back may have written them.
        self.work.room.note(&rows);
        rows
    }

    /// Runs a statement without values and hands over its rows one after another, so that a table of any size can be
    /// gone through. Only for snapshots and transactions.
    ///
    /// # Errors
    /// [`StoreError`], and whatever stopped the taking.
    pub(crate) async fn each_row<E: From<StoreError>>(
        &mut self,
        sql: &str,
        take: &mut (dyn FnMut(&[Value]) -> Result<(), E> + Send),
    ) -> Result<(), E> {
        match &mut self.link {
            Link::SqliteWrite(write) => write.each_row(sql, take),
            Link::SqliteSnapshot(snapshot) => snapshot.each_row(sql, take),
            Link::PostgresWrite(write) => write.each_row(sql, take).await,
            Link::SqliteRead(_) | Link::PostgresRead(_) => {
                Err(StoreError::Statement("rows of one instant need a snapshot".into()).into())
            }
        }
    }

    /// Whether this is SQLite, for the few questions that each engine has to be asked in its own words.
    pub(crate) const fn is_sqlite(&self) -> bool {
        matches!(self.link, Link::SqliteRead(_) | Link::SqliteWrite(_) | Link::SqliteSnapshot(_))
    }

    /// Runs a statement that finds few rows by key, together with those of other requests where that costs less. The rows
    /// come in no order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rows_by_key(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        // No text of PostgreSQL's has this character, so no key has.
        if params.iter().any(|value| value.as_text().contains('\0')) {
            return Ok(Vec::new());
        }
        let Link::PostgresRead(engine) = &self.link else { return self.rows(sql, params).await };
        let bound = Bound::new(self.institution.as_ref(), sql, params)?;
        self.work.look_ups.fetch_add(1, Ordering::Relaxed);
        let rows = engine.rows_by_key(&bound).await;
        act::note_statement(&rows);
        rows
    }

    /// Runs a statement that gives one row or none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn row(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Option<Row>, StoreError> {
        Ok(self.rows_by_key(sql, params).await?.into_iter().next())
    }
}

impl Tx {
    /// Runs a statement that changes rows, and tells how many it changed.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when a unique key is taken; the rest of [`StoreError`].
    pub async fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        let bound = Bound::new(self.session.institution.as_ref(), sql, params)?;
        let changed = match &mut self.session.link {
            Link::SqliteWrite(write) => write.execute(&bound),
            Link::PostgresWrite(write) => write.execute(&bound).await,
            Link::SqliteRead(_) | Link::SqliteSnapshot(_) | Link::PostgresRead(_) => {
                Err(StoreError::Statement("a read can't write".into()))
            }
        };
        act::note_statement(&changed);
        self.session.work.room.note(&changed);
        changed
    }

    /// Runs one statement that changes rows for each of these lists of values, in few round trips.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn execute_each(&mut self, sql: &'static str, rows: &[Vec<Param<'_>>]) -> Result<(), StoreError> {
        let institution = self.session.institution.as_ref();
        let bound = rows.iter().map(|values| Bound::new(institution, sql, values)).collect::<Result<Vec<_>, _>>()?;
        let done = match &mut self.session.link {
            Link::SqliteWrite(write) => bound.iter().try_for_each(|bound| write.execute(bound).map(drop)),
            Link::PostgresWrite(write) => write.execute_each(&bound).await,
            Link::SqliteRead(_) | Link::SqliteSnapshot(_) | Link::PostgresRead(_) => {
                Err(StoreError::Statement("a read can't write".into()))
            }
        };
        act::note_statement(&done);
        done
    }

    /// Runs a conditional write that must hit exactly one row, and tells whether it did.
    ///
    /// # Errors
    /// As [`Tx::execute`].
    pub async fn claim(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<bool, StoreError> {
        Ok(self.execute(sql, params).await? == 1)
    }

    /// Turns to an institution: from here on the statements are of its rows, and `?1` is its code. For a transaction
    /// across institutions ([`Store::begin_all`]) that writes of one after another.
    pub fn turn_to(&mut self, institution: &InstitutionCode) {
        self.session.institution = Some(Param::from(institution));
    }

    /// Runs data definition, several statements in one text. Only for migrations.
    pub(crate) async fn define(&mut self, sql: &str) -> Result<(), StoreError> {
        match &mut self.session.link {
            Link::SqliteWrite(write) => write.define(sql),
            Link::PostgresWrite(write) => write.define(sql).await,
            Link::SqliteRead(_) | Link::SqliteSnapshot(_) | Link::PostgresRead(_) => {
                Err(StoreError::Statement("a read can't write".into()))
            }
        }
    }

    /// Makes the transaction durable. Only after this returned may anybody be told that it happened.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when nobody can tell whether it is durable; after any other error nothing has changed.
    pub async fn commit(self) -> Result<(), StoreError> {
        let begun = Instant::now();
        let Session { link, work, .. } = self.session;
        work.commits.fetch_add(1, Ordering::Relaxed);
        let outcome = match link {
            Link::SqliteWrite(write) => write.commit().await,
            Link::PostgresWrite(write) => write.commit().await,
            Link::SqliteRead(_) | Link::SqliteSnapshot(_) | Link::PostgresRead(_) => Ok(()),
        };
        act::note_commit(&outcome);
        work.room.note(&outcome);
        work.commit_time.observe(begun.elapsed());
        outcome
    }
}

impl Tx {
    /// Ends the transaction without a change, and returns once everything it saw is durable: for whoever lost a race
    /// and is about to read what the winner wrote. A write can see work of others that reads don't see yet.
    ///
    /// # Errors
    /// When that could not be made durable.
    pub async fn concede(self) -> Result<(), StoreError> {
        match self.session.link {
            Link::SqliteWrite(write) => write.concede().await,
            // PostgreSQL shows nobody what is not committed.
            Link::PostgresWrite(_) | Link::SqliteRead(_) | Link::SqliteSnapshot(_) | Link::PostgresRead(_) => Ok(()),
        }
    }
}

impl std::ops::Deref for Tx {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

/// Builds the values of a statement: `params![&linkage, now, "text"]`.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Param::from($value)),*] };
}

/// Builds the values of a statement that is made beforehand: as [`params!`], but owned.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Param::from($value)),*] };
}

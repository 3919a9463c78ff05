//! What an engine says of itself, for `renkei doctor`: settings, damage, the clock, tables that are not up to date.

use std::collections::BTreeMap;

use renkei_domain::time::Timestamp;

use crate::params;
use crate::{Session, Store, StoreError, migrate};

/// What is asked of PostgreSQL.
const SETTINGS: &str = "SELECT name, setting FROM pg_settings WHERE name IN ('synchronous_commit', 'fsync', \
     'full_page_writes', 'data_checksums', 'synchronous_standby_names', 'default_transaction_read_only', \
     'data_sync_retry', 'transaction_read_only')";
const SERVER: &str = "SELECT CAST(pg_is_in_recovery() AS TEXT), \
     CAST(date_part('epoch', clock_timestamp()) * 1000000 AS BIGINT)";

const CLOCK: &str = "SELECT CAST(date_part('epoch', clock_timestamp()) * 1000000 AS BIGINT)";

const HAS_TABLES_SQLITE: &str = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_versions'";
const HAS_TABLES_POSTGRES: &str =
    "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_versions'";

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// A SQLite file.
    Sqlite {
        /// `wal`, if all is well.
        journal_mode: String,
        /// Damage that was found, a sentence each; none if the file is sound.
        damage: Vec<String>,
    },
    /// A PostgreSQL server.
    Postgres {
        /// Its settings by name.
        settings: BTreeMap<String, String>,
        /// Whether it is a standby that only replays.
        is_standby: bool,
        /// Its clock.
        clock: Timestamp,
    },
}

/// What came of a look through a file that is in use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// Damage that was found, a sentence each.
    pub damage: Vec<String>,
    /// Tables that were not looked at: it would have taken too long beside what was written meanwhile.
    pub left_out: Vec<String>,
}

/// How the tables stand to this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Migrations that were not applied yet.
    pub pending: Vec<String>,
    /// A migration that this program does not know, if there is one.
    pub newer: Option<String>,
}

impl Store {
    /// Asks the engine about itself. On SQLite this reads the whole file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn examine(&self) -> Result<Facts, StoreError> {
        let mut read = self.read_all();
        if read.is_sqlite() {
            let mut damage = Vec::new();
            for mut row in read.rows("PRAGMA integrity_check(10)", &[]).await? {
                damage.push(row.get::<String>(0)?);
            }
            damage.retain(|line| line != "ok");
            let mode = read.row("PRAGMA journal_mode", &[]).await?;
            let journal_mode = mode.map_or(Ok(String::new()), |mut row| row.get(0))?;
            return Ok(Facts::Sqlite { journal_mode, damage });
        }
        let mut settings = BTreeMap::new();
        for mut row in read.rows(SETTINGS, &[]).await? {
            settings.insert(row.get(0)?, row.get(1)?);
        }
        let no_answer = || StoreError::Unavailable("the server does not answer".into());
        let mut row = read.row(SERVER, &[]).await?.ok_or_else(no_answer)?;
        let standby: String = row.get(0)?;
        Ok(Facts::Postgres { settings, is_standby: standby == "true", clock: row.get(1)? })
    }

    /// The clock that all nodes share: that of the server that writes. `None` on SQLite, where there is one node and one
    /// machine.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn shared_clock(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut read = self.read_all();
        if read.is_sqlite() {
            return Ok(None);
        }
        read.row(CLOCK, &[]).await?.map(|mut row| row.get(0)).transpose()
    }

    /// Whether any migration was applied.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_tables(&self) -> Result<bool, StoreError> {
        let mut read = self.read_all();
        let select = if read.is_sqlite() { HAS_TABLES_SQLITE } else { HAS_TABLES_POSTGRES };
        Ok(read.row(select, &[]).await?.is_some())
    }

    /// How the tables stand to this program.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tables(&self) -> Result<Tables, StoreError> {
        let known = migrate::list();
        let mut applied = Vec::new();
        if self.has_tables().await? {
            for mut row in self.read_all().rows("SELECT name FROM schema_versions ORDER BY version", &[]).await? {
                applied.push(row.get::<String>(0)?);
            }
        }
        let pending = known.iter().map(|(name, _)| name.clone()).filter(|name| !applied.contains(name)).collect();
        let newer = applied.into_iter().find(|name| !known.iter().any(|(known, _)| known == name));
        Ok(Tables { pending, newer })
    }
}

impl Session {
    /// When a file of each kind was last taken in: kind and time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_imports(&mut self) -> Result<BTreeMap<String, Timestamp>, StoreError> {
        let select = "SELECT kind, MAX(ended_at) FROM imports \
             WHERE institution = ?1 AND outcome = 'done' GROUP BY kind";
        let rows = self.rows(select, &[]).await?;
        rows.into_iter().map(|mut row| Ok((row.get(0)?, row.get(1)?))).collect()
    }

    /// When the institution's part of the registry was last applied.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn last_applied(&mut self) -> Result<Option<Timestamp>, StoreError> {
        let select = "SELECT MAX(at) FROM audit WHERE institution = ?1 AND action = 'registry_applied'";
        self.row(select, &[]).await?.map_or(Ok(None), |mut row| row.get(0))
    }

    /// Replay marks that ran out before this instant and stand there still.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_spent(&mut self, before: Timestamp) -> Result<i64, StoreError> {
        let select = "SELECT COUNT(*) FROM replays WHERE institution = ?1 AND expires_at < ?2";
        self.row(select, params![before]).await?.map_or(Ok(0), |mut row| row.get(0))
    }
}

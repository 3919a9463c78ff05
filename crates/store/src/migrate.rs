//! Bringing the tables up to date: one ordered list for both engines.
//!
//! The text is the same for both but for two marks: `/*sqlite: WITHOUT ROWID sqlite*/` counts only there, and
//! `/*postgres: … postgres*/` only there. A migration that has
//! landed never changes; the digest kept beside its number shows if one did.

use std::ops::RangeInclusive;
use std::time::Duration;

use aws_lc_rs::digest;

use crate::params;
use crate::{Session, Store, StoreError, Tx};

/// Every migration, oldest first.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_institutions", include_str!("migrations/0001_institutions.sql")),
    ("0002_customers", include_str!("migrations/0002_customers.sql")),
    ("0003_linkages", include_str!("migrations/0003_linkages.sql")),
    ("0004_ledger", include_str!("migrations/0004_ledger.sql")),
    ("0005_audit", include_str!("migrations/0005_audit.sql")),
    ("0006_account_index", include_str!("migrations/0006_account_index.sql")),
    ("0007_partner_policy", include_str!("migrations/0007_partner_policy.sql")),
    ("0008_resource_servers", include_str!("migrations/0008_resource_servers.sql")),
    ("0009_partner_key_sets", include_str!("migrations/0009_partner_key_sets.sql")),
    ("0010_request_facts", include_str!("migrations/0010_request_facts.sql")),
    ("0011_guards", include_str!("migrations/0011_guards.sql")),
    ("0012_authorization_details", include_str!("migrations/0012_authorization_details.sql")),
    ("0013_notices", include_str!("migrations/0013_notices.sql")),
    ("0014_retention", include_str!("migrations/0014_retention.sql")),
    ("0019_epochs", include_str!("migrations/0019_epochs.sql")),
    ("0020_session_certificates", include_str!("migrations/0020_session_certificates.sql")),
    ("0016_grant_management", include_str!("migrations/0016_grant_management.sql")),
    ("0021_statistics", include_str!("migrations/0021_statistics.sql")),
    ("0015_audit_sealing", include_str!("migrations/0015_audit_sealing.sql")),
    ("0022_audit_walls", include_str!("migrations/0022_audit_walls.sql")),
    ("0026_node_versions", include_str!("migrations/0026_node_versions.sql")),
    ("0027_state_versions", include_str!("migrations/0027_state_versions.sql")),
];

/// Those of [`MIGRATIONS`], by number, that take away or change what programs before them use. All others only add, so a
/// program of the version before goes on beside them, and may be started anew.
const TAKING_AWAY: &[i64] = &[];

/// What the store knows of itself, made before the first migration: which were applied, the oldest program that can live
/// with them, the nodes that serve.
const OWN_TABLES: &str = "CREATE TABLE IF NOT EXISTS schema_versions (\
     version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, digest BYTEA NOT NULL);\
     CREATE TABLE IF NOT EXISTS schema_floor (\
     floor BIGINT NOT NULL PRIMARY KEY);\
     CREATE TABLE IF NOT EXISTS nodes (\
     node TEXT NOT NULL PRIMARY KEY, seen_at BIGINT NOT NULL);";

/// How often a migration is tried when other nodes are at it at the same time.
const TRIES: u32 = 10;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// Every migration by name and SHA-256 (hex) of its text: what a backup says of the tables it was made from.
pub(crate) fn list() -> Vec<(String, String)> {
    MIGRATIONS.iter().map(|(name, sql)| ((*name).to_owned(), hex(sql))).collect()
}

fn hex(sql: &str) -> String {
    digest::digest(&digest::SHA256, sql.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How many migrations this database has had; 0 for one without tables.
pub(crate) async fn version(session: &mut Session) -> Result<i64, StoreError> {
    let row = session.row("SELECT COALESCE(MAX(version), 0) FROM schema_versions", &[]).await?;
    row.map_or(Ok(0), |mut row| row.get(0))
}

/// Applies these migrations (numbers from 1) inside a transaction that is under way: for a restore, which makes all tables
/// anew or changes nothing.
pub(crate) async fn within(tx: &mut Tx, numbers: RangeInclusive<usize>) -> Result<(), StoreError> {
    tx.define(OWN_TABLES).await?;
    for (index, (name, sql)) in MIGRATIONS.iter().enumerate().filter(|(index, _)| numbers.contains(&(index + 1))) {
        add(tx, index as i64 + 1, name, sql).await?;
    }
    Ok(())
}

async fn add(tx: &mut Tx, version: i64, name: &str, sql: &str) -> Result<(), StoreError> {
    let digest = digest::digest(&digest::SHA256, sql.as_bytes());
    let insert = "INSERT INTO schema_versions (version, name, digest) VALUES (?1, ?2, ?3)";
    tx.execute(insert, params![version, name, digest.as_ref()]).await?;
    if TAKING_AWAY.contains(&version) {
        tx.execute("INSERT INTO schema_floor (floor) VALUES (?1)", params![version]).await?;
    }
    tx.define(sql).await
}

/// Applies what is missing, each migration in a transaction of its own.
pub(crate) async fn to_newest(store: &Store) -> Result<(), StoreError> {
    if is_newest(store).await? {
        return refuse_newer(store).await;
    }
    beside_others(|| make_own_tables(store)).await?;
    for (index, (name, sql)) in MIGRATIONS.iter().enumerate() {
        beside_others(|| apply(store, index as i64 + 1, name, sql)).await?;
    }
    refuse_newer(store).await
}

/// Does a step again that lost to another node doing the same; the second time it finds it done.
async fn beside_others<F: Future<Output = Result<(), StoreError>>>(step: impl Fn() -> F) -> Result<(), StoreError> {
    let mut tries = 1;
    loop {
        match step().await {
            Err(StoreError::Taken | StoreError::Conflict(_)) if tries < TRIES => tokio::time::sleep(PAUSE).await,
            outcome => return outcome,
        }
        tries += 1;
    }
}

async fn make_own_tables(store: &Store) -> Result<(), StoreError> {
    let mut tx = store.begin_all().await?;
    tx.define(OWN_TABLES).await?;
    tx.commit().await
}

async fn apply(store: &Store, version: i64, name: &str, sql: &str) -> Result<(), StoreError> {
    let mut tx = store.begin_all().await?;
    let digest = digest::digest(&digest::SHA256, sql.as_bytes());
    match applied(&mut tx, version).await? {
        Some(known) if known == digest.as_ref() => Ok(()),
        Some(_) => Err(StoreError::Unusable(format!("migration {name} is not the one that was applied"))),
        None => {
            add(&mut tx, version, name, sql).await?;
            tx.commit().await
        }
    }
}

async fn applied(tx: &mut Tx, version: i64) -> Result<Option<Vec<u8>>, StoreError> {
    let row = tx.row("SELECT digest FROM schema_versions WHERE version = ?1", params![version]).await?;
    row.map(|mut row| row.get(0)).transpose()
}

/// A database made by a newer version may be used as long as nothing was taken away that this one needs.
async fn refuse_newer(store: &Store) -> Result<(), StoreError> {
    let knows = MIGRATIONS.len() as i64;
    let mut read = store.read_all();
    let newest = "SELECT version, name FROM schema_versions WHERE version > ?1 ORDER BY version DESC";
    let Some(mut newest) = read.row(newest, params![knows]).await? else { return Ok(()) };
    let (version, name): (i64, String) = (newest.get(0)?, newest.get(1)?);
    let floor = read.row("SELECT MAX(floor) FROM schema_floor", &[]).await?;
    let floor: Option<i64> = floor.map(|mut row| row.get(0)).transpose()?.flatten();
    match floor.filter(|floor| *floor > knows) {
        None => {
            tracing::info!(
                knows,
                version,
                name,
                "the tables are those of a newer version, which this one can live with"
            );
            Ok(())
        }
        Some(floor) => Err(StoreError::Unusable(format!(
            "its tables are at {name}; since step {floor} a program has to know that step, and this one knows steps up to \
             {knows} only: use the newer version"
        ))),
    }
}

/// Whether every migration that this program knows was applied. Then nothing is written, so a role may serve that could not.
async fn is_newest(store: &Store) -> Result<bool, StoreError> {
    let select = "SELECT digest FROM schema_versions ORDER BY version";
    let rows = match store.read_all().rows(select, &[]).await {
        Ok(rows) => rows,
        // There is no such table yet, or the store is away, which the next statement tells.
        Err(_) => return Ok(false),
    };
    let known = rows.into_iter().map(|mut row| row.get(0)).collect::<Result<Vec<Vec<u8>>, _>>()?;
    let right = |(known, (_, sql)): (&Vec<u8>, &(&str, &str))| {
        known == digest::digest(&digest::SHA256, sql.as_bytes()).as_ref()
    };
    Ok(known.len() >= MIGRATIONS.len() && known.iter().zip(MIGRATIONS).all(right))
}

/// The text for PostgreSQL.
pub(crate) fn for_postgres(sql: &str) -> String {
    sql.replace("/*postgres:", "").replace("postgres*/", "")
}

/// The text for SQLite: what stands in the marks counts.
pub(crate) fn for_sqlite(sql: &str) -> String {
    sql.replace("/*sqlite:", "").replace("sqlite*/", "")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::StoreConfig;

    async fn at_a_step_beyond(floor: Option<i64>) -> Result<Store, StoreError> {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::Sqlite { path: folder.path().join("renkei.db") };
        let store = Store::open(&config).await.unwrap();
        let mut tx = store.begin_all().await.unwrap();
        let insert = "INSERT INTO schema_versions (version, name, digest) VALUES (?1, ?2, ?3)";
        let beyond = MIGRATIONS.len() as i64 + 1;
        tx.execute(insert, params![beyond, "0999_tomorrow", b"digest"]).await.unwrap();
        if let Some(floor) = floor {
            tx.execute("INSERT INTO schema_floor (floor) VALUES (?1)", params![floor]).await.unwrap();
        }
        tx.commit().await.unwrap();
        drop(store);
        Store::open(&config).await
    }

    #[tokio::test]
    async fn f_25_a_version_goes_on_with_tables_to_which_the_next_one_only_added() {
        let known = MIGRATIONS.len() as i64;
        assert!(at_a_step_beyond(None).await.is_ok());
        assert!(at_a_step_beyond(Some(known)).await.is_ok());
    }

    #[tokio::test]
    async fn f_25_a_version_refuses_tables_from_which_something_it_needs_was_taken_away() {
        let floor = MIGRATIONS.len() as i64 + 1;
        let Err(error) = at_a_step_beyond(Some(floor)).await else { unreachable!("opened") };
        let words = error.to_string();
        assert!(words.contains("0999_tomorrow") && words.contains("use the newer version"), "{words}");
    }

    /// What a statement may begin with that only adds.
    const ADDING: [&str; 4] = ["CREATE TABLE ", "CREATE INDEX ", "CREATE UNIQUE INDEX ", "INSERT INTO "];

    fn only_adds(statement: &str) -> bool {
        let is_new = ADDING.iter().any(|start| statement.starts_with(start));
        let column = statement.starts_with("ALTER TABLE ") && statement.contains(" ADD COLUMN ");
        // An older program leaves the column out.
        is_new || (column && (!statement.contains("NOT NULL") || statement.contains(" DEFAULT ")))
    }

    /// What tables do by themselves: walls against what no program of any version does, and what follows whatever any of
    /// them writes.
    const TRIGGERS: [&str; 2] = ["0022_audit_walls", "0027_state_versions"];

    #[test]
    fn f_25_from_here_on_a_migration_adds_or_says_that_it_takes_away() {
        const BEGUN_WITH: usize = 12;
        for (index, (name, sql)) in MIGRATIONS.iter().enumerate().skip(BEGUN_WITH) {
            if TAKING_AWAY.contains(&(index as i64 + 1)) || TRIGGERS.contains(name) {
                continue;
            }
            let lines: Vec<&str> = sql.lines().map(|line| line.split("--").next().unwrap_or_default().trim()).collect();
            for statement in lines.join(" ").split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
                assert!(only_adds(statement), "{name}: {statement}");
            }
        }
        assert!(!only_adds("ALTER TABLE users DROP COLUMN name") && !only_adds("DROP TABLE users"));
        assert!(!only_adds("ALTER TABLE users ADD COLUMN age BIGINT NOT NULL"));
        assert!(only_adds("ALTER TABLE users ADD COLUMN age BIGINT NOT NULL DEFAULT 0"));
    }
}

//! Bringing the tables up to date: one ordered list for both engines.
//!
//! The text is the same for both but for one mark: `/*sqlite: WITHOUT ROWID sqlite*/` counts only there. A migration that has
//! landed never changes; the digest kept beside its number shows if one did.

use std::ops::RangeInclusive;

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
];

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_versions (\
     version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, digest BYTEA NOT NULL)";

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
    tx.define(VERSIONS).await?;
    for (index, (name, sql)) in MIGRATIONS.iter().enumerate().filter(|(index, _)| numbers.contains(&(index + 1))) {
        add(tx, index as i64 + 1, name, sql).await?;
    }
    Ok(())
}

async fn add(tx: &mut Tx, version: i64, name: &str, sql: &str) -> Result<(), StoreError> {
    let digest = digest::digest(&digest::SHA256, sql.as_bytes());
    let insert = "INSERT INTO schema_versions (version, name, digest) VALUES (?1, ?2, ?3)";
    tx.execute(insert, params![version, name, digest.as_ref()]).await?;
    tx.define(sql).await
}

/// Applies what is missing, each migration in a transaction of its own.
pub(crate) async fn to_newest(store: &Store) -> Result<(), StoreError> {
    let mut tx = store.begin_all().await?;
    tx.define(VERSIONS).await?;
    tx.commit().await?;
    for (index, (name, sql)) in MIGRATIONS.iter().enumerate() {
        apply(store, index as i64 + 1, name, sql).await?;
    }
    refuse_newer(store).await
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

/// A database made by a newer version may hold what this one would misread.
async fn refuse_newer(store: &Store) -> Result<(), StoreError> {
    let newest = MIGRATIONS.len() as i64;
    let row = store.read_all().row("SELECT name FROM schema_versions WHERE version > ?1", params![newest]).await?;
    match row {
        None => Ok(()),
        Some(mut row) => {
            let name: String = row.get(0)?;
            Err(StoreError::Unusable(format!("it was made by a newer version (it has {name}); use that version")))
        }
    }
}

/// The text for SQLite: what stands in the marks counts.
pub(crate) fn for_sqlite(sql: &str) -> String {
    sql.replace("/*sqlite:", "").replace("sqlite*/", "")
}

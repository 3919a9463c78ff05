//! What the role may do that the servers work as, on PostgreSQL: all they need, and nothing that could alter the audit
//! trail or the tables themselves. Whoever owns the tables grants it, and migrates.

use crate::params;
use crate::{Store, StoreError};

/// Tables that are only ever added to.
pub const ONLY_GROWING: [&str; 6] =
    ["audit", "audit_positions", "audit_batches", "audit_tiles", "audit_checkpoints", "audit_signatures"];
/// Tables that only migrations write.
const ONLY_READ: [&str; 2] = ["schema_versions", "schema_floor"];

/// Gives a role the rights of a server, in place of those it has on these tables.
///
/// # Errors
/// [`StoreError::Unusable`] on SQLite, which has no roles; [`StoreError::Statement`] when there is no such role, or this
/// one may not grant.
pub async fn grant_serving(store: &Store, role: &str) -> Result<(), StoreError> {
    if store.engine_name() != "PostgreSQL" {
        return Err(StoreError::Unusable("only PostgreSQL has roles".into()));
    }
    let mut tx = store.begin_all().await?;
    let tables = "SELECT CAST(t.tablename AS TEXT), CAST(t.schemaname AS TEXT) FROM pg_tables t \
         WHERE t.schemaname = current_schema() ORDER BY t.tablename";
    let role = quoted(role);
    let mut grants = String::new();
    for mut row in tx.rows(tables, params![]).await? {
        let (table, schema): (String, String) = (row.get(0)?, row.get(1)?);
        let rights = match table.as_str() {
            table if ONLY_GROWING.contains(&table) => "SELECT, INSERT",
            table if ONLY_READ.contains(&table) => "SELECT",
            _ => "SELECT, INSERT, UPDATE, DELETE",
        };
        let (table, schema) = (quoted(&table), quoted(&schema));
        grants.push_str(&format!(
            "REVOKE ALL ON {schema}.{table} FROM {role}; GRANT {rights} ON {schema}.{table} TO {role}; \
             REVOKE CREATE ON SCHEMA {schema} FROM {role}; GRANT USAGE ON SCHEMA {schema} TO {role};"
        ));
    }
    tx.define(&grants).await?;
    tx.commit().await
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

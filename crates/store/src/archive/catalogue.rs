//! Which tables there are: asked of the engine, so that a table added by a migration is in the next backup by itself.

use crate::{Session, StoreError};

/// About the database and its nodes. Of the first an archive says the same in its header; the others belong to no instant,
/// and versions must not come back.
const OWN: [&str; 4] = ["schema_versions", "schema_floor", "nodes", "state_versions"];

const SQLITE_COLUMNS: &str = "SELECT t.name, i.name, i.pk FROM sqlite_master t, pragma_table_info(t.name) i \
     WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name, i.cid";
const SQLITE_REFERENCES: &str = "SELECT t.name, f.\"table\" FROM sqlite_master t, pragma_foreign_key_list(t.name) f \
     WHERE t.type = 'table'";
const POSTGRES_COLUMNS: &str = "SELECT CAST(c.relname AS TEXT), CAST(a.attname AS TEXT), \
     COALESCE(CAST(array_position(k.conkey, a.attnum) AS BIGINT), 0) FROM pg_class c \
     JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema() \
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' \
     LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p' \
     WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname, a.attnum";
const POSTGRES_REFERENCES: &str = "SELECT CAST(c.relname AS TEXT), CAST(o.relname AS TEXT) FROM pg_constraint k \
     JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class o ON o.oid = k.confrelid \
     JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema() WHERE k.contype = 'f'";
/// Functions of triggers; a migration makes them and would find them there.
const POSTGRES_FUNCTIONS: &str = "SELECT DISTINCT CAST(p.proname AS TEXT) FROM pg_trigger t \
     JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace n ON n.oid = p.pronamespace \
     WHERE NOT t.tgisinternal AND n.nspname = current_schema()";

/// A table with its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    /// The columns of its primary key, in the key's order.
    key: Vec<(i64, String)>,
}

impl Table {
    /// The statement that reads it whole, in the order of its key.
    pub(super) fn select(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|(_, column)| quoted(column)).collect();
        let columns: Vec<String> = self.columns.iter().map(|column| quoted(column)).collect();
        ["SELECT ", &columns.join(", "), " FROM ", &quoted(&self.name), " ORDER BY ", &key.join(", ")].concat()
    }
}

/// A name as it may stand in any statement.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// All tables but those about the database itself, each after those it refers to.
pub(super) async fn tables(session: &mut Session) -> Result<Vec<Table>, StoreError> {
    let (columns, references) =
        if session.is_sqlite() { (SQLITE_COLUMNS, SQLITE_REFERENCES) } else { (POSTGRES_COLUMNS, POSTGRES_REFERENCES) };
    let mut tables: Vec<Table> = Vec::new();
    for mut row in session.rows(columns, &[]).await? {
        let (name, column, place): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if tables.last().is_none_or(|table| table.name != name) {
            tables.push(Table { name, columns: Vec::new(), key: Vec::new() });
        }
        if let Some(table) = tables.last_mut() {
            if place > 0 {
                table.key.push((place, column.clone()));
                table.key.sort();
            }
            table.columns.push(column);
        }
    }
    tables.retain(|table| !OWN.contains(&table.name.as_str()));
    let mut needs = Vec::new();
    for mut row in session.rows(references, &[]).await? {
        needs.push((row.get::<String>(0)?, row.get::<String>(1)?));
    }
    in_order(tables, &needs)
}

/// Each table after those it needs.
fn in_order(mut left: Vec<Table>, needs: &[(String, String)]) -> Result<Vec<Table>, StoreError> {
    let mut ordered: Vec<Table> = Vec::new();
    while !left.is_empty() {
        let waits = |table: &Table| {
            needs
                .iter()
                .any(|(of, on)| of == &table.name && on != &table.name && left.iter().any(|other| &other.name == on))
        };
        let (later, now): (Vec<Table>, Vec<Table>) = left.iter().cloned().partition(waits);
        if now.is_empty() {
            return Err(StoreError::Unusable("its tables refer to one another in a circle".into()));
        }
        ordered.extend(now);
        left = later;
    }
    Ok(ordered)
}

/// What removes every table with all its rows; for a restore that replaces them.
pub(super) async fn removal(session: &mut Session, tables: &[Table]) -> Result<Vec<String>, StoreError> {
    let ours = tables.iter().rev().map(|table| table.name.as_str()).chain(OWN);
    let mut statements: Vec<String> = ours.map(|name| format!("DROP TABLE IF EXISTS {}", quoted(name))).collect();
    if !session.is_sqlite() {
        for mut row in session.rows(POSTGRES_FUNCTIONS, &[]).await? {
            statements.push(format!("DROP FUNCTION IF EXISTS {} CASCADE", quoted(&row.get::<String>(0)?)));
        }
    }
    Ok(statements)
}

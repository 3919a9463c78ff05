//! What holds for every table and every statement: whose rows are meant is part of each key and of each question.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use renkei_store::Store;
use renkei_testing::{fresh_postgres, fresh_sqlite};

/// The tables that are about the database itself.
const OF_NO_INSTITUTION: [&str; 3] = ["schema_versions", "schema_floor", "nodes"];

/// Table and first column of each of its keys, unique ones included.
async fn first_columns(store: &Store, select: &'static str) -> Vec<(String, String)> {
    let rows = store.read_all().rows(select, &[]).await.unwrap();
    rows.into_iter().map(|mut row| (row.get(0).unwrap(), row.get(1).unwrap())).collect()
}

fn expect_institution_first(keys: &[(String, String)]) {
    assert!(keys.len() > 30, "{keys:?}");
    for (table, column) in keys.iter().filter(|(table, _)| !OF_NO_INSTITUTION.contains(&table.as_str())) {
        assert_eq!(column, "institution", "a key of {table}");
    }
}

#[tokio::test]
async fn r_229_every_key_of_every_table_begins_with_the_institution_on_sqlite() {
    let fresh = fresh_sqlite().await;
    let select = "SELECT t.name, i.name FROM sqlite_master t, pragma_table_info(t.name) i \
         WHERE t.type = 'table' AND i.pk = 1 AND t.name NOT LIKE 'sqlite%' \
         UNION ALL SELECT t.name, c.name FROM sqlite_master t, pragma_index_list(t.name) l, pragma_index_info(l.name) c \
         WHERE t.type = 'table' AND l.\"unique\" = 1 AND c.seqno = 0";
    expect_institution_first(&first_columns(&fresh.store, select).await);
    let keyless = "SELECT t.name, '' FROM sqlite_master t WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' \
         AND NOT EXISTS (SELECT 1 FROM pragma_table_info(t.name) i WHERE i.pk = 1)";
    assert_eq!(first_columns(&fresh.store, keyless).await, [], "tables without a key");
}

#[tokio::test]
async fn r_229_every_key_of_every_table_begins_with_the_institution_on_postgresql() {
    let Some(fresh) = fresh_postgres().await else { return };
    let select = "SELECT CAST(t.relname AS TEXT), CAST(a.attname AS TEXT) FROM pg_index i \
         JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = i.indkey[0] \
         WHERE i.indisunique AND n.nspname = current_schema()";
    expect_institution_first(&first_columns(&fresh.store, select).await);
}

/// Every Rust file of the program.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The SQL texts of a file: literals that begin as a statement does, their line breaks taken out.
fn statements(text: &str) -> Vec<String> {
    let begins = ["\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE ", "\"WITH "];
    let starts = begins.iter().flat_map(|begin| text.match_indices(begin).map(|(at, _)| at + 1));
    let literals = starts.filter_map(|at| text.get(at..)?.split('"').next());
    literals.map(|literal| literal.split("\\\n").map(str::trim_start).collect()).collect()
}

/// How often a table is named to be read or written, but for the names a statement gives itself.
fn tables(statement: &str) -> usize {
    let words: Vec<&str> = statement.split_whitespace().collect();
    let named = words.windows(2).filter(|pair| {
        let [verb, name] = pair else { return false };
        let is_given = name.starts_with(['(', '?']) || name.starts_with("json_to_recordset(") || *name == "ids";
        ["FROM", "JOIN", "UPDATE", "INTO"].contains(verb) && !is_given
    });
    named.count()
}

/// Statements about the database, and the list of institutions: all there is across institutions.
const ACROSS: [&str; 7] = [
    "schema_versions",
    "schema_floor",
    "INTO nodes",
    " FROM nodes ",
    " FROM institutions",
    " FROM sqlite_master",
    " FROM pg_",
];

#[test]
fn r_229_every_statement_names_the_institution_for_each_table_it_touches() {
    let mut files = Vec::new();
    for member in ["store", "server"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(member).join("src"), &mut files);
    }
    let mut seen = 0;
    for file in files {
        for statement in statements(&fs::read_to_string(&file).unwrap()) {
            seen += tables(&statement);
            let across =
                ACROSS.iter().any(|name| statement.contains(name)) && !statement.contains(" WHERE institution");
            let named = statement.matches("institution").count();
            assert!(across || named >= tables(&statement), "{}: {statement}", file.display());
        }
    }
    assert!(seen > 80, "only {seen} tables found: are statements still written as literals?");
}

//! Taking an archive into a store, inside one transaction: all of it or nothing.

use std::io::BufRead;

use renkei_domain::time::Timestamp;

use super::catalogue::{self, Table, quoted};
use super::read::{Line, Lines};
use super::{ArchiveError, Header, TableLine, refused};
use crate::db::{DUE_NOW, Param, Value};
use crate::rights::ONLY_GROWING;
use crate::{Session, StoreError, Tx, migrate};

/// Rows written by one statement.
const BATCH_ROWS: usize = 50;

/// What was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// How many rows.
    pub rows: u64,
    /// The instant they show.
    pub taken_at: Timestamp,
}

/// Whether no table of this store has a row, or there are no tables.
///
/// # Errors
/// [`StoreError`].
pub async fn is_empty(tx: &mut Tx) -> Result<bool, StoreError> {
    let mut found = false;
    for table in catalogue::tables(tx).await? {
        let select = format!("{} LIMIT 1", table.select());
        let mut take = |_: &[Value]| {
            found = true;
            Ok::<(), StoreError>(())
        };
        Session::each_row(tx, &select, &mut take).await?;
    }
    Ok(!found)
}

/// Replaces everything in the store by what the archive holds, and brings its tables up to date. Whether the archive is
/// whole was looked at before ([`super::verify`]).
///
/// # Errors
/// [`ArchiveError`]; the transaction must then be dropped.
pub async fn load(tx: &mut Tx, source: impl BufRead) -> Result<Loaded, ArchiveError> {
    let (header, mut lines) = Lines::begin(source)?;
    let version = known_version(&header)?;
    let before = catalogue::tables(tx).await?;
    for statement in catalogue::removal(tx, &before).await? {
        tx.define(&statement).await?;
    }
    migrate::within(tx, 1..=version).await?;
    // A migration may have put rows into its own tables; the archive has them as they became. It puts none into those of the
    // audit trail, which refuse to be emptied.
    let tables = catalogue::tables(tx).await?;
    for table in tables.iter().rev().filter(|table| !ONLY_GROWING.contains(&table.name.as_str())) {
        tx.define(&["DELETE FROM ", &quoted(&table.name)].concat()).await?;
    }
    let mut filling: Option<Filling> = None;
    let mut rows = 0;
    while let Some(line) = lines.next()? {
        match (line, &mut filling) {
            (Line::Table(table), _) => filling = Some(Filling::new(&table, &tables)?),
            (Line::Row(row), Some(filling)) => {
                rows += 1;
                filling.add(tx, row).await?;
            }
            (Line::Rows(_), Some(filling)) => filling.write(tx).await?,
            (Line::End(_), _) => {
                // No table can be altered that has something to do at the commit.
                tx.define(DUE_NOW).await?;
                migrate::within(tx, version + 1..=usize::MAX).await?;
                return Ok(Loaded { rows, taken_at: header.taken_at() });
            }
            (Line::Row(_) | Line::Rows(_), None) => return Err(refused("the archive is damaged")),
        }
    }
    Err(refused("the archive ends too early: it was cut short"))
}

/// How many migrations the archive's tables had had; they must be the first ones of this program.
fn known_version(header: &Header) -> Result<usize, ArchiveError> {
    if migrate::list().starts_with(&header.migrations) {
        return Ok(header.migrations.len());
    }
    let program = &header.program;
    Err(refused(format!(
        "the archive was made by version {program}, whose tables this version does not know; use that one"
    )))
}

/// A table that rows are being written to.
struct Filling {
    columns: usize,
    one: &'static str,
    batch: &'static str,
    waiting: Vec<Value>,
}

impl Filling {
    fn new(line: &TableLine, tables: &[Table]) -> Result<Filling, ArchiveError> {
        let table = tables.iter().find(|table| table.name == line.table);
        let is_known = table.is_some_and(|table| line.columns.iter().all(|column| table.columns.contains(column)));
        if !is_known || line.columns.is_empty() {
            return Err(refused(format!("the archive has a table {} that its version has not", line.table)));
        }
        let insert = |rows| statement(line, rows);
        Ok(Filling { columns: line.columns.len(), one: insert(1), batch: insert(BATCH_ROWS), waiting: Vec::new() })
    }

    async fn add(&mut self, tx: &mut Tx, row: Vec<Value>) -> Result<(), ArchiveError> {
        if row.len() != self.columns {
            return Err(refused("the archive is damaged"));
        }
        self.waiting.extend(row);
        if self.waiting.len() < self.columns * BATCH_ROWS {
            return Ok(());
        }
        let values: Vec<Param<'_>> = self.waiting.iter().map(param).collect();
        tx.execute(self.batch, &values).await?;
        self.waiting.clear();
        Ok(())
    }

    async fn write(&mut self, tx: &mut Tx) -> Result<(), ArchiveError> {
        for row in self.waiting.chunks(self.columns) {
            let values: Vec<Param<'_>> = row.iter().map(param).collect();
            tx.execute(self.one, &values).await?;
        }
        self.waiting.clear();
        Ok(())
    }
}

/// The statement that adds so many rows. It is made once for each table of a restore and kept as long as the process
/// lives, like the texts in the program.
fn statement(line: &TableLine, rows: usize) -> &'static str {
    let columns: Vec<String> = line.columns.iter().map(|column| quoted(column)).collect();
    let row = |row: usize| {
        let places: Vec<String> =
            (1..=columns.len()).map(|place| format!("?{}", row * columns.len() + place)).collect();
        format!("({})", places.join(", "))
    };
    let values: Vec<String> = (0..rows).map(row).collect();
    let text = ["INSERT INTO ", &quoted(&line.table), " (", &columns.join(", "), ") VALUES ", &values.join(", ")];
    Box::leak(text.concat().into_boxed_str())
}

fn param(value: &Value) -> Param<'_> {
    match value {
        Value::Null => Param::Null,
        Value::Int(number) => Param::from(*number),
        Value::Text(text) => Param::from(text),
        Value::Bytes(bytes) => Param::from(bytes),
    }
}

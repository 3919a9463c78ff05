//! Writing an archive.

use std::io::Write;

use aws_lc_rs::hmac;
use base64ct::{Base64, Encoding};
use renkei_domain::time::Timestamp;
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};

use super::catalogue::{self, Table};
use super::{ArchiveError, EndLine, FORMAT, Header, RowsLine, Summary, TableLine, refused};
use crate::db::Value;
use crate::{Session, Store, StoreError, migrate};

/// What is asked of SQLite before its file is copied: a damaged file makes a damaged backup.
const CHECK: &str = "PRAGMA integrity_check(1)";

/// Writes all rows as of now. The store may serve meanwhile.
///
/// # Errors
/// [`ArchiveError`]; what was written by then is no archive.
pub async fn write(
    store: &Store,
    key: &hmac::Key,
    master_key: Option<&[u8]>,
    now: Timestamp,
    out: &mut (dyn Write + Send),
) -> Result<Summary, ArchiveError> {
    let mut snapshot = store.snapshot().await?;
    refuse_damaged(&mut snapshot).await?;
    let migrations = applied(&mut snapshot).await?;
    let header = Header {
        renkei_archive: FORMAT,
        taken_at: now.to_rfc3339(),
        taken_at_micros: now.0,
        engine: store.engine_name().to_owned(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        migrations,
        master_key: master_key.map(Base64::encode_string),
    };
    let mut lines = Lines { out, mac: hmac::Context::with_key(key), line: Vec::new() };
    lines.put(&header)?;
    let (mut tables, mut rows) = (0, 0);
    for table in catalogue::tables(&mut snapshot).await? {
        tables += 1;
        rows += put_table(&mut lines, &mut snapshot, &table).await?;
    }
    let mac = lines.end()?;
    Ok(Summary { header, tables, rows, mac })
}

async fn put_table(lines: &mut Lines<'_>, snapshot: &mut Session, table: &Table) -> Result<u64, ArchiveError> {
    lines.put(&TableLine { table: table.name.clone(), columns: table.columns.clone() })?;
    let mut rows = 0;
    let mut put = |values: &[Value]| {
        rows += 1;
        lines.put(&Cells(values))
    };
    snapshot.each_row(&table.select(), &mut put).await?;
    lines.put(&RowsLine { rows })?;
    Ok(rows)
}

async fn refuse_damaged(snapshot: &mut Session) -> Result<(), ArchiveError> {
    if !snapshot.is_sqlite() {
        return Ok(());
    }
    let verdict: String = match snapshot.row(CHECK, &[]).await? {
        Some(mut row) => row.get(0)?,
        None => "no verdict".into(),
    };
    if verdict == "ok" { Ok(()) } else { Err(refused(format!("the database file is damaged: {verdict}"))) }
}

/// The migrations this database has had, which must be ones this program knows.
async fn applied(snapshot: &mut Session) -> Result<Vec<(String, String)>, ArchiveError> {
    let version = migrate::version(snapshot).await?;
    let mut known = migrate::list();
    let count = usize::try_from(version).unwrap_or_default();
    if count > known.len() {
        let newer = "it was made by a newer version of this program; use that version".to_owned();
        return Err(StoreError::Unusable(newer).into());
    }
    known.truncate(count);
    Ok(known)
}

/// Lines on their way out, and the code over them.
struct Lines<'a> {
    out: &'a mut (dyn Write + Send),
    mac: hmac::Context,
    line: Vec<u8>,
}

impl Lines<'_> {
    fn put(&mut self, line: &impl Serialize) -> Result<(), ArchiveError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line).map_err(|error| refused(error.to_string()))?;
        self.line.push(b'\n');
        self.mac.update(&self.line);
        Ok(self.out.write_all(&self.line)?)
    }

    fn end(mut self) -> Result<Vec<u8>, ArchiveError> {
        let mac = self.mac.clone().sign().as_ref().to_vec();
        self.put(&EndLine { mac: Base64::encode_string(&mac) })?;
        self.out.flush()?;
        Ok(mac)
    }
}

/// The values of a row as an array.
struct Cells<'a>(&'a [Value]);

impl Serialize for Cells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut cells = serializer.serialize_seq(Some(self.0.len()))?;
        for value in self.0 {
            match value {
                Value::Null => cells.serialize_element(&())?,
                Value::Int(number) => cells.serialize_element(number)?,
                Value::Text(text) => cells.serialize_element(text)?,
                Value::Bytes(bytes) => cells.serialize_element(&Bytes { b: Base64::encode_string(bytes) })?,
            }
        }
        cells.end()
    }
}

#[derive(Serialize)]
struct Bytes {
    b: String,
}

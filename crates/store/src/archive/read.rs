//! Reading an archive: line by line, and whether it is whole.

use std::io::{BufRead, Read};

use aws_lc_rs::hmac;
use base64ct::{Base64, Encoding};
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{ArchiveError, EndLine, FORMAT, Header, LINE_BYTES_MAX, RowsLine, Summary, TableLine, refused};
use crate::db::Value;

/// One line of an archive.
pub(super) enum Line {
    Table(TableLine),
    Row(Vec<Value>),
    Rows(u64),
    End(Vec<u8>),
}

/// The lines of an archive after its header.
pub(super) struct Lines<R> {
    source: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Begins to read: the header, and what comes after it.
    pub(super) fn begin(source: R) -> Result<(Header, Lines<R>), ArchiveError> {
        let mut lines = Lines { source, line: Vec::new() };
        let no_archive = || refused("this is no archive of `renkei backup`");
        if !lines.read()? {
            return Err(no_archive());
        }
        let header: Header = serde_json::from_slice(&lines.line).map_err(|_| no_archive())?;
        if header.renkei_archive != FORMAT {
            return Err(refused(format!("it has format {}; this program knows {FORMAT}", header.renkei_archive)));
        }
        Ok((header, lines))
    }

    fn read(&mut self) -> Result<bool, ArchiveError> {
        self.line.clear();
        (&mut self.source).take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line)?;
        Ok(self.line.last() == Some(&b'\n'))
    }

    /// The bytes of the line read last.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.line
    }

    /// The next line; `None` where the file ends, or breaks off within a line.
    pub(super) fn next(&mut self) -> Result<Option<Line>, ArchiveError> {
        if !self.read()? {
            return Ok(None);
        }
        let line = match self.line.get(..5) {
            Some([b'[', ..]) => Line::Row(self.parse::<Vec<Cell>>()?.into_iter().map(|cell| cell.0).collect()),
            Some(b"{\"tab") => Line::Table(self.parse()?),
            Some(b"{\"row") => Line::Rows(self.parse::<RowsLine>()?.rows),
            _ => {
                let end: EndLine = self.parse()?;
                Line::End(Base64::decode_vec(&end.mac).map_err(|_| damaged())?)
            }
        };
        Ok(Some(line))
    }

    fn parse<T: DeserializeOwned>(&self) -> Result<T, ArchiveError> {
        serde_json::from_slice(&self.line).map_err(|_| damaged())
    }
}

/// Reads the first line alone, believing it: to find a master key that the rest can then be held against.
///
/// # Errors
/// [`ArchiveError`] when it is no archive.
pub fn header(source: impl BufRead) -> Result<Header, ArchiveError> {
    Ok(Lines::begin(source)?.0)
}

fn damaged() -> ArchiveError {
    refused("the archive is damaged")
}

/// Reads an archive from its first byte to its last and says what it holds.
///
/// # Errors
/// [`ArchiveError`] when it was cut short, changed, or made under another master key.
pub fn verify(source: impl BufRead, key: &hmac::Key) -> Result<Summary, ArchiveError> {
    let (header, mut lines) = Lines::begin(source)?;
    let mut mac = hmac::Context::with_key(key);
    mac.update(lines.bytes());
    let (mut tables, mut all_rows, mut rows) = (0, 0, 0);
    while let Some(line) = lines.next()? {
        match line {
            Line::End(code) => {
                return if aws_lc_rs::constant_time::verify_slices_are_equal(mac.sign().as_ref(), &code).is_ok() {
                    Ok(Summary { header, tables, rows: all_rows, mac: code })
                } else {
                    Err(refused(
                        "the archive was changed, or made under another master key than the one in this data folder",
                    ))
                };
            }
            Line::Table(_) => (tables, rows) = (tables + 1, 0),
            Line::Row(_) => rows += 1,
            Line::Rows(counted) if counted == rows => all_rows += rows,
            Line::Rows(_) => return Err(damaged()),
        }
        mac.update(lines.bytes());
    }
    Err(refused("the archive ends too early: it was cut short"))
}

/// A value of a row as it stands in JSON.
struct Cell(Value);

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cell, D::Error> {
        deserializer.deserialize_any(CellVisitor).map(Cell)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number, a text, bytes or nothing")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Int(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number).map(Value::Int).map_err(|_| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        use serde::de::Error;
        let Some(("b", text)) = map.next_entry::<&str, &str>()? else { return Err(A::Error::custom("no bytes")) };
        Base64::decode_vec(text).map(Value::Bytes).map_err(|_| A::Error::custom("no base64"))
    }
}

//! A backup: every row of every table as of one instant, in one file that either engine can be restored from.
//!
//! Lines of JSON, so that it can be read without this program. The first is the [`Header`]. Each table has a line with its
//! name and columns, a line for each row, an array in the order of the columns, and a line with the number of its rows. A
//! table comes after those it refers to. Numbers and text stand as such, bytes as `{"b":"…"}` in base64. The last line
//! holds an HMAC-SHA-256 over all bytes before it, so that what was cut short, damaged or made up is never restored.

mod catalogue;
mod load;
mod read;
mod write;

use std::io;

use renkei_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::StoreError;

pub use load::{Loaded, is_empty, load};
pub use read::{header, verify};
pub use write::write;

/// The format's number, counted up with every change that a reader has to know of.
const FORMAT: u32 = 1;
/// Most bytes of a line: several times the largest row there can be.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// Why an archive could not be written or taken.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file can't be read or written.
    #[error("the archive: {0}")]
    File(#[from] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive is damaged, not one of ours, or not for this store.
    #[error("{0}")]
    Refused(String),
}

fn refused(reason: impl Into<String>) -> ArchiveError {
    ArchiveError::Refused(reason.into())
}

/// The first line of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The format's number.
    pub renkei_archive: u32,
    /// The instant it shows, for people.
    pub taken_at: String,
    /// The same in UTC microseconds.
    pub taken_at_micros: i64,
    /// The engine it was made from; it may be restored to the other one.
    pub engine: String,
    /// The version of the program that made it.
    pub program: String,
    /// The migrations its tables had had: name and SHA-256 of the text.
    pub migrations: Vec<(String, String)>,
    /// The master key in base64, where it was asked for. An archive with it is as secret as the key.
    pub master_key: Option<String>,
}

impl Header {
    /// The instant it shows.
    #[must_use]
    pub const fn taken_at(&self) -> Timestamp {
        Timestamp(self.taken_at_micros)
    }
}

/// The line before the rows of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableLine {
    table: String,
    columns: Vec<String>,
}

/// The line after them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowsLine {
    rows: u64,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndLine {
    mac: String,
}

/// What an archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its first line.
    pub header: Header,
    /// How many tables.
    pub tables: u64,
    /// How many rows in all of them.
    pub rows: u64,
    /// Its authentication code, which also names it.
    pub mac: Vec<u8>,
}

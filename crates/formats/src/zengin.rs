//! Zengin files (全銀フォーマット): fixed-length records of half-width characters.
//!
//! Layouts are those of the Japanese Bankers Association's "適用業務およびレコード・フォーマット" for the basic
//! procedure. A file is walked in four layers, each in its own module:
//!
//! 1. `frame` cuts the bytes into records of 200 bytes,
//! 2. `fields` walks one record item by item, for reading and for writing alike,
//! 3. [`statement`] names the items of each record of an account statement (type code 03),
//! 4. [`statement::StatementReader`] checks the order of the records and the sums between them.

mod codes;
mod era;
mod fields;
mod frame;
mod refusal;
pub mod statement;
mod text;

pub use codes::{AccountType, BillKind, Direction, EntryKind};
pub use era::YEARS_APART_MAX;
pub use fields::{AMOUNT_MAX, BALANCE_MAX, WriteFault};
pub use frame::{LineBreaks, RECORD_BYTES, RECORDS_MAX};
pub use refusal::{CharacterFault, ReadError, Reason, RecordKind, Refusal};
pub use text::{CharacterClass, Text, normalised};

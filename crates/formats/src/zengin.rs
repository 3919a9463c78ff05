//! Zengin files (全銀フォーマット): fixed-length records of half-width characters.
//!
//! Layouts are those of the Japanese Bankers Association's "適用業務およびレコード・フォーマット" for the basic
//! procedure. A file is walked in four layers, each in its own module:
//!
//! 1. `frame` cuts the bytes into records of 200 bytes,
//! 2. `fields` walks one record item by item, for reading and for writing alike,
//! 3. a module for each type code names the items of its records: [`statement`] (03), [`transfer_notice`] (01),
//!    [`balance_notice`] (04),
//! 4. the reader there checks the order of the records and the sums between them.

pub mod balance_notice;
mod codes;
mod era;
mod fields;
mod frame;
mod records;
pub mod statement;
mod text;
pub mod transfer_notice;

pub use codes::{AccountType, BillKind, Direction, EntryKind};
pub use era::YEARS_APART_MAX;
pub use fields::{AMOUNT_MAX, BALANCE_MAX, WriteFault};
pub use frame::{LineBreaks, RECORD_BYTES, RECORDS_MAX};
pub(crate) use text::to_char;
pub use text::{CharacterClass, Text, normalised};

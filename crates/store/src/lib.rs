//! The store: the only crate that can name a table.
//!
//! One SQL text serves two engines, SQLite inside the process and PostgreSQL; `db` is the seam, every other file holds
//! the statements of one noun. Reads are methods of [`Session`], writes of [`Tx`]; a write transaction begins with the
//! statement that decides who wins, and its audit record is one of its rows.

pub mod archive;
pub mod audit;
pub mod audit_checkpoints;
pub mod audit_removal;
pub mod audit_sealing;
pub mod client_tokens;
pub mod codes;
pub mod customers;
pub mod db;
pub mod epochs;
pub mod examine;
pub mod flows;
pub mod guards;
pub mod guesses;
pub mod histogram;
pub mod imports;
pub mod institutions;
mod kept;
pub mod leases;
pub mod ledger;
pub mod ledger_import;
pub mod ledger_survey;
pub mod linkages;
mod migrate;
pub mod nodes;
pub mod notices;
pub mod partner_keys;
pub mod partners;
pub mod pins;
mod random;
pub mod replays;
pub mod requests;
pub mod resource_servers;
pub mod retention;
pub mod rights;
pub mod sealed;
pub mod sessions;
pub mod signing_keys;
pub mod statistics;
mod ticket;
pub mod tokens;

pub use db::unit::{Ended, Step, Unit};
pub use db::{ClientIdentity, Session, Store, StoreConfig, StoreError, Tx};
pub use kept::Moment;
pub use random::Random;

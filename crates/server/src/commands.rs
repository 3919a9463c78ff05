//! The subcommands of `renkei`. Each has its arguments (`Args`) and one function that does the work (`run`).

pub mod apply;
pub mod audit;
pub mod backup;
pub mod data;
pub mod demo;
pub mod doctor;
mod error;
pub mod guards;
pub mod import;
pub mod keys;
pub mod linkages;
pub mod migrate;
pub mod output;
pub mod restore;
pub mod serve;
mod server_url;
pub mod statistics;

pub use error::CommandError;

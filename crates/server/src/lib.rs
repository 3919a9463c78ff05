//! Everything that touches the world: HTTP, the command line, keys, clocks, files.

#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod app;
pub mod audit;
pub mod ballast;
pub mod certificates;
pub mod commands;
pub mod config;
pub mod core_banking;
pub mod customer_list;
pub mod damage;
pub mod demo;
pub mod doctor;
pub mod error;
pub mod http;
pub mod keys;
pub mod ledger;
pub mod listener;
pub mod logging;
pub mod metrics;
pub mod outbound;
pub mod partner_keys;
pub mod passwords;
pub mod readiness;
pub mod registry;
pub mod retention;
pub mod shared_clock;
pub mod signing;
pub mod statistics;
mod sync;
pub mod system;
pub mod texts;
pub mod traces;

//! Keys: the institution's own and those of partners.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod command;
mod fetched;
mod hostile;
mod key_host;
mod master;
mod rotation;
mod signing;

//! Configuration, listeners and certificates: what is refused before anybody is served, and what strangers can't do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod abuse;
mod authority;
mod certificates;
mod command;
mod config;
mod database;
mod doctor;
mod listener;

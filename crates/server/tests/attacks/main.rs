//! Attacks on real processes: `renkei serve` behind TLS, set up by its own commands, on SQLite and, where two nodes are
//! needed, on PostgreSQL. What is here shows what tests within one process can't: other nodes, restarts, signals, memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "the linkage tests use the rest of it")]
#[path = "../linkage/browser.rs"]
mod browser;

/// What the browser of the linkage tests needs to know.
mod bank {
    pub use crate::support::REDIRECT_URI as BACK;

    pub const PASSWORD: &str = "aozora-2026-haru";
    pub const PIN: &str = "7391";
    pub const STATE: &str = "s";
}

mod budgets;
mod canary;
mod codes;
mod guesses;
mod injection;
mod installation;
mod node;
mod observed;
mod replays;
mod restores;
mod scenarios;
mod stolen;
mod trail;

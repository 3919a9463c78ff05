//! Faults on purpose: real nodes and real databases are killed, cut off, stopped and changed under load, while a client
//! keeps a history of what it asked and what it was told; a checker then holds the history against what stands.
//!
//! Not part of the program `renkei`, which it drives through its commands, its listeners and its signals alone.

pub mod bank;
pub mod browser;
pub mod check;
pub mod cluster;
pub mod crowd;
pub mod disk;
pub mod gate;
pub mod history;
pub mod linear;
pub mod models;
pub mod oracle;
pub mod partner;
pub mod proxy;
pub mod report;
pub mod runs;
pub mod truth;

/// What goes wrong with the test itself, in words.
pub type Trouble = String;

/// Words for an error of any kind, with what was being done.
pub fn trouble<E: std::fmt::Display>(doing: &'static str) -> impl Fn(E) -> Trouble {
    move |error| format!("{doing}: {error}")
}

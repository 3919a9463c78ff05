//! The rules of linkage: who may let whom read what, until when, and in which order the screens come.
//!
//! Nothing here reads a clock, draws a random number, opens a socket or names a table: time, chance and the
//! outside world's answers arrive as arguments, so every rule can be tested exhaustively in milliseconds.

#[macro_use]
mod words;

pub mod account;
pub mod audit;
pub mod customer;
pub mod flow;
pub mod guard;
pub mod id;
pub mod institution;
pub mod ledger;
pub mod linkage;
pub mod notice;
pub mod operation;
pub mod partner;
pub mod pin;
pub mod statement;
pub mod ticket;
pub mod time;
pub mod token;

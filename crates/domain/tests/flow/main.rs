//! The linkage flow as a type: the printed table of all its transitions, what its clock and its permission form accept,
//! and random walks that look for a way to a permission nobody gave.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

mod anew;
mod cast;
mod clock;
mod model;
mod permit;
mod table;
mod walks;

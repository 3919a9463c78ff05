//! The account API as partners meet it: the whole router over a store of either engine, tokens and proofs included.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

mod day_edges;
mod documented;
mod feed;
mod kinds;
mod range;
mod reads;
mod refusals;
mod support;

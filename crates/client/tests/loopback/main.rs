//! The client against an institution of a few lines on loopback.

// A helper of a test fails the test by panicking, as the test itself does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod account_api;
mod linkage;
mod signing;
mod support;

//! The site as a visitor meets it, with institutions on loopback.

// A helper of a test fails the test by panicking, as the test itself does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod bank;
mod browser;
mod linking;
mod pages;

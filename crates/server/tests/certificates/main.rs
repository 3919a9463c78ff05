//! Users' certificates over real TLS: whether they are good is asked of a real OCSP responder, and asked again at each
//! step that matters.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

// Each test binary uses its own part of these.
#[allow(dead_code)]
#[path = "../serve/authority.rs"]
mod authority;
#[allow(dead_code)]
#[path = "../linkage/bank.rs"]
mod bank;
#[allow(dead_code)]
#[path = "../linkage/browser.rs"]
mod browser;

mod answers;
mod door;
mod responder;
mod second_look;

//! The linkage flow over HTTP: the real router on loopback, browsers that keep cookies and follow nothing by
//! themselves, two institutions, and a clock moved by hand.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

mod addresses;
mod asked;
mod bank;
mod browser;
mod csp_report;
mod day_edges;
mod failures;
mod fence;
mod forgeries;
mod gone;
mod guards;
mod headers;
mod listed;
mod log;
mod logins;
mod notices;
mod opening;
mod order;
mod pins;
mod races;
mod renewals;
mod secrets;
mod sessions;
mod signed_answers;
mod times;
mod unauthenticated;
mod walks;
mod ways_out;

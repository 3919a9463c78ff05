//! Partners with certificates, over real TLS: who they are taken for, and what their tokens are bound to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

// Each test binary uses its own part of this.
#[allow(dead_code)]
#[path = "../serve/authority.rs"]
mod authority;
#[allow(dead_code)]
#[path = "../keys/key_host.rs"]
mod key_host;
#[path = "../support/mod.rs"]
mod support;

mod authentication;
mod bank;
mod binding;
mod doors;
mod fetched;
mod grants;
mod handshakes;
mod names;
mod proxied;
mod published;

//! The protocol endpoints over HTTP, against every rule and attack that touches them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod advertised;
mod bearer;
mod bindings;
mod client_auth;
mod code;
mod details;
mod discovery;
mod dpop;
mod grants;
mod introspect;
mod kinds;
mod limits;
mod nonces;
mod overload;
mod policy;
mod push;
mod refresh;
mod request_object;
mod retention;
mod revoke;
mod simulation;
mod together;
mod transport;

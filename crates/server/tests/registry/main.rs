//! The registry file: what it changes, what it refuses, and that it changes all of it or nothing.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

mod applied;
mod command;
mod refused;
mod resource_servers;

use std::path::Path;

use renkei_domain::time::Timestamp;
use renkei_server::keys::Keys;
use renkei_server::registry::{self, Plan, RegistryError, Source};
use renkei_store::Store;
use renkei_testing::SystemRandom;

pub const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub const FULL: &str = include_str!("full.toml");

pub fn keys() -> Keys {
    Keys::from_master(&[7; 32]).unwrap()
}

pub fn read(text: &str) -> Result<registry::Registry, RegistryError> {
    read_at(text, NOW)
}

pub fn read_at(text: &str, now: Timestamp) -> Result<registry::Registry, RegistryError> {
    let source = Source { name: "registry.toml", text, folder: Path::new("tests/registry"), loopback_http: false };
    registry::read(source, now)
}

pub async fn apply_at(store: &Store, text: &str, now: Timestamp) -> Result<Plan, RegistryError> {
    let registry = read_at(text, now)?;
    let shown = registry::preview(store, &registry, now).await?;
    registry::apply(store, &keys(), &registry, Some(&shown), "tanaka", now, &SystemRandom).await
}

pub async fn apply(store: &Store, text: &str) -> Plan {
    apply_at(store, text, NOW).await.unwrap()
}

//! What tests of several crates share: fresh stores of either engine, and a source of randomness.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that can't be set up has failed"
)]

pub mod explore;
pub mod seed;

use std::sync::atomic::{AtomicU64, Ordering};

use renkei_domain::institution::InstitutionCode;
use renkei_store::{Random, Store, StoreConfig};

/// The variable that names the PostgreSQL server tests may make schemas in.
pub const POSTGRES_VARIABLE: &str = "RENKEI_TEST_POSTGRES";

/// A store of its own, and what has to live as long as it.
pub struct FreshStore {
    /// The store, its tables up to date.
    pub store: Store,
    /// How to open it again.
    pub config: StoreConfig,
    _folder: Option<tempfile::TempDir>,
}

/// A store in a new SQLite file.
pub async fn fresh_sqlite() -> FreshStore {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = StoreConfig::Sqlite { path: folder.path().join("renkei.db") };
    let store = Store::open(&config).await.expect("a new SQLite store");
    FreshStore { store, config, _folder: Some(folder) }
}

/// A store in a new schema of the PostgreSQL server named by the environment, or none, and a word about it, where none
/// is named.
///
/// # Panics
/// When `CI` is set and no server is named: there, a test that did not run must not look like one that passed.
pub async fn fresh_postgres() -> Option<FreshStore> {
    let Ok(server) = std::env::var(POSTGRES_VARIABLE) else {
        assert!(std::env::var_os("CI").is_none(), "{POSTGRES_VARIABLE} names no server to test on");
        eprintln!("not run on PostgreSQL: {POSTGRES_VARIABLE} names no server");
        return None;
    };
    let schema = format!("t_{}", uuid::Uuid::now_v7().simple());
    let (client, link) = tokio_postgres::connect(&server, tokio_postgres::NoTls).await.expect("a PostgreSQL server");
    let link = tokio::spawn(link);
    client.batch_execute(&format!("CREATE SCHEMA {schema}")).await.expect("a new schema");
    drop(client);
    link.await.expect("the connection's task").expect("the connection");
    let mark = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{mark}options=-csearch_path%3D{schema}");
    let config = StoreConfig::Postgres { url, connections: 8, ca: None, identity: None };
    let store = Store::open(&config).await.expect("a new PostgreSQL store");
    Some(FreshStore { store, config, _folder: None })
}

/// Stamps each test once for SQLite and once for PostgreSQL. The latter runs where `RENKEI_TEST_POSTGRES` names a server;
/// the test command sets it.
#[macro_export]
macro_rules! on_each_engine {
    ($($(#[$doc:meta])* async fn $name:ident($store:ident: $type:ty) $body:block)*) => {
        mod sqlite {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let fresh = $crate::fresh_sqlite().await;
                    super::$name(fresh.store.clone()).await;
                }
            )*
        }
        mod postgres {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(fresh) = $crate::fresh_postgres().await {
                        super::$name(fresh.store.clone()).await;
                    }
                }
            )*
        }
        $($(#[$doc])* async fn $name($store: $type) $body)*
    };
}

/// Different bytes at every call, from the operating system's generator: for tests whose outcome must not depend on them.
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system's generator");
    }
}

/// The same bytes in every run: a counter, so that no two identifiers are equal.
#[derive(Default)]
pub struct CountingRandom(AtomicU64);

impl Random for CountingRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let count = self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        for (position, byte) in bytes.iter_mut().rev().enumerate() {
            *byte = count.iter().rev().nth(position).copied().unwrap_or(0);
        }
    }
}

/// The institution most tests act in: 1001.
#[must_use]
pub fn aoi() -> InstitutionCode {
    "1001".parse().expect("four digits")
}

/// The institution that must never notice: 1002.
#[must_use]
pub fn midori() -> InstitutionCode {
    "1002".parse().expect("four digits")
}

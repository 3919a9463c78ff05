//! The faults that need no cluster, in small numbers; `renkei-faults` runs all of them in any number.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::process::Command;
use std::time::Duration;

use renkei_faults::runs::{self, Size};
use renkei_testing::fresh_postgres;

/// The program is there when the whole workspace is tested; where it is not, it is built.
fn build() {
    if renkei_faults::bank::binary().is_err() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--bin", "renkei"]).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        assert!(build.status().unwrap().success());
    }
}

fn size(n: usize) -> Size {
    Size { n, users: 6, pace: Duration::from_millis(30), history: None }
}

/// The URL of an empty schema of its own, and what keeps it.
async fn empty() -> Option<(String, renkei_testing::FreshStore)> {
    let fresh = fresh_postgres().await?;
    let renkei_store::StoreConfig::Postgres { url, .. } = &fresh.config else { panic!("a PostgreSQL store") };
    Some((url.clone(), fresh))
}

/// One after the other, as each needs the machine for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_01_f_02_f_09_f_18_f_24_f_28_f_29_in_small_numbers() {
    build();
    // On a machine busy with other tests the time to ready says nothing; the invariants do.
    runs::f_01(&size(5), Duration::from_secs(60)).await.unwrap();
    runs::f_09(&size(2), Duration::from_secs(3), None).await.unwrap();
    if let Some((url, _kept)) = empty().await {
        runs::f_18(&size(6), &url).await.unwrap();
    }
    if let Some((url, _kept)) = empty().await {
        runs::f_24(&size(2), &url).await.unwrap();
    }
    if let Some((url, _kept)) = empty().await {
        runs::f_28(&size(4), &url).await.unwrap();
    }
    if let Some((url, _kept)) = empty().await {
        runs::f_02(&size(12), &url).await.unwrap();
    }
    if let Some((url, _kept)) = empty().await {
        runs::f_29(&size(4), &url).await.unwrap();
    }
}

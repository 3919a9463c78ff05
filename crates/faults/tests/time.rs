//! Clocks that jump and disagree, in small numbers; `renkei-faults` runs the same in any number.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::process::Command;
use std::time::Duration;

use renkei_faults::runs::{self, Size};
use renkei_store::StoreConfig;
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
    Size { n, users: 3, pace: Duration::from_millis(30), history: None }
}

async fn f_22() {
    let Some(fresh) = fresh_postgres().await else { return };
    let StoreConfig::Postgres { url, .. } = &fresh.config else { panic!("a PostgreSQL store") };
    runs::f_22(&size(9), url).await.unwrap();
}

/// Both at the same time, as each mostly waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_20_f_22_in_small_numbers() {
    build();
    if let Err(missing) = runs::time::library() {
        eprintln!("NOT TRIED: {missing}");
        assert!(std::env::var_os("CI").is_none(), "CI has to try this: {missing}");
        return;
    }
    tokio::join!(async { runs::f_20(&size(1)).await.unwrap() }, f_22());
}

//! A disk that fails, in small numbers; `renkei-faults` runs the same in any number.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::process::Command;
use std::time::Duration;

use renkei_faults::disk::Disk;
use renkei_faults::runs::{self, Size};

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

/// Whether there can be such a disk here. Without one nothing is shown, and it says so.
fn can_be_tried() -> bool {
    build();
    match Disk::can_be_had() {
        Ok(()) => true,
        Err(missing) => {
            eprintln!("NOT TRIED: {missing}");
            assert!(std::env::var_os("CI").is_none(), "CI has to try this: {missing}");
            false
        }
    }
}

/// One after the other, as each needs the machine for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_03_f_04_in_small_numbers() {
    if can_be_tried() {
        runs::f_03(&size(4), false).await.unwrap();
        runs::f_03(&size(1), true).await.unwrap();
        runs::f_04(&size(4)).await.unwrap();
    }
}

//! `renkei serve` as a process: what it says and ends with when it can't start.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const LOOPBACK: &str = "origin = \"http://127.0.0.1:18080\"\nlisten = \"127.0.0.1:0\"\n";

fn renkei(words: &[&str], data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_renkei"));
    command.args(words).arg("--data").arg(data).env_remove("RENKEI_STORE").output().unwrap()
}

#[track_caller]
fn refuses(output: &Output, because: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(because), "{said}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_installation_that_is_not_set_up_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    refuses(&renkei(&["serve"], folder.path()), "renkei.toml");
    fs::write(folder.path().join("renkei.toml"), LOOPBACK).unwrap();
    refuses(&renkei(&["serve"], folder.path()), "master.key is missing");
    assert!(!folder.path().join("keys").exists(), "serving makes no key");
    assert!(renkei(&["migrate"], folder.path()).status.success());
    refuses(&renkei(&["serve"], folder.path()), "there is no institution");
}

#[test]
fn an_unsafe_configuration_stops_every_command() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("renkei.toml"), LOOPBACK.replace("127.0.0.1:18080", "link.example.jp")).unwrap();
    for command in ["serve", "migrate"] {
        refuses(&renkei(&[command], folder.path()), "loopback only");
    }
}

#[test]
fn a_store_url_with_a_password_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let output = renkei(&["migrate", "--store", "postgres://renkei:s3cret@db.example.jp/renkei"], folder.path());
    refuses(&output, "sslmode=require");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("s3cret"));
}

//! `renkei apply` as a person and a script meet it.

use std::path::Path;
use std::process::{Command, Output};

use super::FULL;

fn renkei_apply(data: &Path, file: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_renkei"));
    command.arg("apply").arg(file).arg("--data").arg(data).args(options).env_remove("RENKEI_STORE");
    command.stdin(std::process::Stdio::null()).output().unwrap()
}

fn folder_with(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("registry.toml"), text).unwrap();
    std::fs::copy("tests/registry/kakeibo.jwks.json", folder.path().join("kakeibo.jwks.json")).unwrap();
    folder
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_dry_run_changes_nothing_and_without_a_terminal_yes_is_needed() {
    let folder = folder_with(FULL);
    let (data, file) = (folder.path().join("data"), folder.path().join("registry.toml"));
    for _ in 0..2 {
        let dry = renkei_apply(&data, &file, &["--dry-run"]);
        assert!(dry.status.success());
        assert!(stdout(&dry).ends_with("15 added, 0 changed, 0 ended.\n"), "{}", stdout(&dry));
    }
    let unasked = renkei_apply(&data, &file, &[]);
    assert_eq!(unasked.status.code(), Some(2));
    assert!(stderr(&unasked).contains("give --yes"), "{}", stderr(&unasked));
}

#[test]
fn tools_read_the_client_ids_from_json_and_get_the_same_ones_again() {
    let folder = folder_with(FULL);
    let (data, file) = (folder.path().join("data"), folder.path().join("registry.toml"));
    let mut client_ids = Vec::new();
    for applied in [true, false] {
        let output = renkei_apply(&data, &file, &["--yes", "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(report["applied"], applied);
        assert_eq!(report["institutions"][0]["institution"], "1001");
        assert_eq!(report["institutions"][0]["products"][0]["product"], "kakeibo-cloud");
        client_ids.push(report["institutions"][0]["products"][0]["client_id"].clone());
    }
    assert!(client_ids[0].as_str().unwrap().starts_with("c-"));
    assert_eq!(client_ids[0], client_ids[1]);
}

#[test]
fn a_wrong_file_is_refused_with_all_that_is_wrong_and_exit_code_1() {
    let folder = folder_with(&FULL.replacen("#14518B", "navy", 1).replacen("https://tax.", "http://127.0.0.1:9/", 1));
    let (data, file) = (folder.path().join("data"), folder.path().join("registry.toml"));
    let refused = renkei_apply(&data, &file, &["--yes"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    assert!(said.contains("registry.toml: institutions \"1001\": accent: a colour"), "{said}");
    assert!(said.contains("products \"kakeibo-tax\": redirect_uris #1: redirect URI is not https"), "{said}");
    let loopback = renkei_apply(&data, &file, &["--yes", "--allow-loopback-http"]);
    assert!(!stderr(&loopback).contains("redirect_uris"), "{}", stderr(&loopback));
}

//! `renkei keys` as a person and a script meet it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub fn renkei(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_renkei"));
    command.args(arguments).arg("--data").arg(data).env_remove("RENKEI_STORE");
    command.stdin(Stdio::null()).output().unwrap()
}

/// An installation with the institutions of the registry's tests.
fn installation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let applied = renkei(folder.path(), &["apply", "tests/registry/full.toml", "--yes"]);
    assert!(applied.status.success(), "{}", stderr(&applied));
    folder
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn keys(output: &Output) -> Vec<(String, String)> {
    assert!(output.status.success(), "{}", stderr(output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["institution"], "1001");
    let text = |key: &Value, member: &str| key[member].as_str().unwrap().to_owned();
    report["keys"].as_array().unwrap().iter().map(|key| (text(key, "kid"), text(key, "state"))).collect()
}

#[test]
fn r_238_a_signing_key_is_rotated_with_three_commands() {
    let folder = installation();
    let run = |arguments: &[&str]| {
        renkei(folder.path(), &[&["keys"], arguments, &["--institution", "1001", "--json"]].concat())
    };
    let listed = keys(&run(&["list"]));
    let [(first, state)] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!(state, "signing");
    let announced = run(&["announce"]);
    assert!(stderr(&announced).contains("is published and signs from"), "{}", stderr(&announced));
    let states: Vec<String> = keys(&announced).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["signing", "announced"]);
    let early = run(&["retire", first, "--at", "2026-01-01T00:00:00Z"]);
    assert_eq!(early.status.code(), Some(1));
    assert!(stderr(&early).contains("it can't retire before"), "{}", stderr(&early));
    let retired = run(&["retire", first]);
    assert!(stderr(&retired).contains("is published until"), "{}", stderr(&retired));
}

#[test]
fn taking_a_key_out_at_once_says_what_that_breaks() {
    let folder = installation();
    let at = ["--institution", "1001", "--json"];
    let first = keys(&renkei(folder.path(), &[&["keys", "list"], at.as_slice()].concat())).remove(0).0;
    let out = renkei(folder.path(), &[&["keys", "retire", &first, "--compromised"], at.as_slice()].concat());
    for word in ["signs nothing more", "600 seconds", "300 seconds", "do not hang on signing keys"] {
        assert!(stderr(&out).contains(word), "{word}: {}", stderr(&out));
    }
    let mut states: Vec<String> = keys(&out).into_iter().map(|(_, state)| state).collect();
    states.sort_unstable();
    assert_eq!(states, ["retired", "signing"]);
}

#[test]
fn an_institution_or_key_that_is_not_there_is_refused() {
    let folder = installation();
    for arguments in [["list", "--institution", "9999"].as_slice(), &["retire", "nobody", "--institution", "1001"]] {
        let refused = renkei(folder.path(), &[&["keys"], arguments].concat());
        assert_eq!(refused.status.code(), Some(1), "{}", stderr(&refused));
    }
}

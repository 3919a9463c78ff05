//! `renkei keys` as a person and a script meet it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use crate::key_host::{Answer, Authority, KeyHost, jwks};
use crate::support::new_key;

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
    let of = ["--institution", "1001"];
    let retire = |kid| [&["retire", kid], of.as_slice()].concat();
    for arguments in [vec!["list", "--institution", "9999"], retire("nobody"), retire("-body"), retire("-")] {
        let refused = renkei(folder.path(), &[&["keys"], arguments.as_slice()].concat());
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {}", stderr(&refused));
    }
}

/// An installation on loopback whose product kakeibo-cloud has its keys at this server, and the product's `client_id`.
fn installation_with(authority: &Authority, port: u16) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let body = Base64::encode_string(&authority.certificate());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
    std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
    let config = format!(
        "origin = \"http://127.0.0.1:8080\"\nlisten = \"127.0.0.1:8080\"\n\
         [outbound]\nca = \"ca.pem\"\nallow = [\"127.0.0.1:{port}\", \"[::1]:{port}\"]\n"
    );
    std::fs::write(folder.path().join("renkei.toml"), config).unwrap();
    let address = format!("jwks_uri = \"https://localhost:{port}/jwks\"");
    let registry = std::fs::read_to_string("tests/registry/full.toml").unwrap();
    let registry = registry.replace("jwks_file = \"kakeibo.jwks.json\"", &address);
    let file = folder.path().join("registry.toml");
    std::fs::write(&file, registry).unwrap();
    let arguments = ["apply", file.to_str().unwrap(), "--yes", "--json", "--allow-loopback-http"];
    let applied = renkei(folder.path(), &arguments);
    assert!(applied.status.success(), "{}", stderr(&applied));
    let report: Value = serde_json::from_slice(&applied.stdout).unwrap();
    let client_id = report["institutions"][0]["products"][0]["client_id"].as_str().unwrap().to_owned();
    (folder, client_id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_a_partners_keys_says_what_is_wrong_with_them_in_sentences() {
    let authority = Authority::new();
    let key = new_key();
    let host = KeyHost::open(&authority, "localhost", Answer::keys(&[&key])).await;
    let (folder, client) = installation_with(&authority, host.address.port());
    let check = || {
        let arguments = ["keys", "check", "--institution", "1001", "--client", &client, "--json"];
        renkei(folder.path(), &arguments)
    };
    let good = check();
    assert!(good.status.success(), "{}", stderr(&good));
    let report: Value = serde_json::from_slice(&good.stdout).unwrap();
    let expected = json!([{ "kid": key.to_public_jwk().key_id, "alg": "ES256" }]);
    assert_eq!((&report["keys"], &report["kept_seconds"], &report["problems"]), (&expected, &json!(300), &json!([])));
    assert_eq!(host.hits(), 1, "applying the registry reads nothing");
    let mut nameless = jwks(&[&new_key(), &key]);
    nameless["keys"][0].as_object_mut().unwrap().remove("kid");
    for (answer, code, sentence) in [
        (Answer::keys(&[]), 1, "It has no key that can be used here"),
        (Answer::keys(&[]), 1, "It has no key for ES256, with which this product is registered to sign."),
        (Answer::keys(&[&key, &key]), 1, "stands at two keys for ES256"),
        (Answer::keys_with("", &nameless), 1, "1 of its keys have no kid"),
        (Answer::status("404 Not Found"), 1, "it answers with status 404, not 200"),
        (Answer::status("302 Found\r\nLocation: /"), 1, "which is not followed; register the final address"),
        (Answer::json("", b"<html>"), 1, "the document is not a key set that is taken: malformed JSON object"),
        (Answer::Bytes(Vec::new()), 3, "the answer can't be read"),
    ] {
        host.answers(answer);
        let bad = check();
        assert_eq!(bad.status.code(), Some(code), "{}", stderr(&bad));
        assert!(stderr(&bad).contains(sentence), "{sentence}: {}", stderr(&bad));
    }
    let nobody = renkei(folder.path(), &["keys", "check", "--institution", "1001", "--client", "nobody"]);
    assert!(stderr(&nobody).contains("there is no product of this client_id"), "{}", stderr(&nobody));
}

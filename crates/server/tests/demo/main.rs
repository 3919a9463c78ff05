//! `renkei demo` as a process: what it tells, that it is true, and that nothing is left behind or lost.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use renkei_client::{AssertionKey, Client, ClientConfig, MessageSigning, Outside, http_client, http_client_trusting};
use renkei_domain::account::AccountType;
use renkei_store::{Store, StoreConfig};
use serde_json::Value;

const DEMO: [&str; 8] = ["demo", "--json", "--port", "0", "--partner-port", "0", "--certificate-port", "0"];

/// A running demo; stopped when dropped.
struct Demo {
    process: Child,
    /// What it told when it was ready.
    told: Value,
}

impl Demo {
    fn start(words: &[&str]) -> Demo {
        Demo::start_as(Command::new(env!("CARGO_BIN_EXE_renkei")).args(DEMO).args(words))
    }

    fn start_as(command: &mut Command) -> Demo {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told = serde_json::from_str(&line).expect("one line of JSON");
        Demo { process, told }
    }

    fn issuers(&self) -> Vec<String> {
        self.told["issuers"].as_array().unwrap().iter().map(|issuer| issuer.as_str().unwrap().to_owned()).collect()
    }

    fn path(&self, member: &str) -> PathBuf {
        PathBuf::from(self.told[member].as_str().unwrap())
    }

    fn client_ids(&self) -> BTreeSet<String> {
        let clients = self.told["clients"].as_array().unwrap().iter();
        clients.map(|client| client["client_id"].to_string()).collect()
    }

    /// Says stop, waits until it did, and tells whether it ended well.
    fn stop(&mut self) -> bool {
        let id = self.process.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).stderr(Stdio::null()).status();
        told.is_ok() && self.process.wait().is_ok_and(|ended| ended.success())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop();
    }
}

#[tokio::test]
async fn a_server_whose_log_nobody_reads_any_more_serves_on() {
    let (_, nobody_reads) = std::io::pipe().unwrap();
    let mut demo = Demo::start_as(
        Command::new(env!("CARGO_BIN_EXE_renkei")).args(DEMO).env("RUST_LOG", "debug").stderr(nobody_reads),
    );
    let page = http_client().unwrap().get(&demo.issuers()[0]).send().await.unwrap();
    assert!(page.status().is_success() || page.status().is_redirection(), "{}", page.status());
    assert!(demo.stop(), "it ended by itself, or badly");
}

/// Pushes a request as one of the demo's test clients: its registration, key and redirect URI are right or it fails.
async fn push(client: &Value, outside: Outside) {
    for redirect_uri in client["redirect_uris"].as_array().unwrap() {
        let config = ClientConfig {
            client_id: client["client_id"].as_str().unwrap().to_owned(),
            redirect_uri: redirect_uri.as_str().unwrap().to_owned(),
            key: AssertionKey::from_jwk(&client["private_jwk"].to_string()).unwrap(),
            signing: match client["profile"].as_str().unwrap() {
                "fapi2_security" => MessageSigning::None,
                "fapi2_signed_requests" => MessageSigning::Requests,
                _ => MessageSigning::RequestsAndAnswers,
            },
        };
        let client = Client::discover(client["issuer"].as_str().unwrap(), config, outside.clone()).await.unwrap();
        client.begin("balances transactions", None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_demo_tells_is_true() {
    let demo = Demo::start(&[]);
    let clients = demo.told["clients"].as_array().unwrap();
    for issuer in demo.issuers() {
        for algorithm in ["ES256", "PS256"] {
            let fits = |client: &&Value| client["alg"] == algorithm && client["issuer"] == issuer;
            assert!(clients.iter().filter(fits).count() >= 2);
        }
    }
    for client in
        clients.iter().filter(|client| client["sender_constraint"] == "dpop" && client["certificate"].is_null())
    {
        push(client, Outside::system().unwrap()).await;
    }
    let http = http_client().unwrap();
    let choice = format!("{}/link", demo.told["partner_app"].as_str().unwrap());
    let choice = http.get(choice).send().await.unwrap();
    assert!(choice.text().await.unwrap().contains("みなと信用組合"));
    let profiles: BTreeSet<_> = clients.iter().filter_map(|client| client["profile"].as_str()).collect();
    assert_eq!(profiles, ["fapi2_message_signing", "fapi2_security", "fapi2_signed_requests"].into());
    for user in demo.told["users"].as_array().unwrap() {
        let named: Vec<_> = ["certificate", "key"].iter().filter_map(|member| user[*member].as_str()).collect();
        assert_eq!(named.len(), if user["password"].is_string() { 0 } else { 2 }, "{user}");
        assert!(named.iter().all(|path| Path::new(path).exists()), "{user}");
    }
}

/// Pushes a request as one of the demo's test clients that authenticate by certificate.
async fn push_by_certificate(demo: &Demo, client: &Value) -> u16 {
    let read = |member: &str| std::fs::read(client[member].as_str().unwrap()).unwrap();
    let identity = reqwest::Identity::from_pem(&[read("certificate"), read("key")].concat()).unwrap();
    let ca = reqwest::Certificate::from_pem(&std::fs::read(demo.path("ca")).unwrap()).unwrap();
    let http = reqwest::Client::builder().identity(identity).tls_certs_only([ca]).build().unwrap();
    let (origin, path) = client["issuer"].as_str().unwrap().rsplit_once('/').unwrap();
    let metadata = format!("{origin}/.well-known/oauth-authorization-server/{path}");
    let metadata: Value = http_client().unwrap().get(metadata).send().await.unwrap().json().await.unwrap();
    let alias = metadata["mtls_endpoint_aliases"]["pushed_authorization_request_endpoint"].as_str().unwrap();
    let form = [
        ("client_id", client["client_id"].as_str().unwrap()),
        ("response_type", "code"),
        ("redirect_uri", client["redirect_uris"][0].as_str().unwrap()),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    http.post(alias).form(&form).send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_has_partners_with_certificates_of_each_kind() {
    let demo = Demo::start(&[]);
    let clients = demo.told["clients"].as_array().unwrap();
    let mut kinds = BTreeSet::new();
    for client in clients.iter().filter(|client| client["certificate"].is_string()) {
        kinds.insert((client["auth_method"].to_string(), client["sender_constraint"].to_string()));
        if client["auth_method"] != "private_key_jwt" {
            assert_eq!(push_by_certificate(&demo, client).await, 201, "{client}");
        }
    }
    assert_eq!(kinds.len(), 4, "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_the_demo_is_trusted_through_its_own_authority() {
    let demo = Demo::start(&["--tls"]);
    assert!(demo.issuers().iter().all(|issuer| issuer.starts_with("https://")));
    let ca = std::fs::read_to_string(demo.path("ca")).unwrap();
    let outside = Outside { http: http_client_trusting(&ca).unwrap(), ..Outside::system().unwrap() };
    push(&demo.told["clients"][0], outside).await;
    assert!(http_client().unwrap().get(&demo.issuers()[0]).send().await.is_err(), "nobody else trusts it");
}

#[test]
fn a_demo_without_a_folder_leaves_nothing_behind() {
    let mut demo = Demo::start(&[]);
    let folder = demo.path("ca").parent().unwrap().parent().unwrap().to_owned();
    assert!(folder.exists());
    assert!(demo.stop());
    assert!(!folder.exists());
}

#[test]
fn a_demo_in_a_folder_is_the_same_when_it_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["--data", folder.path().to_str().unwrap()];
    let mut first = Demo::start(&words);
    assert!(first.stop());
    let second = Demo::start(&words);
    assert_eq!(first.client_ids(), second.client_ids());
    assert_eq!(first.told["clients"][0]["private_jwk"], second.told["clients"][0]["private_jwk"]);
    assert!(folder.path().join("renkei.db").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_hold_what_the_demos_files_say_however_often_it_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["--data", folder.path().to_str().unwrap()];
    for _ in 0..2 {
        assert!(Demo::start(&words).stop());
    }
    let store = Store::connect(&StoreConfig::Sqlite { path: folder.path().join("renkei.db") }).await.unwrap();
    let mut minato = store.read(&"2990".parse().unwrap());
    let (branch, number) = ("001".parse().unwrap(), "2000002".parse().unwrap());
    let account = minato.find_account_by_number(&branch, AccountType::Ordinary, &number).await.unwrap().unwrap();
    let ledger = minato.find_balance_sheet(account.id).await.unwrap().unwrap().ledger;
    assert_eq!((ledger.balance, ledger.last_seq), (16_174_180, 182));
}

//! What an installation refuses to start with, and what it says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::date_time_ymd;
use renkei_server::config::Config;
use renkei_server::listener::tls::ClientCertificates;
use renkei_store::{Store, StoreConfig};

use crate::authority::{Authority, today};

const SAFE: &str = r#"
origin = "https://link.example.jp"
listen = "0.0.0.0:443"
[tls]
certificate = "server.pem"
key = "server.key"
[certificate_login]
origin = "https://link.example.jp:8443"
listen = "0.0.0.0:8443"
"#;

fn read(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("renkei.toml");
    fs::write(&path, text).unwrap();
    Config::read(&path).map_err(|error| error.to_string())
}

#[track_caller]
fn refuses(text: &str, because: &str) {
    let reason = read(text).expect_err("it must be refused");
    assert!(reason.contains(because), "{reason}");
}

#[test]
fn a_safe_configuration_is_taken_and_its_paths_count_from_its_folder() {
    let config = read(SAFE).unwrap();
    assert!(config.main_tls().unwrap().1.key.is_absolute());
    assert_eq!(config.main_tls().unwrap().0, "link.example.jp");
    assert_eq!(config.login_tls().unwrap().1, config.main_tls().unwrap().1);
    assert_eq!(config.site().certificate_origin.as_deref(), Some("https://link.example.jp:8443"));
}

#[test]
fn metrics_and_traces_are_for_this_machine_alone() {
    let config = read(&format!("{SAFE}[metrics]\n")).unwrap();
    assert_eq!(config.metrics.unwrap().listen.to_string(), "127.0.0.1:9464");
    assert!(read(SAFE).unwrap().metrics.is_none(), "off unless asked for");
    refuses(&format!("{SAFE}[metrics]\nlisten = \"0.0.0.0:9464\""), "metrics.listen: they are for this machine alone");
    assert!(read(&format!("{SAFE}[traces]\nendpoint = \"http://127.0.0.1:4318/v1/traces\"")).is_ok());
    for bad in ["http://collector.example:4318/v1/traces", "https://127.0.0.1:4318/v1/traces", "http://127.0.0.1/", "x"]
    {
        refuses(
            &format!("{SAFE}[traces]\nendpoint = \"{bad}\""),
            "traces.endpoint: it must be plain HTTP to a collector",
        );
    }
}

#[test]
fn a_misspelt_item_is_named() {
    refuses(&SAFE.replace("listen = \"0.0.0.0:443\"", "listen = \"0.0.0.0:443\"\norigins = \"x\""), "origins");
}

#[test]
fn r_036_requests_of_ours_reach_loopback_only_where_the_installation_itself_is_there() {
    let allow = "\n[outbound]\nallow = [\"127.0.0.1:8443\"]\n";
    refuses(&format!("{SAFE}{allow}"), "outbound.allow: it lets partners' names lead into networks of this machine");
    let own = "origin = \"http://127.0.0.1:8080\"\nlisten = \"127.0.0.1:8080\"";
    let reach = read(&format!("{own}{allow}")).unwrap().reach();
    assert_eq!(reach.forbids("127.0.0.1:8443".parse().unwrap()), None);
    assert!(reach.forbids("127.0.0.1:8444".parse().unwrap()).is_some());
    refuses(&format!("{SAFE}[outbound]\nports = []"), "outbound.ports: name at least one port");
    let reach = read(&format!("{SAFE}[outbound]\nports = [443, 8443]")).unwrap().reach();
    assert!(reach.has_port(8443) && !reach.has_port(80));
    let without_authority = read(&format!("{SAFE}[outbound]\nca = \"missing.pem\"")).unwrap();
    assert!(without_authority.trust().is_err());
}

#[test]
fn r_022_plain_http_is_refused_beyond_loopback() {
    for origin in ["http://link.example.jp", "http://10.0.0.5:8080", "http://0.0.0.0:8080", "http://localhost.example"]
    {
        refuses(&format!("origin = \"{origin}\"\nlisten = \"127.0.0.1:8080\""), "loopback only");
    }
    refuses("origin = \"http://127.0.0.1:8080\"\nlisten = \"0.0.0.0:8080\"", "may only listen on loopback");
    for origin in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"] {
        assert!(read(&format!("origin = \"{origin}\"\nlisten = \"127.0.0.1:8080\"")).is_ok(), "{origin}");
    }
}

#[test]
fn an_origin_is_scheme_host_and_port_in_one_spelling() {
    let origins = [
        "https://link.example.jp/",
        "https://link.example.jp/path",
        "https://Link.example.jp",
        "https://user@link.example.jp",
        "https://link.example.jp:443",
        "https://link.example.jp:08443",
        "https://link.example.jp:",
        "https://link.example.jp?x",
        "https://",
        "ftp://link.example.jp",
        "link.example.jp",
    ];
    for origin in origins {
        refuses(&SAFE.replace("\"https://link.example.jp\"", &format!("\"{origin}\"")), "origin:");
    }
}

#[test]
fn an_https_origin_needs_a_certificate_and_an_http_origin_takes_none() {
    refuses("origin = \"https://link.example.jp\"\nlisten = \"0.0.0.0:443\"", "[tls] is missing");
    refuses(
        &SAFE.replace("\"https://link.example.jp\"", "\"http://127.0.0.1:8080\""),
        "does not go with an http origin",
    );
}

#[test]
fn r_136_certificate_login_has_a_listener_and_an_origin_of_its_own() {
    refuses(&SAFE.replace("https://link.example.jp:8443", "https://link.example.jp"), "of its own");
    refuses(&SAFE.replace("0.0.0.0:8443", "0.0.0.0:443"), "one of its own");
    refuses(&SAFE.replace("https://link.example.jp:8443", "http://127.0.0.1:8443"), "in TLS only");
    let without_files = "origin = \"http://127.0.0.1:80\"\nlisten = \"127.0.0.1:8080\"\n[certificate_login]\n\
                         origin = \"https://127.0.0.1:8443\"\nlisten = \"127.0.0.1:8443\"\n";
    refuses(&without_files.replace(":80\"\n", ":8080\"\n"), "certificate_login.tls is missing");
}

fn load(folder: &Path, host: &str) -> Result<(), String> {
    let files = renkei_server::listener::tls::TlsFiles {
        certificate: folder.join("server.pem"),
        key: folder.join("server.key"),
    };
    files.load(host, &ClientCertificates::NotAsked, today()).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let files = Authority::new().server(folder.path(), |_| ());
    assert_eq!(load(folder.path(), "localhost"), Ok(()));
    for mode in [0o644, 0o640, 0o604] {
        fs::set_permissions(&files.key, fs::Permissions::from_mode(mode)).unwrap();
        assert!(load(folder.path(), "localhost").unwrap_err().contains("set its mode to 600"), "{mode:o}");
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = Authority::new().server(folder.path(), |_| ());
    let others = Authority::new().server(other.path(), |_| ());
    fs::copy(others.key, files.key).unwrap();
    assert!(load(folder.path(), "localhost").unwrap_err().contains("belongs to another certificate"));
}

#[test]
fn a_certificate_that_is_over_not_yet_valid_or_for_another_host_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new().server(folder.path(), |params| params.not_after = date_time_ymd(2026, 11, 1));
    assert!(load(folder.path(), "localhost").unwrap_err().contains("expired on"));
    Authority::new().server(folder.path(), |params| params.not_before = date_time_ymd(2026, 12, 1));
    assert!(load(folder.path(), "localhost").unwrap_err().contains("not valid before"));
    Authority::new().server(folder.path(), |_| ());
    assert!(load(folder.path(), "link.example.jp").unwrap_err().contains("it is not for link.example.jp"));
}

#[test]
fn missing_and_empty_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    assert!(load(folder.path(), "localhost").unwrap_err().contains("server.pem"));
    Authority::new().server(folder.path(), |_| ());
    fs::write(folder.path().join("server.pem"), "").unwrap();
    assert!(load(folder.path(), "localhost").unwrap_err().contains("holds no certificate"));
}

#[tokio::test]
async fn r_027_postgresql_on_another_machine_needs_tls_and_its_authority() {
    let refusal = async |url: &str, ca: Option<String>| {
        let config = StoreConfig::Postgres { url: url.into(), connections: 1, ca, identity: None };
        Store::connect(&config).await.err().expect("it must be refused").to_string()
    };
    let plain = refusal("postgres://renkei@db.example.jp/renkei", None).await;
    assert!(plain.contains("sslmode=require"), "{plain}");
    let preferred = refusal("postgres://renkei@db.example.jp/renkei?sslmode=prefer", None).await;
    assert!(preferred.contains("sslmode=require"), "{preferred}");
    let unknown = refusal("postgres://renkei@db.example.jp/renkei?sslmode=require", None).await;
    assert!(unknown.contains("authority"), "{unknown}");
    let disguised = refusal("postgres://renkei@localhost/renkei?hostaddr=203.0.113.7", None).await;
    assert!(disguised.contains("sslmode=require"), "{disguised}");
}

const PARTNERS: &str = r#"
[partner_tls]
origin = "https://partners.example.jp"
listen = "0.0.0.0:9443"
ca = "partner-ca.pem"
crl = "partner-crl.pem"
"#;

#[test]
fn r_136_a_061_partners_certificates_are_asked_for_at_an_address_of_their_own() {
    let safe = format!("{SAFE}{PARTNERS}");
    let config = read(&safe).unwrap();
    assert_eq!(config.site().partner_origin.as_deref(), Some("https://partners.example.jp"));
    assert_eq!(config.partner_tls_files().unwrap().0, "partners.example.jp");
    assert!(config.partner_tls.unwrap().ca.unwrap().is_absolute());
    let with = |from: &str, to: &str| safe.replace(from, to);
    refuses(&with("https://partners.example.jp", "http://127.0.0.1:9443"), "make it https");
    refuses(&with("https://partners.example.jp", "https://link.example.jp"), "port of its own");
    refuses(&with("https://partners.example.jp", "https://link.example.jp:8443"), "at different listeners");
    refuses(&with("0.0.0.0:9443", "0.0.0.0:8443"), "at different listeners");
    refuses(&with("0.0.0.0:9443", "0.0.0.0:443"), "main listener's address");
    refuses(&with("ca = \"partner-ca.pem\"", ""), "needs its authority");
    refuses(&with("crl = ", "crls = "), "crls");
}

#[test]
fn r_023_a_proxy_on_another_machine_is_known_by_its_certificate() {
    let with = |section: &str| format!("{SAFE}[proxy]\n{section}");
    let pin = "AA:".repeat(31) + "aa";
    assert!(read(&with("peers = [\"127.0.0.1\"]")).unwrap().proxies().certificates.is_empty());
    let far = read(&with(&format!("peers = [\"10.1.0.0/24\"]\ncertificates = [\"{pin}\"]"))).unwrap().proxies();
    assert_eq!(far.certificates[0].as_str(), "aa".repeat(32));
    assert_eq!(read(SAFE).unwrap().proxies().peers, []);
    refuses(&with("peers = [\"10.1.0.0/24\"]"), "proxy.certificates is missing");
    refuses(&with("peers = [\"10.1.0.7/24\"]"), "10.1.0.7/24");
    refuses(&with("peers = []"), "at least one address");
    refuses(&with("peers = [\"127.0.0.1\"]\ncertificates = [\"aa\"]"), "64 hex digits");
    refuses(&with("peers = [\"127.0.0.1\"]\nsource_header = \"x-real-ip\""), "source_header");
}

//! `renkei doctor`: each thing that can be wrong is found, by its name, and a sound installation has none.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use renkei_domain::time::{Clock, Timestamp};
use renkei_server::commands::data::{Data, DataArgs};
use renkei_server::config::Config;
use renkei_server::doctor::{
    Disk, Finding, examine_institutions, judge_disk, judge_facts, judge_files, judge_nodes, judge_tables, judge_tls,
};
use renkei_server::keys::Keys;
use renkei_server::outbound::Outbound;
use renkei_server::signing;
use renkei_server::system::SystemClock;
use renkei_store::examine::{Facts, Tables};
use renkei_store::{Store, StoreConfig, params};
use renkei_testing::{SystemRandom, aoi, fresh_sqlite, seed};

use crate::authority::Authority;
use crate::command::{LOOPBACK, REGISTRY, renkei};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const DAY: i64 = 86_400;

fn names(found: impl IntoIterator<Item = Finding>) -> Vec<&'static str> {
    found.into_iter().map(|finding| finding.name).collect()
}

/// The arguments of a command about this folder.
fn about(folder: &Path) -> DataArgs {
    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        data: DataArgs,
    }
    Line::parse_from([Path::new("renkei"), Path::new("--data"), folder]).data
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_sound_installation_has_no_problem_and_a_broken_one_is_told_in_sentences() {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o700);
    let at = |name: &str| folder.path().join(name);
    let doctor = || renkei(&["doctor", "--json"], folder.path());
    let found = |output: &std::process::Output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut all = serde_json::from_str::<Vec<serde_json::Value>>(&text).unwrap();
        // How full the disk under the tests is says nothing of the installation.
        all.retain(|finding| finding["name"] != "disk_space");
        all
    };
    let empty = doctor();
    assert_eq!(empty.status.code(), Some(1));
    let all = found(&empty);
    assert!(all.iter().any(|finding| finding["name"] == "not_open" && finding["weight"] == "problem"), "{all:?}");
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is made by looking");

    fs::write(at("registry.toml"), REGISTRY.replace("user_ca = \"ca.pem\"\nuser_crl = \"crl.pem\"\n", "")).unwrap();
    fs::write(at("renkei.toml"), LOOPBACK).unwrap();
    assert!(renkei(&["apply", at("registry.toml").to_str().unwrap(), "--yes"], folder.path()).status.success());
    let sound = doctor();
    let notes = found(&sound);
    let has_room = judge_disk(Disk::of(folder.path()).unwrap()).is_none();
    assert_eq!(sound.status.code(), Some(i32::from(!has_room)), "{notes:?}");
    assert!(notes.iter().all(|finding| finding["weight"] == "note"), "{notes:?}");

    fs::remove_file(at("keys/master.key")).unwrap();
    assert!(renkei(&["migrate"], folder.path()).status.success(), "which makes another key");
    assert_eq!(found(&doctor())[0]["name"], "other_master_key");
    fs::write(at("renkei.toml"), "listen = 1").unwrap();
    let broken = renkei(&["doctor"], folder.path());
    assert_eq!(broken.status.code(), Some(1));
    let text = String::from_utf8_lossy(&broken.stdout).into_owned();
    assert!(text.contains("PROBLEM [configuration]") && text.contains("    → mend that line"), "{text}");
}

#[test]
fn files_that_others_may_read_and_a_log_that_has_grown_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let args = about(folder.path());
    fs::create_dir(folder.path().join("keys")).unwrap();
    let config = format!("{LOOPBACK}[postgres]\nurl = \"postgres://u:p@127.0.0.1/r\"\n");
    for (name, text) in [("keys/master.key", ""), ("renkei.db", ""), ("renkei.toml", config.as_str())] {
        fs::write(folder.path().join(name), text).unwrap();
        set_mode(&folder.path().join(name), 0o644);
    }
    let log = fs::File::create(folder.path().join("renkei.db-wal")).unwrap();
    log.set_len(1 << 30).unwrap();
    set_mode(&folder.path().join("renkei.db-wal"), 0o600);
    let config = Config::read(&folder.path().join("renkei.toml")).unwrap();
    set_mode(folder.path(), 0o755);
    let expected = ["keys_readable", "configuration_readable", "database_readable", "log_size"];
    assert_eq!(names(judge_files(&args, Some(&config))), expected);
    set_mode(folder.path(), 0o700);
    assert_eq!(names(judge_files(&args, Some(&config))), ["log_size"], "nobody gets into the folder");
}

#[test]
fn little_room_on_the_disk_is_found() {
    let gib = 1 << 30;
    assert_eq!(judge_disk(Disk { free: 10 * gib, total: 100 * gib }), None);
    assert_eq!(names(judge_disk(Disk { free: gib, total: 10 * gib })), ["disk_space"]);
    assert_eq!(names(judge_disk(Disk { free: 10 * gib, total: 1_000 * gib })), ["disk_space"]);
    assert!(Disk::of(Path::new("/")).unwrap().total > 0);
}

#[test]
fn certificates_that_end_soon_or_do_not_fit_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let config = "origin = \"https://localhost\"\nlisten = \"127.0.0.1:0\"\n\
                  [tls]\ncertificate = \"server.pem\"\nkey = \"server.key\"\n";
    fs::write(folder.path().join("renkei.toml"), config).unwrap();
    let config = Config::read(&folder.path().join("renkei.toml")).unwrap();
    let judged = |year, now: Timestamp| {
        authority.server(folder.path(), |params| params.not_after = rcgen::date_time_ymd(year, 1, 1));
        names(judge_tls(&config, now))
    };
    // 2027-01-15 is NOW.
    assert_eq!(judged(2029, NOW), ["tls_no_intermediate"]);
    assert_eq!(judged(2028, NOW.plus_seconds(340 * DAY)), ["tls_ends_soon", "tls_no_intermediate"]);
    assert_eq!(judged(2027, NOW), ["tls_unusable"], "it is over");
    authority.server(folder.path(), |params| params.not_after = rcgen::date_time_ymd(2029, 1, 1));
    let path = folder.path().join("server.pem");
    let leaf = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{leaf}{}{leaf}", authority.issuer.pem())).unwrap();
    assert_eq!(names(judge_tls(&config, NOW)), ["tls_chain"]);
    set_mode(&folder.path().join("server.key"), 0o644);
    assert_eq!(names(judge_tls(&config, NOW)), ["tls_unusable"]);
}

#[test]
fn what_an_engine_says_of_itself_is_judged() {
    let sqlite = |journal: &str, damage: &[&str]| {
        let damage = damage.iter().map(|line| (*line).to_owned()).collect();
        names(judge_facts(&Facts::Sqlite { journal_mode: journal.to_owned(), damage }, NOW))
    };
    assert_eq!(sqlite("wal", &[]), [""; 0]);
    assert_eq!(sqlite("delete", &["row 3 missing from index"]), ["database_damaged", "journal_mode"]);
    let good = [
        ("synchronous_commit", "on"),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("data_checksums", "on"),
        ("synchronous_standby_names", "ANY 1 (b, c)"),
        ("data_sync_retry", "off"),
        ("transaction_read_only", "off"),
    ];
    let postgres = |name: &str, value: &str, is_standby, clock| {
        let mut settings: BTreeMap<String, String> =
            good.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        settings.insert(name.to_owned(), value.to_owned());
        names(judge_facts(&Facts::Postgres { settings, is_standby, clock }, NOW))
    };
    assert_eq!(postgres("fsync", "on", false, NOW), [""; 0]);
    for (name, bad) in [
        ("synchronous_commit", "off"),
        ("synchronous_commit", "local"),
        ("fsync", "off"),
        ("full_page_writes", "off"),
        ("data_sync_retry", "on"),
        ("transaction_read_only", "on"),
    ] {
        assert_eq!(postgres(name, bad, false, NOW), ["postgres_setting"], "{name}");
    }
    assert_eq!(postgres("data_checksums", "off", false, NOW), ["postgres_checksums"]);
    assert_eq!(postgres("synchronous_standby_names", "", false, NOW), ["postgres_alone"]);
    assert_eq!(postgres("fsync", "on", true, NOW), ["postgres_standby"]);
    assert_eq!(postgres("fsync", "on", false, NOW.plus_seconds(-5)), ["clock"]);
    let tables = Tables { pending: vec!["0099_more".to_owned()], newer: Some("0100_later".to_owned()) };
    assert_eq!(names(judge_tables(&tables)), ["tables_newer", "tables_older"]);
}

#[tokio::test]
async fn nodes_of_other_versions_and_silent_ones_are_found() {
    let fresh = fresh_sqlite().await;
    let at = async |now: Timestamp| names(judge_nodes(&fresh.store.list_nodes().await.unwrap(), "0.2.0", now));
    assert_eq!(at(NOW).await, [""; 0]);
    fresh.store.note_node("a:443", "0.2.0", NOW).await.unwrap();
    assert_eq!(at(NOW).await, [""; 0]);
    fresh.store.note_node("b:443", "0.1.0", NOW.plus_seconds(1)).await.unwrap();
    assert_eq!(at(NOW.plus_seconds(2)).await, ["node_version"]);
    fresh.store.note_node("b:443", "0.2.0", NOW.plus_seconds(400)).await.unwrap();
    assert_eq!(at(NOW.plus_seconds(401)).await, ["node_silent"], "a is not heard of, and b is");
    assert_eq!(at(NOW.plus_seconds(800)).await, [""; 0], "nobody asks them any more");
    fresh.store.note_node("b:443", "0.2.0", NOW.plus_seconds(2 * DAY)).await.unwrap();
    assert_eq!(at(NOW.plus_seconds(2 * DAY)).await, [""; 0], "a was taken away");
}

#[tokio::test]
async fn an_engine_that_runs_says_what_it_is_asked() {
    let fresh = fresh_sqlite().await;
    let facts = fresh.store.examine().await.unwrap();
    assert_eq!(facts, Facts::Sqlite { journal_mode: "wal".to_owned(), damage: Vec::new() });
    assert_eq!(fresh.store.tables().await.unwrap(), Tables { pending: Vec::new(), newer: None });
    let Some(fresh) = renkei_testing::fresh_postgres().await else { return };
    assert_eq!(fresh.store.tables().await.unwrap(), Tables { pending: Vec::new(), newer: None });
    let Facts::Postgres { settings, is_standby, clock } = fresh.store.examine().await.unwrap() else { panic!() };
    assert_eq!((settings.len(), is_standby), (8, false), "{settings:?}");
    assert!((clock.0 - SystemClock.now().0).abs() < 60_000_000);
    let StoreConfig::Postgres { url, connections, ca, identity } = fresh.config.clone() else { panic!() };
    let url = url.replace("search_path%3D", "search_path%3Dnone_of_");
    let empty = Store::connect(&StoreConfig::Postgres { url, connections, ca, identity }).await.unwrap();
    assert!(fresh.store.has_tables().await.unwrap() && !empty.has_tables().await.unwrap());
    assert!(empty.tables().await.unwrap().pending.len() > 20, "nothing was applied");
}

async fn found_in(store: &Store, now: Timestamp) -> Vec<&'static str> {
    let data = Data {
        store: store.clone(),
        keys: Keys::from_master(&[7; 32]).unwrap(),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        outbound: Outbound::default(),
        hsm: None,
    };
    names(examine_institutions(&data, now).await.unwrap())
}

async fn change(store: &Store, sql: &'static str) {
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.execute(sql, params![NOW]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_institutions_lack_is_found() {
    let fresh = fresh_sqlite().await;
    let store = &fresh.store;
    assert_eq!(found_in(store, NOW).await, ["no_institution"]);
    let key = signing::new_key(&Keys::from_master(&[7; 32]).unwrap(), &aoi(), NOW, NOW, &SystemRandom).unwrap();
    seed::institution(store, &aoi(), "{\"keys\":[]}").await;
    assert_eq!(found_in(store, NOW).await, ["no_signing_key", "partner_without_keys"]);
    let jwks = format!("{{\"keys\":[{}]}}", key.public_jwk);
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.add_signing_key(&key).await.unwrap();
    tx.execute("UPDATE products SET jwks = ?2 WHERE institution = ?1", params![&jwks]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(found_in(store, NOW).await, [""; 0]);
    assert_eq!(found_in(store, NOW.plus_seconds(500 * DAY)).await, ["old_signing_key"]);

    let uri = "UPDATE products SET jwks_uri = 'https://kakeibo.example/jwks', jwks = '{\"keys\":[]}' \
         WHERE institution = ?1 AND ?2 > 0";
    change(store, uri).await;
    assert_eq!(found_in(store, NOW).await, ["partner_keys_unread"]);
    let set = "INSERT INTO partner_key_sets (institution, client_id, uri, tried_at, jwks, fetched_at, fresh_until) \
         SELECT institution, client_id, jwks_uri, ?2, jwks, ?2, ?2 FROM products WHERE institution = ?1";
    change(store, set).await;
    assert_eq!(found_in(store, NOW).await, ["partner_without_keys"]);
    assert_eq!(found_in(store, NOW.plus_seconds(2 * DAY)).await, ["partner_keys_old"]);
    change(store, "UPDATE products SET state = 'suspended' WHERE institution = ?1 AND ?2 > 0").await;
    assert_eq!(found_in(store, NOW).await, ["no_product"]);

    let record = "INSERT INTO audit (institution, audit_id, at, actor_kind, action, outcome) \
         VALUES (?1, '0190b0e8-0000-7000-8000-000000000000', ?2, 'system', 'flow_opened', 'done')";
    change(store, record).await;
    assert_eq!(found_in(store, NOW).await, ["no_product", "audit_unsealed"]);
    let position = "INSERT INTO audit_positions (institution, audit_id, position) \
         SELECT institution, audit_id, 0 FROM audit WHERE institution = ?1 AND ?2 > 0";
    change(store, position).await;
    assert_eq!(found_in(store, NOW).await, ["no_product"]);

    let import = "INSERT INTO imports (institution, import_id, kind, file_name, file_digest, begun_at, ended_at, outcome) \
         VALUES (?1, 'i', 'entries', 'f', x'00', ?2, ?2, 'done')";
    change(store, import).await;
    assert_eq!(found_in(store, NOW.plus_seconds(8 * DAY)).await, ["no_product", "entries_old"]);
    change(store, "INSERT INTO epochs (institution, epoch, taken_at, archive) VALUES (?1, ?2, ?2, x'00')").await;
    assert_eq!(found_in(store, NOW).await, ["no_product", "restored_registry", "restored_customers"]);
}

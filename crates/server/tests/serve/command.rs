//! `renkei serve` as a process: what it says and ends with when it can't start.

use std::fs;
use std::io::PipeWriter;
use std::path::Path;
use std::process::{Command, Output};

use crate::authority::Authority;

pub const LOOPBACK: &str = "origin = \"http://127.0.0.1:18080\"\nlisten = \"127.0.0.1:0\"\n";

pub fn renkei(words: &[&str], data: &Path) -> Output {
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
fn what_reads_a_database_without_tables_says_so() {
    let folder = tempfile::tempdir().unwrap();
    assert!(renkei(&["migrate"], folder.path()).status.success());
    for gone in ["renkei.db", "renkei.db-wal", "renkei.db-shm"] {
        let _ = fs::remove_file(folder.path().join(gone));
    }
    fs::write(folder.path().join("renkei.db"), "").unwrap();
    let archive = folder.path().join("archive");
    refuses(&renkei(&["statistics", "--institution", "1001"], folder.path()), "no tables");
    refuses(&renkei(&["backup", "--to", &archive.display().to_string()], folder.path()), "no tables");
    assert!(!archive.exists());
    let examined = renkei(&["doctor"], folder.path());
    let said = String::from_utf8(examined.stdout).unwrap();
    assert!(said.contains("[tables_older]") && said.contains("`renkei migrate`"), "{said}");
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

/// A pipe whose reader has left.
fn nobody_reads() -> PipeWriter {
    std::io::pipe().unwrap().1
}

#[test]
fn who_reads_what_a_command_prints_may_leave_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let migrate = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_renkei"));
        command.args(["migrate", "--data"]).arg(folder.path()).env_remove("RENKEI_STORE");
        command
    };
    let left = migrate().stdout(nobody_reads()).output().unwrap();
    assert_eq!((left.status.code(), String::from_utf8_lossy(&left.stderr).as_ref()), (Some(0), ""));
    let full = migrate().stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap()).output().unwrap();
    assert_eq!(full.status.code(), Some(3), "a report that was lost is no success");
    assert!(String::from_utf8_lossy(&full.stderr).contains("could not be written"));
}

/// One institution whose users have certificates of the authority in `ca.pem`.
pub const REGISTRY: &str = r##"
[[institutions]]
code = "1001"
kind = "credit_cooperative"
name = "あおい信用組合"
name_en = "Aoi Credit Cooperative"
accent = "#14518b"
telephone = "0120-000-000"
hours = "平日"
hours_en = "Weekdays"
period_days = 180
user_ca = "ca.pem"
user_crl = "crl.pem"
terms = { version = "1", text = "規定", text_en = "Terms" }
branches = [{ code = "001", name = "本店", name_en = "Head Office" }]
"##;

#[test]
fn r_136_a_061_an_authority_of_users_is_none_of_partners() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let authority = Authority::new();
    authority.server(folder.path(), |params| params.not_after = rcgen::date_time_ymd(2099, 1, 1));
    fs::write(at("ca.pem"), authority.issuer.pem()).unwrap();
    fs::write(at("crl.pem"), authority.list(|_| ())).unwrap();
    fs::write(at("registry.toml"), REGISTRY).unwrap();
    let partners = "[partner_tls]\norigin = \"https://localhost:18443\"\nlisten = \"127.0.0.1:0\"\nca = \"ca.pem\"\n\
                    tls = { certificate = \"server.pem\", key = \"server.key\" }\n";
    let other = LOOPBACK.replace("127.0.0.1:0", "127.0.0.1:18080");
    fs::write(at("renkei.toml"), format!("{other}{partners}")).unwrap();
    let registry = at("registry.toml");
    let applied = renkei(&["apply", registry.to_str().unwrap(), "--yes"], folder.path());
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    refuses(&renkei(&["serve"], folder.path()), "use separate authorities");
}

#[test]
fn f_09_a_backup_is_restored_with_the_copy_of_its_key_or_with_the_one_inside() {
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let [bank, spare, other] = folders.each_ref().map(tempfile::TempDir::path);
    let registry = bank.join("registry.toml");
    fs::write(&registry, REGISTRY.replace("user_ca = \"ca.pem\"\nuser_crl = \"crl.pem\"\n", "")).unwrap();
    assert!(renkei(&["apply", registry.to_str().unwrap(), "--yes"], bank).status.success());
    let files = ["plain.backup", "keyed.backup"].map(|name| bank.join(name).to_str().unwrap().to_owned());
    let [plain, keyed] = files.each_ref().map(String::as_str);
    let told = renkei(&["backup", "--to", plain], bank);
    assert!(String::from_utf8_lossy(&told.stdout).contains("does not hold the master key"));
    assert_eq!(renkei(&["backup", "--to", plain], bank).status.code(), Some(1), "a backup is never written over");
    assert!(renkei(&["backup", "--to", keyed, "--with-master-key"], bank).status.success());

    refuses(&renkei(&["restore", plain], spare), "put the copy of the master key there first");
    fs::create_dir(spare.join("keys")).unwrap();
    fs::copy(bank.join("keys/master.key"), spare.join("keys/master.key")).unwrap();
    let restored = renkei(&["restore", plain], spare);
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert_eq!(renkei(&["restore", plain], spare).status.code(), Some(1), "the store holds something by now");
    assert!(renkei(&["restore", plain, "--replace"], spare).status.success());

    assert!(renkei(&["restore", keyed], other).status.success());
    let key = |folder: &Path| fs::read(folder.join("keys/master.key")).unwrap();
    assert_eq!(key(other), key(bank));
}

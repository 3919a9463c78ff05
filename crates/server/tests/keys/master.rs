//! `renkei keys master`: rotation of what PINs and signing keys are sealed under, and a hardware module that wraps it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use renkei_domain::time::Clock;
use renkei_server::audit::signer;
use renkei_server::keys::hsm::Hsm;
use renkei_server::keys::master::MasterKeys;
use renkei_server::keys::{Keys, Purpose, generation_of};
use renkei_server::system::SystemClock;
use renkei_store::sealed::{Kind, SealedValue};
use renkei_store::{Store, StoreConfig};
use renkei_testing::{SystemRandom, aoi};

use crate::command::{renkei, stderr};

const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// An installation with institutions, each with a signing key.
fn installation() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let applied = renkei(folder.path(), &["apply", "tests/registry/full.toml", "--yes"]);
    assert!(applied.status.success(), "{}", stderr(&applied));
    folder
}

fn done(output: &Output) -> String {
    assert!(output.status.success(), "{}", stderr(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", stderr(output));
    stderr(output)
}

fn master(data: &Path, arguments: &[&str]) -> Output {
    renkei(data, &[&["keys", "master"], arguments].concat())
}

/// Signing still works: a key is announced, which is sealed, and the old one opens.
fn announces(data: &Path) {
    done(&renkei(data, &["keys", "announce", "--institution", "1001"]));
}

#[test]
fn r_238_the_master_key_is_rotated_resealed_and_dropped_with_nothing_lost() {
    let folder = installation();
    let data = folder.path();
    assert!(done(&master(data, &["show"])).contains("generation 0: seals;"));
    let later = done(&master(data, &["rotate"]));
    assert!(later.contains("Generation 1 is in"), "{later}");
    assert!(done(&master(data, &["show"])).contains("generation 1: seals from"));
    assert!(refused(&master(data, &["rotate"])).contains("generation 1 is there already"));
    assert!(done(&master(data, &["reseal"])).contains("0 values moved to generation 0"));
    // The hour is over: as if the file had been made then.
    let path = data.join("keys/master.key");
    let mut masters = MasterKeys::read(&path, None).unwrap();
    masters.generations[1].seals_from = renkei_domain::time::Timestamp::from_seconds(1);
    masters.write(&path, None, &SystemRandom).unwrap();
    announces(data);
    let moved = done(&master(data, &["reseal"]));
    assert!(moved.contains("values moved to generation 1") && !moved.starts_with("0 "), "{moved}");
    let shown = done(&master(data, &["show"]));
    assert!(shown.contains("generation 0: opens what it sealed; 0 values"), "{shown}");
    announces_again_under_another(data, &path);
}

/// A second rotation, after which the first may go.
fn announces_again_under_another(data: &Path, path: &Path) {
    assert!(refused(&master(data, &["drop", "0"])).contains("it stays"));
    assert!(refused(&master(data, &["drop", "1"])).contains("generation 1 seals"));
    assert!(refused(&master(data, &["drop", "9"])).contains("there is no generation 9"));
    done(&master(data, &["rotate", "--seals-from", "2026-01-01T00:00:00Z"]));
    assert!(refused(&master(data, &["drop", "1"])).contains("values are sealed under it"));
    done(&master(data, &["reseal"]));
    done(&master(data, &["drop", "1"]));
    let numbers: Vec<u8> = MasterKeys::read(path, None).unwrap().generations.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [0, 2]);
    let listed = done(&renkei(data, &["keys", "list", "--institution", "1001"]));
    assert!(listed.contains("signing"), "{listed}");
    done(&renkei(data, &["keys", "announce", "--institution", "1002"]));
}

#[test]
fn a_file_of_another_installation_seals_nothing_here() {
    let (here, there) = (installation(), installation());
    fs::copy(there.path().join("keys/master.key"), here.path().join("keys/master.key")).unwrap();
    done(&master(here.path(), &["rotate", "--seals-from", "2026-01-01T00:00:00Z"]));
    assert!(!master(here.path(), &["reseal"]).status.success());
}

/// A token of SoftHSM with a PIN, and what `[hsm]` says of it.
struct Token {
    folder: tempfile::TempDir,
    hsm: Hsm,
}

impl Token {
    fn new() -> Token {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tokens")).unwrap();
        let conf = format!("directories.tokendir = {}/tokens\nobjectstore.backend = file\n", folder.path().display());
        fs::write(folder.path().join("softhsm2.conf"), conf).unwrap();
        let pin_file = folder.path().join("pin");
        fs::write(&pin_file, "271828\n").unwrap();
        private(&pin_file);
        let hsm = Hsm { module: PathBuf::from(MODULE), token: "renkei".into(), pin_file };
        let token = Token { folder, hsm };
        let init = ["--init-token", "--free", "--label", "renkei", "--pin", "271828", "--so-pin", "314159"];
        assert!(token.command("softhsm2-util").args(init).output().unwrap().status.success());
        token
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", self.folder.path().join("softhsm2.conf")).stdin(Stdio::null());
        command
    }

    /// `renkei` over this data, with the module at hand.
    fn renkei(&self, data: &Path, arguments: &[&str]) -> Output {
        let mut command = self.command(env!("CARGO_BIN_EXE_renkei"));
        command.args(arguments).arg("--data").arg(data).env_remove("RENKEI_STORE");
        command.output().unwrap()
    }

    fn configure(&self, data: &Path) {
        let config = format!(
            "origin = \"http://127.0.0.1:8080\"\nlisten = \"127.0.0.1:8080\"\n\
             [hsm]\nmodule = \"{MODULE}\"\ntoken = \"renkei\"\npin_file = \"{}\"\n",
            self.hsm.pin_file.display()
        );
        fs::write(data.join("renkei.toml"), config).unwrap();
    }
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn r_238_the_keys_are_wrapped_under_a_key_that_never_leaves_the_module() {
    let (folder, token) = (installation(), Token::new());
    let (data, path) = (folder.path(), folder.path().join("keys/master.key"));
    let clear = fs::read(&path).unwrap();
    assert_eq!(token.renkei(data, &["keys", "master", "wrap", "--label", "first"]).status.code(), Some(2), "no [hsm]");
    token.configure(data);
    done(&token.renkei(data, &["keys", "master", "wrap", "--label", "first"]));
    let wrapped = fs::read(&path).unwrap();
    assert!(!wrapped.windows(8).any(|window| clear.windows(8).any(|part| part == window)));
    let shown = done(&token.renkei(data, &["keys", "master", "show"]));
    assert!(shown.contains("wrapped under the key first"), "{shown}");
    // Another key of the module, a new generation, and everything still opens.
    done(&token.renkei(data, &["keys", "master", "wrap", "--label", "second"]));
    done(&token.renkei(data, &["keys", "master", "rotate", "--seals-from", "2026-01-01T00:00:00Z"]));
    done(&token.renkei(data, &["keys", "master", "reseal"]));
    done(&token.renkei(data, &["keys", "announce", "--institution", "1001"]));
    the_module_keeps_its_keys(&token);
    without_the_module_nothing_opens(&token, data, &path);
}

fn the_module_keeps_its_keys(token: &Token) {
    let read =
        ["--module", MODULE, "--login", "--pin", "271828", "--read-object", "--type", "secrkey", "--label", "second"];
    let read = token.command("pkcs11-tool").args(read).output().unwrap();
    assert!(!read.status.success() || read.stdout.is_empty(), "the key can be read out of the module");
}

fn without_the_module_nothing_opens(token: &Token, data: &Path, path: &Path) {
    let show = ["keys", "master", "show"];
    fs::write(&token.hsm.pin_file, "000000\n").unwrap();
    assert!(!token.renkei(data, &show).status.success(), "another PIN");
    fs::write(&token.hsm.pin_file, "271828\n").unwrap();
    done(&token.renkei(data, &show));
    let mut changed = fs::read(path).unwrap();
    let at = changed.len() - 10;
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    let kept = fs::read(path).unwrap();
    fs::write(path, &changed).unwrap();
    assert!(!token.renkei(data, &show).status.success(), "a changed file");
    fs::write(path, kept).unwrap();
    fs::remove_file(data.join("renkei.toml")).unwrap();
    let without = token.renkei(data, &show);
    assert!(stderr(&without).contains("name the module in [hsm]"), "{}", stderr(&without));
}

fn store_of(data: &Path) -> StoreConfig {
    StoreConfig::Sqlite { path: data.join("renkei.db") }
}

fn keys_of(data: &Path) -> Keys {
    let masters = MasterKeys::read(&data.join("keys/master.key"), None).unwrap();
    Keys::of(&masters, SystemClock.now()).unwrap()
}

/// A customer with an account whose PIN is filed.
fn file_a_pin(data: &Path) {
    let customers = "customer,name,contract\nc1,花子商店,active\n";
    let accounts = "customer,branch,type,number,holder,pin,state\nc1,001,普通,2000002,花子商店,7391,active\n";
    let paths = [("customers.csv", customers), ("accounts.csv", accounts)].map(|(name, text)| {
        fs::write(data.join(name), text).unwrap();
        data.join(name).display().to_string()
    });
    done(&renkei(data, &["import", "customers", "--institution", "1001", &paths[0], &paths[1]]));
}

/// The filed PINs that open, in clear.
async fn filed_pins(data: &Path) -> Vec<String> {
    let (store, keys) = (Store::connect(&store_of(data)).await.unwrap(), keys_of(data));
    let all = store.read_all().list_sealed(Kind::FiledPins, &SealedValue::default(), 100).await.unwrap();
    let open = all.iter().filter_map(|one| keys.open(Purpose::FiledPin, &one.place(), &one.sealed).ok());
    open.map(|pin| String::from_utf8(pin.to_vec()).unwrap()).collect()
}

#[tokio::test]
async fn r_238_the_key_of_an_audit_trail_is_resealed_and_signs_on() {
    let folder = installation();
    let data = folder.path();
    let store = Store::connect(&store_of(data)).await.unwrap();
    let made = signer::new_key(&keys_of(data), &aoi(), "link.example/1001/audit", SystemClock.now(), &SystemRandom);
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.add_audit_key(&made.unwrap()).await.unwrap();
    tx.commit().await.unwrap();
    let sealed = async || store.read(&aoi()).list_audit_keys().await.unwrap().pop().unwrap();
    let before = signer::open(&keys_of(data), &aoi(), &sealed().await).unwrap();
    done(&master(data, &["rotate", "--seals-from", "2026-01-01T00:00:00Z"]));
    assert_eq!(generation_of(&sealed().await.sealed_key), 0);
    done(&master(data, &["reseal"]));
    assert_eq!(generation_of(&sealed().await.sealed_key), 1);
    let after = signer::open(&keys_of(data), &aoi(), &sealed().await).unwrap();
    assert_eq!(after.sign("the same\n").to_string(), before.sign("the same\n").to_string());
    let mut tx = store.begin(&aoi()).await.unwrap();
    let anew = signer::begin_anew(&mut tx, &keys_of(data), &aoi(), SystemClock.now(), &SystemRandom).await.unwrap();
    assert_eq!(generation_of(&anew.unwrap().sealed_key), 1, "what is made now is of the new generation");
}

#[tokio::test]
async fn f_10_r_238_an_archive_from_before_a_rotation_of_the_master_key_is_restored() {
    let folder = installation();
    let data = folder.path();
    file_a_pin(data);
    let file = data.join("before.backup").display().to_string();
    done(&renkei(data, &["backup", "--to", &file]));
    done(&master(data, &["rotate", "--seals-from", "2026-01-01T00:00:00Z"]));
    done(&master(data, &["reseal"]));
    let second = data.join("between.backup").display().to_string();
    done(&renkei(data, &["backup", "--to", &second]));
    let told = done(&renkei(data, &["restore", &file, "--replace"]));
    assert!(told.contains("are back") && !told.contains("do not open"), "{told}");
    assert_eq!(filed_pins(data).await, ["7391"], "it opens under the generation of then");
    announces(data);
    assert!(!done(&master(data, &["reseal"])).starts_with("0 "));

    // The generation of the second archive is dropped: its PINs can't be opened any more, and the restore says so.
    let path = data.join("keys/master.key");
    let held = fs::read(&path).unwrap();
    done(&master(data, &["rotate", "--seals-from", "2026-01-02T00:00:00Z"]));
    done(&master(data, &["reseal"]));
    done(&master(data, &["drop", "1"]));
    let told = done(&renkei(data, &["restore", &second, "--replace"]));
    assert!(told.contains("1 inquiry PINs do not open"), "{told}");
    assert_eq!(filed_pins(data).await, [""; 0]);
    fs::write(&path, held).unwrap();
    assert!(!done(&renkei(data, &["restore", &second, "--replace"])).contains("do not open"));
    assert_eq!(filed_pins(data).await, ["7391"]);
}

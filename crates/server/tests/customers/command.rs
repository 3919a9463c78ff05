//! `renkei import customers` as a person and a script meet it.

use std::path::Path;
use std::process::{Command, Output};

use super::{ACCOUNTS, CERTIFICATES, CUSTOMERS, USER_ACCOUNTS, USERS};

pub fn renkei(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_renkei"));
    command.current_dir(data).args(arguments).args(["--data", "data"]).env_remove("RENKEI_STORE");
    command.output().unwrap()
}

pub fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let full = include_str!("../registry/full.toml");
    let registry = &full[..full.find("[[partners]]").unwrap()];
    let files = [
        ("registry.toml", registry),
        ("customers.csv", CUSTOMERS),
        ("users.csv", USERS),
        ("certificates.csv", CERTIFICATES),
        ("accounts.csv", ACCOUNTS),
        ("user-accounts.csv", USER_ACCOUNTS),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    assert!(renkei(folder.path(), &["apply", "registry.toml", "--yes"]).status.success());
    folder
}

pub const IMPORT: [&str; 4] = ["import", "customers", "--institution", "1001"];
pub const FILES: [&str; 5] = ["users.csv", "customers.csv", "user-accounts.csv", "accounts.csv", "certificates.csv"];

#[test]
fn a_run_is_reported_by_file_and_leaves_no_password_in_the_data() {
    let folder = folder();
    let output = renkei(folder.path(), &[IMPORT.as_slice(), &FILES].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout), @r"
    users.csv: users: 3 added, 0 changed, 0 removed, 0 unchanged
    customers.csv: customers: 2 added, 0 changed, 0 removed, 0 unchanged
    user-accounts.csv: user accounts: 4 added, 0 changed, 0 removed, 0 unchanged
    accounts.csv: accounts: 3 added, 0 changed, 0 removed, 0 unchanged
    certificates.csv: certificates: 1 added, 0 changed, 0 removed, 0 unchanged
    ");
    for file in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let path = file.unwrap().path();
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        for password in ["haru-no-umi-88", "natsu-no-yama-77"] {
            assert!(!bytes.windows(password.len()).any(|window| window == password.as_bytes()), "{}", path.display());
        }
    }
}

#[test]
fn a_wrong_file_ends_with_exit_code_1_and_says_where_without_saying_what() {
    let folder = folder();
    std::fs::write(folder.path().join("users.csv"), USERS.replace("haru-no-umi-88", "himitsu")).unwrap();
    let output = renkei(folder.path(), &[IMPORT.as_slice(), &FILES].concat());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("\nusers.csv: line 2: password: it must have 8 to 128 characters"), "{said}");
    assert!(!said.contains("himitsu"), "{said}");
}

#[test]
fn help_names_the_columns_of_every_kind() {
    let folder = tempfile::tempdir().unwrap();
    let output = renkei(folder.path(), &["import", "customers", "--help"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for header in [CUSTOMERS, USERS, CERTIFICATES, ACCOUNTS, USER_ACCOUNTS] {
        for column in header.lines().next().unwrap().split(',') {
            assert!(said.contains(column), "{column} is not in\n{said}");
        }
    }
}

#[test]
fn r_232_a_file_over_the_limit_is_refused_by_its_size_before_it_is_read() {
    let folder = folder();
    let huge = std::fs::File::create(folder.path().join("users.csv")).unwrap();
    // Sparse: it takes no room on the disk, and would take all there is in memory.
    huge.set_len(1 << 40).unwrap();
    let output = renkei(folder.path(), &[IMPORT.as_slice(), &FILES].concat());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("users.csv") && said.contains("longer than 67108864 bytes"), "{said}");
}

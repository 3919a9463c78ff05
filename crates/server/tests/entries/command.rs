//! `renkei import entries` as a person and a script meet it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::{header, line, statement};

fn renkei(data: &Path, language: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_renkei"));
    command.current_dir(data).args(arguments).args(["--data", "data"]).env_remove("RENKEI_STORE");
    command.env_remove("LC_MESSAGES").env_remove("LANG").env("LC_ALL", language).output().unwrap()
}

/// A folder with institution 1001, and two files: a statement, and one that does not go on from it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let full = include_str!("../registry/full.toml");
    let late = super::file(&[(header(20, 31, 5_000), vec![])]);
    std::fs::write(folder.path().join("registry.toml"), &full[..full.find("[[partners]]").unwrap()]).unwrap();
    std::fs::write(folder.path().join("october.txt"), statement(1, 10, 1_000, &[line(3, -200, "A")])).unwrap();
    std::fs::write(folder.path().join("late.txt"), late).unwrap();
    assert!(renkei(folder.path(), "C", &["apply", "registry.toml", "--yes"]).status.success());
    folder
}

const IMPORT: [&str; 5] = ["import", "entries", "--institution", "1001", "--create-accounts"];

fn import(folder: &Path, language: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let output = renkei(folder, language, &[IMPORT.as_slice(), more].concat());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_run_is_reported_by_file_and_account_in_the_operators_language() {
    let folder = folder();
    let (status, said, _) = import(folder.path(), "C", &["october.txt"]);
    assert_eq!(status, Some(0));
    assert_eq!(
        said,
        "october.txt: 4 records, 1 new entries\n  001-1-2000002 (account made): 1 lines, 1 new, 0 known already, \
         opening 1000 yen, closing 800 yen\n"
    );
    let (_, said, _) = import(folder.path(), "ja_JP.UTF-8", &["october.txt"]);
    assert_eq!(
        said,
        "october.txt：4レコード、新規0件\n  001-1-2000002：明細1件、新規0件、取込済み1件、取引前残高1000円、取引後残高800円\n"
    );
    let (_, said, _) = import(folder.path(), "C", &["october.txt", "--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    let account = &report["files"][0]["accounts"][0];
    assert_eq!(
        (&account["reading"], &account["known"], &account["balance"]),
        (&"imported_before".into(), &1.into(), &800.into())
    );
}

#[test]
fn a_refused_file_ends_with_exit_code_1_and_takes_the_whole_run_along() {
    let folder = folder();
    let (status, said, why) = import(folder.path(), "ja_JP.UTF-8", &["october.txt", "late.txt"]);
    assert_eq!((status, said.as_str()), (Some(1), ""));
    assert!(why.contains("late.txt：1件目") && why.contains("残高800円"), "{why}");
    let (status, _, why) = import(folder.path(), "C", &["late.txt"]);
    assert_eq!(status, Some(0), "nothing was there for it to disagree with: {why}");
}

#[test]
fn an_unknown_institution_and_a_missing_file_end_with_exit_code_1() {
    let folder = folder();
    let output = renkei(folder.path(), "C", &["import", "entries", "--institution", "4444", "october.txt"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("renkei apply"));
    assert_eq!(import(folder.path(), "C", &["nowhere.txt"]).0, Some(1));
}

#[test]
fn r_232_a_file_over_the_limit_is_refused_by_its_size_before_it_is_read() {
    let folder = folder();
    let huge = std::fs::File::create(folder.path().join("huge.txt")).unwrap();
    // Sparse: it takes no room on the disk, and would take hours to read.
    huge.set_len(1 << 40).unwrap();
    let (status, _, said) = import(folder.path(), "C", &["huge.txt"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("huge.txt") && said.contains("longer than 4040000000 bytes"), "{said}");
}

//! The list of modules against the tests of this folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Every module and nothing else: `-` stands for `_`, capitals for small letters.
#[test]
fn every_module_has_a_test_of_its_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let mut tests = BTreeSet::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let marked = text.split("#[tokio::test]\nasync fn ").skip(1);
        tests.extend(marked.map(|rest| rest.split('(').next().unwrap().to_owned()));
    }
    let list = fs::read_to_string(folder.join("modules.txt")).unwrap();
    let modules = list.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let modules: BTreeSet<String> = modules.map(|line| line.replace('-', "_").to_lowercase()).collect();
    let missing: Vec<_> = modules.difference(&tests).collect();
    let strangers: Vec<_> = tests.difference(&modules).collect();
    assert!(missing.is_empty() && strangers.is_empty(), "without a test: {missing:?}; no module: {strangers:?}");
}

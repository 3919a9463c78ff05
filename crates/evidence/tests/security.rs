//! The lists of requirements and attacks against the tests of this repository.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::Path;

use renkei_evidence::shown::Shown;
use renkei_evidence::{DOCUMENT, ROOT, document};

fn shown() -> Shown {
    Shown::read(Path::new(ROOT)).unwrap_or_else(|fault| panic!("{fault}"))
}

#[test]
fn every_requirement_and_attack_has_a_test_or_a_reason() {
    let missing: Vec<String> = shown().without_word().iter().map(ToString::to_string).collect();
    assert!(missing.is_empty(), "neither a test nor an entry in docs/security/open.tsv: {}", missing.join(" "));
}

#[test]
fn every_number_of_a_test_is_in_a_list() {
    let unknown = shown().unknown();
    assert!(unknown.is_empty(), "in no list of docs/security: {}", unknown.join("; "));
}

#[test]
fn no_entry_is_open_though_tests_carry_its_number_nor_in_part_without_one() {
    let stale = shown().stale();
    assert!(stale.is_empty(), "in docs/security/open.tsv, to be taken out or put in other words: {}", stale.join("; "));
}

#[test]
fn the_document_is_what_the_lists_and_the_tests_say() {
    let path = Path::new(ROOT).join(DOCUMENT);
    let expected = document::render(&shown());
    if std::env::var_os("RENKEI_WRITE_DOCUMENTS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let equal = fs::read_to_string(&path).is_ok_and(|text| text == expected);
    assert!(
        equal,
        "{DOCUMENT} is not up to date: RENKEI_WRITE_DOCUMENTS=1 cargo test -p renkei-evidence writes it anew"
    );
}

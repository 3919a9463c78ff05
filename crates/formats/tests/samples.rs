//! The sample files of みなと信用組合 read as their writer meant them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use jiff::civil::{Date, date};
use renkei_formats::zengin::statement::{Data, Event, Header, StatementReader, Trailer};
use renkei_formats::zengin::{AccountType, Direction, EntryKind};
use std::{fs, path::PathBuf};

const RECEIVED_ON: Date = date(2026, 11, 22);

fn testdata(file: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/minato").join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

type Account = (Header, Vec<Data>, Trailer);

fn accounts_of(file: &str) -> Vec<Account> {
    let bytes = testdata(file);
    let (mut accounts, mut ended) = (Vec::<Account>::new(), false);
    for event in StatementReader::new(bytes.as_slice(), RECEIVED_ON) {
        match event.unwrap_or_else(|error| panic!("{file}: {error}")) {
            Event::Account(header) => accounts.push((*header, Vec::new(), Trailer::default())),
            Event::Line(line) => accounts.last_mut().unwrap().1.push(*line),
            Event::AccountEnd(trailer) => accounts.last_mut().unwrap().2 = trailer,
            Event::End(end) => {
                assert_eq!(end.accounts, 4);
                ended = true;
            }
        }
    }
    assert!(ended);
    accounts
}

#[test]
fn accounts_show_what_their_writer_expects() {
    let expected: serde_json::Value = serde_json::from_slice(&testdata("expected.json")).unwrap();
    let mut checked = 0;
    for row in expected.as_array().unwrap() {
        let file = row["file"].as_str().unwrap();
        if !file.starts_with("minato-03") {
            continue;
        }
        let accounts = accounts_of(file);
        let (header, lines, trailer) = accounts
            .iter()
            .find(|(header, ..)| {
                header.branch_code == row["branch"].as_str().unwrap()
                    && i64::from(header.account_type.code()) == row["type"].as_i64().unwrap()
                    && header.account_number == row["number"].as_str().unwrap()
            })
            .unwrap_or_else(|| panic!("{row}"));
        assert_eq!(lines.len() as u64, row["entries"].as_u64().unwrap(), "{row}");
        assert_eq!(header.balance_before, row["opening"].as_i64().unwrap(), "{row}");
        assert_eq!(trailer.balance_after, row["closing"].as_i64().unwrap(), "{row}");
        checked += 1;
    }
    assert_eq!(checked, 4);
}

#[test]
fn headers_name_the_account_in_full() {
    let accounts = accounts_of("minato-03-2026-07-to-09.txt");
    let header = &accounts[0].0;
    assert_eq!(header.made_on, date(2026, 10, 1));
    assert_eq!((header.from, header.to), (date(2026, 7, 1), date(2026, 9, 30)));
    assert_eq!((header.institution_code.as_str(), header.branch_code.as_str()), ("2990", "001"));
    assert_eq!((header.account_type, header.account_number.as_str()), (AccountType::Ordinary, "2000002"));
    assert_eq!(header.holder.as_stored(), "ｶ)ｱｵｲｼﾖｳｶｲ");
    assert_eq!(header.holder.normalised(), "カ)アオイシヨウカイ");
    assert_eq!(accounts[1].0.account_number, "0300014");
}

#[test]
fn lines_carry_every_item() {
    let accounts = accounts_of("minato-03-2026-07-to-09.txt");
    let line = &accounts[0].1[1];
    assert_eq!(line.inquiry_number.as_deref(), Some("00000121"));
    assert_eq!((line.booked_on, line.value_on), (date(2026, 7, 1), date(2026, 7, 1)));
    assert_eq!((line.direction, line.entry_kind), (Direction::Credit, Some(EntryKind::Transfer)));
    assert_eq!((line.amount, line.uncleared), (149_236, 0));
    assert_eq!(line.remitter_code.as_deref(), Some("0273711473"));
    assert_eq!(line.party.normalised(), "サトウカンパニ-(カ");
    assert_eq!((line.bank_name.normalised(), line.branch_name.normalised()), ("ミズホ".into(), "オオテマチ".into()));
    assert_eq!(line.description.as_stored(), "ｻﾄｳｶﾝﾊﾟﾆ-(ｶ");
    assert_eq!(line.edi.normalised(), "セイキユウNO.4333");
    assert_eq!((line.presented_on, line.returned_on, line.bill_kind), (None, None, None));
}

#[test]
fn lines_without_inquiry_numbers_are_the_same_lines_otherwise() {
    let quarter = accounts_of("minato-03-2026-07-to-09.txt");
    let august = accounts_of("minato-03-2026-08-no-ref.txt");
    for ((_, all, _), (header, lines, _)) in quarter.iter().zip(&august) {
        let same: Vec<Data> = all
            .iter()
            .filter(|line| header.from <= line.booked_on && line.booked_on <= header.to)
            .map(|line| Data { inquiry_number: None, ..line.clone() })
            .collect();
        assert_eq!(&same, lines);
    }
}

#[test]
fn the_end_record_may_leave_itself_out_of_its_count() {
    let mut bytes = testdata("minato-03-2026-07-to-09.txt");
    let end = bytes.len() - 200;
    bytes[end + 1..end + 11].copy_from_slice(b"0000000576");
    bytes.push(0x1A);
    assert!(StatementReader::new(bytes.as_slice(), RECEIVED_ON).all(|event| event.is_ok()));
    bytes[end + 1..end + 11].copy_from_slice(b"0000000575");
    assert!(!StatementReader::new(bytes.as_slice(), RECEIVED_ON).all(|event| event.is_ok()));
}

#[test]
fn the_last_line_break_may_be_missing() {
    let mut bytes = testdata("minato-03-2026-09-to-10-crlf.txt");
    bytes.truncate(bytes.len() - 2);
    assert!(StatementReader::new(bytes.as_slice(), RECEIVED_ON).all(|event| event.is_ok()));
}

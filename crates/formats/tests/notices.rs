//! Transfer notices, balance notices and ANSER CSV: the sample files read as meant, broken ones are refused.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use encoding_rs::SHIFT_JIS;
use jiff::civil::{Date, date, time};
use proptest::prelude::*;
use renkei_formats::anser::{AnserReader, CsvLine, LINE_BYTES_MAX};
use renkei_formats::refusal::{ReadError, Reason, Refusal};
use renkei_formats::zengin::AccountType;
use renkei_formats::zengin::balance_notice::{self, BalanceNoticeReader};
use renkei_formats::zengin::transfer_notice::{self, TransferNoticeReader};
use std::{fs, path::PathBuf};

const RECEIVED_ON: Date = date(2026, 11, 22);

fn testdata(file: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/minato").join(file)).unwrap()
}

fn transfers(bytes: &[u8]) -> Result<Vec<transfer_notice::Event>, ReadError> {
    TransferNoticeReader::new(bytes, RECEIVED_ON).collect()
}

fn balances(bytes: &[u8]) -> Result<Vec<balance_notice::Event>, ReadError> {
    BalanceNoticeReader::new(bytes, RECEIVED_ON).collect()
}

fn csv_lines(bytes: &[u8]) -> Result<Vec<CsvLine>, ReadError> {
    AnserReader::new(bytes).collect()
}

fn refused<T: std::fmt::Debug>(outcome: Result<T, ReadError>) -> Refusal {
    match outcome {
        Err(ReadError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// The bytes with some of them replaced.
fn with(mut bytes: Vec<u8>, at: usize, replacement: &[u8]) -> Vec<u8> {
    bytes[at..at + replacement.len()].copy_from_slice(replacement);
    bytes
}

#[test]
fn the_sample_transfer_notice_reads_in_full() {
    use transfer_notice::Event;
    let events = transfers(&testdata("minato-01-2026-10.txt")).unwrap();
    let Event::Account(header) = &events[0] else { panic!() };
    assert_eq!((header.from, header.to), (date(2026, 10, 1), date(2026, 10, 31)));
    assert_eq!((header.branch_code.as_str(), header.account_number.as_str()), ("001", "2000002"));
    assert_eq!(header.holder.normalised(), "カ)アオイシヨウカイ");
    let Event::Transfer(first) = &events[1] else { panic!() };
    assert_eq!((first.amount, first.uncleared, first.cancelled), (35_000, 0, false));
    assert_eq!(first.inquiry_number.as_deref(), Some("000260"));
    assert_eq!(first.remitter_code.as_deref(), Some("0217208140"));
    assert_eq!((first.remitter_name.as_stored(), first.edi.as_stored()), ("ﾔﾏﾀﾞ ﾀﾛｳ", "ｾｲｷﾕｳNO.9512"));
    assert_eq!(events.len(), 26 + 25 + 18 + 43 + 2 * 4 + 1);
    assert_eq!(events.last(), Some(&Event::End));
}

#[test]
fn amounts_of_twelve_digits_come_in_the_long_form() {
    use transfer_notice::Event;
    let whole = testdata("minato-01-2026-10.txt");
    let mut small = [&whole[..400], &whole[27 * 200..28 * 200], &whole[120 * 200..]].concat();
    small[200 + 128..200 + 148].fill(b' ');
    let long = with(small, 200 + 128, b"012345678901000000000007");
    let long = with(long, 400 + 1, b"000001012345678901");
    let events = transfers(&long).unwrap();
    let Event::Transfer(transfer) = &events[1] else { panic!() };
    assert_eq!((transfer.amount, transfer.uncleared), (12_345_678_901, 7));
}

#[test]
fn a_cancellation_counts_among_cancellations() {
    let whole = testdata("minato-01-2026-10.txt");
    let small = [&whole[..400], &whole[27 * 200..28 * 200], &whole[120 * 200..]].concat();
    let cancelled = with(small, 200 + 127, b"1");
    let cancelled = with(cancelled, 400 + 1, b"000000000000000000000001000000035000");
    let transfer_notice::Event::Transfer(transfer) = &transfers(&cancelled).unwrap()[1] else { panic!() };
    assert!(transfer.cancelled);
}

#[test]
fn broken_transfer_notices_are_refused() {
    let sound = testdata("minato-01-2026-10.txt");
    let trailer = 27 * 200;
    let cases: [(usize, &[u8], u64, &str, Reason); 7] = [
        (1, b"03", 1, "種別コード", Reason::TypeCode("01")),
        (59, b"5", 1, "預金種目", Reason::NotListed("1, 2, 4")),
        (16, b"080930", 1, "勘定日(至)", Reason::PeriodBackwards(date(2026, 10, 1))),
        (200 + 127, b"2", 2, "取消区分", Reason::NotListed("1 (取消)")),
        (200 + 7, b"081101", 2, "勘定日", Reason::OutsidePeriod(date(2026, 10, 1), date(2026, 10, 31))),
        (trailer + 1, b"000027", 28, "振込合計件数", Reason::Differs(26)),
        (trailer + 7, b"000007620811", 28, "振込合計金額", Reason::Differs(7_620_812)),
    ];
    for (at, bytes, record, item, reason) in cases {
        let refusal = refused(transfers(&with(sound.clone(), at, bytes)));
        assert_eq!((refusal.record, refusal.item, &refusal.reason), (record, Some(item), &reason), "{refusal}");
    }
    let again = refused(transfers(&[sound.as_slice(), &sound].concat()));
    assert_eq!((again.record, again.reason), (122, Reason::AfterEnd));
}

#[test]
fn the_sample_balance_notice_reads_in_full() {
    use balance_notice::Event;
    let events = balances(&testdata("minato-04-2026-10-31.txt")).unwrap();
    let Event::Company(header) = &events[0] else { panic!() };
    assert_eq!((header.made_on, header.company_code.as_deref()), (date(2026, 10, 31), Some("0000990001")));
    let Event::Balance(current) = &events[2] else { panic!() };
    assert_eq!((current.account_type, current.account_number.as_str()), (AccountType::Current, "0300014"));
    assert_eq!((current.as_of_on, current.as_of_time), (date(2026, 10, 30), Some(time(17, 30, 0, 0))));
    assert_eq!((current.balance, current.overdraft_limit, current.available), (23_811_254, 5_000_000, 28_811_254));
    assert_eq!(current.last_booked_on, Some(date(2026, 10, 26)));
    assert!(matches!(events.last(), Some(Event::End(end)) if end.records == 7));
}

#[test]
fn broken_balance_notices_are_refused() {
    let sound = testdata("minato-04-2026-10-31.txt");
    let cases: [(usize, &[u8], u64, &str, Reason); 6] = [
        (3, b"2", 1, "通知区分", Reason::NotListed("1 (預金)")),
        (4, b"1", 1, "コード区分", Reason::Ebcdic),
        (200 + 7, b"2460", 2, "基準時刻", Reason::NoSuchTime),
        (200 + 116, b"00000016174181", 2, "支払可能残高", Reason::NotAvailable(16_174_180)),
        (1_000 + 1, b"0000005", 6, "データ件数", Reason::Differs(4)),
        (1_200 + 1, b"0000000005", 7, "レコード総件数", Reason::Differs(7)),
    ];
    for (at, bytes, record, item, reason) in cases {
        let refusal = refused(balances(&with(sound.clone(), at, bytes)));
        assert_eq!((refusal.record, refusal.item, &refusal.reason), (record, Some(item), &reason), "{refusal}");
    }
}

const CSV: &str = "minato-anser-2000002-2026-10.csv";

#[test]
fn the_sample_csv_agrees_with_the_statement_of_its_month() {
    let lines = csv_lines(&testdata(CSV)).unwrap();
    assert_eq!(lines.len(), 42);
    assert_eq!(lines[0].account, "みなと信用組合 本店 普通 2000002");
    assert_eq!((lines[0].booked_on, lines[0].value_on), (date(2026, 10, 1), None));
    assert_eq!((lines[0].signed_amount, lines[0].balance_after), (35_000, 11_668_086));
    assert_eq!((lines[1].signed_amount, lines[1].entry_kind.as_str()), (-398, "その他"));
    assert_eq!(lines[0].description, "ﾔﾏﾀﾞ ﾀﾛｳ ｾｲｷﾕｳNO.9512");
    assert_eq!(lines[0].balance_after - lines[0].signed_amount, 11_633_086, "September's closing balance");
    assert_eq!(lines[41].balance_after, 16_174_180, "October's closing balance");
}

#[test]
fn broken_csv_files_are_refused() {
    let sound = SHIFT_JIS.decode(&testdata(CSV)).0.into_owned();
    let row = |line: usize, from: &str, to: &str| {
        let mut lines: Vec<String> = sound.split_inclusive("\r\n").map(str::to_owned).collect();
        assert!(lines[line - 1].contains(from), "{from}");
        lines[line - 1] = lines[line - 1].replacen(from, to, 1);
        refused(csv_lines(&SHIFT_JIS.encode(&lines.concat()).0))
    };
    let cases = [
        (1, "番号", "連番", Some("番号"), Reason::Caption("番号")),
        (2, "10月01日", "10月1日", Some("勘定日"), Reason::NotADate),
        (2, "10月01日", "02月30日", Some("勘定日"), Reason::NotADate),
        (2, "35000", "35,000", Some("入金金額(円)"), Reason::NotAnAmount),
        (2, "35000", "999999999999999", Some("入金金額(円)"), Reason::NotAnAmount),
        (2, "\"35000\"", "\"\"", Some("出金金額(円)"), Reason::OneAmount),
        (3, "11667688", "11667689", Some("残高(円)"), Reason::Differs(11_667_688)),
        (3, "\"2\"", "\"3\"", Some("番号"), Reason::Differs(2)),
        (2, "\"35000\"", "35000", None, Reason::NotQuoted(13)),
        (2, "\r\n", "\n", None, Reason::NotQuoted(13)),
        (2, ",\"\"", "", None, Reason::NotQuoted(13)),
    ];
    for (line, from, to, item, reason) in cases {
        let refusal = row(line, from, to);
        assert_eq!((refusal.record, refusal.item, &refusal.reason), (line as u64, item, &reason), "{refusal}");
    }
    let utf8 = refused(csv_lines(sound.as_bytes()));
    assert_eq!((utf8.record, utf8.reason), (1, Reason::NotCp932));
    assert_eq!(refused(csv_lines(b"")).reason, Reason::Empty);
    let endless = refused(csv_lines(&vec![b'"'; LINE_BYTES_MAX * 2]));
    assert_eq!(endless.reason, Reason::LineTooLong(LINE_BYTES_MAX));
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(
        head in prop::sample::select(vec!["minato-01-2026-10.txt", "minato-04-2026-10-31.txt", CSV]),
        at in any::<prop::sample::Index>(),
        noise in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut bytes = testdata(head);
        bytes.truncate(1_400);
        let at = at.index(bytes.len());
        let end = (at + noise.len()).min(bytes.len());
        bytes.splice(at..end, noise);
        let _ = (transfers(&bytes).is_ok(), balances(&bytes).is_ok(), csv_lines(&bytes).is_ok());
    }
}

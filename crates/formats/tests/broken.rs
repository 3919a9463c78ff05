//! Broken files, one fault each: all are refused, and the refusal says where and why.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use jiff::civil::{Date, date};
use proptest::prelude::*;
use renkei_formats::refusal::{CharacterFault, ReadError, Reason, Refusal};
use renkei_formats::zengin::statement::{Data, Header, StatementReader, StatementWriter};
use renkei_formats::zengin::{Direction, LineBreaks, Text};

const RECEIVED_ON: Date = date(2026, 11, 22);
const FROM: Date = date(2026, 10, 1);
const TO: Date = date(2026, 10, 31);

fn header(number: &str) -> Header {
    Header {
        made_on: date(2026, 11, 2),
        from: FROM,
        to: TO,
        institution_code: "1001".into(),
        institution_name: Text::new("ｱｵｲ"),
        branch_code: "001".into(),
        branch_name: Text::new("ﾎﾝﾃﾝ"),
        account_number: number.into(),
        holder: Text::new("ｶ)ｻｸﾗｼﾖｳｶｲ"),
        balance_before: 1_000,
        ..Header::default()
    }
}

fn line(direction: Direction, amount: i64) -> Data {
    Data {
        booked_on: FROM,
        value_on: FROM,
        direction,
        amount,
        party: Text::new("ﾔﾏﾀﾞ ﾀﾛｳ"),
        bank_name: Text::new("ﾐﾄﾞﾘ"),
        description: Text::new("ﾔﾁﾝ"),
        ..Data::default()
    }
}

/// Two accounts: records 1 to 4 (header, two lines, trailer), 5 to 7 (header, line, trailer), end record 8.
fn sound(breaks: LineBreaks) -> Vec<u8> {
    let mut writer = StatementWriter::new(Vec::new(), breaks);
    writer.account(&header("1111111"), &[line(Direction::Credit, 500), line(Direction::Debit, 200)]).unwrap();
    writer.account(&header("2222222"), &[line(Direction::Credit, 7)]).unwrap();
    writer.finish().unwrap()
}

fn refusal(bytes: &[u8]) -> Refusal {
    let outcome: Result<Vec<_>, ReadError> = StatementReader::new(bytes, RECEIVED_ON).collect();
    match outcome {
        Err(ReadError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// A fault: what it does to the 1600 bytes of the sound file, and the refusal that must follow.
struct Fault {
    what: &'static str,
    /// The byte to write at, and what.
    at: usize,
    bytes: &'static [u8],
    record: u64,
    offset: u64,
    item: &'static str,
    reason: Reason,
}

#[rustfmt::skip]
fn item_faults() -> Vec<Fault> {
    use CharacterFault as C;
    use Reason as R;
    let fault = |what, at, bytes, record, offset, item, reason| Fault { what, at, bytes, record, offset, item, reason };
    let anchor = date(2026, 11, 2);
    vec![
        fault("no such record kind", 0, b"3", 1, 0, "データ区分", R::UnknownKind),
        fault("EBCDIC bytes", 0, b"\xF1", 1, 0, "データ区分", R::Ebcdic),
        fault("another type code", 1, b"01", 1, 1, "種別コード", R::TypeCode("03")),
        fault("EBCDIC by its flag", 3, b"1", 1, 3, "コード区分", R::Ebcdic),
        fault("no such code set", 3, b"7", 1, 3, "コード区分", R::NotListed("0 (JIS)")),
        fault("a blank date", 4, b"      ", 1, 4, "作成日", R::Blank),
        fault("a month 13", 4, b"081301", 1, 4, "作成日", R::NoSuchDay),
        fault("a date of no near era", 4, b"400101", 1, 4, "作成日", R::FarFrom(RECEIVED_ON)),
        fault("a period that ends before it begins", 16, b"080930", 1, 16, "勘定日(至)", R::PeriodBackwards(FROM)),
        fault("an institution code of letters", 22, b"1O01", 1, 22, "銀行コード", R::NotDigits),
        fault("UTF-8", 26, "ｱｵｲ".as_bytes(), 1, 26, "銀行名", R::Character(1, C::Utf8)),
        fault("full-width characters", 26, b"\x83\x41\x83\x49", 1, 26, "銀行名", R::Character(1, C::DoubleByte)),
        fault("a space inside a bank name", 27, b" ", 1, 26, "銀行名", R::Character(2, C::NotAdmitted)),
        fault("a dummy of other digits", 59, b"001", 1, 59, "ダミー", R::NotDummy),
        fault("a time deposit", 62, b"6", 1, 62, "預金種目", R::TimeDeposit),
        fault("an account type statements don't have", 62, b"3", 1, 62, "預金種目", R::NotListed("1, 2, 4")),
        fault("an account number with a letter", 63, b"000X111111", 1, 63, "口座番号", R::NotDigits),
        fault("a name in lower case", 73, b"\xB6)abc", 1, 73, "口座名", R::Character(3, C::LowerCase)),
        fault("no sign", 113, b"3", 1, 113, "貸越区分", R::NotListed("1 (plus), 2 (minus)")),
        fault("a balance with a space", 115, b" ", 1, 115, "取引前残高", R::NotDigits),
        fault("something in a dummy area", 150, b"X", 1, 150, "ダミー", R::NotDummy),
        fault("an inquiry number with a hyphen", 201, b"0000-001", 2, 201, "照会番号", R::NotDigits),
        fault("a line before the period", 209, b"080930", 2, 209, "勘定日", R::OutsidePeriod(FROM, TO)),
        fault("a 30 February", 215, b"080230", 2, 215, "預入・払出日", R::NoSuchDay),
        fault("a value date forty years off", 215, b"600101", 2, 215, "預入・払出日", R::FarFrom(anchor)),
        fault("no direction", 221, b"0", 2, 221, "入払区分", R::NotListed("1 (入金), 2 (出金)")),
        fault("no such kind", 222, b"16", 2, 222, "取引区分", R::NotListed("10-15, 18, 19")),
        fault("an amount with a comma", 224, b"       1,000", 2, 224, "取引金額", R::NotDigits),
        fault("more uncleared than there is", 236, b"000000000501", 2, 236, "うち他店券金額", R::MoreThanAmount(500)),
        fault("small kana", 281, b"\xAC", 2, 281, "振込依頼人名", R::Character(1, C::SmallKana)),
        fault("a long-vowel mark", 282, b"\xB0", 2, 281, "振込依頼人名", R::Character(2, C::LongVowelMark)),
        fault("a comma in a description", 359, b"A,B", 2, 359, "摘要内容", R::Character(2, C::Comma)),
        fault("a control character", 379, b"\x09", 2, 379, "EDI情報", R::Character(1, C::Control)),
        fault("a header in an account", 400, b"1", 3, 400, "データ区分",
            R::OutOfOrder("a data (2) or trailer record (8)")),
        fault("a wrong count of credits", 601, b"000002", 4, 601, "入金件数", R::Differs(1)),
        fault("a wrong total of credits", 607, b"0000000000501", 4, 607, "入金額合計", R::Differs(500)),
        fault("a wrong count of debits", 620, b"000000", 4, 620, "出金件数", R::Differs(1)),
        fault("a wrong total of debits", 626, b"0000000000199", 4, 626, "出金額合計", R::Differs(200)),
        fault("an overdrawn closing balance", 639, b"2", 4, 640, "取引後残高", R::Differs(1_300)),
        fault("a wrong closing balance", 640, b"00000000001301", 4, 640, "取引後残高", R::Differs(1_300)),
        fault("a wrong count of lines", 654, b"0000003", 4, 654, "データ件数", R::Differs(2)),
        fault("a line between accounts", 800, b"2", 5, 800, "データ区分", R::OutOfOrder("a header (1) or end record (9)")),
        fault("the same account again", 863, b"0001111111", 5, 863, "口座番号", R::AccountTwice(1)),
        fault("a wrong count of records", 1401, b"0000000006", 8, 1401, "レコード総件数", R::Differs(8)),
        fault("a wrong count of accounts", 1411, b"00001", 8, 1411, "口座数", R::Differs(2)),
    ]
}

#[test]
fn the_file_the_faults_are_put_into_is_sound() {
    for breaks in [LineBreaks::None, LineBreaks::CrLf] {
        let bytes = sound(breaks);
        let events: Vec<_> = StatementReader::new(bytes.as_slice(), RECEIVED_ON).collect::<Result<_, _>>().unwrap();
        assert_eq!(events.len(), 8);
    }
}

#[test]
fn a_128_a_fault_in_an_item_is_refused_with_its_place() {
    for fault in item_faults() {
        let mut bytes = sound(LineBreaks::None);
        bytes[fault.at..fault.at + fault.bytes.len()].copy_from_slice(fault.bytes);
        let refusal = refusal(&bytes);
        let (item, reason) = (Some(fault.item), fault.reason);
        assert_eq!((refusal.record, refusal.offset), (fault.record, fault.offset), "{}: {refusal}", fault.what);
        assert_eq!((refusal.item, refusal.reason), (item, reason), "{}", fault.what);
    }
}

/// Cuts the sound file into its records.
fn records() -> Vec<Vec<u8>> {
    sound(LineBreaks::None).chunks(200).map(<[u8]>::to_vec).collect()
}

/// The file with every record changed to `width` bytes and followed by `line_break`.
fn of_width(width: usize, line_break: &[u8]) -> Vec<u8> {
    let resized = records().into_iter().map(|mut record| {
        record.resize(width, b' ');
        record.extend_from_slice(line_break);
        record
    });
    resized.flatten().collect()
}

#[test]
fn a_128_records_of_another_width_are_refused() {
    for width in [119, 120, 121, 199, 201] {
        let refusal = refusal(&of_width(width, b"\r\n"));
        assert_eq!((refusal.record, &refusal.reason), (1, &Reason::RecordWidth(width)), "{refusal}");
    }
    let narrow = refusal(&of_width(199, b""));
    assert_eq!((narrow.record, narrow.offset, narrow.item), (1, 199, Some("ダミー")));
    let wide = refusal(&of_width(201, b""));
    assert_eq!((wide.record, wide.offset, wide.item), (2, 200, Some("データ区分")));
    assert_eq!(wide.reason, Reason::UnknownKind);
}

#[test]
fn a_128_other_line_breaks_are_refused() {
    let lf = refusal(&of_width(200, b"\n"));
    assert_eq!((lf.record, lf.offset, lf.reason), (1, 200, Reason::LineFeedAlone));
    let cr = refusal(&of_width(200, b"\r"));
    assert_eq!((cr.record, cr.offset, cr.reason), (1, 200, Reason::CarriageReturnAlone));
    let mut mixed = sound(LineBreaks::CrLf);
    mixed.drain(402..404);
    let mixed = refusal(&mixed);
    assert_eq!((mixed.record, mixed.offset, mixed.reason), (2, 402, Reason::LineBreaksMixed));
    let mut late = sound(LineBreaks::None);
    late.splice(600..600, *b"\r\n");
    assert_eq!(refusal(&late).reason, Reason::LineBreaksMixed);
}

#[test]
fn a_128_files_that_begin_or_end_wrongly_are_refused() {
    assert_eq!(refusal(b"").reason, Reason::Empty);
    let marked = refusal(&[b"\xEF\xBB\xBF".as_slice(), &sound(LineBreaks::None)].concat());
    assert_eq!((marked.record, marked.offset, marked.reason), (1, 0, Reason::ByteOrderMark));

    let whole = sound(LineBreaks::None);
    let cut = refusal(&whole[..750]);
    assert_eq!((cut.record, cut.offset, cut.reason), (4, 750, Reason::Truncated(150)));
    let endless = refusal(&whole[..1400]);
    assert_eq!((endless.record, endless.offset, endless.reason), (8, 1400, Reason::EndMissing));
    let unclosed = refusal(&whole[..600]);
    assert_eq!((unclosed.record, unclosed.reason), (4, Reason::EndMissing));
    let headless = refusal(&whole[200..]);
    assert_eq!(headless.reason, Reason::OutOfOrder("a header record (1)"));

    let doubled = refusal(&[whole.as_slice(), &whole].concat());
    assert_eq!((doubled.record, doubled.offset, doubled.reason), (9, 1600, Reason::AfterEnd));
    let trailing = refusal(&[whole.as_slice(), b"\x1A\x1A"].concat());
    assert_eq!((trailing.record, trailing.offset, trailing.reason), (9, 1600, Reason::AfterEnd));
}

#[test]
fn an_account_may_not_outgrow_its_trailer() {
    let mut bytes = Vec::new();
    bytes.extend(&records()[0]);
    let mut large = records()[1].clone();
    large[24..36].copy_from_slice(b"999999999999");
    (0..11).for_each(|_| bytes.extend(&large));
    let refusal = refusal(&bytes);
    assert_eq!((refusal.record, refusal.item, refusal.reason), (12, Some("取引金額"), Reason::TotalTooLarge));
}

#[test]
fn a_refusal_reads_well_in_both_languages() {
    let mut bytes = sound(LineBreaks::None);
    bytes[22] = b'X';
    let refusal = refusal(&bytes);
    assert_eq!(refusal.to_string(), "record 1 (header), byte 22, 銀行コード \"X001\": not digits");
    assert_eq!(
        refusal.to_japanese(),
        "1件目（ヘッダ・レコード）、先頭から22バイト目の銀行コード「X001」：数字ではありません"
    );
}

#[test]
fn a_refusal_repeats_one_byte_of_a_name_and_no_more() {
    let mut bytes = sound(LineBreaks::None);
    bytes[281..285].copy_from_slice(b"SUZ\x07");
    assert_eq!(refusal(&bytes).found, "\\x07");
}

#[test]
fn reading_stops_for_good_at_the_first_refusal() {
    let mut bytes = sound(LineBreaks::None);
    bytes[601] = b'9';
    let mut reader = StatementReader::new(bytes.as_slice(), RECEIVED_ON);
    let events: Vec<_> = reader.by_ref().collect();
    assert_eq!(events.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, true, false]);
    assert!(reader.next().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..1_000)) {
        let _ = StatementReader::new(bytes.as_slice(), RECEIVED_ON).collect::<Vec<_>>();
    }

    #[test]
    fn a_changed_byte_is_refused_or_read_but_never_panics(at in 0_usize..1_616, byte: u8, crlf: bool) {
        let mut bytes = sound(if crlf { LineBreaks::CrLf } else { LineBreaks::None });
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        for event in StatementReader::new(bytes.as_slice(), RECEIVED_ON) {
            if let Err(ReadError::Refused(refusal)) = event {
                prop_assert!(refusal.offset <= bytes.len() as u64);
                prop_assert!(!refusal.to_string().is_empty() && !refusal.to_japanese().is_empty());
            }
        }
    }
}

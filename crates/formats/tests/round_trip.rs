//! What is written is what is read.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use jiff::civil::{Date, date};
use proptest::prelude::*;
use renkei_formats::zengin::statement::{Data, Event, Header, StatementReader, StatementWriter};
use renkei_formats::zengin::{AMOUNT_MAX, AccountType, BALANCE_MAX, BillKind, Direction, EntryKind, LineBreaks, Text};
use std::num::NonZeroU8;

const RECEIVED_ON: Date = date(2026, 11, 22);
const OFFICE: &str = "[0-9A-Zｱ-ﾝﾞﾟ-]";
const PARTY: &str = "[ 0-9A-Zｱ-ﾝﾞﾟ().-]";
const MESSAGE: &str = "[ 0-9A-Zｦｱ-ﾝﾞﾟ¥｢｣()/.-]";

fn text(class: &str, width: usize) -> impl Strategy<Value = Text> {
    proptest::string::string_regex(&format!("{class}{{0,{width}}}")).unwrap().prop_map(|text| Text::new(&text))
}

fn day(from: Date, days: i64) -> impl Strategy<Value = Date> {
    (0..=days).prop_map(move |after| from + jiff::Span::new().days(after))
}

/// Digits that are not all zeros.
fn digits(width: u32) -> impl Strategy<Value = String> {
    (1..10_u64.pow(width)).prop_map(move |number| format!("{number:0width$}", width = width as usize))
}

fn header(number: usize) -> impl Strategy<Value = Header> {
    let names = (text(OFFICE, 15), text(OFFICE, 15), text(PARTY, 40));
    let kind = prop::sample::select(vec![AccountType::Ordinary, AccountType::Current, AccountType::Savings]);
    let rest = (digits(4), digits(3), kind, 0_u8..10, -BALANCE_MAX / 2..=BALANCE_MAX / 2, prop::bool::ANY);
    (names, rest).prop_map(
        move |((institution_name, branch_name, holder), (bank, branch, kind, book, balance, long))| Header {
            made_on: date(2026, 11, 2),
            from: date(2026, 7, 1),
            to: date(2026, 10, 31),
            institution_code: bank,
            institution_name,
            branch_code: branch,
            branch_name,
            account_type: kind,
            account_number: if long { format!("{:010}", 9_000_000_000 + number) } else { format!("{number:07}") },
            holder,
            passbook: NonZeroU8::new(book),
            balance_before: balance,
        },
    )
}

fn data() -> impl Strategy<Value = Data> {
    let kinds = [
        EntryKind::Cash,
        EntryKind::Transfer,
        EntryKind::OtherOffice,
        EntryKind::Clearing,
        EntryKind::BookTransfer,
        EntryKind::Continued,
        EntryKind::Other,
        EntryKind::Correction,
    ];
    let bills = [BillKind::Cheque, BillKind::PromissoryNote, BillKind::BillOfExchange];
    let days = (day(date(2026, 7, 1), 122), day(date(2015, 1, 1), 5_000));
    let codes = (
        prop::sample::select(vec![Direction::Credit, Direction::Debit]),
        prop::option::of(prop::sample::select(kinds.to_vec())),
        prop::option::of(prop::sample::select(bills.to_vec())),
    );
    let amounts = (0..=AMOUNT_MAX).prop_flat_map(|amount| (Just(amount), 0..=amount));
    let optional = (
        prop::option::of(digits(8)),
        prop::option::of(day(date(2018, 1, 1), 3_000)),
        prop::option::of(day(date(2018, 1, 1), 3_000)),
        prop::option::of(digits(7)),
        prop::option::of(digits(3)),
        prop::option::of(digits(10)),
    );
    let texts = (text(PARTY, 48), text(OFFICE, 15), text(OFFICE, 15), text(MESSAGE, 20), text(MESSAGE, 20));
    (days, codes, amounts, optional, texts).prop_map(|(days, codes, (amount, uncleared), optional, texts)| Data {
        inquiry_number: optional.0,
        booked_on: days.0,
        value_on: days.1,
        direction: codes.0,
        entry_kind: codes.1,
        amount,
        uncleared,
        presented_on: optional.1,
        returned_on: optional.2,
        bill_kind: codes.2,
        bill_number: optional.3,
        other_branch: optional.4,
        remitter_code: optional.5,
        party: texts.0,
        bank_name: texts.1,
        branch_name: texts.2,
        description: texts.3,
        edi: texts.4,
    })
}

fn accounts() -> impl Strategy<Value = Vec<(Header, Vec<Data>)>> {
    (1_usize..4).prop_flat_map(|count| {
        (1..=count).map(|number| (header(number), prop::collection::vec(data(), 0..6))).collect::<Vec<_>>()
    })
}

proptest! {
    #[test]
    fn a_written_file_reads_as_what_was_written(accounts in accounts(), crlf: bool) {
        let breaks = if crlf { LineBreaks::CrLf } else { LineBreaks::None };
        let mut writer = StatementWriter::new(Vec::new(), breaks);
        let mut expected = Vec::new();
        for (header, lines) in &accounts {
            let trailer = writer.account(header, lines).unwrap();
            expected.push(Event::Account(Box::new(header.clone())));
            expected.extend(lines.iter().map(|line| Event::Line(Box::new(line.clone()))));
            expected.push(Event::AccountEnd(trailer));
        }
        let bytes = writer.finish().unwrap();
        prop_assert_eq!(bytes.len() % if crlf { 202 } else { 200 }, 0);
        let mut events: Vec<Event> = StatementReader::new(bytes.as_slice(), RECEIVED_ON)
            .collect::<Result<_, _>>()
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert!(matches!(events.pop(), Some(Event::End(_))));
        prop_assert_eq!(events, expected);
    }
}

#[test]
fn the_writer_refuses_what_does_not_fit() {
    let fault = |data: Data| {
        let mut writer = StatementWriter::new(Vec::new(), LineBreaks::None);
        let header =
            Header { made_on: date(2026, 11, 2), from: date(2026, 10, 1), to: date(2026, 10, 31), ..Header::default() };
        writer.account(&header, &[data]).unwrap_err().to_string()
    };
    let line = Data { booked_on: date(2026, 10, 1), value_on: date(2026, 10, 1), ..Data::default() };
    assert_eq!(fault(Data { amount: AMOUNT_MAX + 1, ..line.clone() }), "取引金額: does not fit");
    assert_eq!(fault(Data { amount: -1, ..line.clone() }), "取引金額: negative");
    assert_eq!(
        fault(Data {
            description: Text::new("ﾃﾞﾝｷﾘﾖｳ 7ｶﾞﾂﾌﾞﾝ ｾｲｷﾕｳ"), ..line.clone()
        }),
        "摘要内容: does not fit"
    );
    assert_eq!(fault(Data { party: Text::new("山田"), ..line.clone() }), "振込依頼人名: '山' is not admitted");
    assert_eq!(fault(Data { bill_number: Some("12A".into()), ..line.clone() }), "手形・小切手番号: not digits");
    assert_eq!(fault(Data { value_on: date(1900, 1, 1), ..line }), "預入・払出日: no era has this day");
}

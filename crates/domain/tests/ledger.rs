//! Statements against a ledger: repeated, overlapping and continued files add each line once, and files that
//! contradict what was delivered are refused.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

use jiff::civil::{Date, date};
use proptest::prelude::*;
use renkei_domain::ledger::{Heading, KnownLines, Line, Misfit, Plan, Posting, Reading, Standing, Survey};
use renkei_domain::statement::{Direction, EntryKind, Fingerprint, StatementLine};
use renkei_domain::time::Day;
use renkei_formats::zengin::statement::{Data, Event, Header, StatementReader};

/// A statement as the tests write it: its days, the balance before it, and its lines by day, amount and what tells
/// lines of one day and amount apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Statement {
    from: Day,
    to: Day,
    opening: i64,
    lines: Vec<(Day, i64, Fingerprint)>,
}

impl Statement {
    fn closing(&self) -> i64 {
        self.opening + self.lines.iter().map(|line| line.1).sum::<i64>()
    }

    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// A ledger of one account, kept the simplest way.
#[derive(Debug, Clone, Default)]
struct Ledger {
    opened: Option<(Day, i64)>,
    entries: Vec<(Day, i64, Fingerprint)>,
    digests: Vec<u64>,
}

impl Ledger {
    fn balance(&self) -> i64 {
        self.opened.map_or(0, |opened| opened.1) + self.entries.iter().map(|entry| entry.1).sum::<i64>()
    }

    fn standing(&self, from: Day) -> Option<Standing> {
        let (first_on, opening) = self.opened?;
        let before = self.entries.iter().filter(|entry| entry.0 < from).map(|entry| entry.1).sum::<i64>();
        Some(Standing {
            first_on,
            last_booked_on: self.entries.iter().map(|entry| entry.0).max(),
            balance: self.balance(),
            last_seq: i64::try_from(self.entries.len()).unwrap(),
            balance_before: opening + before,
        })
    }

    fn known(&self, from: Day, to: Day) -> KnownLines {
        let mut known = KnownLines::default();
        for entry in self.entries.iter().filter(|entry| from <= entry.0 && entry.0 <= to) {
            known.add(entry.2).unwrap();
        }
        known
    }

    /// Imports a statement as an importer does: two readings, then all or nothing.
    fn import(&mut self, statement: &Statement) -> Result<Plan, Misfit> {
        let Statement { from, to, opening, .. } = *statement;
        let heading = Heading { record: 1, from, to, opening };
        let mut survey = Survey::begin(heading, self.standing(from), self.known(from, to));
        for (record, (booked_on, signed_amount, fingerprint)) in (2..).zip(statement.lines.iter().copied()) {
            survey.line(Line { record, fingerprint, booked_on, signed_amount });
        }
        let plan = survey.finish(statement.closing(), self.digests.contains(&statement.digest()))?;

        let mut posting = Posting::begin(plan, self.known(from, to));
        let mut balance = self.balance();
        if plan.reading == Reading::First {
            self.opened = Some((from, opening));
            balance = opening;
        }
        for line in &statement.lines {
            if let Some(posted) = posting.line(line.2, line.1) {
                self.entries.push(*line);
                balance += line.1;
                assert_eq!((posted.seq, posted.balance_after), (self.entries.len() as i64, balance));
            }
        }
        let end = posting.finish().unwrap();
        assert_eq!((end.seq, end.balance_after), (self.entries.len() as i64, balance));
        self.digests.push(statement.digest());
        Ok(plan)
    }
}

fn october(day: i8) -> Day {
    Day(date(2026, 10, day))
}

/// A line; `mark` tells apart what is otherwise equal.
fn line(day: i8, amount: i64, mark: u8) -> (Day, i64, Fingerprint) {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&amount.to_be_bytes());
    bytes[8] = mark;
    bytes[9] = u8::try_from(day).unwrap();
    (october(day), amount, Fingerprint(bytes))
}

fn statement(from: i8, to: i8, opening: i64, lines: &[(Day, i64, Fingerprint)]) -> Statement {
    Statement { from: october(from), to: october(to), opening, lines: lines.to_vec() }
}

#[test]
fn the_first_statement_sets_the_opening_balance() {
    let mut ledger = Ledger::default();
    let first = statement(1, 10, 500, &[line(2, 100, 0), line(3, -40, 0)]);
    let plan = ledger.import(&first).unwrap();
    assert_eq!((plan.reading, plan.new_lines, plan.balance_before, plan.balance_after), (Reading::First, 2, 500, 560));
}

#[test]
fn the_same_file_again_adds_nothing() {
    let mut ledger = Ledger::default();
    let first = statement(1, 10, 500, &[line(2, 100, 0), line(2, 100, 0)]);
    ledger.import(&first).unwrap();
    ledger.import(&statement(11, 12, 700, &[line(11, 1, 0)])).unwrap();
    let plan = ledger.import(&first).unwrap();
    assert_eq!((plan.reading, plan.new_lines, plan.balance_after), (Reading::ImportedBefore, 0, 701));
    assert_eq!(ledger.entries.len(), 3);
}

#[test]
fn two_equal_lines_of_one_day_are_two_entries_and_stay_two() {
    let mut ledger = Ledger::default();
    ledger.import(&statement(1, 2, 500, &[line(2, 100, 0)])).unwrap();
    let plan = ledger.import(&statement(1, 3, 500, &[line(2, 100, 0), line(2, 100, 0)])).unwrap();
    assert_eq!((plan.reading, plan.new_lines, plan.balance_after), (Reading::FullDays, 1, 700));
    let plan = ledger.import(&statement(2, 5, 500, &[line(2, 100, 0), line(2, 100, 0), line(4, 9, 0)])).unwrap();
    assert_eq!((plan.reading, plan.new_lines, plan.balance_after), (Reading::FullDays, 1, 709));
}

#[test]
fn a_continuation_begins_where_the_ledger_ends_even_within_a_day() {
    let mut ledger = Ledger::default();
    ledger.import(&statement(1, 2, 500, &[line(2, 100, 0), line(2, 7, 0)])).unwrap();
    let plan = ledger.import(&statement(2, 2, 607, &[line(2, 100, 0)])).unwrap();
    assert_eq!((plan.reading, plan.new_lines, plan.last_seq), (Reading::Continuation, 1, 2));
    assert_eq!(plan.balance_after, 707);
}

#[test]
fn whole_days_win_where_both_readings_fit() {
    let mut ledger = Ledger::default();
    ledger.import(&statement(1, 2, 500, &[line(2, 100, 0), line(2, -100, 0)])).unwrap();
    let both = statement(1, 5, 500, &[line(2, 100, 0), line(2, -100, 0), line(5, 1, 0)]);
    let plan = ledger.import(&both).unwrap();
    assert_eq!((plan.reading, plan.new_lines), (Reading::FullDays, 1));

    let mut ledger = Ledger::default();
    ledger.import(&statement(1, 2, 500, &[line(2, 100, 0), line(2, -100, 0)])).unwrap();
    let plan = ledger.import(&statement(1, 5, 500, &[line(5, 1, 0)])).unwrap();
    assert_eq!((plan.reading, plan.new_lines), (Reading::Continuation, 1));
}

#[test]
fn a_line_booked_late_is_found_among_days_already_read() {
    let mut ledger = Ledger::default();
    ledger.import(&statement(1, 10, 500, &[line(2, 100, 0), line(9, 50, 0)])).unwrap();
    let again = statement(1, 12, 500, &[line(2, 100, 0), line(3, -30, 0), line(9, 50, 0), line(12, 4, 0)]);
    let plan = ledger.import(&again).unwrap();
    assert_eq!((plan.reading, plan.new_lines, plan.balance_after), (Reading::FullDays, 2, 624));
    assert_eq!(ledger.entries[2..], [line(3, -30, 0), line(12, 4, 0)]);
}

#[test]
fn a_missing_statement_is_a_gap() {
    let mut ledger = Ledger::default();
    ledger.import(&statement(1, 10, 500, &[line(2, 100, 0)])).unwrap();
    let misfit = ledger.import(&statement(20, 25, 650, &[line(20, 1, 0)])).unwrap_err();
    let Misfit::Gap { opening: 650, balance: 600, .. } = misfit else { panic!("{misfit:?}") };
    assert_eq!(
        misfit.to_string(),
        "the statement begins on 2026-10-20 with 650 yen, but the ledger ends with 600 yen on 2026-10-02: \
         a statement between is missing"
    );
}

#[test]
fn what_was_delivered_can_not_be_taken_back() {
    let mut ledger = Ledger::default();
    ledger.import(&statement(1, 10, 500, &[line(2, 100, 0), line(3, 5, 0)])).unwrap();
    let before = ledger.entries.clone();
    let misfit = ledger.import(&statement(1, 10, 500, &[line(2, 100, 0), line(3, 6, 0)])).unwrap_err();
    assert!(matches!(misfit, Misfit::EntriesMissing { missing: 1, .. }), "{misfit:?}");
    let misfit = ledger.import(&statement(1, 10, 501, &[line(2, 100, 0), line(3, 5, 0)])).unwrap_err();
    assert!(matches!(misfit, Misfit::OpeningDiffers { balance_before: 500, balance: 605, .. }), "{misfit:?}");
    let misfit = ledger.import(&statement(1, 10, 605, &[line(1, 3, 0), line(5, 2, 0)])).unwrap_err();
    assert!(matches!(misfit, Misfit::BeforeLastEntry { record: 2, .. }), "{misfit:?}");
    assert_eq!(ledger.entries, before);
}

#[test]
fn history_can_not_be_put_before_the_first_day() {
    let mut ledger = Ledger::default();
    ledger.import(&statement(10, 12, 500, &[line(10, 100, 0)])).unwrap();
    let wider = statement(1, 12, 400, &[line(5, 100, 0), line(10, 100, 0)]);
    let misfit = ledger.import(&wider).unwrap_err();
    assert_eq!(misfit, Misfit::BeforeLedger { record: 2, booked_on: october(5), first_on: october(10) });
}

#[test]
fn lines_that_do_not_lead_to_the_closing_balance_are_refused() {
    let heading = Heading { record: 4, from: october(1), to: october(2), opening: 10 };
    let mut survey = Survey::begin(heading, None, KnownLines::default());
    let (booked_on, signed_amount, fingerprint) = line(1, 5, 0);
    survey.line(Line { record: 5, fingerprint, booked_on, signed_amount });
    let misfit = survey.finish(16, false).unwrap_err();
    assert_eq!(misfit, Misfit::ClosingDiffers { record: 4, to: october(2), closing: 16, reached: 15 });
}

#[test]
fn a_second_reading_that_differs_from_the_first_is_noticed() {
    let plan = Plan { reading: Reading::First, new_lines: 2, balance_before: 0, balance_after: 30, last_seq: 0 };
    let post = |amounts: &[i64]| {
        let mut posting = Posting::begin(plan, KnownLines::default());
        amounts.iter().for_each(|amount| assert!(posting.line(Fingerprint([0; 16]), *amount).is_some()));
        posting.finish()
    };
    assert_eq!(post(&[10, 20]).unwrap().seq, 2);
    assert!(post(&[10]).is_err());
    assert!(post(&[10, 21]).is_err());
    assert!(post(&[10, 20, 0]).is_err());
}

// What a bank could send: any cut of one true history, in any overlap, as long as no day is skipped.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn overlapping_files_of_one_history_give_that_history(
        steps in prop::collection::vec((0_i8..3, -3_i64..4, 0_u8..2), 1..60),
        files in prop::collection::vec((0_i8..12, 1_i8..12, any::<bool>()), 1..12),
        opening in -100_i64..100,
    ) {
        let mut day = 1;
        let mut history = Vec::new();
        for (days, amount, mark) in steps {
            day = (day + days).min(31);
            history.push(line(day, amount, mark));
        }
        let cut = |from: i8, to: i8| {
            let before: i64 = history.iter().filter(|line| line.0 < october(from)).map(|line| line.1).sum();
            let within = |line: &&(Day, i64, Fingerprint)| october(from) <= line.0 && line.0 <= october(to);
            let lines: Vec<_> = history.iter().filter(within).copied().collect();
            statement(from, to, opening + before, &lines)
        };
        let mut ledger = Ledger::default();
        let mut covered = 0;
        for (back, days, twice) in files {
            let from = (covered + 1 - back).clamp(1, 31);
            let to = (from + days).clamp(covered.max(1), 31);
            let file = cut(from, to);
            ledger.import(&file).map_err(|misfit| TestCaseError::fail(misfit.to_string()))?;
            if twice {
                prop_assert_eq!(ledger.import(&file).unwrap().new_lines, 0);
            }
            covered = to;
        }
        let expected = cut(1, covered);
        prop_assert_eq!(&ledger.entries, &expected.lines);
        prop_assert_eq!(ledger.balance(), expected.closing());
    }

    #[test]
    fn a_changed_line_never_enters_days_already_delivered(
        lines in prop::collection::vec((1_i8..20, 1_i64..50), 1..30),
        at in any::<prop::sample::Index>(),
        more in 1_i64..5,
    ) {
        let mut lines: Vec<_> = lines.into_iter().map(|(day, amount)| line(day, amount, 0)).collect();
        lines.sort_by_key(|line| line.0);
        let mut ledger = Ledger::default();
        ledger.import(&statement(1, 20, 0, &lines)).unwrap();
        let changed = at.index(lines.len());
        lines[changed] = line(lines[changed].0.0.day(), lines[changed].1 + more, 1);
        prop_assert!(ledger.import(&statement(1, 20, 0, &lines)).is_err());
    }
}

/// Sixteen bytes that are equal for equal lines; an importer takes SHA-256.
fn fingerprint(data: &Data) -> Fingerprint {
    let identity = line_of(data).identity();
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        (seed, &identity).hash(&mut hasher);
        hasher.finish().to_be_bytes()
    };
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&half(0));
    digest[8..16].copy_from_slice(&half(1));
    Fingerprint::from_sha256(&digest)
}

fn line_of(data: &Data) -> StatementLine {
    StatementLine {
        inquiry_number: data.inquiry_number.clone(),
        booked_on: Day(data.booked_on),
        value_on: Day(data.value_on),
        direction: if data.signed_amount() < 0 { Direction::Debit } else { Direction::Credit },
        kind: data.entry_kind.map(|kind| EntryKind::try_from(kind.code()).unwrap()),
        amount: data.amount,
        uncleared: data.uncleared,
        presented_on: data.presented_on.map(Day),
        returned_on: data.returned_on.map(Day),
        bill_kind: None,
        bill_number: data.bill_number.clone(),
        other_branch: data.other_branch.clone(),
        remitter_code: data.remitter_code.clone(),
        party: data.party.as_stored().into(),
        bank_name: data.bank_name.as_stored().into(),
        branch_name: data.branch_name.as_stored().into(),
        description: data.description.as_stored().into(),
        edi: data.edi.as_stored().into(),
    }
}

type AccountKey = (String, u8, String);

fn key(header: &Header) -> AccountKey {
    (header.branch_code.clone(), header.account_type.code(), header.account_number.clone())
}

fn testdata(file: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/minato").join(file);
    std::fs::read(path).unwrap()
}

fn statements(file: &str) -> Vec<(AccountKey, Statement)> {
    const RECEIVED_ON: Date = date(2026, 11, 22);
    let bytes = testdata(file);
    let mut statements = Vec::<(AccountKey, Statement)>::new();
    for event in StatementReader::new(bytes.as_slice(), RECEIVED_ON) {
        match event.unwrap() {
            Event::Account(header) => {
                let (from, to, opening) = (Day(header.from), Day(header.to), header.balance_before);
                statements.push((key(&header), Statement { from, to, opening, lines: Vec::new() }));
            }
            Event::Line(data) => {
                let line = (Day(data.booked_on), data.signed_amount(), fingerprint(&data));
                statements.last_mut().unwrap().1.lines.push(line);
            }
            Event::AccountEnd(_) | Event::End(_) => {}
        }
    }
    statements
}

fn import_file(ledgers: &mut HashMap<AccountKey, Ledger>, file: &str) -> Result<i64, Misfit> {
    let imported = statements(file)
        .into_iter()
        .map(|(key, statement)| ledgers.entry(key).or_default().import(&statement).map(|plan| plan.new_lines));
    imported.sum()
}

#[test]
fn the_sample_files_leave_the_ledger_their_writer_expects() {
    const QUARTER: &str = "minato-03-2026-07-to-09.txt";
    const AUTUMN: &str = "minato-03-2026-09-to-10-crlf.txt";
    const AUGUST: &str = "minato-03-2026-08-no-ref.txt";
    let mut ledgers = HashMap::new();
    assert_eq!(import_file(&mut ledgers, QUARTER), Ok(140 + 142 + 127 + 159));
    let after_quarter = ledgers.clone();
    assert_eq!(import_file(&mut ledgers, QUARTER), Ok(0));
    assert_eq!(import_file(&mut ledgers, AUGUST), Ok(0), "the same lines without inquiry numbers");
    assert_eq!(import_file(&mut ledgers, AUTUMN), Ok(42 + 43 + 46 + 69));
    assert_eq!(import_file(&mut ledgers, QUARTER), Ok(0));
    assert_eq!(import_file(&mut ledgers, AUGUST), Ok(0));

    let expected: serde_json::Value = serde_json::from_slice(&testdata("expected.json")).unwrap();
    for row in expected.as_array().unwrap() {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        let key = (text("branch"), u8::try_from(row["type"].as_u64().unwrap()).unwrap(), text("number"));
        let ledger = if text("file") == QUARTER { &after_quarter[&key] } else { &ledgers[&key] };
        assert_eq!(ledger.entries.len() as u64, row["entries"].as_u64().unwrap(), "{row}");
        assert_eq!(ledger.opened.unwrap().1, row["opening"].as_i64().unwrap(), "{row}");
        assert_eq!(ledger.balance(), row["closing"].as_i64().unwrap(), "{row}");
    }
}

#[test]
fn the_august_file_first_leaves_the_quarter_without_a_place() {
    let mut ledgers = HashMap::new();
    import_file(&mut ledgers, "minato-03-2026-08-no-ref.txt").unwrap();
    let misfit = import_file(&mut ledgers, "minato-03-2026-07-to-09.txt").unwrap_err();
    assert!(matches!(misfit, Misfit::BeforeLedger { .. }), "{misfit:?}");
    let misfit = import_file(&mut ledgers, "minato-03-2026-09-to-10-crlf.txt");
    assert!(misfit.is_ok(), "September follows August");
}

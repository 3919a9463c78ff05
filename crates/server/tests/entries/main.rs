//! Importing entries: what files bring, what is refused, and that a run comes into force at once or not at all.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

mod command;
mod overlapping;
mod refused;
mod samples;
mod together;

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::{Date, date};
use renkei_domain::id::AccountId;
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::{Clock, Timestamp};
use renkei_formats::zengin::statement::{Data, Header, StatementWriter};
use renkei_formats::zengin::{Direction, LineBreaks, Text};
use renkei_server::ledger::entry::EntryBody;
use renkei_server::ledger::import::{Failure, Importer, Progress, Reason, Report, Step, import_entries};
use renkei_store::db::Row;
use renkei_store::{Store, params};
use renkei_testing::{SystemRandom, aoi, seed};
use tempfile::TempDir;

/// 2026-11-22, a day on which the files of these tests have been received.
pub const NOW: Timestamp = Timestamp::from_seconds(1_795_300_000);

/// A clock that stands where a test puts it.
pub struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// Nobody watches.
pub struct Unwatched;

impl Progress for Unwatched {
    fn step(&mut self, _: Step<'_>) {}
}

/// An institution's importer, and a folder for its files.
pub struct Desk {
    pub store: Store,
    pub institution: InstitutionCode,
    pub clock: HandClock,
    folder: TempDir,
}

impl Desk {
    /// The desk of 1001 with branch 001, where accounts must be known.
    pub async fn of_aoi(store: &Store) -> Desk {
        Desk::of(store, aoi(), &[]).await
    }

    pub async fn of(store: &Store, institution: InstitutionCode, more_branches: &[&str]) -> Desk {
        seed::institution(store, &institution, "{}").await;
        let mut tx = store.begin(&institution).await.unwrap();
        for branch in more_branches {
            let insert = "INSERT INTO branches (institution, branch, name, name_en) VALUES (?1, ?2, '支店', 'Branch')";
            tx.execute(insert, params![*branch]).await.unwrap();
        }
        tx.commit().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Desk { store: store.clone(), institution, clock: HandClock(AtomicI64::new(NOW.0)), folder }
    }

    pub fn wait(&self, seconds: i64) {
        self.clock.0.store(self.clock.now().plus_seconds(seconds).0, Ordering::Relaxed);
    }

    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn importer(&self, create_accounts: bool) -> Importer<'_> {
        Importer {
            store: &self.store,
            institution: &self.institution,
            clock: &self.clock,
            random: &SystemRandom,
            operator: "hanako",
            host: "desk 1",
            create_accounts,
        }
    }

    /// Imports files into accounts that are made where they are missing.
    pub async fn import(&self, files: &[PathBuf]) -> Result<Report, Failure> {
        import_entries(&self.importer(true), files, &mut Unwatched).await
    }

    /// Imports one file of these bytes.
    pub async fn import_bytes(&self, bytes: &[u8]) -> Result<Report, Failure> {
        self.import(&[self.put("file.txt", bytes)]).await
    }

    pub async fn row(&self, sql: &'static str) -> Option<Row> {
        self.store.read(&self.institution).row(sql, &[]).await.unwrap()
    }

    pub async fn number(&self, sql: &'static str) -> i64 {
        self.row(sql).await.unwrap().get(0).unwrap()
    }

    /// All that an import may change but its own record and the audit trail: counts, and each account.
    pub async fn ledger(&self) -> (Vec<i64>, Vec<String>) {
        let counts = [
            "SELECT COUNT(*) FROM entries WHERE institution = ?1",
            "SELECT COUNT(*) FROM account_days WHERE institution = ?1",
            "SELECT COUNT(*) FROM statements WHERE institution = ?1",
            "SELECT COUNT(*) FROM accounts WHERE institution = ?1",
            "SELECT COUNT(*) FROM branches WHERE institution = ?1",
            "SELECT COUNT(*) FROM leases WHERE institution = ?1",
            "SELECT COUNT(*) FROM imports WHERE institution = ?1 AND ended_at IS NULL",
        ];
        let mut found = Vec::new();
        for sql in counts {
            found.push(self.number(sql).await);
        }
        let accounts = "SELECT account_id, holder_kana, opening_balance, balance, last_seq, first_on, last_on, as_of_at \
             FROM accounts WHERE institution = ?1 ORDER BY account_id";
        let accounts = self.store.read(&self.institution).rows(accounts, &[]).await.unwrap();
        (found, accounts.iter().map(|row| format!("{row:?}")).collect())
    }

    /// Every entry in force of the only account, in posting order.
    pub async fn entries(&self) -> Vec<EntryBody> {
        let mut row = self.row("SELECT account_id, last_seq FROM accounts WHERE institution = ?1").await.unwrap();
        let (account, last_seq): (AccountId, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        let mut session = self.store.read(&self.institution);
        let stretch = session.find_stretch(account, 1, last_seq).await.unwrap();
        serde_json::from_str(&format!("[{}]", stretch.bodies)).unwrap()
    }

    pub async fn balance(&self) -> i64 {
        self.number("SELECT balance FROM accounts WHERE institution = ?1").await
    }
}

pub fn october(day: i8) -> Date {
    date(2026, 10, day)
}

/// A statement of account 001-1-2000002 over days of October.
pub fn header(from: i8, to: i8, opening: i64) -> Header {
    Header {
        made_on: date(2026, 11, 2),
        from: october(from),
        to: october(to),
        institution_code: "1001".into(),
        institution_name: Text::new("ｱｵｲ"),
        branch_code: "001".into(),
        branch_name: Text::new("ﾎﾝﾃﾝ"),
        account_number: "2000002".into(),
        holder: Text::new("ｶ)ｻｸﾗｼﾖｳｶｲ"),
        balance_before: opening,
        ..Header::default()
    }
}

/// A line booked on a day of October; the amount is signed.
pub fn line(day: i8, amount: i64, description: &str) -> Data {
    Data {
        booked_on: october(day),
        value_on: october(day),
        direction: if amount < 0 { Direction::Debit } else { Direction::Credit },
        amount: amount.abs(),
        description: Text::new(description),
        ..Data::default()
    }
}

/// A file of these statements.
pub fn file(statements: &[(Header, Vec<Data>)]) -> Vec<u8> {
    let mut writer = StatementWriter::new(Vec::new(), LineBreaks::None);
    for (header, lines) in statements {
        writer.account(header, lines).unwrap();
    }
    writer.finish().unwrap()
}

/// A file of one statement.
pub fn statement(from: i8, to: i8, opening: i64, lines: &[Data]) -> Vec<u8> {
    file(&[(header(from, to, opening), lines.to_vec())])
}

/// Why a file was refused.
pub fn reason(outcome: Result<Report, Failure>) -> Reason {
    match outcome {
        Err(Failure::Refused(refused)) => refused.reason,
        other => panic!("not refused: {other:?}"),
    }
}

/// New lines of each file's first account.
pub fn new_lines(report: &Report) -> Vec<i64> {
    report.files.iter().map(|file| file.accounts[0].new).collect()
}

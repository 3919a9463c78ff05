//! Reads a statement file as a stream of checked events.
//!
//! The order of records is header, data…, trailer, header … end. A record is handed out once it is read, its
//! items are checked, and it agrees with all records before it; so the whole file is sound once [`Event::End`]
//! has come, and not before. Whoever acts on earlier events must be able to undo that.

use super::{Data, End, Header, Trailer};
use crate::refusal::{ReadError, Reason, RecordKind};
use crate::zengin::codes::{AccountType, Direction};
use crate::zengin::records::Records;
use jiff::civil::Date;
use std::collections::HashMap;
use std::io::BufRead;

/// The most a trailer's total can hold: 13 digits.
const TOTAL_MAX: i64 = 9_999_999_999_999;

/// What a file holds, in the order it holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An account begins.
    Account(Box<Header>),
    /// A line of that account.
    Line(Box<Data>),
    /// The account ends; its totals agree with its lines and its balances.
    AccountEnd(Trailer),
    /// The file ends; its counts agree with its records.
    End(End),
}

/// Where in the file the reader is.
enum Stage {
    /// Before a header (or, after at least one account, the end record).
    BetweenAccounts,
    /// Among an account's lines.
    InAccount(Box<Account>),
    /// After the end record, or after a refusal.
    Done,
}

/// What is kept of the account being read.
struct Account {
    header: Header,
    credits: i64,
    credit_total: i64,
    debits: i64,
    debit_total: i64,
}

/// An account's branch, type and number.
type AccountKey = (String, String, AccountType, String);

/// Reads account statements (type code 03). Memory is bounded: one record, and the names of the accounts met (an
/// end record can count no more than 99,999).
pub struct StatementReader<R> {
    records: Records<R>,
    stage: Stage,
    /// Each account met, and the record that opened it.
    opened: HashMap<AccountKey, u64>,
}

impl<R: BufRead> StatementReader<R> {
    /// Reads `input`, a file received on the day given.
    pub fn new(input: R, received_on: Date) -> StatementReader<R> {
        let records = Records::new(input, received_on);
        StatementReader { records, stage: Stage::BetweenAccounts, opened: HashMap::new() }
    }

    /// The number of the record the last event came from, counted from 1.
    #[must_use]
    pub const fn record_number(&self) -> u64 {
        self.records.place().0
    }

    /// The byte in the file at which that record begins.
    #[must_use]
    pub const fn record_offset(&self) -> u64 {
        self.records.place().1
    }

    /// The bytes of that record, without a line break: what a digest of the file's content is taken over.
    #[must_use]
    pub fn record_bytes(&self) -> &[u8] {
        self.records.bytes()
    }

    /// The next event; `None` after [`Event::End`].
    ///
    /// # Errors
    /// [`ReadError::Refused`] when the file is not sound, [`ReadError::Io`] when it can't be read. Either ends the
    /// reading: what follows is `None`.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        if matches!(stage, Stage::Done) {
            return Ok(None);
        }
        let kind = self.records.advance()?;
        let event = match (stage, kind) {
            (Stage::InAccount(account), RecordKind::Data) => self.line(account),
            (Stage::InAccount(account), RecordKind::Trailer) => self.close_account(&account),
            (Stage::InAccount(_), _) => Err(self.records.out_of_order("a data (2) or trailer record (8)")),
            (_, RecordKind::Header) => self.open(),
            (_, RecordKind::End) if !self.opened.is_empty() => self.close_file(),
            _ if self.opened.is_empty() => Err(self.records.out_of_order("a header record (1)")),
            _ => Err(self.records.out_of_order("a header (1) or end record (9)")),
        };
        event.map(Some)
    }

    /// Opens an account.
    fn open(&mut self) -> Result<Event, ReadError> {
        let header: Header = self.records.read(RecordKind::Header)?;
        let refused = match header.account_type {
            _ if header.to < header.from => Some(("勘定日(至)", Reason::PeriodBackwards(header.from))),
            AccountType::Ordinary | AccountType::Current | AccountType::Savings => None,
            AccountType::Notice | AccountType::Time | AccountType::InstalmentTime => {
                Some(("預金種目", Reason::TimeDeposit))
            }
            _ => Some(("預金種目", Reason::NotListed("1, 2, 4"))),
        };
        if let Some((item, reason)) = refused {
            return Err(self.records.refuse::<Header>(RecordKind::Header, item, reason));
        }
        self.note_account(&header)?;
        self.records.follow(header.made_on);
        let event = Event::Account(Box::new(header.clone()));
        let account = Account { header, credits: 0, credit_total: 0, debits: 0, debit_total: 0 };
        self.stage = Stage::InAccount(Box::new(account));
        Ok(event)
    }

    /// Refuses an account the file has already opened.
    fn note_account(&mut self, header: &Header) -> Result<(), ReadError> {
        let key = (
            header.institution_code.clone(),
            header.branch_code.clone(),
            header.account_type,
            header.account_number.clone(),
        );
        match self.opened.insert(key, self.record_number()) {
            None => Ok(()),
            Some(before) => {
                Err(self.records.refuse::<Header>(RecordKind::Header, "口座番号", Reason::AccountTwice(before)))
            }
        }
    }

    fn line(&mut self, mut account: Box<Account>) -> Result<Event, ReadError> {
        let data: Data = self.records.read(RecordKind::Data)?;
        let (from, to) = (account.header.from, account.header.to);
        if data.booked_on < from || data.booked_on > to {
            return Err(self.records.refuse::<Data>(RecordKind::Data, "勘定日", Reason::OutsidePeriod(from, to)));
        }
        if data.uncleared > data.amount {
            let reason = Reason::MoreThanAmount(data.amount);
            return Err(self.records.refuse::<Data>(RecordKind::Data, "うち他店券金額", reason));
        }
        if !account.add(&data) {
            return Err(self.records.refuse::<Data>(RecordKind::Data, "取引金額", Reason::TotalTooLarge));
        }
        self.stage = Stage::InAccount(account);
        Ok(Event::Line(Box::new(data)))
    }

    fn close_account(&mut self, account: &Account) -> Result<Event, ReadError> {
        let trailer: Trailer = self.records.read(RecordKind::Trailer)?;
        let after = account.header.balance_before + account.credit_total - account.debit_total;
        let checks = [
            ("入金件数", trailer.credits, account.credits),
            ("入金額合計", trailer.credit_total, account.credit_total),
            ("出金件数", trailer.debits, account.debits),
            ("出金額合計", trailer.debit_total, account.debit_total),
            ("取引後残高", trailer.balance_after, after),
            ("データ件数", trailer.lines, account.credits + account.debits),
        ];
        self.records.compare::<Trailer>(RecordKind::Trailer, &checks)?;
        self.stage = Stage::BetweenAccounts;
        Ok(Event::AccountEnd(trailer))
    }

    fn close_file(&mut self) -> Result<Event, ReadError> {
        let end: End = self.records.read(RecordKind::End)?;
        let accounts = i64::try_from(self.opened.len()).unwrap_or(i64::MAX);
        self.records.compare::<End>(RecordKind::End, &[("口座数", end.accounts, accounts)])?;
        self.records.close::<End>(Some(end.records))?;
        Ok(Event::End(end))
    }
}

impl Account {
    /// Counts a line; `false` when a total outgrows what a trailer can hold.
    fn add(&mut self, data: &Data) -> bool {
        let (count, total) = match data.direction {
            Direction::Credit => (&mut self.credits, &mut self.credit_total),
            Direction::Debit => (&mut self.debits, &mut self.debit_total),
        };
        *count += 1;
        *total += data.amount;
        *total <= TOTAL_MAX
    }
}

impl<R: BufRead> Iterator for StatementReader<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_event().transpose()
    }
}

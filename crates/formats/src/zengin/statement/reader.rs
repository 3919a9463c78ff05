//! Reads a statement file as a stream of checked events.
//!
//! The order of records is header, data…, trailer, header … end. A record is handed out once it is read, its
//! items are checked, and it agrees with all records before it; so the whole file is sound once [`Event::End`]
//! has come, and not before. Whoever acts on earlier events must be able to undo that.

use super::{Data, End, Header, Trailer};
use crate::zengin::codes::{AccountType, Direction};
use crate::zengin::fields::{self, FieldFault, Walk};
use crate::zengin::frame::{Frames, Record};
use crate::zengin::refusal::{ReadError, Reason, RecordKind, Refusal, excerpt};
use jiff::civil::Date;
use std::collections::HashMap;
use std::io::BufRead;

/// The most a trailer's total can hold: 13 digits.
const TOTAL_MAX: i64 = 9_999_999_999_999;
/// `1` in EBCDIC: how a file begins whose code set is not JIS.
const EBCDIC_ONE: u8 = 0xF1;

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
    frames: Frames<R>,
    stage: Stage,
    /// The day of receipt, against which 作成日 is resolved.
    received_on: Date,
    /// What dates of the account being read are resolved against.
    anchor: Date,
    /// Each account met, and the record that opened it.
    opened: HashMap<AccountKey, u64>,
}

impl<R: BufRead> StatementReader<R> {
    /// Reads `input`, a file received on the day given.
    pub fn new(input: R, received_on: Date) -> StatementReader<R> {
        StatementReader {
            frames: Frames::new(input),
            stage: Stage::BetweenAccounts,
            received_on,
            anchor: received_on,
            opened: HashMap::new(),
        }
    }

    /// The number of the record the last event came from, counted from 1.
    #[must_use]
    pub const fn record_number(&self) -> u64 {
        self.frames.place().0
    }

    /// The byte in the file at which that record begins.
    #[must_use]
    pub const fn record_offset(&self) -> u64 {
        self.frames.place().1
    }

    /// The bytes of that record, without a line break: what a digest of the file's content is taken over.
    #[must_use]
    pub fn record_bytes(&self) -> &[u8] {
        self.frames.record()
    }

    /// The next event; `None` after [`Event::End`].
    ///
    /// # Errors
    /// [`ReadError::Refused`] when the file is not sound, [`ReadError::Io`] when it can't be read. Either ends the
    /// reading: what follows is `None`.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        let event = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Done => return Ok(None),
            _ if !self.frames.advance()? => return Err(self.end_missing()),
            Stage::BetweenAccounts => self.between_accounts()?,
            Stage::InAccount(account) => self.in_account(account)?,
        };
        Ok(Some(event))
    }

    fn between_accounts(&mut self) -> Result<Event, ReadError> {
        match self.kind()? {
            RecordKind::Header => self.open(),
            RecordKind::End if !self.opened.is_empty() => self.close_file(),
            _ if self.opened.is_empty() => Err(self.out_of_order("a header record (1)")),
            _ => Err(self.out_of_order("a header (1) or end record (9)")),
        }
    }

    fn in_account(&mut self, account: Box<Account>) -> Result<Event, ReadError> {
        match self.kind()? {
            RecordKind::Data => self.line(account),
            RecordKind::Trailer => self.close_account(&account),
            RecordKind::Header | RecordKind::End => Err(self.out_of_order("a data (2) or trailer record (8)")),
        }
    }

    /// Opens an account.
    fn open(&mut self) -> Result<Event, ReadError> {
        let header: Header = self.read(RecordKind::Header, self.received_on)?;
        let refused = match header.account_type {
            _ if header.to < header.from => Some(("勘定日(至)", Reason::PeriodBackwards(header.from))),
            AccountType::Ordinary | AccountType::Current | AccountType::Savings => None,
            AccountType::Notice | AccountType::Time | AccountType::InstalmentTime => {
                Some(("預金種目", Reason::TimeDeposit))
            }
            _ => Some(("預金種目", Reason::NotListed("1, 2, 4"))),
        };
        if let Some((item, reason)) = refused {
            return Err(self.refuse::<Header>(RecordKind::Header, item, reason));
        }
        self.note_account(&header)?;
        self.anchor = header.made_on;
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
            Some(before) => Err(self.refuse::<Header>(RecordKind::Header, "口座番号", Reason::AccountTwice(before))),
        }
    }

    fn line(&mut self, mut account: Box<Account>) -> Result<Event, ReadError> {
        let data: Data = self.read(RecordKind::Data, self.anchor)?;
        let (from, to) = (account.header.from, account.header.to);
        if data.booked_on < from || data.booked_on > to {
            return Err(self.refuse::<Data>(RecordKind::Data, "勘定日", Reason::OutsidePeriod(from, to)));
        }
        if data.uncleared > data.amount {
            let reason = Reason::MoreThanAmount(data.amount);
            return Err(self.refuse::<Data>(RecordKind::Data, "うち他店券金額", reason));
        }
        if !account.add(&data) {
            return Err(self.refuse::<Data>(RecordKind::Data, "取引金額", Reason::TotalTooLarge));
        }
        self.stage = Stage::InAccount(account);
        Ok(Event::Line(Box::new(data)))
    }

    fn close_account(&mut self, account: &Account) -> Result<Event, ReadError> {
        let trailer: Trailer = self.read(RecordKind::Trailer, self.anchor)?;
        let after = account.header.balance_before + account.credit_total - account.debit_total;
        let checks = [
            ("入金件数", trailer.credits, account.credits),
            ("入金額合計", trailer.credit_total, account.credit_total),
            ("出金件数", trailer.debits, account.debits),
            ("出金額合計", trailer.debit_total, account.debit_total),
            ("取引後残高", trailer.balance_after, after),
            ("データ件数", trailer.lines, account.credits + account.debits),
        ];
        if let Some((item, _, expected)) = checks.into_iter().find(|(_, stated, expected)| stated != expected) {
            return Err(self.refuse::<Trailer>(RecordKind::Trailer, item, Reason::Differs(expected)));
        }
        self.stage = Stage::BetweenAccounts;
        Ok(Event::AccountEnd(trailer))
    }

    fn close_file(&mut self) -> Result<Event, ReadError> {
        let end: End = self.read(RecordKind::End, self.anchor)?;
        let records = i64::try_from(self.record_number()).unwrap_or(i64::MAX);
        let accounts = i64::try_from(self.opened.len()).unwrap_or(i64::MAX);
        if end.records != records && end.records != records - 1 {
            return Err(self.refuse::<End>(RecordKind::End, "レコード総件数", Reason::Differs(records)));
        }
        if end.accounts != accounts {
            return Err(self.refuse::<End>(RecordKind::End, "口座数", Reason::Differs(accounts)));
        }
        self.frames.expect_end()?;
        Ok(Event::End(end))
    }

    /// The kind the record's first byte names.
    fn kind(&self) -> Result<RecordKind, ReadError> {
        let first = self.frames.record().first().copied().unwrap_or_default();
        RecordKind::of(first).ok_or_else(|| {
            let reason = if first == EBCDIC_ONE { Reason::Ebcdic } else { Reason::UnknownKind };
            self.refusal(None, "データ区分", 0, excerpt(&[first]), reason)
        })
    }

    /// Reads the record's items.
    fn read<W: Walk>(&self, kind: RecordKind, anchor: Date) -> Result<W, ReadError> {
        fields::read(self.frames.record(), anchor).map_err(|fault| self.of_fault(kind, fault))
    }

    /// The refusal of an item that was read well but does not agree with something else.
    fn refuse<W: Walk>(&self, kind: RecordKind, item: &'static str, reason: Reason) -> ReadError {
        let record: &Record = self.frames.record();
        let anchor = if kind == RecordKind::Header { self.received_on } else { self.anchor };
        self.of_fault(kind, fields::fault_at::<W>(record, anchor, item, reason))
    }

    fn of_fault(&self, kind: RecordKind, fault: FieldFault) -> ReadError {
        self.refusal(Some(kind), fault.item, fault.at, fault.found, fault.reason)
    }

    fn out_of_order(&self, expected: &'static str) -> ReadError {
        let first = self.frames.record().first().copied().unwrap_or_default();
        self.refusal(RecordKind::of(first), "データ区分", 0, excerpt(&[first]), Reason::OutOfOrder(expected))
    }

    fn refusal(
        &self,
        kind: Option<RecordKind>,
        item: &'static str,
        at: usize,
        found: String,
        reason: Reason,
    ) -> ReadError {
        let (record, offset) = self.frames.place();
        Refusal { record, offset: offset + at as u64, kind, item: Some(item), found, reason }.into()
    }

    fn end_missing(&self) -> ReadError {
        let (record, offset) = self.frames.end_place();
        Refusal { record, offset, kind: None, item: None, found: String::new(), reason: Reason::EndMissing }.into()
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

//! Incoming-transfer notices (振込入金通知, type code 01): the transfers that came in, account by account, with
//! whom they came from. A notice adds nothing to a ledger: the same money stands in the statement.

use super::codes::{AccountType, Code};
use super::fields::{Fields, Walk};
use super::records::Records;
use super::text::{CharacterClass, Text};
use crate::refusal::{ReadError, Reason, RecordKind};
use jiff::civil::Date;
use std::io::BufRead;

/// Where the long form of a data record has its amounts, which the short form has no digits at (129–152).
const LONG_AMOUNTS: std::ops::Range<usize> = 128..152;
/// The most a trailer's total can hold: 12 digits.
const TOTAL_MAX: i64 = 999_999_999_999;

/// ヘッダ・レコード: whose transfers these are, and of which days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// 作成日 (5–10).
    pub made_on: Date,
    /// 勘定日(自) (11–16).
    pub from: Date,
    /// 勘定日(至) (17–22).
    pub to: Date,
    /// 銀行コード (23–26): 4 digits.
    pub institution_code: String,
    /// 銀行名 (27–41).
    pub institution_name: Text,
    /// 支店コード (42–44): 3 digits.
    pub branch_code: String,
    /// 支店名 (45–59).
    pub branch_name: Text,
    /// 預金種目 (60).
    pub account_type: AccountType,
    /// 口座番号 (61–67): 7 digits.
    pub account_number: String,
    /// 口座名 (68–107).
    pub holder: Text,
}

/// データ・レコード: one transfer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Data {
    /// 照会番号 (2–7): 6 digits.
    pub inquiry_number: Option<String>,
    /// 勘定日 (8–13).
    pub booked_on: Date,
    /// 起算日 (14–19).
    pub value_on: Date,
    /// 金額 (20–29, in the long form 129–140), in yen.
    pub amount: i64,
    /// うち他店券金額 (30–39, in the long form 141–152), in yen.
    pub uncleared: i64,
    /// 振込依頼人コード (40–49): 10 digits.
    pub remitter_code: Option<String>,
    /// 振込依頼人名 (50–97).
    pub remitter_name: Text,
    /// 仕向銀行名 (98–112).
    pub bank_name: Text,
    /// 仕向店名 (113–127).
    pub branch_name: Text,
    /// 取消区分 (128): whether this takes a transfer back.
    pub cancelled: bool,
    /// EDI情報 (129–148, in the long form 153–172).
    pub edi: Text,
}

/// トレーラ・レコード: the account's totals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trailer {
    /// 振込合計件数 (2–7): transfers that are not cancellations.
    pub transfers: i64,
    /// 振込合計金額 (8–19), in yen.
    pub transfer_total: i64,
    /// 取消合計件数 (20–25).
    pub cancellations: i64,
    /// 取消合計金額 (26–37), in yen.
    pub cancellation_total: i64,
}

/// エンド・レコード: nothing but its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct End;

/// A data record whose amounts have up to 10 digits (data A).
#[derive(Clone, Default)]
struct Short(Data);

/// A data record whose amounts have up to 12 digits (data B).
#[derive(Clone, Default)]
struct Long(Data);

/// 取消区分.
#[derive(Clone, Copy, PartialEq)]
struct Cancelled;

impl Code for Cancelled {
    const DIGITS: usize = 1;
    const ALL: &'static [Self] = &[Cancelled];
    const WORDS: &'static str = "1 (取消)";
    fn number(self) -> u8 {
        1
    }
}

impl Walk for Header {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        f.kind(RecordKind::Header)?;
        f.type_code("01")?;
        f.code_set()?;
        f.made_on(&mut self.made_on)?;
        f.date("勘定日(自)", &mut self.from)?;
        f.date("勘定日(至)", &mut self.to)?;
        f.digits("銀行コード", 4, &mut self.institution_code)?;
        f.text("銀行名", 15, CharacterClass::Office, &mut self.institution_name)?;
        f.digits("支店コード", 3, &mut self.branch_code)?;
        f.text("支店名", 15, CharacterClass::Office, &mut self.branch_name)?;
        f.code("預金種目", &mut self.account_type)?;
        f.account_number(7, &mut self.account_number)?;
        f.text("口座名", 40, CharacterClass::Party, &mut self.holder)?;
        f.spaces(93)
    }
}

impl Data {
    /// The items up to 取消区分, which both forms have. The long form's first amounts are not used.
    fn walk_head<F: Fields>(&mut self, f: &mut F, amounts: (&mut i64, &mut i64)) -> Result<(), F::Fault> {
        let mut cancelled = self.cancelled.then_some(Cancelled);
        f.kind(RecordKind::Data)?;
        f.digits_or_blank("照会番号", 6, &mut self.inquiry_number)?;
        f.date("勘定日", &mut self.booked_on)?;
        f.date("起算日", &mut self.value_on)?;
        f.number_or_blank("金額", 10, amounts.0)?;
        f.number_or_blank("うち他店券金額", 10, amounts.1)?;
        f.digits_or_blank("振込依頼人コード", 10, &mut self.remitter_code)?;
        f.text("振込依頼人名", 48, CharacterClass::Party, &mut self.remitter_name)?;
        f.text("仕向銀行名", 15, CharacterClass::Office, &mut self.bank_name)?;
        f.text("仕向店名", 15, CharacterClass::Office, &mut self.branch_name)?;
        f.code_or_blank("取消区分", &mut cancelled)?;
        self.cancelled = cancelled.is_some();
        Ok(())
    }
}

impl Walk for Short {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        let (mut amount, mut uncleared) = (self.0.amount, self.0.uncleared);
        self.0.walk_head(f, (&mut amount, &mut uncleared))?;
        f.text("EDI情報", 20, CharacterClass::Message, &mut self.0.edi)?;
        f.spaces(52)?;
        (self.0.amount, self.0.uncleared) = (amount, uncleared);
        Ok(())
    }
}

impl Walk for Long {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        self.0.walk_head(f, (&mut 0, &mut 0))?;
        f.number("金額(2)", 12, &mut self.0.amount)?;
        f.number("うち他店券金額(2)", 12, &mut self.0.uncleared)?;
        f.text("EDI情報", 20, CharacterClass::Message, &mut self.0.edi)?;
        f.spaces(28)
    }
}

impl Walk for Trailer {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        f.kind(RecordKind::Trailer)?;
        f.number("振込合計件数", 6, &mut self.transfers)?;
        f.number("振込合計金額", 12, &mut self.transfer_total)?;
        f.number("取消合計件数", 6, &mut self.cancellations)?;
        f.number("取消合計金額", 12, &mut self.cancellation_total)?;
        f.spaces(163)
    }
}

impl Walk for End {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        f.kind(RecordKind::End)?;
        f.spaces(199)
    }
}

/// What a file holds, in the order it holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An account begins.
    Account(Box<Header>),
    /// A transfer to that account.
    Transfer(Box<Data>),
    /// The account ends; its totals agree with its transfers.
    AccountEnd(Trailer),
    /// The file ends.
    End,
}

/// Where in the file the reader is.
enum Stage {
    /// Before a header; whether an account was read before it.
    BetweenAccounts(bool),
    /// Among an account's transfers: its days, and the totals so far.
    InAccount((Date, Date), Trailer),
    /// After the end record, or after a refusal.
    Done,
}

/// Reads incoming-transfer notices (type code 01), in constant memory. As with statements, the whole file is sound
/// only once [`Event::End`] has come.
pub struct TransferNoticeReader<R> {
    records: Records<R>,
    stage: Stage,
}

impl<R: BufRead> TransferNoticeReader<R> {
    /// Reads `input`, a file received on the day given.
    pub fn new(input: R, received_on: Date) -> TransferNoticeReader<R> {
        TransferNoticeReader { records: Records::new(input, received_on), stage: Stage::BetweenAccounts(false) }
    }

    /// The next event; `None` after [`Event::End`].
    ///
    /// # Errors
    /// [`ReadError`]; what follows is `None`.
    pub fn next_event(&mut self) -> Result<Option<Event>, ReadError> {
        let stage = std::mem::replace(&mut self.stage, Stage::Done);
        if matches!(stage, Stage::Done) {
            return Ok(None);
        }
        let kind = self.records.advance()?;
        let event = match (stage, kind) {
            (Stage::InAccount(days, totals), RecordKind::Data) => self.transfer(days, totals),
            (Stage::InAccount(_, totals), RecordKind::Trailer) => self.close_account(&totals),
            (Stage::InAccount(..), _) => Err(self.records.out_of_order("a data (2) or trailer record (8)")),
            (_, RecordKind::Header) => self.open(),
            (Stage::BetweenAccounts(true), RecordKind::End) => self.close_file(),
            (Stage::BetweenAccounts(true), _) => Err(self.records.out_of_order("a header (1) or end record (9)")),
            _ => Err(self.records.out_of_order("a header record (1)")),
        };
        event.map(Some)
    }

    fn open(&mut self) -> Result<Event, ReadError> {
        let header: Header = self.records.read(RecordKind::Header)?;
        if header.to < header.from {
            let reason = Reason::PeriodBackwards(header.from);
            return Err(self.records.refuse::<Header>(RecordKind::Header, "勘定日(至)", reason));
        }
        if !matches!(header.account_type, AccountType::Ordinary | AccountType::Current | AccountType::Savings) {
            let reason = Reason::NotListed("1, 2, 4");
            return Err(self.records.refuse::<Header>(RecordKind::Header, "預金種目", reason));
        }
        self.records.follow(header.made_on);
        self.stage = Stage::InAccount((header.from, header.to), Trailer::default());
        Ok(Event::Account(Box::new(header)))
    }

    fn transfer(&mut self, (from, to): (Date, Date), mut totals: Trailer) -> Result<Event, ReadError> {
        let long = self.records.bytes().get(LONG_AMOUNTS).unwrap_or_default().iter().all(u8::is_ascii_digit);
        let data = if long {
            self.records.read::<Long>(RecordKind::Data)?.0
        } else {
            self.records.read::<Short>(RecordKind::Data)?.0
        };
        let refuse = |item, reason| Err(self.records.refuse::<Short>(RecordKind::Data, item, reason));
        if data.booked_on < from || data.booked_on > to {
            return refuse("勘定日", Reason::OutsidePeriod(from, to));
        }
        if data.uncleared > data.amount {
            return refuse("うち他店券金額", Reason::MoreThanAmount(data.amount));
        }
        let (count, total) = if data.cancelled {
            (&mut totals.cancellations, &mut totals.cancellation_total)
        } else {
            (&mut totals.transfers, &mut totals.transfer_total)
        };
        *count += 1;
        *total += data.amount;
        if *total > TOTAL_MAX {
            return refuse("金額", Reason::TotalTooLarge);
        }
        self.stage = Stage::InAccount((from, to), totals);
        Ok(Event::Transfer(Box::new(data)))
    }

    fn close_account(&mut self, totals: &Trailer) -> Result<Event, ReadError> {
        let trailer: Trailer = self.records.read(RecordKind::Trailer)?;
        let checks = [
            ("振込合計件数", trailer.transfers, totals.transfers),
            ("振込合計金額", trailer.transfer_total, totals.transfer_total),
            ("取消合計件数", trailer.cancellations, totals.cancellations),
            ("取消合計金額", trailer.cancellation_total, totals.cancellation_total),
        ];
        self.records.compare::<Trailer>(RecordKind::Trailer, &checks)?;
        self.stage = Stage::BetweenAccounts(true);
        Ok(Event::AccountEnd(trailer))
    }

    fn close_file(&mut self) -> Result<Event, ReadError> {
        let _: End = self.records.read(RecordKind::End)?;
        self.records.close::<End>(None)?;
        Ok(Event::End)
    }
}

impl<R: BufRead> Iterator for TransferNoticeReader<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_event().transpose()
    }
}

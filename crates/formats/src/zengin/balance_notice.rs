//! Balance notices (残高通知, type code 04): what a company's accounts hold at a time of day.

use super::codes::{AccountType, Code, Sign};
use super::fields::{Fields, Walk};
use super::records::Records;
use super::text::{CharacterClass, Text};
use crate::refusal::{ReadError, Reason, RecordKind};
use jiff::civil::{Date, Time};
use std::io::BufRead;

/// ヘッダ・レコード: whose accounts these are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// 作成日 (6–11).
    pub made_on: Date,
    /// 会社コード (12–21): 10 digits.
    pub company_code: Option<String>,
    /// 会社名 (22–61).
    pub company_name: Text,
    /// 銀行コード (62–65): 4 digits.
    pub institution_code: String,
    /// 銀行名 (66–80).
    pub institution_name: Text,
    /// 支店コード (81–83): 3 digits.
    pub branch_code: String,
    /// 支店名 (84–98).
    pub branch_name: Text,
}

/// データ・レコード: one account's balance. Amounts are yen; balances are negative when overdrawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Data {
    /// 基準日 (2–7): the day the balance is of.
    pub as_of_on: Date,
    /// 基準時刻 (8–11).
    pub as_of_time: Option<Time>,
    /// 支店コード (12–14): 3 digits.
    pub branch_code: String,
    /// 預金種目 (18).
    pub account_type: AccountType,
    /// 口座番号 (19–28): at least 7 digits, at most 10.
    pub account_number: String,
    /// 口数 (29–32): how many deposits the balance adds up.
    pub deposits: i64,
    /// 口座名 (33–72).
    pub holder: Text,
    /// 貸越区分 and 現在残高 (73, 74–87).
    pub balance: i64,
    /// 他店券残高 (88–101): the part not yet cleared.
    pub uncleared: i64,
    /// 貸越極度額 (102–115).
    pub overdraft_limit: i64,
    /// 支払可能残高 (116, 117–130): 現在残高 − 他店券残高 + 貸越極度額.
    pub available: i64,
    /// 前日残高 (131, 132–145).
    pub day_before: i64,
    /// 最新取引日 (146–151).
    pub last_booked_on: Option<Date>,
}

/// トレーラ・レコード.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trailer {
    /// データ件数 (2–8).
    pub accounts: i64,
}

/// エンド・レコード.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    /// レコード総件数 (2–11); institutions differ on whether the end record counts itself.
    pub records: i64,
}

/// 通知区分.
#[derive(Clone, Copy, PartialEq)]
struct Deposits;

impl Code for Deposits {
    const DIGITS: usize = 1;
    const ALL: &'static [Self] = &[Deposits];
    const WORDS: &'static str = "1 (預金)";
    fn number(self) -> u8 {
        1
    }
}

impl Walk for Header {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        f.kind(RecordKind::Header)?;
        f.type_code("04")?;
        f.code("通知区分", &mut Deposits)?;
        f.code_set()?;
        f.made_on(&mut self.made_on)?;
        f.digits_or_blank("会社コード", 10, &mut self.company_code)?;
        f.text("会社名", 40, CharacterClass::Party, &mut self.company_name)?;
        f.digits("銀行コード", 4, &mut self.institution_code)?;
        f.text("銀行名", 15, CharacterClass::Office, &mut self.institution_name)?;
        f.digits("支店コード", 3, &mut self.branch_code)?;
        f.text("支店名", 15, CharacterClass::Office, &mut self.branch_name)?;
        f.spaces(102)
    }
}

/// A sign and the balance after it, as one number.
fn signed<F: Fields>(f: &mut F, items: [&'static str; 2], value: &mut i64) -> Result<(), F::Fault> {
    let (mut sign, mut size) = Sign::split(*value);
    f.code(items[0], &mut sign)?;
    f.number(items[1], 14, &mut size)?;
    *value = sign.join(size);
    Ok(())
}

impl Walk for Data {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        f.kind(RecordKind::Data)?;
        f.date("基準日", &mut self.as_of_on)?;
        f.time_or_blank("基準時刻", &mut self.as_of_time)?;
        f.digits("支店コード", 3, &mut self.branch_code)?;
        f.zeros(3)?;
        f.code("預金種目", &mut self.account_type)?;
        f.account_number(10, &mut self.account_number)?;
        f.number_or_blank("口数", 4, &mut self.deposits)?;
        f.text("口座名", 40, CharacterClass::Party, &mut self.holder)?;
        signed(f, ["貸越区分(現在残高)", "現在残高"], &mut self.balance)?;
        f.number_or_blank("他店券残高", 14, &mut self.uncleared)?;
        f.number_or_blank("貸越極度額", 14, &mut self.overdraft_limit)?;
        signed(f, ["貸越区分(支払可能残高)", "支払可能残高"], &mut self.available)?;
        signed(f, ["貸越区分(前日残高)", "前日残高"], &mut self.day_before)?;
        f.date_or_blank("最新取引日", &mut self.last_booked_on)?;
        f.spaces(49)
    }
}

impl Walk for Trailer {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        f.kind(RecordKind::Trailer)?;
        f.number("データ件数", 7, &mut self.accounts)?;
        f.spaces(192)
    }
}

impl Walk for End {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        f.kind(RecordKind::End)?;
        f.number("レコード総件数", 10, &mut self.records)?;
        f.spaces(189)
    }
}

/// What a file holds, in the order it holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A company's accounts begin.
    Company(Box<Header>),
    /// The balance of one.
    Balance(Box<Data>),
    /// The company's accounts end.
    CompanyEnd(Trailer),
    /// The file ends.
    End(End),
}

/// Where in the file the reader is.
enum Stage {
    /// Before a header; whether a company was read before it.
    Between(bool),
    /// Among a company's accounts: how many so far.
    In(i64),
    /// After the end record, or after a refusal.
    Done,
}

/// Reads balance notices (type code 04), in constant memory. As with statements, the whole file is sound only once
/// [`Event::End`] has come.
pub struct BalanceNoticeReader<R> {
    records: Records<R>,
    stage: Stage,
}

impl<R: BufRead> BalanceNoticeReader<R> {
    /// Reads `input`, a file received on the day given.
    pub fn new(input: R, received_on: Date) -> BalanceNoticeReader<R> {
        BalanceNoticeReader { records: Records::new(input, received_on), stage: Stage::Between(false) }
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
            (Stage::In(accounts), RecordKind::Data) => self.balance(accounts),
            (Stage::In(accounts), RecordKind::Trailer) => self.close_company(accounts),
            (Stage::In(_), _) => Err(self.records.out_of_order("a data (2) or trailer record (8)")),
            (_, RecordKind::Header) => self.open(),
            (Stage::Between(true), RecordKind::End) => self.close_file(),
            (Stage::Between(true), _) => Err(self.records.out_of_order("a header (1) or end record (9)")),
            _ => Err(self.records.out_of_order("a header record (1)")),
        };
        event.map(Some)
    }

    fn open(&mut self) -> Result<Event, ReadError> {
        let header: Header = self.records.read(RecordKind::Header)?;
        self.records.follow(header.made_on);
        self.stage = Stage::In(0);
        Ok(Event::Company(Box::new(header)))
    }

    fn balance(&mut self, accounts: i64) -> Result<Event, ReadError> {
        let data: Data = self.records.read(RecordKind::Data)?;
        let available = data.balance - data.uncleared + data.overdraft_limit;
        if data.available != available {
            let reason = Reason::NotAvailable(available);
            return Err(self.records.refuse::<Data>(RecordKind::Data, "支払可能残高", reason));
        }
        self.stage = Stage::In(accounts + 1);
        Ok(Event::Balance(Box::new(data)))
    }

    fn close_company(&mut self, accounts: i64) -> Result<Event, ReadError> {
        let trailer: Trailer = self.records.read(RecordKind::Trailer)?;
        self.records.compare::<Trailer>(RecordKind::Trailer, &[("データ件数", trailer.accounts, accounts)])?;
        self.stage = Stage::Between(true);
        Ok(Event::CompanyEnd(trailer))
    }

    fn close_file(&mut self) -> Result<Event, ReadError> {
        let end: End = self.records.read(RecordKind::End)?;
        self.records.close::<End>(Some(end.records))?;
        Ok(Event::End(end))
    }
}

impl<R: BufRead> Iterator for BalanceNoticeReader<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_event().transpose()
    }
}

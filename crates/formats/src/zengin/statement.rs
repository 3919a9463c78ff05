//! Account statements (入出金取引明細, type code 03) of ordinary, current and savings accounts.
//!
//! A file holds accounts one after another: a [`Header`], its lines ([`Data`]) in posting order, and a
//! [`Trailer`] with totals; one [`End`] closes the file. No line carries a balance or a key of its own.

mod reader;
mod writer;

pub use reader::{Event, StatementReader};
pub use writer::{StatementWriteError, StatementWriter};

use super::codes::{AccountType, BillKind, Direction, EntryKind, Sign};
use super::fields::{Fields, Walk};
use super::text::{CharacterClass, Text};
use crate::refusal::RecordKind;
use jiff::civil::Date;
use std::num::NonZeroU8;

/// ヘッダ・レコード: whose statement this is, for which days, and the balance it begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// 作成日 (5–10).
    pub made_on: Date,
    /// 勘定日(自) (11–16): the first booking day covered.
    pub from: Date,
    /// 勘定日(至) (17–22): the last booking day covered.
    pub to: Date,
    /// 銀行コード (23–26): 4 digits.
    pub institution_code: String,
    /// 銀行名 (27–41).
    pub institution_name: Text,
    /// 支店コード (42–44): 3 digits.
    pub branch_code: String,
    /// 支店名 (45–59).
    pub branch_name: Text,
    /// 預金種目 (63).
    pub account_type: AccountType,
    /// 口座番号 (64–73): at least 7 digits, at most 10.
    pub account_number: String,
    /// 口座名 (74–113).
    pub holder: Text,
    /// 通帳・証書区分 (115), as it stands; the layout leaves its values to the institution.
    pub passbook: Option<NonZeroU8>,
    /// 貸越区分 and 取引前残高 (114, 116–129): the balance before the first line, in yen, negative when overdrawn.
    pub balance_before: i64,
}

/// データ・レコード: one line of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Data {
    /// 照会番号 (2–9): the institution's inquiry number, 8 digits. The same line may come with and without it.
    pub inquiry_number: Option<String>,
    /// 勘定日 (10–15): the day it was booked.
    pub booked_on: Date,
    /// 預入・払出日 (16–21): the day it counts from (起算日); normally the booking day.
    pub value_on: Date,
    /// 入払区分 (22).
    pub direction: Direction,
    /// 取引区分 (23–24).
    pub entry_kind: Option<EntryKind>,
    /// 取引金額 (25–36), in yen.
    pub amount: i64,
    /// うち他店券金額 (37–48), in yen: the part of the amount not yet cleared.
    pub uncleared: i64,
    /// 交換呈示日 (49–54): the day a bill or cheque was presented for clearing.
    pub presented_on: Option<Date>,
    /// 不渡返還日 (55–60): the day it was returned unpaid.
    pub returned_on: Option<Date>,
    /// 手形・小切手区分 (61).
    pub bill_kind: Option<BillKind>,
    /// 手形・小切手番号 (62–68): 7 digits.
    pub bill_number: Option<String>,
    /// 僚店番号 (69–71): the other branch of the same institution, 3 digits.
    pub other_branch: Option<String>,
    /// 振込依頼人コード (72–81): 10 digits.
    pub remitter_code: Option<String>,
    /// 振込依頼人名 of a credit, 契約者番号 of a debit (82–129).
    pub party: Text,
    /// 仕向銀行名 (130–144).
    pub bank_name: Text,
    /// 仕向店名 (145–159).
    pub branch_name: Text,
    /// 摘要内容 (160–179).
    pub description: Text,
    /// EDI情報 (180–199).
    pub edi: Text,
}

impl Data {
    /// The amount as it changes the balance: positive for a credit, negative for a debit.
    #[must_use]
    pub const fn signed_amount(&self) -> i64 {
        match self.direction {
            Direction::Credit => self.amount,
            Direction::Debit => self.amount.saturating_neg(),
        }
    }
}

/// トレーラ・レコード: the account's totals and the balance it ends with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trailer {
    /// 入金件数 (2–7).
    pub credits: i64,
    /// 入金額合計 (8–20), in yen.
    pub credit_total: i64,
    /// 出金件数 (21–26).
    pub debits: i64,
    /// 出金額合計 (27–39), in yen.
    pub debit_total: i64,
    /// 貸越区分 and 取引後残高 (40, 41–54): the balance after the last line, in yen, negative when overdrawn.
    pub balance_after: i64,
    /// データ件数 (55–61).
    pub lines: i64,
}

/// エンド・レコード: what the whole file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct End {
    /// レコード総件数 (2–11); institutions differ on whether the end record counts itself.
    pub records: i64,
    /// 口座数 (12–16).
    pub accounts: i64,
}

impl Walk for Header {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        let (mut sign, mut balance) = Sign::split(self.balance_before);
        let mut passbook = self.passbook.map_or(0, |digit| i64::from(digit.get()));
        f.kind(RecordKind::Header)?;
        f.type_code("03")?;
        f.code_set()?;
        f.made_on(&mut self.made_on)?;
        f.date("勘定日(自)", &mut self.from)?;
        f.date("勘定日(至)", &mut self.to)?;
        f.digits("銀行コード", 4, &mut self.institution_code)?;
        f.text("銀行名", 15, CharacterClass::Office, &mut self.institution_name)?;
        f.digits("支店コード", 3, &mut self.branch_code)?;
        f.text("支店名", 15, CharacterClass::Office, &mut self.branch_name)?;
        f.zeros(3)?;
        f.code("預金種目", &mut self.account_type)?;
        f.account_number(10, &mut self.account_number)?;
        f.text("口座名", 40, CharacterClass::Party, &mut self.holder)?;
        f.code("貸越区分", &mut sign)?;
        f.number_or_blank("通帳・証書区分", 1, &mut passbook)?;
        f.number("取引前残高", 14, &mut balance)?;
        f.spaces(71)?;
        self.balance_before = sign.join(balance);
        self.passbook = u8::try_from(passbook).ok().and_then(NonZeroU8::new);
        Ok(())
    }
}

impl Walk for Data {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        f.kind(RecordKind::Data)?;
        f.digits_or_blank("照会番号", 8, &mut self.inquiry_number)?;
        f.date("勘定日", &mut self.booked_on)?;
        f.date("預入・払出日", &mut self.value_on)?;
        f.code("入払区分", &mut self.direction)?;
        f.code_or_blank("取引区分", &mut self.entry_kind)?;
        f.number("取引金額", 12, &mut self.amount)?;
        f.number_or_blank("うち他店券金額", 12, &mut self.uncleared)?;
        f.date_or_blank("交換呈示日", &mut self.presented_on)?;
        f.date_or_blank("不渡返還日", &mut self.returned_on)?;
        f.code_or_blank("手形・小切手区分", &mut self.bill_kind)?;
        f.digits_or_blank("手形・小切手番号", 7, &mut self.bill_number)?;
        f.digits_or_blank("僚店番号", 3, &mut self.other_branch)?;
        f.digits_or_blank("振込依頼人コード", 10, &mut self.remitter_code)?;
        f.text("振込依頼人名", 48, CharacterClass::Party, &mut self.party)?;
        f.text("仕向銀行名", 15, CharacterClass::Office, &mut self.bank_name)?;
        f.text("仕向店名", 15, CharacterClass::Office, &mut self.branch_name)?;
        f.text("摘要内容", 20, CharacterClass::Message, &mut self.description)?;
        f.text("EDI情報", 20, CharacterClass::Message, &mut self.edi)?;
        f.spaces(1)
    }
}

impl Walk for Trailer {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        let (mut sign, mut balance) = Sign::split(self.balance_after);
        f.kind(RecordKind::Trailer)?;
        f.number("入金件数", 6, &mut self.credits)?;
        f.number("入金額合計", 13, &mut self.credit_total)?;
        f.number("出金件数", 6, &mut self.debits)?;
        f.number("出金額合計", 13, &mut self.debit_total)?;
        f.code("貸越区分", &mut sign)?;
        f.number("取引後残高", 14, &mut balance)?;
        f.number("データ件数", 7, &mut self.lines)?;
        f.spaces(139)?;
        self.balance_after = sign.join(balance);
        Ok(())
    }
}

impl Walk for End {
    fn walk<F: Fields>(&mut self, f: &mut F) -> Result<(), F::Fault> {
        f.kind(RecordKind::End)?;
        f.number("レコード総件数", 10, &mut self.records)?;
        f.number("口座数", 5, &mut self.accounts)?;
        f.spaces(184)
    }
}

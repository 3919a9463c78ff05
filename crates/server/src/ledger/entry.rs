//! An entry as partners get it: written as JSON at its import, kept, and given out word for word ever after.

use renkei_domain::id::AccountId;
use renkei_domain::statement::{BillKind, Direction, EntryKind, StatementLine};
use renkei_formats::zengin::normalised;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What JSON text of an entry takes at least; saves growing.
const BODY_BYTES: usize = 640;

/// A code as bank files have it, with its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Coded {
    /// The code, digits as text. コード。
    pub code: String,
    /// What it is called in Japanese. 名称。
    pub name: String,
}

/// Which way the money went, from the customer's view. 入払区分。
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WireDirection {
    /// 入金: money came in.
    Credit,
    /// 出金: money went out.
    Debit,
}

/// Who sent a transfer. 振込依頼人。
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Remitter {
    /// Its code with the company that collects. 振込依頼人コード。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false, example = "0273711473")]
    pub code: Option<String>,
    /// Its name as the institution has it. 振込依頼人名。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false, example = "ﾔﾏﾀﾞ ﾀﾛｳ")]
    pub name: Option<String>,
    /// The same in full-width kana (NFKC). 全角に正規化した振込依頼人名。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false, example = "ヤマダ タロウ")]
    pub name_normalised: Option<String>,
}

/// The office a transfer came from. 仕向店。
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Office {
    /// Its name as the institution has it. 名称。
    #[schema(example = "ﾐﾄﾞﾘ")]
    pub name: String,
    /// The same in full-width kana (NFKC). 全角に正規化した名称。
    #[schema(example = "ミドリ")]
    pub name_normalised: String,
}

/// What is known of a cheque or bill. 手形・小切手。
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cheque {
    /// Cheque, promissory note or bill of exchange. 手形・小切手区分。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub kind: Option<Coded>,
    /// Its number. 手形・小切手番号。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub number: Option<String>,
    /// The day it was presented for clearing. 交換呈示日。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false, format = Date)]
    pub presented_on: Option<String>,
    /// The day it was returned unpaid. 不渡返還日。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false, format = Date)]
    pub returned_on: Option<String>,
}

/// One line of an account. Never changed and never taken back once delivered: a correction is a line of its own. What
/// the institution did not say is absent. 入出金明細の一行。
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Transaction)]
#[serde(deny_unknown_fields)]
pub struct EntryBody {
    /// Stays the same for ever. 明細識別子。
    #[schema(example = "5f0c6f0e-7a54-4b5d-9d0a-3a0b6c2f9a11-42")]
    pub transaction_id: String,
    /// Its place in the account's posting order: 1, 2, 3 … without gaps. 通番。
    #[schema(example = 42, minimum = 1)]
    pub sequence: i64,
    /// The booking day. 勘定日。
    #[schema(format = Date, example = "2026-10-01")]
    pub booked_on: String,
    /// The value day. 起算日。
    #[schema(format = Date, example = "2026-10-01")]
    pub value_on: String,
    /// In or out. 入払区分。
    pub direction: WireDirection,
    /// The kind of entry; 19 訂正 corrects an earlier one. 取引区分。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub kind: Option<Coded>,
    /// Whole yen, never negative. 取引金額。
    #[schema(example = 110_000, minimum = 0)]
    pub amount: i64,
    /// The part of the amount in items not yet cleared, whole yen. うち他店券金額。
    #[schema(example = 0, minimum = 0)]
    pub uncleared: i64,
    /// The book balance after this line in posting order, whole yen, negative when overdrawn. 取引後残高。
    #[schema(example = 1_234_567)]
    pub balance_after: i64,
    /// The description, whole and as the institution has it. 摘要。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false, example = "ﾌﾘｺﾐ ｱｵｲｼｮｳｶｲ")]
    pub description: Option<String>,
    /// The same in full-width kana (NFKC). 全角に正規化した摘要。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false, example = "フリコミ アオイショウカイ")]
    pub description_normalised: Option<String>,
    /// Who sent it. 振込依頼人。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub remitter: Option<Remitter>,
    /// Of a debit: the number of the contract it was collected under. 契約者番号。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub contract_number: Option<String>,
    /// The bank it came from. 仕向銀行。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub bank: Option<Office>,
    /// The branch of that bank. 仕向店。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub branch: Option<Office>,
    /// The other branch of the same institution, three digits. 僚店番号。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub other_branch: Option<String>,
    /// EDI information. EDI情報。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub edi: Option<String>,
    /// What is known of a cheque or bill. 手形・小切手。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub cheque: Option<Cheque>,
    /// The `transaction_id` of the line this one corrects, as far as it can be told: bank files do not say which, so it
    /// is told from amount, party and description, and absent where it can't be.
    /// 訂正の対象となる明細の識別子（金額・相手方・摘要から判定できる場合）。
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(nullable = false)]
    pub correction_of: Option<String>,
}

/// Where a line stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The account.
    pub account: AccountId,
    /// The entry's number.
    pub seq: i64,
    /// The balance after it, in yen.
    pub balance_after: i64,
    /// The number of the entry it corrects, where that can be told.
    pub corrects: Option<i64>,
}

impl EntryBody {
    /// The entry a statement's line becomes at its place in the ledger.
    #[must_use]
    pub fn new(place: &Place, line: &StatementLine) -> EntryBody {
        let (remitter, contract_number) = match line.direction {
            Direction::Credit => (remitter(line), None),
            Direction::Debit => (None, some_text(&line.party)),
        };
        EntryBody {
            transaction_id: entry_id(place.account, place.seq),
            sequence: place.seq,
            booked_on: line.booked_on.to_string(),
            value_on: line.value_on.to_string(),
            direction: line.direction.into(),
            kind: line.kind.map(Coded::from),
            amount: line.amount,
            uncleared: line.uncleared,
            balance_after: place.balance_after,
            description: some_text(&line.description),
            description_normalised: some_text(&normalised(&line.description)),
            remitter,
            contract_number,
            bank: office(&line.bank_name),
            branch: office(&line.branch_name),
            other_branch: line.other_branch.clone(),
            edi: some_text(&line.edi),
            cheque: cheque(line),
            correction_of: place.corrects.map(|seq| entry_id(place.account, seq)),
        }
    }

    /// The JSON text that is kept.
    ///
    /// # Errors
    /// Never for this shape; the serializer's signature allows it.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut bytes = Vec::with_capacity(BODY_BYTES);
        serde_json::to_writer(&mut bytes, self)?;
        String::from_utf8(bytes).map_err(|_| serde::ser::Error::custom("not UTF-8"))
    }
}

/// `transaction_id`: the account and the entry's number.
fn entry_id(account: AccountId, seq: i64) -> String {
    format!("{account}-{seq}")
}

/// What was left blank is absent.
fn some_text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn remitter(line: &StatementLine) -> Option<Remitter> {
    let remitter = Remitter {
        code: line.remitter_code.clone(),
        name: some_text(&line.party),
        name_normalised: some_text(&normalised(&line.party)),
    };
    (remitter.code.is_some() || remitter.name.is_some()).then_some(remitter)
}

fn office(name: &str) -> Option<Office> {
    some_text(name).map(|name| Office { name_normalised: normalised(&name).into_owned(), name })
}

fn cheque(line: &StatementLine) -> Option<Cheque> {
    let cheque = Cheque {
        kind: line.bill_kind.map(Coded::from),
        number: line.bill_number.clone(),
        presented_on: line.presented_on.map(|day| day.to_string()),
        returned_on: line.returned_on.map(|day| day.to_string()),
    };
    let known = cheque.kind.is_some() || cheque.number.is_some();
    (known || cheque.presented_on.is_some() || cheque.returned_on.is_some()).then_some(cheque)
}

impl From<Direction> for WireDirection {
    fn from(direction: Direction) -> WireDirection {
        match direction {
            Direction::Credit => WireDirection::Credit,
            Direction::Debit => WireDirection::Debit,
        }
    }
}

impl From<EntryKind> for Coded {
    fn from(kind: EntryKind) -> Coded {
        Coded { code: kind.code().to_string(), name: kind.japanese().to_owned() }
    }
}

impl From<BillKind> for Coded {
    fn from(kind: BillKind) -> Coded {
        let name = match kind {
            BillKind::Cheque => "小切手",
            BillKind::PromissoryNote => "約束手形",
            BillKind::BillOfExchange => "為替手形",
        };
        Coded { code: kind.code().to_string(), name: name.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> StatementLine {
        let day = "2026-10-01".parse().unwrap();
        StatementLine {
            inquiry_number: Some("00000121".into()),
            booked_on: day,
            value_on: day,
            direction: Direction::Credit,
            kind: Some(EntryKind::Transfer),
            amount: 1_000,
            uncleared: 0,
            presented_on: None,
            returned_on: None,
            bill_kind: None,
            bill_number: None,
            other_branch: None,
            remitter_code: Some("0273711473".into()),
            party: "ﾔﾏﾀﾞ ﾀﾛｳ".into(),
            bank_name: "ﾐﾄﾞﾘ".into(),
            branch_name: String::new(),
            description: "ﾌﾘｺﾐ".into(),
            edi: "NO.8601".into(),
        }
    }

    fn place() -> Place {
        let account = "5f0c6f0e-7a54-4b5d-9d0a-3a0b6c2f9a11".parse().unwrap();
        Place { account, seq: 7, balance_after: -500, corrects: None }
    }

    #[test]
    fn a_credit_is_written_with_its_remitter_and_without_what_was_left_blank() {
        let expected = "{\"transaction_id\":\"5f0c6f0e-7a54-4b5d-9d0a-3a0b6c2f9a11-7\",\"sequence\":7,\
            \"booked_on\":\"2026-10-01\",\"value_on\":\"2026-10-01\",\"direction\":\"credit\",\
            \"kind\":{\"code\":\"11\",\"name\":\"振込\"},\"amount\":1000,\"uncleared\":0,\"balance_after\":-500,\
            \"description\":\"ﾌﾘｺﾐ\",\"description_normalised\":\"フリコミ\",\
            \"remitter\":{\"code\":\"0273711473\",\"name\":\"ﾔﾏﾀﾞ ﾀﾛｳ\",\"name_normalised\":\"ヤマダ タロウ\"},\
            \"bank\":{\"name\":\"ﾐﾄﾞﾘ\",\"name_normalised\":\"ミドリ\"},\"edi\":\"NO.8601\"}";
        assert_eq!(EntryBody::new(&place(), &line()).to_json().unwrap(), expected);
    }

    #[test]
    fn the_party_of_a_debit_is_its_contract_number() {
        let debit = StatementLine { direction: Direction::Debit, party: "0000123".into(), ..line() };
        let body = EntryBody::new(&place(), &debit);
        assert_eq!((body.remitter, body.contract_number.as_deref()), (None, Some("0000123")));
    }

    #[test]
    fn a_cheque_and_a_correction_are_named() {
        let cheque = StatementLine { bill_kind: Some(BillKind::Cheque), bill_number: Some("0000001".into()), ..line() };
        let body = EntryBody::new(&Place { corrects: Some(3), ..place() }, &cheque);
        assert_eq!(body.cheque.unwrap().kind.unwrap().name, "小切手");
        assert_eq!(body.correction_of.as_deref(), Some("5f0c6f0e-7a54-4b5d-9d0a-3a0b6c2f9a11-3"));
    }

    #[test]
    fn a_122_what_stands_in_a_description_can_not_break_the_json() {
        let hostile = "</script>\u{2028}\"\\\u{0}\r\n";
        let body = EntryBody::new(&place(), &StatementLine { description: hostile.into(), ..line() });
        let text = body.to_json().unwrap();
        assert!(!text.contains(['\u{0}', '\r', '\n']));
        let read: EntryBody = serde_json::from_str(&text).unwrap();
        assert_eq!(read.description.as_deref(), Some(hostile));
    }
}

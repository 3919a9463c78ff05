//! Statement lines: what an institution's files say happened on an account, before the ledger has numbered it.

use std::fmt;
use std::io::Write;

use serde::{Deserialize, Serialize};

use crate::account::NotInRange;
use crate::time::Day;

/// 入払区分: which way the money went, as the account holder sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// 入金: money in.
    Credit = 1,
    /// 出金: money out.
    Debit = 2,
}

/// 取引区分: what kind of transaction it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// 現金.
    Cash = 10,
    /// 振込.
    Transfer = 11,
    /// 他店券入金: items drawn on another office.
    OtherOffice = 12,
    /// 交換: bill or cheque clearing.
    Clearing = 13,
    /// 振替: book transfer.
    BookTransfer = 14,
    /// 継続: rolled over.
    Continued = 15,
    /// その他.
    Other = 18,
    /// 訂正: corrects an earlier line.
    Correction = 19,
}

impl EntryKind {
    /// Every kind there is, by code.
    pub const ALL: [EntryKind; 8] = [
        EntryKind::Cash,
        EntryKind::Transfer,
        EntryKind::OtherOffice,
        EntryKind::Clearing,
        EntryKind::BookTransfer,
        EntryKind::Continued,
        EntryKind::Other,
        EntryKind::Correction,
    ];

    /// The code in bank files, 10 to 19.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The name customers know.
    #[must_use]
    pub const fn japanese(self) -> &'static str {
        match self {
            EntryKind::Cash => "現金",
            EntryKind::Transfer => "振込",
            EntryKind::OtherOffice => "他店券入金",
            EntryKind::Clearing => "交換",
            EntryKind::BookTransfer => "振替",
            EntryKind::Continued => "継続",
            EntryKind::Other => "その他",
            EntryKind::Correction => "訂正",
        }
    }
}

impl TryFrom<u8> for EntryKind {
    type Error = NotInRange;

    fn try_from(code: u8) -> Result<EntryKind, NotInRange> {
        EntryKind::ALL.into_iter().find(|kind| kind.code() == code).ok_or(NotInRange("an entry kind is 10-15, 18, 19"))
    }
}

/// 手形・小切手区分.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillKind {
    /// 小切手: cheque.
    Cheque = 1,
    /// 約束手形: promissory note.
    PromissoryNote = 2,
    /// 為替手形: bill of exchange.
    BillOfExchange = 3,
}

impl BillKind {
    /// The code in bank files, 1 to 3.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl TryFrom<u8> for BillKind {
    type Error = NotInRange;

    fn try_from(code: u8) -> Result<BillKind, NotInRange> {
        let all = [BillKind::Cheque, BillKind::PromissoryNote, BillKind::BillOfExchange];
        all.into_iter().find(|kind| kind.code() == code).ok_or(NotInRange("a bill kind is 1 to 3"))
    }
}

/// Bytes an item's length takes in [`StatementLine::identity`].
const LENGTH_BYTES: usize = 4;

/// 明細: one line of a statement. Texts are as stored in the file (half-width kana); an item left blank is the
/// empty text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementLine {
    /// 照会番号: the institution's inquiry number. The same line may come with and without it.
    pub inquiry_number: Option<String>,
    /// 勘定日.
    pub booked_on: Day,
    /// 起算日.
    pub value_on: Day,
    /// 入払区分.
    pub direction: Direction,
    /// 取引区分.
    pub kind: Option<EntryKind>,
    /// 取引金額, in yen, not negative.
    pub amount: i64,
    /// うち他店券金額, in yen: the part of the amount not yet cleared.
    pub uncleared: i64,
    /// 交換呈示日: the day a bill or cheque was presented for clearing.
    pub presented_on: Option<Day>,
    /// 不渡返還日: the day it was returned unpaid.
    pub returned_on: Option<Day>,
    /// 手形・小切手区分.
    pub bill_kind: Option<BillKind>,
    /// 手形・小切手番号.
    pub bill_number: Option<String>,
    /// 僚店番号: the other branch of the same institution.
    pub other_branch: Option<String>,
    /// 振込依頼人コード.
    pub remitter_code: Option<String>,
    /// 振込依頼人名 of a credit, 契約者番号 of a debit.
    pub party: String,
    /// 仕向銀行名.
    pub bank_name: String,
    /// 仕向店名.
    pub branch_name: String,
    /// 摘要.
    pub description: String,
    /// EDI情報.
    pub edi: String,
}

impl StatementLine {
    /// The amount as it changes the balance: positive for a credit, negative for a debit.
    #[must_use]
    pub const fn signed_amount(&self) -> i64 {
        match self.direction {
            Direction::Credit => self.amount,
            Direction::Debit => self.amount.saturating_neg(),
        }
    }

    /// The bytes a [`Fingerprint`] is taken over: every item but the inquiry number, each with its length before
    /// it, so that no two different lines give the same bytes.
    ///
    /// Fingerprints are stored; were these bytes ever to change, every line imported again would look new.
    #[must_use]
    pub fn identity(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        put(&mut bytes, self.booked_on);
        put(&mut bytes, self.value_on);
        put(&mut bytes, self.direction as u8);
        put_some(&mut bytes, self.kind.map(EntryKind::code));
        put(&mut bytes, self.amount);
        put(&mut bytes, self.uncleared);
        put_some(&mut bytes, self.presented_on);
        put_some(&mut bytes, self.returned_on);
        put_some(&mut bytes, self.bill_kind.map(BillKind::code));
        put_some(&mut bytes, self.bill_number.as_ref());
        put_some(&mut bytes, self.other_branch.as_ref());
        put_some(&mut bytes, self.remitter_code.as_ref());
        for text in [&self.party, &self.bank_name, &self.branch_name, &self.description, &self.edi] {
            put(&mut bytes, text);
        }
        bytes
    }
}

/// Appends an item's text, its length before it.
fn put(bytes: &mut Vec<u8>, item: impl fmt::Display) {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; LENGTH_BYTES]);
    // Writing to memory can't fail.
    let _ = write!(bytes, "{item}");
    let length = u32::try_from(bytes.len() - start - LENGTH_BYTES).unwrap_or(u32::MAX);
    if let Some(place) = bytes.get_mut(start..start + LENGTH_BYTES) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends an item that may be missing, which is the empty text.
fn put_some(bytes: &mut Vec<u8>, item: Option<impl fmt::Display>) {
    match item {
        Some(item) => put(bytes, item),
        None => put(bytes, ""),
    }
}

/// What two equal lines have in common: the first sixteen bytes of the SHA-256 of [`StatementLine::identity`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 16]);

impl Fingerprint {
    /// The fingerprint from the whole digest.
    #[must_use]
    pub fn from_sha256(digest: &[u8; 32]) -> Fingerprint {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest).for_each(|(byte, of_digest)| *byte = *of_digest);
        Fingerprint(bytes)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A transfer of 1,000 yen.
    pub(crate) fn line(booked_on: Day) -> StatementLine {
        StatementLine {
            inquiry_number: Some("00000121".into()),
            booked_on,
            value_on: booked_on,
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
            description: String::new(),
            edi: "NO.8601".into(),
        }
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_lines_identity_leaves_out_the_inquiry_number_only() {
        let day = day("2026-10-01");
        let base = line(day);
        assert_eq!(base.identity(), StatementLine { inquiry_number: None, ..base.clone() }.identity());
        let next = Some(day.plus_days(1));
        let changed = [
            StatementLine { booked_on: day.plus_days(1), ..base.clone() },
            StatementLine { value_on: day.plus_days(1), ..base.clone() },
            StatementLine { direction: Direction::Debit, ..base.clone() },
            StatementLine { kind: None, ..base.clone() },
            StatementLine { amount: 1_001, ..base.clone() },
            StatementLine { uncleared: 1_000, ..base.clone() },
            StatementLine { presented_on: next, ..base.clone() },
            StatementLine { returned_on: next, ..base.clone() },
            StatementLine { bill_kind: Some(BillKind::Cheque), ..base.clone() },
            StatementLine { bill_number: Some("0000001".into()), ..base.clone() },
            StatementLine { other_branch: Some("002".into()), ..base.clone() },
            StatementLine { remitter_code: None, ..base.clone() },
            StatementLine { party: "ﾔﾏﾀ ﾀﾛｳ".into(), ..base.clone() },
            StatementLine { bank_name: String::new(), branch_name: "ﾐﾄﾞﾘ".into(), ..base.clone() },
            StatementLine { description: "NO.8601".into(), edi: String::new(), ..base.clone() },
        ];
        let mut identities: Vec<_> = changed.iter().map(StatementLine::identity).collect();
        identities.push(base.identity());
        identities.sort();
        identities.dedup();
        assert_eq!(identities.len(), changed.len() + 1);
    }

    #[test]
    fn identities_never_change() {
        let identity = line(day("2026-10-01")).identity();
        let shown: String = identity.iter().filter(|byte| **byte > 31).map(|byte| char::from(*byte)).collect();
        assert!(shown.starts_with("2026-10-012026-10-01111100000273711473"), "{shown}");
        assert_eq!(identity.len(), 17 * 4 + 10 + 10 + 1 + 2 + 4 + 1 + 10 + 22 + 12 + 7);
    }

    #[test]
    fn kinds_and_codes_agree() {
        for kind in EntryKind::ALL {
            assert_eq!(EntryKind::try_from(kind.code()), Ok(kind));
        }
        assert!(EntryKind::try_from(16).is_err());
        assert!(BillKind::try_from(0).is_err());
    }
}

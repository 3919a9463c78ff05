//! The shapes of the account API, as they are on the wire. Amounts are whole yen; days are
//! `YYYY-MM-DD`; times are RFC 3339 with +09:00.

use serde::{Deserialize, Serialize};

use crate::error::{ProofFault, Reason};

/// A code with the name people read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coded {
    /// The code, digits kept as text.
    pub code: String,
    /// The name, Japanese.
    pub name: String,
    /// The name in English, where the institution gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_en: Option<String>,
}

/// An institution (金融機関): a four-digit code and its name.
pub type Institution = Coded;

/// An account of the linkage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Opaque; stays the same through renewal, branch move and merger.
    pub account_id: String,
    /// Who keeps the account.
    pub institution: Institution,
    /// The branch (支店): three digits and its name.
    pub branch: Coded,
    /// The deposit type (科目).
    #[serde(rename = "type")]
    pub account_type: Coded,
    /// The account number, digits as text.
    pub number: String,
    /// The account holder (口座名義人).
    #[serde(default)]
    pub holder: Option<String>,
    /// The same in kana.
    #[serde(default)]
    pub holder_kana: Option<String>,
    /// Always `JPY` today.
    pub currency: String,
    /// The customer's own note on the account (口座メモ).
    #[serde(default)]
    pub memo: Option<String>,
    /// Whether it can be read, and if not, why.
    pub state: AccountState,
    /// The first day of which transactions are kept.
    #[serde(default)]
    pub history_from: Option<String>,
}

/// Whether an account can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum AccountState {
    /// It can.
    Available,
    /// It can't, for this reason; the account's other data stays valid.
    Unavailable(Reason),
}

impl From<String> for AccountState {
    fn from(code: String) -> Self {
        match code.as_str() {
            "available" => Self::Available,
            _ => Self::Unavailable(Reason::from(code)),
        }
    }
}

impl From<AccountState> for String {
    fn from(state: AccountState) -> Self {
        match state {
            AccountState::Available => "available".to_owned(),
            AccountState::Unavailable(reason) => reason.into(),
        }
    }
}

/// The balance (残高) of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// The account.
    pub account_id: String,
    /// The book balance, signed.
    pub book_balance: i64,
    /// What can be paid out (支払可能残高).
    #[serde(default)]
    pub available_balance: Option<i64>,
    /// The part in cheques of other banks (他店券) not yet collected.
    #[serde(default)]
    pub uncleared: Option<i64>,
    /// How far the account may be overdrawn (貸越極度額).
    #[serde(default)]
    pub overdraft_limit: Option<i64>,
    /// The book balance at the end of the day before.
    #[serde(default)]
    pub previous_day_balance: Option<i64>,
    /// The book balance at the end of the month before.
    #[serde(default)]
    pub previous_month_end_balance: Option<i64>,
    /// The moment all this is true for.
    pub as_of: String,
    /// Whether the day is closed, so that nothing more will be booked on it.
    pub day_closed: bool,
}

/// Credit or debit (入払区分), from the customer's view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Money came in.
    Credit,
    /// Money went out.
    Debit,
}

/// Who sent a transfer (振込依頼人).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remitter {
    /// The remitter's code with the collecting company.
    pub code: Option<String>,
    /// The name as it was sent.
    pub name: Option<String>,
    /// The name in full-width kana (NFKC).
    pub name_normalised: Option<String>,
}

/// One line of an account. Never edited once delivered: a correction is a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Stays the same for ever.
    pub transaction_id: String,
    /// The place in the account's gapless posting order.
    pub sequence: u64,
    /// The booking day (勘定日).
    pub booked_on: String,
    /// The value day (起算日).
    #[serde(default)]
    pub value_on: Option<String>,
    /// In or out.
    pub direction: Direction,
    /// The kind of entry (取引区分), when the bank says it.
    #[serde(default)]
    pub kind: Option<Coded>,
    /// Never negative; [`Transaction::direction`] has the sign.
    pub amount: i64,
    /// The part in cheques of other banks (他店券).
    #[serde(default)]
    pub uncleared: Option<i64>,
    /// The book balance after this line.
    #[serde(default)]
    pub balance_after: Option<i64>,
    /// The description (摘要), whole and as the bank has it.
    #[serde(default)]
    pub description: Option<String>,
    /// The same in full-width kana (NFKC).
    #[serde(default)]
    pub description_normalised: Option<String>,
    /// Who sent it.
    #[serde(default)]
    pub remitter: Option<Remitter>,
    /// The remitting bank.
    #[serde(default)]
    pub bank: Option<serde_json::Value>,
    /// Its branch.
    #[serde(default)]
    pub branch: Option<serde_json::Value>,
    /// EDI information.
    #[serde(default)]
    pub edi: Option<String>,
    /// Cheque or bill data.
    #[serde(default)]
    pub cheque: Option<serde_json::Value>,
    /// The transaction this one corrects or reverses.
    #[serde(default)]
    pub correction_of: Option<String>,
}

impl Transaction {
    /// What the line does to the balance: plus for a credit, minus for a debit.
    #[must_use]
    pub fn signed_amount(&self) -> i64 {
        match self.direction {
            Direction::Credit => self.amount,
            Direction::Debit => self.amount.saturating_neg(),
        }
    }
}

/// Some transactions with the proof that they are whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The account.
    pub account_id: String,
    /// The balance before the first line.
    pub opening_balance: i64,
    /// The balance after the last line.
    pub closing_balance: i64,
    /// The number of lines.
    pub count: usize,
    /// The lines, in order.
    pub transactions: Vec<Transaction>,
}

impl Page {
    /// Checks the page against its own proof: opening balance + lines = closing balance, and the count.
    ///
    /// # Errors
    /// [`ProofFault`] with what is wrong; nothing of the page should then be stored.
    pub fn check(&self) -> Result<(), ProofFault> {
        if self.count != self.transactions.len() {
            return Err(ProofFault::Count);
        }
        if self.transactions.iter().any(|line| line.amount < 0) {
            return Err(ProofFault::Amount);
        }
        let sum = self
            .transactions
            .iter()
            .try_fold(self.opening_balance, |balance, line| balance.checked_add(line.signed_amount()));
        if sum == Some(self.closing_balance) { Ok(()) } else { Err(ProofFault::Sum) }
    }
}

/// What the institution says about the linkage (API連携) itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linkage {
    /// The id; the same as the grant's.
    pub linkage_id: String,
    /// `active`, or the code of the reason it is not.
    pub state: String,
    /// What is permitted, and until when.
    pub operations: Vec<PermittedOperation>,
    /// When the customer first gave permission.
    pub started_at: String,
    /// When the last operation ends.
    pub ends_at: String,
}

/// One permitted operation (認可業務).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermittedOperation {
    /// The scope word.
    pub operation: String,
    /// The end of its period (認可期間).
    pub until: String,
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    /// A line of the account `aoi-1`.
    pub(crate) fn line(sequence: u64, direction: Direction, amount: i64) -> Transaction {
        let value = serde_json::json!({
            "transaction_id": format!("aoi-1-{sequence}"), "sequence": sequence, "booked_on": "2026-10-01",
            "direction": direction, "kind": { "code": "11", "name": "振込" }, "amount": amount,
        });
        serde_json::from_value(value).unwrap()
    }

    /// A page whose proof holds.
    pub(crate) fn page(opening_balance: i64, transactions: Vec<Transaction>) -> Page {
        let lines: i64 = transactions.iter().map(Transaction::signed_amount).sum();
        Page {
            account_id: "aoi-1".to_owned(),
            opening_balance,
            closing_balance: opening_balance + lines,
            count: transactions.len(),
            transactions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Direction::{Credit, Debit};
    use super::samples::{line, page};
    use super::*;

    #[test]
    fn a_page_that_adds_up_is_accepted_empty_ones_too() {
        assert_eq!(page(1_000, vec![line(1, Credit, 500), line(2, Debit, 700)]).check(), Ok(()));
        assert_eq!(page(-1_000, vec![]).check(), Ok(()));
    }

    #[test]
    fn a_missing_line_a_wrong_balance_and_a_negative_amount_are_each_noticed() {
        let sound = page(1_000, vec![line(1, Credit, 500), line(2, Debit, 700)]);
        let mut short = sound.clone();
        short.transactions.pop();
        assert_eq!(short.check(), Err(ProofFault::Count));
        let mut wrong = sound.clone();
        wrong.closing_balance += 1;
        assert_eq!(wrong.check(), Err(ProofFault::Sum));
        assert_eq!(page(0, vec![line(1, Credit, -500)]).check(), Err(ProofFault::Amount));
    }

    #[test]
    fn a_sum_beyond_the_range_of_numbers_is_a_fault_and_not_a_crash() {
        let mut page = page(0, vec![line(1, Credit, i64::MAX)]);
        page.opening_balance = i64::MAX;
        assert_eq!(page.check(), Err(ProofFault::Sum));
    }

    #[test]
    fn the_state_of_an_account_is_available_or_a_reason() {
        assert_eq!(AccountState::from("available".to_owned()), AccountState::Available);
        let stale = AccountState::from("pin_stale".to_owned());
        assert_eq!(stale, AccountState::Unavailable(Reason::PinStale));
        assert_eq!(String::from(stale), "pin_stale");
    }
}

//! Accounts as the institution and its files name them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// 預金種目: the type of a deposit account, by its one-digit code in bank files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum AccountType {
    /// 普通.
    Ordinary = 1,
    /// 当座.
    Current = 2,
    /// 納税準備.
    TaxReserve = 3,
    /// 貯蓄.
    Savings = 4,
    /// 通知.
    Notice = 5,
    /// 定期.
    Time = 6,
    /// 積立定期.
    InstalmentTime = 7,
    /// 定期積金.
    Instalment = 8,
    /// その他.
    Other = 9,
}

impl AccountType {
    /// Every type there is, by code.
    pub const ALL: [AccountType; 9] = [
        AccountType::Ordinary,
        AccountType::Current,
        AccountType::TaxReserve,
        AccountType::Savings,
        AccountType::Notice,
        AccountType::Time,
        AccountType::InstalmentTime,
        AccountType::Instalment,
        AccountType::Other,
    ];

    /// The code in bank files, 1 to 9.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The name customers know.
    #[must_use]
    pub const fn japanese(self) -> &'static str {
        match self {
            AccountType::Ordinary => "普通",
            AccountType::Current => "当座",
            AccountType::TaxReserve => "納税準備",
            AccountType::Savings => "貯蓄",
            AccountType::Notice => "通知",
            AccountType::Time => "定期",
            AccountType::InstalmentTime => "積立定期",
            AccountType::Instalment => "定期積金",
            AccountType::Other => "その他",
        }
    }

    /// The name in English.
    #[must_use]
    pub const fn english(self) -> &'static str {
        match self {
            AccountType::Ordinary => "Ordinary",
            AccountType::Current => "Current",
            AccountType::TaxReserve => "Tax reserve",
            AccountType::Savings => "Savings",
            AccountType::Notice => "Notice",
            AccountType::Time => "Time",
            AccountType::InstalmentTime => "Instalment time",
            AccountType::Instalment => "Instalment",
            AccountType::Other => "Other",
        }
    }
}

impl TryFrom<u8> for AccountType {
    type Error = NotInRange;

    fn try_from(code: u8) -> Result<AccountType, NotInRange> {
        AccountType::ALL.into_iter().find(|kind| kind.code() == code).ok_or(NotInRange("an account type is 1 to 9"))
    }
}

impl From<AccountType> for u8 {
    fn from(kind: AccountType) -> u8 {
        kind.code()
    }
}

/// Whether an account is open. A closed one keeps its row and its entries, and is no longer shown to anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// Open.
    Active,
    /// 解約: closed.
    Closed,
}

impl AccountState {
    /// Every state there is.
    pub const ALL: [AccountState; 2] = [AccountState::Active, AccountState::Closed];

    /// How it stands in files and tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            AccountState::Active => "active",
            AccountState::Closed => "closed",
        }
    }

    /// The state of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<AccountState> {
        AccountState::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// A code or number is not of its form; the text says which form that is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotInRange(pub(crate) &'static str);

/// 店番: three digits, kept as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BranchCode(String);

impl BranchCode {
    /// The three digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BranchCode {
    type Err = NotInRange;

    fn from_str(text: &str) -> Result<BranchCode, NotInRange> {
        let three_digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        if three_digits { Ok(BranchCode(text.to_owned())) } else { Err(NotInRange("a branch code is three digits")) }
    }
}

impl fmt::Display for BranchCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 口座番号: seven digits, up to ten where a file gives more; kept as text with leading zeros.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountNumber(String);

/// Fewest digits of an account number as written.
const NUMBER_DIGITS_MIN: usize = 7;
/// Most digits of an account number: the width of the field in statement files.
const NUMBER_DIGITS_MAX: usize = 10;

impl AccountNumber {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For logs and audit records: only the last three digits, `****014`.
    #[must_use]
    pub fn masked(&self) -> String {
        let keep = self.0.len().saturating_sub(3);
        let last = self.0.get(keep..).unwrap_or_default();
        format!("****{last}")
    }
}

impl FromStr for AccountNumber {
    type Err = NotInRange;

    /// Accepts one to ten digits; leading zeros beyond seven digits go, missing ones to seven come.
    fn from_str(text: &str) -> Result<AccountNumber, NotInRange> {
        let digits =
            !text.is_empty() && text.len() <= NUMBER_DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits {
            return Err(NotInRange("an account number is up to ten digits"));
        }
        let significant = text.trim_start_matches('0');
        Ok(AccountNumber(format!("{significant:0>NUMBER_DIGITS_MIN$}")))
    }
}

impl fmt::Display for AccountNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_numbers_have_one_written_form() {
        for (given, written) in
            [("0002000002", "2000002"), ("300014", "0300014"), ("1234567890", "1234567890"), ("0", "0000000")]
        {
            assert_eq!(given.parse::<AccountNumber>().unwrap().as_str(), written);
        }
        assert!("".parse::<AccountNumber>().is_err());
        assert!("12345678901".parse::<AccountNumber>().is_err());
        assert!("２０００".parse::<AccountNumber>().is_err());
    }

    #[test]
    fn a_masked_number_shows_three_digits() {
        assert_eq!("3000014".parse::<AccountNumber>().unwrap().masked(), "****014");
    }

    #[test]
    fn types_and_codes_agree() {
        for kind in AccountType::ALL {
            assert_eq!(AccountType::try_from(kind.code()), Ok(kind));
        }
        assert!(AccountType::try_from(0).is_err());
    }
}

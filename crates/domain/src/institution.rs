//! The institution: whose accounts, whose customers, whose name stands on the page. Everything belongs to one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// 金融機関コード: four digits, kept as text. Also the path under which the institution's issuer stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstitutionCode(String);

/// The text is not four digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an institution code is four digits")]
pub struct NotAnInstitutionCode;

impl InstitutionCode {
    /// The four digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstitutionCode {
    type Err = NotAnInstitutionCode;

    fn from_str(text: &str) -> Result<InstitutionCode, NotAnInstitutionCode> {
        let four_digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
        if four_digits { Ok(InstitutionCode(text.to_owned())) } else { Err(NotAnInstitutionCode) }
    }
}

impl TryFrom<String> for InstitutionCode {
    type Error = NotAnInstitutionCode;

    fn try_from(text: String) -> Result<InstitutionCode, NotAnInstitutionCode> {
        text.parse()
    }
}

impl From<InstitutionCode> for String {
    fn from(code: InstitutionCode) -> String {
        code.0
    }
}

impl fmt::Display for InstitutionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of institution it is; decides how it speaks of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstitutionKind {
    /// 信用組合.
    CreditCooperative,
    /// 信用金庫.
    Shinkin,
    /// 労働金庫.
    LabourBank,
    /// 銀行.
    Bank,
}

impl InstitutionKind {
    /// Every kind there is.
    pub const ALL: [InstitutionKind; 4] = [
        InstitutionKind::CreditCooperative,
        InstitutionKind::Shinkin,
        InstitutionKind::LabourBank,
        InstitutionKind::Bank,
    ];

    /// How it stands in the registry file and in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            InstitutionKind::CreditCooperative => "credit_cooperative",
            InstitutionKind::Shinkin => "shinkin",
            InstitutionKind::LabourBank => "labour_bank",
            InstitutionKind::Bank => "bank",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<InstitutionKind> {
        InstitutionKind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// 当組合, 当金庫 or 当行: the name by which it speaks of itself in Japanese.
    #[must_use]
    pub const fn self_name(self) -> &'static str {
        match self {
            InstitutionKind::CreditCooperative => "当組合",
            InstitutionKind::Shinkin | InstitutionKind::LabourBank => "当金庫",
            InstitutionKind::Bank => "当行",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_four_ascii_digits() {
        assert_eq!("2990".parse::<InstitutionCode>().unwrap().as_str(), "2990");
        for bad in ["299", "29900", "２９９０", "29a0", "../x", ""] {
            assert_eq!(bad.parse::<InstitutionCode>(), Err(NotAnInstitutionCode), "{bad}");
        }
    }
}

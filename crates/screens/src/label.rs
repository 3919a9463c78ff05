//! How pages name an account.

use renkei_domain::account::AccountType;

use crate::message::Lang;

/// 「インターネット支店（001） 普通 2000002」 and the customer's own note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLabel {
    /// Branch name, as the institution writes it.
    pub branch_name: String,
    /// 店番, three digits.
    pub branch_code: String,
    /// 科目.
    pub account_type: AccountType,
    /// 口座番号, digits.
    pub number: String,
    /// 口座メモ: up to 20 full-width characters; empty when there is none.
    pub memo: String,
}

impl AccountLabel {
    /// The account's type in the language of the page.
    #[must_use]
    pub fn type_name(&self, lang: &Lang) -> &'static str {
        match lang {
            Lang::Japanese => self.account_type.japanese(),
            Lang::English => self.account_type.english(),
        }
    }

    /// Type and number, for sentences that need no branch: 「普通 2000002」.
    #[must_use]
    pub fn short(&self, lang: &Lang) -> String {
        format!("{} {}", self.type_name(lang), self.number)
    }
}

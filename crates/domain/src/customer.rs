//! Customers of business banking and the users who log in for them.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::time::Timestamp;

/// Whether a customer's business-banking contract lets anybody link. Without one nobody can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContractState {
    /// In force.
    Active,
    /// Stopped by the institution for a time.
    Suspended,
    /// Over.
    Ended,
}

/// マスターユーザ / 一般ユーザ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// The one who manages the customer's users; may end any linkage of the customer.
    Master,
    /// Any other; has operations and accounts of its own.
    Ordinary,
}

/// ID・パスワード方式 / 電子証明書方式. A certificate user can't log in by password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginMethod {
    /// Login id and password.
    Password,
    /// 電子証明書: a client certificate over mutual TLS.
    Certificate,
}

/// Whether a user may log in at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// May log in.
    Active,
    /// Stopped by the customer's master user or the institution.
    Suspended,
    /// No longer a user.
    Removed,
}

words! {
    ContractState { Active = "active", Suspended = "suspended", Ended = "ended" }
    UserKind { Master = "master", Ordinary = "ordinary" }
    LoginMethod { Password = "password", Certificate = "certificate" }
    UserState { Active = "active", Suspended = "suspended", Removed = "removed" }
}

/// Most characters of a login id after folding.
pub const LOGIN_ID_CHARS_MAX: usize = 64;
/// Most bytes of a login id as typed; more is refused before it is folded.
pub const LOGIN_ID_BYTES_MAX: usize = 512;

/// Folds a login id as typed to its one stored form: NFKC (full-width letters and digits become ASCII), white space
/// around it cut off, letters lower case. `None` when what remains is empty, too long, or holds anything but printable
/// ASCII, so that no second spelling of an id can have a counter of its own.
#[must_use]
pub fn fold_login_id(typed: &str) -> Option<String> {
    if typed.len() > LOGIN_ID_BYTES_MAX {
        return None;
    }
    let folded: String = typed.nfkc().collect::<String>().trim().to_ascii_lowercase();
    let fits = !folded.is_empty() && folded.len() <= LOGIN_ID_CHARS_MAX;
    (fits && folded.bytes().all(|byte| byte.is_ascii_graphic())).then_some(folded)
}

/// Most characters of an account memo (口座メモ): twenty full-width ones.
pub const MEMO_CHARS_MAX: usize = 20;

/// Who logged in, how and when: what a flow knows of its person from the login on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The user.
    pub user: crate::id::UserId,
    /// The customer the user acts for.
    pub customer: crate::id::CustomerId,
    /// How the login was done.
    pub method: LoginMethod,
    /// When.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_098_a_119_every_spelling_of_a_login_id_folds_to_one() {
        for typed in ["user01", "ＵＳＥＲ０１", " User01 ", "\u{3000}user０1\u{3000}"] {
            assert_eq!(fold_login_id(typed).as_deref(), Some("user01"), "{typed}");
        }
    }

    #[test]
    fn a_098_invisible_and_foreign_characters_resolve_to_nobody() {
        for typed in ["", "  ", "user\u{200b}01", "us er", "ユーザ", "user\u{0}01", "ﾕｰｻﾞ", &"a".repeat(65)]
        {
            assert_eq!(fold_login_id(typed), None, "{typed}");
        }
    }
}

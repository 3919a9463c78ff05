//! 照会用暗証番号: the inquiry PIN, four digits filed with the institution for one account.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use zeroize::ZeroizeOnDrop;

use crate::id::AccountId;

/// Digits of an inquiry PIN.
pub const PIN_DIGITS: usize = 4;

/// An inquiry PIN in clear. Lives only between the form and the seal; overwritten when dropped, never printed.
#[derive(Clone, ZeroizeOnDrop)]
pub struct InquiryPin([u8; PIN_DIGITS]);

/// What was typed is not four digits. Does not carry what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an inquiry PIN is four digits")]
pub struct NotAPin;

impl InquiryPin {
    /// Reads a PIN as typed: full-width digits count as digits, white space around them is cut off.
    ///
    /// # Errors
    /// [`NotAPin`] unless exactly four digits remain.
    pub fn from_typed(typed: &str) -> Result<InquiryPin, NotAPin> {
        let mut digits = [0; PIN_DIGITS];
        let mut folded = typed.trim().nfkc();
        for digit in &mut digits {
            let character = folded.next().filter(char::is_ascii_digit).ok_or(NotAPin)?;
            *digit = u8::try_from(character).map_err(|_| NotAPin)?;
        }
        if folded.next().is_some() { Err(NotAPin) } else { Ok(InquiryPin(digits)) }
    }

    /// The four ASCII digits, for sealing and for the core system; named so that a reader notices it.
    #[must_use]
    pub fn reveal(&self) -> &[u8; PIN_DIGITS] {
        &self.0
    }
}

impl fmt::Debug for InquiryPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InquiryPin(not shown)")
    }
}

/// A PIN sealed under a key outside the database and bound to its account.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedPin(pub Vec<u8>);

impl fmt::Debug for SealedPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedPin(not shown)")
    }
}

/// 登録状態: where an account's PIN stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinStatus {
    /// 未登録: none.
    Missing,
    /// 登録済み: in force.
    Registered,
    /// 登録済み\*: entered in this very flow; comes into force with the permission.
    Staged,
    /// Was in force, but the core system no longer accepts it; must be entered anew.
    Stale,
}

/// What became of one row of the PIN form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinOutcome {
    /// Accepted; staged.
    Staged,
    /// The core system says it is wrong.
    Wrong,
    /// Too many failures; not even asked.
    Locked,
}

/// PINs accepted in this flow and not yet in force.
pub type StagedPins = BTreeMap<AccountId, SealedPin>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_width_digits_are_digits() {
        assert_eq!(InquiryPin::from_typed("７３９１").unwrap().reveal(), b"7391");
        assert_eq!(InquiryPin::from_typed(" 7391\u{3000}").unwrap().reveal(), b"7391");
    }

    #[test]
    fn r_219_anything_but_four_digits_is_refused() {
        for typed in ["", "739", "73911", "73a1", "73 91", "٧٣٩١", "-391", "①②③④⑤"] {
            assert!(InquiryPin::from_typed(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn r_222_a_pin_is_not_in_debug() {
        let pin = InquiryPin::from_typed("7391").unwrap();
        assert!(!format!("{pin:?} {:?}", SealedPin(b"7391".to_vec())).contains("7391"));
    }
}

//! Marks: how far an account was read in posting order. A partner keeps the last one for ever, so a mark is bound to
//! nothing that may end: neither token nor linkage nor key.

use renkei_domain::id::AccountId;

/// Characters of the account's identifier in a mark: enough to notice that a mark belongs to another account.
const ACCOUNT_CHARS: usize = 8;

/// The mark behind the entry of this number; 0: before the first.
pub fn of(account: AccountId, seq: i64) -> String {
    format!("{}-{seq}", prefix(account))
}

/// The number of the entry the mark stands behind. `None` unless it is a mark of this account, written as [`of`]
/// writes it.
pub fn read(account: AccountId, mark: &str) -> Option<i64> {
    let (own, number) = mark.split_once('-')?;
    let seq = number.parse().ok().filter(|seq| *seq >= 0)?;
    (own == prefix(account) && of(account, seq) == mark).then_some(seq)
}

fn prefix(account: AccountId) -> String {
    account.to_string().chars().take(ACCOUNT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_reads_back_for_its_account_and_in_its_one_spelling() {
        let account = AccountId("5f0c6f0e-7a54-4b5d-9d0a-3a0b6c2f9a11".parse().unwrap());
        assert_eq!(of(account, 42), "5f0c6f0e-42");
        assert_eq!(read(account, "5f0c6f0e-42"), Some(42));
        assert_eq!(read(account, "5f0c6f0e-0"), Some(0));
        for bad in [
            "",
            "42",
            "5f0c6f0f-42",
            "5f0c6f0e-042",
            "5f0c6f0e-+42",
            "5f0c6f0e--1",
            "5f0c6f0e-",
            "5f0c6f0e-9e9",
            "5f0c6f0e-99999999999999999999",
            "5F0C6F0E-42",
            "5f0c6f0e-42 ",
            "5f0c6f0e-４２",
        ] {
            assert_eq!(read(account, bad), None, "{bad}");
        }
    }
}

//! Cursors of reads by days. A cursor carries the whole state of a read, so that pages fit together whatever is posted
//! meanwhile: up to which entry the read goes, the last line given, and the balance after it in the order of booking.
//! It is authenticated, and bound to institution, linkage, account and days.

use aws_lc_rs::hmac;
use base64ct::{Base64UrlUnpadded, Encoding};
use renkei_domain::id::{AccountId, LinkageId};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Day;

/// Bytes of the authentication tag at the end.
const TAG_BYTES: usize = 32;
/// The longest cursor looked at, in characters.
const CHARS_MAX: usize = 200;

/// What a cursor belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Read<'a> {
    /// Whose data.
    pub institution: &'a InstitutionCode,
    /// By which linkage.
    pub linkage: LinkageId,
    /// Of which account.
    pub account: AccountId,
    /// First booking day.
    pub from: Day,
    /// Last booking day.
    pub to: Day,
}

/// Where a read has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Entries above this number are not part of the read.
    pub up_to_seq: i64,
    /// Booking day of the last line given.
    pub booked_on: Day,
    /// Its number.
    pub seq: i64,
    /// The balance after it, in the order of booking.
    pub balance: i64,
}

impl Cursor {
    /// The cursor as text.
    pub fn seal(&self, read: &Read<'_>, key: &hmac::Key) -> String {
        let Cursor { up_to_seq, booked_on, seq, balance } = self;
        let mut bytes = format!("{up_to_seq} {booked_on} {seq} {balance}").into_bytes();
        let tag = hmac::sign(key, &bound(read, &bytes));
        bytes.extend_from_slice(tag.as_ref());
        Base64UrlUnpadded::encode_string(&bytes)
    }

    /// Reads a cursor. `None` unless it was sealed for this very read.
    pub fn open(text: &str, read: &Read<'_>, key: &hmac::Key) -> Option<Cursor> {
        if text.len() > CHARS_MAX {
            return None;
        }
        let bytes = Base64UrlUnpadded::decode_vec(text).ok()?;
        let (state, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
        hmac::verify(key, &bound(read, state), tag).ok()?;
        Cursor::of_state(state)
    }

    /// Reads what a cursor carries before its tag. `None`: it carries something else.
    pub fn of_state(state: &[u8]) -> Option<Cursor> {
        let mut parts = std::str::from_utf8(state).ok()?.split(' ');
        let cursor = Cursor {
            up_to_seq: parts.next()?.parse().ok()?,
            booked_on: parts.next()?.parse().ok()?,
            seq: parts.next()?.parse().ok()?,
            balance: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(cursor)
    }
}

/// What is authenticated: the state after everything it belongs to. All parts before it have a fixed length.
fn bound(read: &Read<'_>, state: &[u8]) -> Vec<u8> {
    let Read { institution, linkage, account, from, to } = read;
    [format!("{institution} {linkage} {account} {from} {to} ").as_bytes(), state].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn cursor() -> Cursor {
        Cursor { up_to_seq: 9_000_000_000, booked_on: day("2026-10-05"), seq: 31, balance: -99_999_999_999_999 }
    }

    #[test]
    fn a_cursor_opens_for_its_own_read_and_no_other() {
        let institution: InstitutionCode = "1001".parse().unwrap();
        let midori: InstitutionCode = "1002".parse().unwrap();
        let id = |number| uuid::Uuid::from_u128(number);
        let read = Read {
            institution: &institution,
            linkage: LinkageId(id(1)),
            account: AccountId(id(2)),
            from: day("2026-10-01"),
            to: day("2026-10-31"),
        };
        let text = cursor().seal(&read, &key());
        assert!(text.len() <= CHARS_MAX);
        assert_eq!(Cursor::open(&text, &read, &key()), Some(cursor()));
        let others = [
            Read { institution: &midori, ..read },
            Read { linkage: LinkageId(id(2)), ..read },
            Read { account: AccountId(id(1)), ..read },
            Read { from: day("2026-10-02"), ..read },
            Read { to: day("2026-11-30"), ..read },
        ];
        for other in others {
            assert_eq!(Cursor::open(&text, &other, &key()), None, "{other:?}");
        }
        assert_eq!(Cursor::open(&text, &read, &hmac::Key::new(hmac::HMAC_SHA256, &[8; 32])), None);
    }

    proptest! {
        #[test]
        fn a_073_no_changed_byte_and_no_other_text_opens(at in 0_usize..80, text in ".{0,120}") {
            let institution: InstitutionCode = "1001".parse().unwrap();
            let read = Read {
                institution: &institution,
                linkage: LinkageId(uuid::Uuid::nil()),
                account: AccountId(uuid::Uuid::nil()),
                from: day("2026-10-01"),
                to: day("2026-10-31"),
            };
            let mut bytes = Base64UrlUnpadded::decode_vec(&cursor().seal(&read, &key())).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1;
            prop_assert_eq!(Cursor::open(&Base64UrlUnpadded::encode_string(&bytes), &read, &key()), None);
            prop_assert_eq!(Cursor::open(&text, &read, &key()), None);
        }
    }
}

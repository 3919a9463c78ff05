//! Identifiers of rows: a different type for each kind of thing, so that one can't be passed for another.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// The text is not an identifier of this kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct NotAnId;

/// Builds a time-ordered UUID (RFC 9562 version 7) from an instant and ten random bytes.
///
/// Time order keeps new rows at the end of each index, which is what makes durable writes cheap.
#[must_use]
pub fn time_ordered(now: Timestamp, random: &[u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(now.millis(), random).into_uuid()
}

/// The instant a time-ordered UUID was made, to the millisecond; the epoch for one of another kind.
#[must_use]
pub fn made_at(id: Uuid) -> Timestamp {
    let (seconds, nanos) = id.get_timestamp().map_or((0, 0), |timestamp| timestamp.to_unix());
    Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(0)).plus_micros(i64::from(nanos / 1_000))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotAnId;

            /// Accepts exactly the form that `Display` writes: lower case, hyphenated.
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let id = Uuid::try_parse(text).map($name).map_err(|_| NotAnId)?;
                if id.to_string() == text { Ok(id) } else { Err(NotAnId) }
            }
        }
    )*};
}

ids! {
    /// 契約先: a customer of the institution.
    CustomerId;
    /// 利用者: a user who logs in for a customer.
    UserId;
    /// 口座識別子: what the partner calls an account by. Random, so it tells nothing; never changes.
    AccountId;
    /// One walk through the screens. Not a secret: it works only in the browser session it belongs to.
    FlowId;
    /// API連携: a linkage; `grant_id` on the wire. Not a secret.
    LinkageId;
    /// 同意: one act of permission.
    ConsentId;
    /// One audit record.
    AuditId;
    /// One import of a file.
    ImportId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_ordered_ids_sort_by_time() {
        let early = time_ordered(Timestamp::from_seconds(1_000), &[0xff; 10]);
        let late = time_ordered(Timestamp::from_seconds(1_001), &[0; 10]);
        assert!(early < late);
    }

    #[test]
    fn a_time_ordered_id_tells_when_it_was_made() {
        let now = Timestamp(1_800_000_000_123_000);
        assert_eq!(made_at(time_ordered(now, &[0xff; 10])), now);
        assert_eq!(made_at(Uuid::nil()), Timestamp(0));
    }

    #[test]
    fn another_spelling_of_an_id_is_refused() {
        let id = LinkageId(time_ordered(Timestamp::from_seconds(5), &[0xab; 10]));
        assert_eq!(id.to_string().parse::<LinkageId>(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<LinkageId>().is_err());
        assert!(id.0.simple().to_string().parse::<LinkageId>().is_err());
    }
}

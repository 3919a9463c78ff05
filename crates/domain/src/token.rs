//! How long what is handed out lives. All in seconds.

use crate::time::Timestamp;

/// A pushed request must be opened within this time (RFC 9126 §2.2; under ten minutes by FAPI 2.0). The partner sends
/// the browser at once, so a minute and a half is ample; the customer's time over the screens does not count.
pub const REQUEST_SECONDS: i64 = 90;
/// A code dies after a minute (FAPI 2.0 Security Profile 5.3.2.1-11).
pub const CODE_SECONDS: i64 = 60;
/// An access token lives five minutes at most.
pub const ACCESS_TOKEN_SECONDS: i64 = 300;

/// When an access token issued now ends: after its own time, never after what the permission allows.
#[must_use]
pub fn access_token_ends_at(now: Timestamp, permission_ends_at: Timestamp) -> Timestamp {
    now.plus_seconds(ACCESS_TOKEN_SECONDS).min(permission_ends_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_103_an_access_token_never_outlives_the_permission() {
        let now = Timestamp::from_seconds(1_000);
        assert_eq!(access_token_ends_at(now, now.plus_seconds(9_999)), now.plus_seconds(300));
        assert_eq!(access_token_ends_at(now, now.plus_seconds(7)), now.plus_seconds(7));
    }
}

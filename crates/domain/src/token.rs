//! What tokens are bound to, and how long what is handed out lives. All in seconds.

use crate::partner::SenderConstraint;
use crate::time::Timestamp;

/// What an access token is bound to: who shows the token must also show that it holds this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// A key, by its thumbprint (`cnf.jkt`, RFC 9449 §6).
    Dpop(String),
    /// A client certificate, by its SHA-256 (`cnf.x5t#S256`, RFC 8705 §3.1).
    Certificate(String),
}

impl Binding {
    /// The kind of binding.
    #[must_use]
    pub const fn constraint(&self) -> SenderConstraint {
        match self {
            Binding::Dpop(_) => SenderConstraint::Dpop,
            Binding::Certificate(_) => SenderConstraint::Mtls,
        }
    }

    /// The thumbprint.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        match self {
            Binding::Dpop(thumbprint) | Binding::Certificate(thumbprint) => thumbprint,
        }
    }

    /// The binding of this kind to this thumbprint.
    #[must_use]
    pub const fn new(constraint: SenderConstraint, thumbprint: String) -> Binding {
        match constraint {
            SenderConstraint::Dpop => Binding::Dpop(thumbprint),
            SenderConstraint::Mtls => Binding::Certificate(thumbprint),
        }
    }
}

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

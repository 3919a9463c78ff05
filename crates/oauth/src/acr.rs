//! How strongly a customer logged in: the words of `acr` and `acr_values` (RFC 9470, OpenID Connect Core §2).

use serde::{Deserialize, Serialize};

use crate::error::{ErrorCode, OAuthError};

/// The longest `acr_values` that is looked at, in bytes.
pub const MAX_ACR_VALUES_BYTES: usize = 1_024;
/// The error code that asks for another login, at the authorization server.
const UNMET: OAuthError =
    OAuthError::new(ErrorCode::UnmetAuthenticationRequirements, "none of the acr_values can be met here");

/// An authentication context, the weaker first: whoever meets one meets those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Acr {
    /// Login id and password.
    #[serde(rename = "urn:renkei:acr:password")]
    Password,
    /// A client certificate over mutual TLS.
    #[serde(rename = "urn:renkei:acr:certificate")]
    Certificate,
}

impl Acr {
    /// Every context there is.
    pub const ALL: [Acr; 2] = [Acr::Password, Acr::Certificate];

    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Acr::Password => "urn:renkei:acr:password",
            Acr::Certificate => "urn:renkei:acr:certificate",
        }
    }

    /// The weakest context that will do for these `acr_values`, out of those up to `strongest`. Words nobody here knows
    /// can't be met, but others beside them can.
    ///
    /// # Errors
    /// `unmet_authentication_requirements` when none can be met; `invalid_request` when the list is no list.
    pub fn demanded(acr_values: &str, strongest: Acr) -> Result<Acr, OAuthError> {
        if acr_values.len() > MAX_ACR_VALUES_BYTES {
            return Err(OAuthError::invalid_request("acr_values too long"));
        }
        let words = || acr_values.split(' ').filter(|word| !word.is_empty());
        let known = Acr::ALL.into_iter().filter(|acr| *acr <= strongest);
        known.into_iter().find(|acr| words().any(|word| word == acr.word())).ok_or(UNMET)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_148_the_weakest_word_that_can_be_met_counts() {
        let (password, certificate) = (Acr::Password.word(), Acr::Certificate.word());
        assert_eq!(Acr::demanded(certificate, Acr::Certificate), Ok(Acr::Certificate));
        assert_eq!(Acr::demanded(&format!("{certificate} {password}"), Acr::Certificate), Ok(Acr::Password));
        assert_eq!(Acr::demanded(&format!("urn:other {certificate}"), Acr::Certificate), Ok(Acr::Certificate));
    }

    #[test]
    fn r_148_what_nobody_here_can_meet_is_refused() {
        let certificate = Acr::Certificate.word();
        for (values, strongest) in [
            (certificate, Acr::Password),
            ("urn:other", Acr::Certificate),
            (" ", Acr::Certificate),
            ("URN:RENKEI:ACR:PASSWORD", Acr::Certificate),
        ] {
            let error = Acr::demanded(values, strongest).unwrap_err();
            assert_eq!(error.code, ErrorCode::UnmetAuthenticationRequirements, "{values}");
        }
        let long = "x".repeat(MAX_ACR_VALUES_BYTES + 1);
        assert_eq!(Acr::demanded(&long, Acr::Certificate).unwrap_err().code, ErrorCode::InvalidRequest);
    }
}

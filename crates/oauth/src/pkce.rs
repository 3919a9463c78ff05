//! Proof Key for Code Exchange (RFC 7636), `S256` only.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use crate::error::OAuthError;
use crate::jose::{from_base64url, sha256_base64url};

/// The only code challenge method; `plain` is refused, and so is its being the default.
pub const METHOD: &str = "S256";
/// The length of a code verifier, in characters (RFC 7636 §4.1).
pub const VERIFIER_LENGTH: std::ops::RangeInclusive<usize> = 43..=128;

/// A code challenge made with `S256`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeChallenge(String);

impl CodeChallenge {
    /// Reads `code_challenge` and `code_challenge_method` of an authorization request.
    pub fn read(challenge: Option<&str>, method: Option<&str>) -> Result<CodeChallenge, OAuthError> {
        let challenge = challenge.ok_or(OAuthError::invalid_request("code_challenge is required"))?;
        if method != Some(METHOD) {
            return Err(OAuthError::invalid_request("code_challenge_method must be S256"));
        }
        if from_base64url(challenge).is_none_or(|digest| digest.len() != 32) {
            return Err(OAuthError::invalid_request("code_challenge is not a SHA-256 digest in base64url"));
        }
        Ok(CodeChallenge(challenge.to_owned()))
    }

    /// The challenge as it was sent; [`CodeChallenge::read`] takes it back.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks the `code_verifier` of a token request, in constant time.
    pub fn verify(&self, verifier: Option<&str>) -> Result<(), OAuthError> {
        let verifier = verifier.ok_or(OAuthError::invalid_grant("code_verifier is required"))?;
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !VERIFIER_LENGTH.contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
            return Err(OAuthError::invalid_grant("code_verifier is malformed"));
        }
        let made = sha256_base64url(verifier.as_bytes());
        if bool::from(made.as_bytes().ct_eq(self.0.as_bytes())) {
            return Ok(());
        }
        Err(OAuthError::invalid_grant("code_verifier does not match"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn challenge() -> CodeChallenge {
        CodeChallenge::read(Some(CHALLENGE), Some("S256")).unwrap()
    }

    #[test]
    fn the_example_of_rfc_7636_verifies() {
        assert_eq!(challenge().verify(Some(VERIFIER)), Ok(()));
    }

    #[test]
    fn a_007_r_062_a_request_without_challenge_is_refused() {
        let error = CodeChallenge::read(None, Some("S256")).unwrap_err();
        assert_eq!(error, OAuthError::invalid_request("code_challenge is required"));
    }

    #[test]
    fn a_008_plain_and_an_omitted_method_are_refused() {
        for method in [Some("plain"), None, Some("s256"), Some("S512")] {
            let error = CodeChallenge::read(Some(CHALLENGE), method).unwrap_err();
            assert_eq!(error.description, "code_challenge_method must be S256");
        }
    }

    #[test]
    fn r_062_a_challenge_that_is_no_digest_is_refused() {
        for challenge in ["", "abc", &CHALLENGE[1..], &format!("{CHALLENGE}A"), &CHALLENGE.replace('-', "+")] {
            assert!(CodeChallenge::read(Some(challenge), Some("S256")).is_err(), "{challenge}");
        }
    }

    #[test]
    fn a_010_r_099_a_missing_short_long_odd_or_foreign_verifier_is_invalid_grant() {
        let short = "a".repeat(42);
        let long = "a".repeat(129);
        let odd = format!("{}é", "a".repeat(50));
        let space = format!("{} ", "a".repeat(50));
        let foreign = "a".repeat(43);
        for verifier in [None, Some(""), Some(&*short), Some(&*long), Some(&*odd), Some(&*space), Some(&*foreign)] {
            let error = challenge().verify(verifier).unwrap_err();
            assert_eq!(error.code.as_str(), "invalid_grant", "{verifier:?}");
        }
    }

    #[test]
    fn a_010_r_099_a_verifier_of_the_wrong_length_is_refused_even_if_it_matches() {
        for length in [1, 42, 129] {
            let verifier = "a".repeat(length);
            let challenge = CodeChallenge(sha256_base64url(verifier.as_bytes()));
            let error = challenge.verify(Some(&verifier)).unwrap_err();
            assert_eq!(error.description, "code_verifier is malformed", "{length}");
        }
    }

    #[test]
    fn r_099_verifiers_of_43_and_128_characters_are_accepted() {
        for length in [43, 128] {
            let verifier = "~".repeat(length);
            let challenge = sha256_base64url(verifier.as_bytes());
            let challenge = CodeChallenge::read(Some(&challenge), Some("S256")).unwrap();
            assert_eq!(challenge.verify(Some(&verifier)), Ok(()));
        }
    }
}

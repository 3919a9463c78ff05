//! The error table: code, HTTP status, JSON body, and the challenge of the resource server.

use std::fmt;

use serde_json::json;

use crate::acr::Acr;
use crate::jose::Algorithm;

/// An error code of OAuth 2.0 and of the specifications built on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// RFC 6749 §4.1.2.1, §5.2.
    InvalidRequest,
    /// RFC 6749 §5.2.
    InvalidClient,
    /// RFC 6749 §5.2.
    InvalidGrant,
    /// RFC 6749 §4.1.2.1, §5.2.
    UnauthorizedClient,
    /// RFC 6749 §5.2.
    UnsupportedGrantType,
    /// RFC 6749 §4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749 §4.1.2.1, §5.2.
    InvalidScope,
    /// RFC 6749 §4.1.2.1.
    AccessDenied,
    /// RFC 6749 §4.1.2.1.
    ServerError,
    /// RFC 6749 §4.1.2.1.
    TemporarilyUnavailable,
    /// RFC 6750 §3.1.
    InvalidToken,
    /// RFC 6750 §3.1.
    InsufficientScope,
    /// RFC 9101 §6.2.
    InvalidRequestUri,
    /// RFC 9101 §7.
    InvalidRequestObject,
    /// RFC 9396 §5.
    InvalidAuthorizationDetails,
    /// RFC 9449 §5, §7.1.
    InvalidDpopProof,
    /// RFC 9449 §8, §9.
    UseDpopNonce,
    /// Grant Management for OAuth 2.0 (draft), authorization errors.
    InvalidGrantId,
    /// RFC 9470 §5; OpenID Connect Core Unmet Authentication Requirements.
    UnmetAuthenticationRequirements,
    /// RFC 9470 §3.
    InsufficientUserAuthentication,
}

impl ErrorCode {
    /// The code and the HTTP status of an answer that carries it.
    const fn row(self) -> (&'static str, u16) {
        match self {
            ErrorCode::InvalidRequest => ("invalid_request", 400),
            ErrorCode::InvalidClient => ("invalid_client", 401),
            ErrorCode::InvalidGrant => ("invalid_grant", 400),
            ErrorCode::UnauthorizedClient => ("unauthorized_client", 400),
            ErrorCode::UnsupportedGrantType => ("unsupported_grant_type", 400),
            ErrorCode::UnsupportedResponseType => ("unsupported_response_type", 400),
            ErrorCode::InvalidScope => ("invalid_scope", 400),
            ErrorCode::AccessDenied => ("access_denied", 403),
            ErrorCode::ServerError => ("server_error", 500),
            ErrorCode::TemporarilyUnavailable => ("temporarily_unavailable", 503),
            ErrorCode::InvalidToken => ("invalid_token", 401),
            ErrorCode::InsufficientScope => ("insufficient_scope", 403),
            ErrorCode::InvalidRequestUri => ("invalid_request_uri", 400),
            ErrorCode::InvalidRequestObject => ("invalid_request_object", 400),
            ErrorCode::InvalidAuthorizationDetails => ("invalid_authorization_details", 400),
            ErrorCode::InvalidDpopProof => ("invalid_dpop_proof", 400),
            ErrorCode::UseDpopNonce => ("use_dpop_nonce", 400),
            ErrorCode::InvalidGrantId => ("invalid_grant_id", 400),
            ErrorCode::UnmetAuthenticationRequirements => ("unmet_authentication_requirements", 400),
            ErrorCode::InsufficientUserAuthentication => ("insufficient_user_authentication", 401),
        }
    }

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        self.row().0
    }

    /// The HTTP status at the authorization server's own endpoints.
    pub const fn status(self) -> u16 {
        self.row().1
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error answer of PAR, the token endpoint, revocation or the authorization response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description}")]
pub struct OAuthError {
    /// `error`.
    pub code: ErrorCode,
    /// `error_description`: printable ASCII without `"` and `\` (RFC 6749 §5.2). Fixed text, so that
    /// nothing a request held is ever sent back.
    pub description: &'static str,
}

impl OAuthError {
    /// An error with its text for the client's developer.
    pub const fn new(code: ErrorCode, description: &'static str) -> OAuthError {
        debug_assert!(is_description(description), "descriptions are printable ASCII without quote and backslash");
        OAuthError { code, description }
    }

    /// `invalid_request`, the commonest.
    pub const fn invalid_request(description: &'static str) -> OAuthError {
        OAuthError::new(ErrorCode::InvalidRequest, description)
    }

    /// `invalid_grant`: an unknown, spent, expired or foreign code or refresh token, or a wrong verifier.
    pub const fn invalid_grant(description: &'static str) -> OAuthError {
        OAuthError::new(ErrorCode::InvalidGrant, description)
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.code.status()
    }

    /// The JSON body (RFC 6749 §5.2).
    pub fn body(&self) -> String {
        json!({"error": self.code.as_str(), "error_description": self.description}).to_string()
    }
}

/// The characters allowed in `error_description`: %x20-21 / %x23-5B / %x5D-7E.
const fn is_description(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        if !matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e) {
            return false;
        }
        rest = tail;
    }
    true
}

/// A refusal by the account API (RFC 6750 §3, RFC 9449 §7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceError {
    /// No token was sent: 401 and no error code.
    NoToken,
    /// Something was sent and refused.
    Refused(OAuthError),
}

impl ResourceError {
    /// `invalid_token`: unknown, expired, revoked, of another institution, or not with the key it is bound
    /// to.
    pub const fn invalid_token(description: &'static str) -> ResourceError {
        ResourceError::Refused(OAuthError::new(ErrorCode::InvalidToken, description))
    }

    /// `insufficient_user_authentication`: the token is good, but the login behind it is too weak.
    pub const fn insufficient_user_authentication() -> ResourceError {
        let description = "the customer has to log in by certificate and renew the grant";
        ResourceError::Refused(OAuthError::new(ErrorCode::InsufficientUserAuthentication, description))
    }

    /// `insufficient_scope`: the token is good, but not for this.
    pub const fn insufficient_scope(description: &'static str) -> ResourceError {
        ResourceError::Refused(OAuthError::new(ErrorCode::InsufficientScope, description))
    }

    /// The HTTP status. A faulty proof is 401 here, not 400 (RFC 9449 §7.1).
    pub const fn status(&self) -> u16 {
        match self {
            ResourceError::NoToken => 401,
            ResourceError::Refused(error) => match error.code {
                ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce => 401,
                code => code.status(),
            },
        }
    }

    /// The challenge of the `DPoP` scheme, a value of `WWW-Authenticate`: with the algorithms a proof may use and
    /// where the resource metadata is (RFC 9728 §5.1). `resource_metadata` is a URL of ours; `"` and `\`
    /// cannot be part of one and are left out.
    pub fn www_authenticate(&self, resource_metadata: &str) -> String {
        let algorithms = format!("algs=\"{}\", ", Algorithm::NAMES.join(" "));
        self.challenge("DPoP", &algorithms, resource_metadata)
    }

    /// The challenge of the `Bearer` scheme (RFC 6750 §3), where tokens bound to certificates are taken. Nothing about
    /// proofs is said in it.
    pub fn bearer_challenge(&self, resource_metadata: &str) -> String {
        match self {
            ResourceError::Refused(OAuthError {
                code: ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce, ..
            }) => ResourceError::NoToken.challenge("Bearer", "", resource_metadata),
            error => error.challenge("Bearer", "", resource_metadata),
        }
    }

    fn challenge(&self, scheme: &str, particulars: &str, resource_metadata: &str) -> String {
        let error = match self {
            ResourceError::NoToken => String::new(),
            ResourceError::Refused(error) => {
                format!("error=\"{}\", error_description=\"{}\", ", error.code, error.description)
            }
        };
        let url: String = resource_metadata.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
        let metadata = if url.is_empty() { url } else { format!("resource_metadata=\"{url}\"") };
        let parameters = format!("{error}{}{particulars}{metadata}", self.demanded());
        format!("{scheme} {}", parameters.trim_end_matches(", ")).trim_end().to_owned()
    }

    /// The login that is asked for where the one behind the token is too weak (RFC 9470 §3).
    fn demanded(&self) -> String {
        match self {
            ResourceError::Refused(OAuthError { code: ErrorCode::InsufficientUserAuthentication, .. }) => {
                format!("acr_values=\"{}\", ", Acr::Certificate.word())
            }
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_111_a_description_has_only_the_allowed_characters() {
        assert!(is_description("redirect_uri is not registered"));
        for text in ["a\"b", "a\\b", "a\nb", "a\tb", "解", "\u{7f}"] {
            assert!(!is_description(text), "{text:?}");
        }
    }

    #[test]
    fn r_111_the_body_is_the_json_of_rfc_6749() {
        let error = OAuthError::invalid_grant("code already used");
        assert_eq!(error.status(), 400);
        assert_eq!(error.body(), r#"{"error":"invalid_grant","error_description":"code already used"}"#);
    }

    #[test]
    fn r_014_a_challenge_names_algorithms_and_resource_metadata() {
        let challenge = ResourceError::invalid_token("token expired").www_authenticate("https://a.example/m");
        assert_eq!(
            challenge,
            "DPoP error=\"invalid_token\", error_description=\"token expired\", \
             algs=\"ES256 PS256 EdDSA Ed25519\", resource_metadata=\"https://a.example/m\""
        );
    }

    #[test]
    fn r_014_the_bearer_challenge_says_the_same_but_nothing_of_proofs() {
        let challenge = ResourceError::invalid_token("token expired").bearer_challenge("https://a.example/m");
        let expected = "Bearer error=\"invalid_token\", error_description=\"token expired\", \
             resource_metadata=\"https://a.example/m\"";
        assert_eq!(challenge, expected);
        let proof = ResourceError::Refused(OAuthError::new(ErrorCode::InvalidDpopProof, "no"));
        assert_eq!(proof.bearer_challenge("https://a.example/m"), "Bearer resource_metadata=\"https://a.example/m\"");
    }

    #[test]
    fn r_149_without_a_token_there_is_no_error_code() {
        assert_eq!(ResourceError::NoToken.status(), 401);
        assert_eq!(
            ResourceError::NoToken.www_authenticate("https://a.example/m"),
            "DPoP algs=\"ES256 PS256 EdDSA Ed25519\", resource_metadata=\"https://a.example/m\""
        );
        assert_eq!(ResourceError::insufficient_scope("balances not permitted").status(), 403);
    }
}

//! Signed authorization responses: JWT Secured Authorization Response Mode for OAuth 2.0 (JARM), which FAPI 2.0 Message
//! Signing §5.4 demands.
//!
//! The redirect carries one parameter, `response`, and every parameter of a plain response is a claim of it.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::redirect::{Outcome, parameters};

/// The one parameter of the redirect (JARM §2.3.1).
pub const PARAMETER: &str = "response";
/// The type in the header. JARM defines none of its own, and common verifiers of it take no other than this.
pub const TYP: &str = "JWT";
/// How long a response is good for, in seconds. JARM §2.1 recommends ten minutes at most; the code in it dies after one.
pub const LIFETIME_SECONDS: i64 = 300;

/// The claims of a signed response (JARM §2.1). No `Debug`: there may be a code in it.
#[derive(Serialize)]
pub struct SignedResponse {
    aud: String,
    exp: i64,
    /// `iss` and `state`, and either `code` or `error` with its text.
    #[serde(flatten)]
    parameters: Map<String, Value>,
}

impl SignedResponse {
    /// The response of this issuer to a client, made now (seconds).
    pub fn new(outcome: Outcome<'_>, state: Option<&str>, issuer: &str, client_id: &str, now: i64) -> SignedResponse {
        let parameters = parameters(outcome, state, issuer);
        SignedResponse {
            aud: client_id.to_owned(),
            exp: now.saturating_add(LIFETIME_SECONDS),
            parameters: parameters.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    const ISSUER: &str = "https://bank.example/1001";

    fn claims(outcome: Outcome<'_>, state: Option<&str>) -> Value {
        serde_json::to_value(SignedResponse::new(outcome, state, ISSUER, "kakeibo", 1_000)).unwrap()
    }

    #[test]
    fn r_079_a_response_names_issuer_client_and_end_and_holds_every_parameter() {
        let expected = serde_json::json!({
            "iss": ISSUER, "aud": "kakeibo", "exp": 1_300, "code": "c0de", "state": "s\"&=",
        });
        assert_eq!(claims(Outcome::Code("c0de"), Some("s\"&=")), expected);
        let expected = serde_json::json!({
            "iss": ISSUER, "aud": "kakeibo", "exp": 1_300, "error": "access_denied", "error_description": "declined",
        });
        assert_eq!(claims(Outcome::Error(ErrorCode::AccessDenied, "declined"), None), expected);
        const { assert!(LIFETIME_SECONDS <= 600) };
    }
}

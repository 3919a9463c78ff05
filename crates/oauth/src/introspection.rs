//! Token introspection for resource servers (RFC 7662), as JSON and as a signed JWT (RFC 9701).

use serde::Serialize;

use crate::acr::Acr;
use crate::authorization_details::Granted;
use crate::error::OAuthError;
use crate::form::Form;

/// `typ` of the signed answer (RFC 9701 §5).
pub const TYP: &str = "token-introspection+jwt";
/// The media type of the signed answer.
pub const MEDIA_TYPE: &str = "application/token-introspection+jwt";
/// The most bytes of `Accept` that are looked at.
const MAX_ACCEPT_BYTES: usize = 1_024;

/// The token that is asked about. `token_type_hint` is not needed to find it and is ignored (RFC 7662 §2.1).
pub fn read(form: &Form) -> Result<&str, OAuthError> {
    form.required("token", "token is required")
}

/// Whether one of the `Accept` headers asks for the signed answer. Whoever would take both gets it signed.
pub fn asks_for_jwt<'a>(accept: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let texts = accept.into_iter().filter(|header| header.len() <= MAX_ACCEPT_BYTES);
    texts.filter_map(|header| std::str::from_utf8(header).ok()).flat_map(|text| text.split(',')).any(names_jwt)
}

/// One media range of `Accept`: ours, and not with a weight of zero (RFC 9110 §12.5.1).
fn names_jwt(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let ours = parts.next().is_some_and(|media| media.eq_ignore_ascii_case(MEDIA_TYPE));
    let refused = parts.any(|parameter| {
        let weight = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
        weight.is_some_and(|weight| weight.bytes().all(|byte| matches!(byte, b'0' | b'.')))
    });
    ours && !refused
}

/// The answer. No `Debug`: it tells of a customer.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Introspection {
    /// The token is good for nothing, whatever the reason: this and nothing else is said (RFC 7662 §2.2).
    Inactive {
        /// `false`.
        active: bool,
    },
    /// The token may be used now.
    Active(Box<ActiveToken>),
}

impl Introspection {
    /// Says nothing of the token.
    #[must_use]
    pub const fn inactive() -> Introspection {
        Introspection::Inactive { active: false }
    }

    /// Tells of the token.
    #[must_use]
    pub fn active(facts: TokenFacts) -> Introspection {
        let token_type = facts.cnf.token_type();
        Introspection::Active(Box::new(ActiveToken { active: true, token_type, facts }))
    }

    /// Whether it may be used.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self, Introspection::Active(_))
    }
}

/// An answer about a token that may be used.
#[derive(Serialize)]
pub struct ActiveToken {
    active: bool,
    token_type: &'static str,
    #[serde(flatten)]
    facts: TokenFacts,
}

/// What is told of a token that may be used.
#[derive(Serialize)]
pub struct TokenFacts {
    /// The issuer.
    pub iss: String,
    /// The resource it is for, by the name that the asking resource server goes by.
    pub aud: String,
    /// The client it was issued to.
    pub client_id: String,
    /// Whose permission it rests on: an identifier that means nothing to any other resource server.
    pub sub: String,
    /// What it may do now.
    pub scope: String,
    /// The same with the accounts (RFC 9396 §9.2).
    pub authorization_details: Vec<Granted>,
    /// When it was issued, in seconds.
    pub iat: i64,
    /// When it ends, in seconds.
    pub exp: i64,
    /// What it is bound to.
    pub cnf: Confirmation,
    /// How the customer had logged in who gave the permission (RFC 9470 §6.2).
    pub acr: Acr,
    /// When, in seconds.
    pub auth_time: i64,
    /// The grant behind it.
    pub grant_id: String,
}

/// What a token is bound to, for `cnf`.
#[derive(Serialize)]
pub enum Confirmation {
    /// The thumbprint of a key (RFC 9449 §6.2).
    #[serde(rename = "jkt")]
    Key(String),
    /// The SHA-256 of a certificate (RFC 8705 §3.2).
    #[serde(rename = "x5t#S256")]
    Certificate(String),
}

impl Confirmation {
    /// How the token is sent: one bound to a certificate goes by the scheme of RFC 6750.
    const fn token_type(&self) -> &'static str {
        match self {
            Confirmation::Key(_) => "DPoP",
            Confirmation::Certificate(_) => "Bearer",
        }
    }
}

/// The claims of a signed answer (RFC 9701 §5): what is told stands in `token_introspection` and nowhere else, so that
/// the JWT can't be taken for an access token.
#[derive(Serialize)]
pub struct SignedIntrospection<'a> {
    /// The issuer.
    pub iss: &'a str,
    /// The resource server that asked.
    pub aud: &'a str,
    /// When it was signed, in seconds.
    pub iat: i64,
    /// The answer.
    pub token_introspection: &'a Introspection,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asks(accept: &str) -> bool {
        asks_for_jwt([accept.as_bytes()])
    }

    #[test]
    fn r_154_the_signed_answer_is_asked_for_by_its_media_type() {
        for accept in
            [MEDIA_TYPE, "application/json, Application/Token-Introspection+JWT;q=0.5", &format!("{MEDIA_TYPE};q=1")]
        {
            assert!(asks(accept), "{accept}");
        }
        for accept in
            ["", "application/json", "*/*", "application/jwt", &format!("{MEDIA_TYPE};q=0"), &format!("x{MEDIA_TYPE}")]
        {
            assert!(!asks(accept), "{accept}");
        }
        assert!(asks_for_jwt([b"application/json".as_slice(), MEDIA_TYPE.as_bytes()]));
    }

    #[test]
    fn r_153_of_an_inactive_token_nothing_else_is_said() {
        assert_eq!(serde_json::to_string(&Introspection::inactive()).unwrap(), r#"{"active":false}"#);
    }

    #[test]
    fn r_130_r_156_an_active_token_is_told_of_with_all_that_decides() {
        let facts = TokenFacts {
            iss: "https://a.example/1001".into(),
            aud: "https://a.example/1001/api/v1".into(),
            client_id: "c".into(),
            sub: "u".into(),
            scope: "balances".into(),
            authorization_details: Vec::new(),
            iat: 1,
            exp: 2,
            cnf: Confirmation::Certificate("t".into()),
            acr: Acr::Certificate,
            auth_time: 0,
            grant_id: "g".into(),
        };
        assert_eq!(
            serde_json::to_string(&Introspection::active(facts)).unwrap(),
            "{\"active\":true,\"token_type\":\"Bearer\",\"iss\":\"https://a.example/1001\",\
             \"aud\":\"https://a.example/1001/api/v1\",\"client_id\":\"c\",\"sub\":\"u\",\"scope\":\"balances\",\
             \"authorization_details\":[],\"iat\":1,\"exp\":2,\"cnf\":{\"x5t#S256\":\"t\"},\
             \"acr\":\"urn:renkei:acr:certificate\",\"auth_time\":0,\"grant_id\":\"g\"}"
        );
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(accept in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = asks_for_jwt([accept.as_slice()]);
        }
    }
}

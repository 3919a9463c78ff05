//! The token endpoint (RFC 6749 §4.1.3, §5.1, §6) and revocation (RFC 7009).

use serde::Serialize;

use crate::authorization_details::Granted;
use crate::error::{ErrorCode, OAuthError};
use crate::form::Form;

/// The grant types there are; no other is ever accepted, for any client.
pub const GRANT_TYPES: [&str; 3] = ["authorization_code", "refresh_token", "client_credentials"];

/// The type of an access token: the scheme it is to be sent with. There are no tokens that anybody could use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// Bound to a key (RFC 9449 §5).
    Dpop,
    /// Bound to a certificate, which leaves the type as it was without (RFC 8705 §3).
    Bearer,
}

impl TokenType {
    /// How it stands in answers.
    pub const fn word(self) -> &'static str {
        match self {
            TokenType::Dpop => "DPoP",
            TokenType::Bearer => "Bearer",
        }
    }
}

/// A token request. No `Debug`: it holds a code or a refresh token.
#[derive(Clone, PartialEq, Eq)]
pub enum TokenRequest {
    /// `authorization_code`.
    Code {
        /// The code.
        code: String,
        /// If sent, it must be the pushed one (OAuth 2.1 §10.2).
        redirect_uri: Option<String>,
        /// For [`CodeChallenge::verify`](crate::pkce::CodeChallenge::verify), which also refuses its absence.
        code_verifier: Option<String>,
    },
    /// `refresh_token`.
    Refresh {
        /// The refresh token.
        refresh_token: String,
        /// For [`scope::narrow`](crate::scope::narrow) against what was granted.
        scope: Option<String>,
    },
    /// `client_credentials`: for [`grant_management`](crate::grant_management) and nothing else.
    Client {
        /// The words of grant management.
        scope: Option<String>,
    },
}

impl TokenRequest {
    /// Reads the form of an authenticated client.
    pub fn read(form: &Form) -> Result<TokenRequest, OAuthError> {
        match form.required("grant_type", "grant_type is required")? {
            "authorization_code" => Ok(TokenRequest::Code {
                code: form.required("code", "code is required")?.to_owned(),
                redirect_uri: form.get("redirect_uri").map(str::to_owned),
                code_verifier: form.get("code_verifier").map(str::to_owned),
            }),
            "refresh_token" => Ok(TokenRequest::Refresh {
                refresh_token: form.required("refresh_token", "refresh_token is required")?.to_owned(),
                scope: form.get("scope").map(str::to_owned),
            }),
            "client_credentials" => Ok(TokenRequest::Client { scope: form.get("scope").map(str::to_owned) }),
            _ => Err(OAuthError::new(ErrorCode::UnsupportedGrantType, "grant_type is not supported")),
        }
    }
}

/// A successful token response, sent with `Cache-Control: no-store`. No `Debug`: it holds tokens.
#[derive(Serialize)]
pub struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    scope: String,
    grant_id: String,
    authorization_expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_details: Option<[Granted; 1]>,
}

impl TokenResponse {
    /// A response. `expires_in` and `authorization_expires_in` (the grant's own end) in seconds; `scope` is what the
    /// token may do now; `refresh_token` is absent in a refresh, where the old one goes on.
    pub fn new(
        access_token: String,
        expires_in: i64,
        refresh_token: Option<String>,
        scope: &[String],
        grant_id: String,
        authorization_expires_in: i64,
    ) -> TokenResponse {
        TokenResponse {
            access_token,
            token_type: TokenType::Dpop.word(),
            expires_in,
            refresh_token,
            scope: scope.join(" "),
            grant_id,
            authorization_expires_in,
            authorization_details: None,
        }
    }

    /// The same response for a token of this type; without it the token is bound to a key.
    #[must_use]
    pub fn of_type(self, token_type: TokenType) -> TokenResponse {
        TokenResponse { token_type: token_type.word(), ..self }
    }

    /// The same response with what was granted in detail (RFC 9396 §7).
    #[must_use]
    pub fn with_details(self, details: Option<Granted>) -> TokenResponse {
        TokenResponse { authorization_details: details.map(|details| [details]), ..self }
    }
}

/// The answer to `client_credentials`: an access token and nothing to renew it with. No `Debug`: it holds a token.
#[derive(Serialize)]
pub struct ClientTokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    scope: String,
}

impl ClientTokenResponse {
    /// A response; `expires_in` in seconds.
    pub fn new(access_token: String, token_type: TokenType, expires_in: i64, scope: String) -> ClientTokenResponse {
        ClientTokenResponse { access_token, token_type: token_type.word(), expires_in, scope }
    }
}

/// The token of a revocation request. `token_type_hint` is not needed to find it and is ignored (RFC 7009 §2.1).
/// Whether the token is known is not told: the answer to an authenticated client is 200 either way.
pub fn read_revocation(form: &Form) -> Result<&str, OAuthError> {
    form.required("token", "token is required")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<TokenRequest, OAuthError> {
        TokenRequest::read(&Form::parse(body.as_bytes()).unwrap())
    }

    fn refusal(body: &str) -> OAuthError {
        read(body).err().unwrap()
    }

    #[test]
    fn both_grants_are_read() {
        let code = read("grant_type=authorization_code&code=c&code_verifier=v&redirect_uri=https%3A%2F%2Fa").ok();
        let expected = TokenRequest::Code {
            code: "c".to_owned(),
            redirect_uri: Some("https://a".to_owned()),
            code_verifier: Some("v".to_owned()),
        };
        assert!(code == Some(expected));
        let refresh = read("grant_type=refresh_token&refresh_token=r&scope=balances").ok();
        let expected = TokenRequest::Refresh { refresh_token: "r".to_owned(), scope: Some("balances".to_owned()) };
        assert!(refresh == Some(expected));
    }

    #[test]
    fn r_095_every_other_grant_type_is_unsupported() {
        for grant_type in [
            "password",
            "implicit",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "Authorization_Code",
            "x",
        ] {
            let error = refusal(&format!("grant_type={grant_type}&code=c&refresh_token=r&username=u&password=p"));
            assert_eq!(error.code, ErrorCode::UnsupportedGrantType, "{grant_type}");
        }
    }

    #[test]
    fn a_missing_parameter_is_invalid_request() {
        for body in ["", "code=c", "grant_type=", "grant_type=authorization_code", "grant_type=refresh_token&code=c"] {
            assert_eq!(refusal(body).code, ErrorCode::InvalidRequest, "{body}");
        }
    }

    #[test]
    fn r_130_the_response_says_dpop_or_bearer_for_a_certificate() {
        let scope = ["balances".to_owned(), "transactions".to_owned()];
        let response = || TokenResponse::new("a".to_owned(), 300, None, &scope, "g".to_owned(), 9);
        let bound = serde_json::to_value(response().of_type(TokenType::Bearer)).unwrap();
        assert_eq!(bound["token_type"], "Bearer");
        let response = response();
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            "{\"access_token\":\"a\",\"token_type\":\"DPoP\",\"expires_in\":300,\
             \"scope\":\"balances transactions\",\"grant_id\":\"g\",\"authorization_expires_in\":9}"
        );
    }

    #[test]
    fn a_revocation_needs_a_token_and_ignores_the_hint() {
        let form = Form::parse(b"token=t&token_type_hint=whatever").unwrap();
        assert_eq!(read_revocation(&form), Ok("t"));
        assert!(read_revocation(&Form::parse(b"token_type_hint=x").unwrap()).is_err());
    }
}

//! What the partner holds once the customer has given permission.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::http::Answer;
use crate::key::DpopKey;
use crate::secret::Secret;

/// An access token is replaced when it has less than this many seconds left, so that it doesn't die on
/// its way.
const ACCESS_SECONDS_LEFT_MIN: u64 = 15;

/// The partner's half of a linkage (API連携): a refresh token that lives as long as the linkage, the key it
/// is used with, and the access token of the moment. Serialise it to keep it; it is a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grant {
    pub(crate) issuer: String,
    pub(crate) grant_id: String,
    pub(crate) scope: String,
    pub(crate) ends_at: Option<u64>,
    pub(crate) refresh_token: Secret,
    pub(crate) access: Option<Access>,
    pub(crate) dpop: DpopKey,
}

/// An access token and the second it dies.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) token: Secret,
    expires_at: u64,
}

impl Grant {
    /// The issuer that gave it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The id of the linkage; a renewal keeps it. Name it in [`Client::begin`](crate::Client::begin) to renew.
    #[must_use]
    pub fn grant_id(&self) -> &str {
        &self.grant_id
    }

    /// The permitted operations (認可業務) as scope words, separated by spaces.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Whether the scope holds this word.
    #[must_use]
    pub fn permits(&self, word: &str) -> bool {
        self.scope.split(' ').any(|permitted| permitted == word)
    }

    /// When the linkage ends, in seconds since 1970, as told with the last token.
    #[must_use]
    pub fn ends_at(&self) -> Option<u64> {
        self.ends_at
    }

    /// The access token, while it is good enough to be sent.
    pub(crate) fn access(&self, now: u64) -> Option<&Secret> {
        let access = self.access.as_ref()?;
        (access.expires_at > now.saturating_add(ACCESS_SECONDS_LEFT_MIN)).then_some(&access.token)
    }

    /// Takes over a token answer; members it leaves out stay as they are (RFC 6749 section 6).
    pub(crate) fn take(&mut self, tokens: Tokens, now: u64) {
        self.access = Some(tokens.access(now));
        if let Some(token) = tokens.refresh_token {
            self.refresh_token = token;
        }
        if let Some(scope) = tokens.scope {
            self.scope = scope;
        }
        if let Some(seconds) = tokens.authorization_expires_in {
            self.ends_at = Some(now.saturating_add(seconds));
        }
    }
}

/// The answer of the token endpoint (RFC 6749 section 5.1).
#[derive(Deserialize)]
pub(crate) struct Tokens {
    access_token: Secret,
    token_type: String,
    expires_in: u64,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) scope: Option<String>,
    pub(crate) grant_id: Option<String>,
    pub(crate) authorization_expires_in: Option<u64>,
}

impl Tokens {
    /// A token that isn't bound to the key is refused (RFC 9449 section 5): anybody could use it.
    pub(crate) fn read(answer: &Answer) -> Result<Self, Error> {
        let tokens: Self = answer.json("token response")?;
        if tokens.token_type.eq_ignore_ascii_case("DPoP") {
            Ok(tokens)
        } else {
            Err(Error::Unreadable("token response: the token is not bound to the key"))
        }
    }

    pub(crate) fn access(&self, now: u64) -> Access {
        Access { token: self.access_token.clone(), expires_at: now.saturating_add(self.expires_in) }
    }
}

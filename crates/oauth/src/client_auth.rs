//! Client authentication: each client has one way to prove who it is, and every other way fails for it.
//!
//! | method | what is presented | checked by |
//! | --- | --- | --- |
//! | `private_key_jwt` | a signed assertion | [`assertion`] |
//! | `tls_client_auth` | a certificate of a trusted authority | its chain by the caller, its name by [`certificate`] |
//! | `self_signed_tls_client_auth` | a certificate of a registered key | [`certificate`] |
//!
//! [`Presented::from_form`] reads what a request claims and shows; the caller looks up the client it names, and that
//! client's registered method decides which of [`Presented::as_assertion`] and [`Presented::without_assertion`] is asked
//! for. More than one method in a request is refused by both.

pub mod assertion;
pub mod certificate;
pub mod name;

use crate::error::{ErrorCode, OAuthError};
use crate::form::Form;
use crate::jose::JoseFault;
use crate::json::JsonFault;

pub use assertion::{
    ASSERTION_TYPE, MAX_AHEAD_SECONDS, MAX_JTI_BYTES, MAX_LIFETIME_SECONDS, METHOD, PresentedAssertion, TYP,
    VerifiedAssertion,
};

/// Why a client was not authenticated. For the audit trail and the log; the client gets one text for all
/// but the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientAuthFault {
    /// More than one authentication method in one request.
    #[error("more than one authentication method")]
    TwoMethods,
    /// No assertion, or none of the right `client_assertion_type`.
    #[error("no client assertion")]
    NoAssertion,
    /// The form's `client_id` is not the assertion's.
    #[error("client_id differs from the assertion")]
    OtherClientId,
    /// `typ` says that this JWT is something else.
    #[error("the assertion's typ is of another kind of JWT")]
    Typ,
    /// Not signed with the algorithm registered for this client.
    #[error("algorithm is not the registered one")]
    OtherAlgorithm,
    /// `iss` is not `sub`.
    #[error("iss and sub differ")]
    Issuer,
    /// `aud` is another string.
    #[error("aud is not the issuer")]
    Audience,
    /// `exp` has passed.
    #[error("assertion expired")]
    Expired,
    /// It would live longer than [`MAX_LIFETIME_SECONDS`].
    #[error("assertion lives too long")]
    Lifetime,
    /// `iat` or `nbf` is too far ahead.
    #[error("assertion is from the future")]
    Future,
    /// `jti` is empty or too long.
    #[error("jti empty or too long")]
    Jti,
    /// The connection has no client certificate.
    #[error("no client certificate")]
    NoCertificate,
    /// The certificate can't be read.
    #[error("the certificate is malformed")]
    Certificate,
    /// The certificate has another name.
    #[error("the certificate has another name")]
    OtherName,
    /// The certificate's key is not one of the client's.
    #[error("the certificate's key is not registered")]
    OtherKey,
    /// No JWT of the allowed form, a claim missing or of the wrong type, or a signature that does not
    /// verify.
    #[error(transparent)]
    Jose(#[from] JoseFault),
}

impl From<JsonFault> for ClientAuthFault {
    fn from(fault: JsonFault) -> ClientAuthFault {
        ClientAuthFault::Jose(fault.into())
    }
}

/// The answer to every failed authentication: unknown client, wrong key, suspended client or replay look
/// alike.
pub const INVALID_CLIENT: OAuthError = OAuthError::new(ErrorCode::InvalidClient, "client authentication failed");

impl From<ClientAuthFault> for OAuthError {
    fn from(fault: ClientAuthFault) -> OAuthError {
        match fault {
            ClientAuthFault::TwoMethods => OAuthError::invalid_request("more than one client authentication method"),
            _ => INVALID_CLIENT,
        }
    }
}

/// What a request presents to say who sends it. A certificate is no part of it: that is the connection's.
#[derive(Debug)]
pub struct Presented<'a> {
    assertion: Option<PresentedAssertion<'a>>,
    secret_sent: bool,
    client_id: String,
}

impl<'a> Presented<'a> {
    /// Reads the form. `authorization_sent`: whether the request has an `Authorization` header, which at these endpoints
    /// could only be a method of its own.
    pub fn from_form(form: &'a Form, authorization_sent: bool) -> Result<Presented<'a>, ClientAuthFault> {
        let names_assertion = form.get("client_assertion").is_some() || form.get("client_assertion_type").is_some();
        let secret_sent = authorization_sent || form.get("client_secret").is_some();
        let client_id = form.get("client_id").filter(|_| !names_assertion);
        match client_id {
            Some(client_id) => Ok(Presented { assertion: None, secret_sent, client_id: client_id.to_owned() }),
            None => {
                let assertion = PresentedAssertion::from_form(form, authorization_sent)?;
                let client_id = assertion.unverified_client_id().to_owned();
                Ok(Presented { assertion: Some(assertion), secret_sent, client_id })
            }
        }
    }

    /// Who the sender says it is. Good for looking up a registration, and for nothing else.
    pub fn unverified_client_id(&self) -> &str {
        &self.client_id
    }

    /// The key an assertion says it was signed with. Good for looking for that key, and for nothing else.
    pub fn unverified_key_id(&self) -> Option<&str> {
        self.assertion.as_ref().and_then(PresentedAssertion::unverified_key_id)
    }

    /// Whether it is an assertion that says so.
    pub fn has_assertion(&self) -> bool {
        self.assertion.is_some()
    }

    /// The assertion, for a client registered for one.
    pub fn as_assertion(&self) -> Result<&PresentedAssertion<'a>, ClientAuthFault> {
        self.assertion.as_ref().ok_or(ClientAuthFault::NoAssertion)
    }

    /// Nothing, for a client registered for certificates: whatever the form holds besides would be a second method.
    pub fn without_assertion(&self) -> Result<(), ClientAuthFault> {
        if self.assertion.is_some() || self.secret_sent { Err(ClientAuthFault::TwoMethods) } else { Ok(()) }
    }
}

//! Client authentication by signed assertion: `private_key_jwt` (RFC 7521 §4.2, RFC 7523 §3, FAPI 2.0
//! Security Profile §5.3.2.1).
//!
//! Two steps, because the claims must be read before the keys are known:
//!
//! 1. [`PresentedAssertion::from_form`] takes the assertion out of the request. The caller looks up the client by
//!    [`PresentedAssertion::unverified_client_id`].
//! 2. [`PresentedAssertion::verify`] with that client's keys gives a [`VerifiedAssertion`]. Then the caller stores
//!    its [`Replay`]; an assertion already stored is refused.

use super::ClientAuthFault;
use crate::form::Form;
use crate::jose::{Algorithm, Jws, KeySet};
use crate::json::Object;
use crate::replay::Replay;

/// Its name in the metadata and in registrations.
pub const METHOD: &str = "private_key_jwt";
/// The longest lifetime of an assertion, in seconds.
pub const MAX_LIFETIME_SECONDS: i64 = 300;
/// How far ahead of our clock `iat` and `nbf` may be, in seconds. FAPI asks for at least 10 and at most 60;
/// a partner's clock half a minute fast is let in, since replay is bounded by `exp` alone.
pub const MAX_AHEAD_SECONDS: i64 = 30;
/// The longest `jti`, in bytes.
pub const MAX_JTI_BYTES: usize = 256;
/// The only `client_assertion_type` (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The explicit type of an assertion (RFC 7523 update, draft).
pub const TYP: &str = "client-authentication+jwt";

/// An assertion as it came, not verified.
#[derive(Debug)]
pub struct PresentedAssertion<'a> {
    jws: Jws<'a>,
    subject: String,
}

/// An assertion that held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedAssertion {
    /// The client it authenticates.
    pub client_id: String,
    /// `exp`, in seconds.
    pub expires_at: i64,
    /// To be stored before anything else is done on the client's behalf.
    pub replay: Replay,
}

impl<'a> PresentedAssertion<'a> {
    /// Takes the assertion out of a request. `authorization_sent`: whether the request has an
    /// `Authorization` header, which at these endpoints could only be a second method.
    pub fn from_form(form: &'a Form, authorization_sent: bool) -> Result<Self, ClientAuthFault> {
        let assertion = form.get("client_assertion");
        if authorization_sent || form.get("client_secret").is_some() {
            return Err(match assertion {
                Some(_) => ClientAuthFault::TwoMethods,
                None => ClientAuthFault::NoAssertion,
            });
        }
        if form.get("client_assertion_type") != Some(ASSERTION_TYPE) {
            return Err(ClientAuthFault::NoAssertion);
        }
        let jws = Jws::parse(assertion.ok_or(ClientAuthFault::NoAssertion)?)?;
        let subject = jws.claims.required_text("sub")?.to_owned();
        if form.get("client_id").is_some_and(|client_id| client_id != subject) {
            return Err(ClientAuthFault::OtherClientId);
        }
        Ok(PresentedAssertion { jws, subject })
    }

    /// Who the sender says it is. Good for looking up keys, and for nothing else.
    pub fn unverified_client_id(&self) -> &str {
        &self.subject
    }

    /// The key the sender says it signed with. Good for looking for that key, and for nothing else.
    pub fn unverified_key_id(&self) -> Option<&str> {
        self.jws.header.key_id.as_deref()
    }

    /// Checks the assertion against the keys registered for [`Self::unverified_client_id`]; for an unknown
    /// client, against `KeySet::default()`, which fails in about the same time. `registered` is the
    /// client's `token_endpoint_auth_signing_alg`, if it has one. `issuer` is the only audience.
    pub fn verify(
        &self,
        keys: &KeySet,
        registered: Option<Algorithm>,
        issuer: &str,
        now: i64,
    ) -> Result<VerifiedAssertion, ClientAuthFault> {
        self.check_typ()?;
        self.check_algorithm(registered)?;
        keys.verify(&self.jws)?;
        let claims = &self.jws.claims;
        self.check_issuer(claims)?;
        check_audience(claims, issuer)?;
        let expires_at = check_lifetime(claims, now)?;
        check_not_from_the_future(claims, now)?;
        let jti = check_jti(claims)?;
        Ok(VerifiedAssertion {
            client_id: self.subject.clone(),
            expires_at,
            replay: Replay::of_assertion(&self.subject, jti, expires_at),
        })
    }

    /// `typ` is absent, its own, or the `JWT` that many libraries write by default and that names no kind.
    fn check_typ(&self) -> Result<(), ClientAuthFault> {
        let header = &self.jws.header;
        if header.typ.is_none() || header.has_typ(TYP) || header.has_typ("JWT") {
            return Ok(());
        }
        Err(ClientAuthFault::Typ)
    }

    fn check_algorithm(&self, registered: Option<Algorithm>) -> Result<(), ClientAuthFault> {
        if registered.is_some_and(|algorithm| algorithm != self.jws.header.algorithm) {
            return Err(ClientAuthFault::OtherAlgorithm);
        }
        Ok(())
    }

    /// `iss` = `sub` = the client (RFC 7523 §3, checks 1 and 2).
    fn check_issuer(&self, claims: &Object) -> Result<(), ClientAuthFault> {
        if claims.required_text("iss")? == self.subject { Ok(()) } else { Err(ClientAuthFault::Issuer) }
    }
}

/// `aud` is the issuer as a string; an array, even of one, is not (FAPI 2.0 Security Profile §5.3.2.1-8).
fn check_audience(claims: &Object, issuer: &str) -> Result<(), ClientAuthFault> {
    if claims.required_text("aud")? == issuer { Ok(()) } else { Err(ClientAuthFault::Audience) }
}

/// `exp` is in the future, and not far from `iat`. As `iat` is at most [`MAX_AHEAD_SECONDS`] ahead, no assertion is
/// accepted for longer than both limits together.
fn check_lifetime(claims: &Object, now: i64) -> Result<i64, ClientAuthFault> {
    let expires_at = claims.required_date("exp")?;
    if expires_at <= now {
        return Err(ClientAuthFault::Expired);
    }
    let issued_at = claims.date("iat")?.unwrap_or(now);
    if expires_at.saturating_sub(issued_at) > MAX_LIFETIME_SECONDS {
        return Err(ClientAuthFault::Lifetime);
    }
    Ok(expires_at)
}

/// `iat` and `nbf`, where present, are at most [`MAX_AHEAD_SECONDS`] ahead.
fn check_not_from_the_future(claims: &Object, now: i64) -> Result<(), ClientAuthFault> {
    let latest = now.saturating_add(MAX_AHEAD_SECONDS);
    for name in ["iat", "nbf"] {
        if claims.date(name)?.is_some_and(|date| date > latest) {
            return Err(ClientAuthFault::Future);
        }
    }
    Ok(())
}

fn check_jti(claims: &Object) -> Result<&str, ClientAuthFault> {
    let jti = claims.required_text("jti")?;
    if (1..=MAX_JTI_BYTES).contains(&jti.len()) { Ok(jti) } else { Err(ClientAuthFault::Jti) }
}

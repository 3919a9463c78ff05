//! Signed request objects (RFC 9101, FAPI 2.0 Message Signing §5.3), which here come by value in a pushed request
//! (RFC 9126 §3).
//!
//! A request object that held gives [`Parameters`] that go through the very checks of a plain request. What stands
//! beside it in the form is never looked at.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client_auth::{MAX_AHEAD_SECONDS, MAX_JTI_BYTES};
use crate::error::{ErrorCode, OAuthError};
use crate::form::Form;
use crate::jose::{Algorithm, JoseFault, Jws, KeySet};
use crate::json::{JsonFault, Object};
use crate::request::{OTHER_CLIENT, PARAMETERS, Parameters};

/// The form parameter that carries it.
pub const PARAMETER: &str = "request";
/// The explicit type of a request object (RFC 9101 §10.8).
pub const TYP: &str = "oauth-authz-req+jwt";
/// How far back `nbf` may lie, in seconds (FAPI 2.0 Message Signing §5.3.1-3).
pub const MAX_AGE_SECONDS: i64 = 3_600;
/// The longest time from `nbf` to `exp`, in seconds (FAPI 2.0 Message Signing §5.3.1-4).
pub const MAX_LIFETIME_SECONDS: i64 = 3_600;
/// The largest `max_age` that JSON writes exactly.
const MAX_SECONDS: f64 = 9_007_199_254_740_991.0;

/// Why a request object was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestObjectFault {
    /// `typ` says that this JWT is something else, or does not say what.
    #[error("the request object's typ is of another kind of JWT")]
    Typ,
    /// Not signed with the algorithm registered for this client.
    #[error("algorithm of the request object is not the registered one")]
    OtherAlgorithm,
    /// `iss` is another client.
    #[error("iss of the request object is not the client")]
    Issuer,
    /// `sub` is what makes a JWT of a client an assertion (RFC 9101 §10.8).
    #[error("a request object has no sub")]
    Subject,
    /// `aud` neither is the issuer nor contains it.
    #[error("aud of the request object does not contain the issuer")]
    Audience,
    /// `nbf` is too far ahead, or `iat` is.
    #[error("request object is from the future")]
    Future,
    /// `nbf` lies more than [`MAX_AGE_SECONDS`] back.
    #[error("nbf of the request object is too long ago")]
    Stale,
    /// `exp` has passed.
    #[error("request object expired")]
    Expired,
    /// `exp` is more than [`MAX_LIFETIME_SECONDS`] after `nbf`.
    #[error("exp of the request object is too long after nbf")]
    Lifetime,
    /// `jti` is empty or too long.
    #[error("jti of the request object is empty or too long")]
    Jti,
    /// `request_uri` among the claims (RFC 9101 §4).
    #[error("request_uri cannot be pushed")]
    Reference,
    /// A request object within a request object (RFC 9101 §4).
    #[error("a request object cannot hold another")]
    Nested,
    /// A parameter that is no string.
    #[error("a parameter of the request object has the wrong type")]
    Parameter,
    /// No JWT of the allowed form, a claim missing or of the wrong type, or a signature that does not verify.
    #[error(transparent)]
    Jose(#[from] JoseFault),
}

impl From<JsonFault> for RequestObjectFault {
    fn from(fault: JsonFault) -> RequestObjectFault {
        RequestObjectFault::Jose(fault.into())
    }
}

impl RequestObjectFault {
    /// What the client's developer is told.
    const fn description(self) -> &'static str {
        match self {
            RequestObjectFault::Typ => "typ of the request object is not oauth-authz-req+jwt",
            RequestObjectFault::OtherAlgorithm => "algorithm of the request object is not the registered one",
            RequestObjectFault::Issuer => "iss of the request object is not the client",
            RequestObjectFault::Subject => "a request object has no sub",
            RequestObjectFault::Audience => "aud of the request object does not contain the issuer",
            RequestObjectFault::Future => "nbf or iat of the request object is in the future",
            RequestObjectFault::Stale => "nbf of the request object is more than 60 minutes ago",
            RequestObjectFault::Expired => "request object expired",
            RequestObjectFault::Lifetime => "exp of the request object is more than 60 minutes after nbf",
            RequestObjectFault::Jti => "jti of the request object is empty or too long",
            RequestObjectFault::Reference => "request_uri cannot be pushed",
            RequestObjectFault::Nested => "a request object cannot hold another",
            RequestObjectFault::Parameter => "a parameter of the request object has the wrong type",
            RequestObjectFault::Jose(JoseFault::Json(_)) => {
                "the request object lacks a claim, or it has the wrong type"
            }
            RequestObjectFault::Jose(_) => "malformed request object or wrong signature",
        }
    }
}

impl From<RequestObjectFault> for OAuthError {
    /// `invalid_request_object` (RFC 9101 §7), and for what no pushed request may hold, `invalid_request` (RFC 9126
    /// §2.1).
    fn from(fault: RequestObjectFault) -> OAuthError {
        let code = match fault {
            RequestObjectFault::Reference => ErrorCode::InvalidRequest,
            _ => ErrorCode::InvalidRequestObject,
        };
        OAuthError::new(code, fault.description())
    }
}

/// Whose request object it must be.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The authenticated client.
    pub client_id: &'a str,
    /// Its registered keys.
    pub keys: &'a KeySet,
    /// Its registered algorithm; without one it can sign nothing.
    pub algorithm: Option<Algorithm>,
}

/// The parameters of a pushed request: those of its request object, if there is one, or else those of the form itself.
/// What the profile of the client demands is for the caller to compare with what came out.
pub fn take_parameters(form: &Form, signer: &Signer<'_>, issuer: &str, now: i64) -> Result<Parameters, OAuthError> {
    let Some(object) = form.get(PARAMETER) else { return Ok(Parameters::plain(form)) };
    // Besides the object only what says who pushes it is looked at.
    if form.get("request_uri").is_some() {
        return Err(RequestObjectFault::Reference.into());
    }
    if form.get("client_id").is_some_and(|client_id| client_id != signer.client_id) {
        return Err(OTHER_CLIENT);
    }
    Ok(verify(object, signer, issuer, now)?)
}

/// Verifies a request object and hands out what it asks for. `issuer` is the audience it must name.
///
/// Its `jti` is not remembered: only its own client can push it, with an assertion or a certificate that is checked for
/// itself, and pushing it again asks for nothing else than the first time.
pub fn verify(text: &str, signer: &Signer<'_>, issuer: &str, now: i64) -> Result<Parameters, RequestObjectFault> {
    let jws = Jws::parse(text)?;
    // Unlike an assertion's, its kind is not told by where it stands in the claims alone; so `JWT` is not enough.
    if !(jws.header.typ.is_none() || jws.header.has_typ(TYP)) {
        return Err(RequestObjectFault::Typ);
    }
    if signer.algorithm != Some(jws.header.algorithm) {
        return Err(RequestObjectFault::OtherAlgorithm);
    }
    signer.keys.verify(&jws)?;
    let claims = &jws.claims;
    check_kind(claims, signer.client_id)?;
    check_audience(claims, issuer)?;
    check_times(claims, now)?;
    check_jti(claims)?;
    Ok(Parameters::signed(Form::of(read_parameters(&jws)?)))
}

/// By its client, and nothing that could be taken for another kind of JWT or leads elsewhere.
fn check_kind(claims: &Object, client_id: &str) -> Result<(), RequestObjectFault> {
    if claims.has("sub") {
        return Err(RequestObjectFault::Subject);
    }
    if claims.has("request_uri") {
        return Err(RequestObjectFault::Reference);
    }
    if claims.has(PARAMETER) {
        return Err(RequestObjectFault::Nested);
    }
    if claims.required_text("iss")? == client_id { Ok(()) } else { Err(RequestObjectFault::Issuer) }
}

/// `aud` is the issuer, or an array of strings with the issuer among them (RFC 7519 §4.1.3).
fn check_audience(claims: &Object, issuer: &str) -> Result<(), RequestObjectFault> {
    let audiences = claims.texts("aud")?.ok_or(JsonFault::Missing("aud"))?;
    if audiences.contains(&issuer) { Ok(()) } else { Err(RequestObjectFault::Audience) }
}

/// `nbf` and `exp` are required (FAPI 2.0 Message Signing §5.3.1), `iat` is only looked at where it is.
fn check_times(claims: &Object, now: i64) -> Result<(), RequestObjectFault> {
    let not_before = claims.required_date("nbf")?;
    let expires_at = claims.required_date("exp")?;
    let latest = now.saturating_add(MAX_AHEAD_SECONDS);
    if not_before > latest || claims.date("iat")?.is_some_and(|issued_at| issued_at > latest) {
        return Err(RequestObjectFault::Future);
    }
    if not_before < now.saturating_sub(MAX_AGE_SECONDS) {
        return Err(RequestObjectFault::Stale);
    }
    if expires_at <= now {
        return Err(RequestObjectFault::Expired);
    }
    if expires_at.saturating_sub(not_before) > MAX_LIFETIME_SECONDS {
        return Err(RequestObjectFault::Lifetime);
    }
    Ok(())
}

fn check_jti(claims: &Object) -> Result<(), RequestObjectFault> {
    match claims.text("jti")? {
        Some(jti) if !(1..=MAX_JTI_BYTES).contains(&jti.len()) => Err(RequestObjectFault::Jti),
        _ => Ok(()),
    }
}

/// Everything the checks of a request ask for, as text. A parameter of the wrong type is refused, never left out;
/// members that no check asks for are ignored.
fn read_parameters(jws: &Jws<'_>) -> Result<BTreeMap<String, String>, RequestObjectFault> {
    let mut parameters = BTreeMap::new();
    for name in PARAMETERS {
        let value = match name {
            "authorization_details" => authorization_details(jws)?,
            "max_age" => seconds(&jws.claims, name)?,
            name => text(&jws.claims, name)?,
        };
        parameters.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(parameters)
}

fn text(claims: &Object, name: &'static str) -> Result<Option<String>, RequestObjectFault> {
    Ok(claims.text(name).map_err(|_| RequestObjectFault::Parameter)?.map(str::to_owned))
}

/// A number of seconds, as JSON number (OpenID Connect Core §6.1) or as the form would have it.
fn seconds(claims: &Object, name: &'static str) -> Result<Option<String>, RequestObjectFault> {
    match claims.number(name) {
        Ok(Some(number)) if (0.0..=MAX_SECONDS).contains(&number) && number.fract() == 0.0 => {
            Ok(Some((number as i64).to_string()))
        }
        Ok(None) => Ok(None),
        Ok(Some(_)) => Err(RequestObjectFault::Parameter),
        Err(_) => text(claims, name),
    }
}

/// A claim whose JSON text counts.
#[derive(Deserialize)]
struct Details<'a> {
    #[serde(borrow)]
    authorization_details: Option<&'a RawValue>,
}

/// The JSON array (RFC 9396 §2) as it was written, which is what the form parameter holds.
fn authorization_details(jws: &Jws<'_>) -> Result<Option<String>, RequestObjectFault> {
    if !jws.claims.has("authorization_details") {
        return Ok(None);
    }
    jws.claims.array("authorization_details").map_err(|_| RequestObjectFault::Parameter)?;
    let payload = jws.payload()?;
    let details: Details<'_> = serde_json::from_slice(&payload).map_err(|_| RequestObjectFault::Parameter)?;
    Ok(details.authorization_details.map(|raw| raw.get().to_owned()))
}

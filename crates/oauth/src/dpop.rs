//! DPoP proofs (RFC 9449 §4.3).

use subtle::ConstantTimeEq as _;

use crate::client_auth::{MAX_AHEAD_SECONDS, MAX_JTI_BYTES};
use crate::error::{ErrorCode, OAuthError, ResourceError};
use crate::jose::{JoseFault, Jwk, JwkFault, Jws, VerifyingKey, sha256_base64url};
use crate::json::{JsonFault, Object};
use crate::replay::Replay;
use crate::uri::Uri;

/// The type of a proof (RFC 9449 §4.2).
pub const TYP: &str = "dpop+jwt";
/// How old a proof may be, in seconds. As far ahead of our clock as an assertion may be.
pub const MAX_AGE_SECONDS: i64 = 60;
/// The length of a key thumbprint (`jkt`), in characters of base64url.
pub const JKT_LENGTH: usize = 43;

/// Why a proof was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DpopFault {
    /// No `DPoP` header where one is needed.
    #[error("no DPoP proof")]
    Missing,
    /// More than one `DPoP` header.
    #[error("more than one DPoP header")]
    Repeated,
    /// `typ` is not `dpop+jwt`.
    #[error("typ is not dpop+jwt")]
    Typ,
    /// No `jwk` in the header.
    #[error("no jwk in the proof")]
    NoKey,
    /// `htm` is another method.
    #[error("htm does not match")]
    Method,
    /// `htu` is another resource.
    #[error("htu does not match")]
    Target,
    /// `iat` is too old or too far ahead.
    #[error("iat is outside the window")]
    IssuedAt,
    /// `jti` is empty or too long.
    #[error("jti empty or too long")]
    Jti,
    /// `ath` is the hash of another token.
    #[error("ath does not match the access token")]
    TokenHash,
    /// `jwk` is not a public key of a kind used here.
    #[error(transparent)]
    Key(#[from] JwkFault),
    /// No JWT of the allowed form, a claim missing or of the wrong type, or a signature that does not
    /// verify.
    #[error(transparent)]
    Jose(#[from] JoseFault),
}

impl From<JsonFault> for DpopFault {
    fn from(fault: JsonFault) -> DpopFault {
        DpopFault::Jose(fault.into())
    }
}

impl DpopFault {
    /// What the client's developer is told.
    const fn description(self) -> &'static str {
        match self {
            DpopFault::Missing => "DPoP proof required",
            DpopFault::Repeated => "more than one DPoP header",
            DpopFault::Typ => "typ of the DPoP proof is not dpop+jwt",
            DpopFault::NoKey => "the DPoP proof has no jwk",
            DpopFault::Method => "htm does not match the request",
            DpopFault::Target => "htu does not match the request",
            DpopFault::IssuedAt => "iat of the DPoP proof is outside the accepted window",
            DpopFault::Jti => "jti of the DPoP proof is empty or too long",
            DpopFault::TokenHash => "ath does not match the access token",
            DpopFault::Key(_) => "jwk of the DPoP proof is not acceptable",
            DpopFault::Jose(_) => "malformed DPoP proof or wrong signature",
        }
    }
}

/// The answer to a proof that was seen before.
pub const REPLAYED: OAuthError = OAuthError::new(ErrorCode::InvalidDpopProof, "DPoP proof already used");

impl From<DpopFault> for OAuthError {
    fn from(fault: DpopFault) -> OAuthError {
        OAuthError::new(ErrorCode::InvalidDpopProof, fault.description())
    }
}

impl From<DpopFault> for ResourceError {
    fn from(fault: DpopFault) -> ResourceError {
        ResourceError::Refused(fault.into())
    }
}

/// The request a proof must have been made for.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The HTTP method, in capitals.
    pub method: &'a str,
    /// The absolute URL as the client knows it: the configured public address, not what a proxy passes on.
    pub url: &'a str,
    /// The access token presented with the proof; `None` where none is (PAR, token endpoint).
    pub access_token: Option<&'a str>,
}

/// A proof that held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Thumbprint of the key that signed it.
    pub jkt: String,
    /// To be stored; a proof already stored is refused with [`REPLAYED`].
    pub replay: Replay,
}

impl Proof {
    /// Whether the proof is by the key of this thumbprint: the token's `cnf.jkt`, the code's `dpop_jkt`.
    pub fn is_by(&self, jkt: &str) -> bool {
        self.jkt.as_bytes().ct_eq(jkt.as_bytes()).into()
    }
}

/// The one `DPoP` header of a request, if any (check 1). A comma list in one header is no JWT and fails
/// later.
pub fn header<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<&'a str>, DpopFault> {
    let mut values = values.into_iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(DpopFault::Repeated);
    }
    let text = std::str::from_utf8(value).map_err(|_| JoseFault::NotCompact)?;
    Ok(Some(text))
}

/// The nonce that a proof names (RFC 9449 §4.2), before anything of the proof is checked; [`check`] must follow.
///
/// # Errors
/// [`DpopFault`] where the proof is no JWT of the allowed form. A nonce that is no string is none.
pub fn unverified_nonce(proof: &str) -> Result<Option<String>, DpopFault> {
    Ok(Jws::parse(proof)?.claims.text("nonce").ok().flatten().map(str::to_owned))
}

/// Checks a proof (RFC 9449 §4.3). Whether its key is the expected one is [`Proof::is_by`]. The signature
/// comes last: it is the dear part, and anybody can make one.
pub fn check(proof: &str, target: &Target<'_>, now: i64) -> Result<Proof, DpopFault> {
    let jws = Jws::parse(proof)?;
    if !jws.header.has_typ(TYP) {
        return Err(DpopFault::Typ);
    }
    let jwk = Jwk::read(jws.header.jwk.as_ref().ok_or(DpopFault::NoKey)?)?;
    check_method(&jws.claims, target.method)?;
    check_target(&jws.claims, target.url)?;
    let issued_at = check_issued_at(&jws.claims, now)?;
    let jti = check_jti(&jws.claims)?;
    if let Some(token) = target.access_token {
        check_token_hash(&jws.claims, token)?;
    }
    VerifyingKey::new(&jwk)?.verify(&jws)?;
    let jkt = jwk.thumbprint();
    let replay = Replay::of_proof(&jkt, jti, issued_at.saturating_add(MAX_AGE_SECONDS));
    Ok(Proof { jkt, replay })
}

/// Check 8: the method, letter by letter.
fn check_method(claims: &Object, method: &str) -> Result<(), DpopFault> {
    if claims.required_text("htm")? == method { Ok(()) } else { Err(DpopFault::Method) }
}

/// Check 9: the URL without query and fragment; scheme, host and default port in their normal form.
fn check_target(claims: &Object, url: &str) -> Result<(), DpopFault> {
    let claimed = Uri::parse(claims.required_text("htu")?);
    match claimed.zip(Uri::parse(url)) {
        Some((claimed, own)) if claimed.same_target(&own) => Ok(()),
        _ => Err(DpopFault::Target),
    }
}

/// Check 11: made just now, by either clock.
fn check_issued_at(claims: &Object, now: i64) -> Result<i64, DpopFault> {
    let issued_at = claims.required_date("iat")?;
    let window = now.saturating_sub(MAX_AGE_SECONDS)..=now.saturating_add(MAX_AHEAD_SECONDS);
    if window.contains(&issued_at) { Ok(issued_at) } else { Err(DpopFault::IssuedAt) }
}

fn check_jti(claims: &Object) -> Result<&str, DpopFault> {
    let jti = claims.required_text("jti")?;
    if (1..=MAX_JTI_BYTES).contains(&jti.len()) { Ok(jti) } else { Err(DpopFault::Jti) }
}

/// Check 12: `ath` is the hash of the token that came along.
fn check_token_hash(claims: &Object, access_token: &str) -> Result<(), DpopFault> {
    let expected = sha256_base64url(access_token.as_bytes());
    let claimed = claims.required_text("ath")?;
    if claimed.as_bytes().ct_eq(expected.as_bytes()).into() { Ok(()) } else { Err(DpopFault::TokenHash) }
}

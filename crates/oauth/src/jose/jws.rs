//! JWS in compact serialisation (RFC 7515 §7.1).

use std::fmt;

use super::{Algorithm, JoseFault, MAX_KEY_ID_BYTES, from_base64url};
use crate::json::Object;

/// The largest JWT that is looked at, in bytes of its compact form; checked before anything is decoded.
pub const MAX_JWT_BYTES: usize = 16 * 1024;

/// The members of a JOSE header that are used. All others, `jku`, `x5u` and `x5c` among them, are ignored.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// `alg`.
    pub algorithm: Algorithm,
    /// `kid`: an opaque look-up word within one client's keys, and nothing else.
    pub key_id: Option<String>,
    /// `typ`, as sent.
    pub typ: Option<String>,
    /// `jwk`, unread. Only a DPoP proof is verified with it.
    pub(crate) jwk: Option<Object>,
}

impl Header {
    fn read(object: &Object) -> Result<Header, JoseFault> {
        if object.has("crit") {
            return Err(JoseFault::Critical);
        }
        let algorithm = Algorithm::parse(object.required_text("alg")?).ok_or(JoseFault::Algorithm)?;
        let key_id = object.text("kid")?;
        if key_id.is_some_and(|kid| kid.len() > MAX_KEY_ID_BYTES) {
            return Err(JoseFault::KeyId);
        }
        Ok(Header {
            algorithm,
            key_id: key_id.map(str::to_owned),
            typ: object.text("typ")?.map(str::to_owned),
            jwk: object.object("jwk")?.cloned(),
        })
    }

    /// Whether `typ` is this media type; letter case does not count (RFC 7515 §4.1.9).
    pub fn has_typ(&self, typ: &str) -> bool {
        self.typ.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(typ))
    }
}

/// A parsed JWS whose signature nobody has checked yet: its claims are the sender's word.
#[derive(Clone, PartialEq)]
pub struct Jws<'a> {
    /// The protected header.
    pub header: Header,
    /// The payload, a JWT claims set.
    pub claims: Object,
    /// What is signed: the first two parts and the dot between them.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes a compact JWS apart. Verifying it is [`VerifyingKey::verify`](super::VerifyingKey::verify) or
    /// [`KeySet::verify`](super::KeySet::verify).
    pub fn parse(text: &'a str) -> Result<Jws<'a>, JoseFault> {
        if text.len() > MAX_JWT_BYTES {
            return Err(JoseFault::TooLarge);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(JoseFault::NotCompact)?;
        let (header, payload) = signed.split_once('.').ok_or(JoseFault::NotCompact)?;
        let (header, payload, signature) = (part(header)?, part(payload)?, part(signature)?);
        Ok(Jws { header: Header::read(&Object::parse(&header)?)?, claims: Object::parse(&payload)?, signed, signature })
    }

    /// The payload's bytes, for the rare claim whose very text counts.
    pub(crate) fn payload(&self) -> Result<Vec<u8>, JoseFault> {
        part(self.signed.split_once('.').ok_or(JoseFault::NotCompact)?.1)
    }
}

impl fmt::Debug for Jws<'_> {
    /// The header alone: the whole is a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jws").field("header", &self.header).finish_non_exhaustive()
    }
}

/// One part of a compact JWS. A further dot, a brace or padding is no base64url character, so five-part JWE
/// and JSON serialisation end here.
fn part(text: &str) -> Result<Vec<u8>, JoseFault> {
    if text.is_empty() {
        return Err(JoseFault::NotCompact);
    }
    from_base64url(text).ok_or(JoseFault::NotCompact)
}

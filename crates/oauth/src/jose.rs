//! JOSE, strictly: compact JWS only, three algorithms, typed members, size limits before any work.
//!
//! This stands on `aws-lc-rs` directly: `jsonwebtoken` keeps keys as bytes and parses them again for each
//! signature, takes more encodings and algorithms than are wanted here, and of its remainder only two calls
//! to `aws-lc-rs` would be used. The tests check this code against it.
//!
//! There is no JWE, no JSON serialisation and no key found by a URL or certificate in a header.

mod jwk;
mod jws;
mod key;

pub use jwk::{Jwk, JwkFault, MAX_KEY_ID_BYTES, MAX_RSA_BITS, MIN_RSA_BITS, P384};
pub use jws::{Header, Jws, MAX_JWT_BYTES};
pub use key::{KeySet, MAX_KEY_SET_BYTES, MAX_KEYS, SigningKey, VerifyingKey};

use aws_lc_rs::digest::{SHA256, digest};
use base64ct::{Base64UrlUnpadded, Encoding as _};

use crate::json::JsonFault;

/// The signature algorithms of this server (FAPI 2.0 Security Profile §5.4.1). Each belongs to one kind of
/// key, so a key can be used with one algorithm only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PSS with SHA-256 (RFC 7518 §3.5).
    Ps256,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 §3.4).
    Es256,
    /// EdDSA on Ed25519 (RFC 8037 §3.1), which RFC 9864 names `Ed25519`.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm name that is accepted, and exactly what metadata advertises.
    pub const NAMES: [&'static str; 4] = ["ES256", "PS256", "EdDSA", "Ed25519"];

    /// The algorithm of this server's own keys, with which institutions sign.
    pub const OWN: Algorithm = Algorithm::Es256;

    /// The algorithm of this name. Names are case-sensitive (RFC 7515 §4.1.1); `none` is not one of them.
    pub fn parse(name: &str) -> Option<Algorithm> {
        match name {
            "PS256" => Some(Algorithm::Ps256),
            "ES256" => Some(Algorithm::Es256),
            "EdDSA" | "Ed25519" => Some(Algorithm::EdDsa),
            _ => None,
        }
    }

    /// The name written into headers and keys of ours.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Ps256 => "PS256",
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
        }
    }
}

/// Why a JWT was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoseFault {
    /// Longer than [`MAX_JWT_BYTES`].
    #[error("JWT too large")]
    TooLarge,
    /// Not three non-empty parts of base64url characters.
    #[error("not a compact JWS")]
    NotCompact,
    /// `alg` is not one of ours, or not the one allowed here.
    #[error("algorithm not allowed")]
    Algorithm,
    /// A `crit` member: no extension is understood (RFC 7515 §4.1.11).
    #[error("critical extension not understood")]
    Critical,
    /// `kid` longer than [`MAX_KEY_ID_BYTES`].
    #[error("key id too long")]
    KeyId,
    /// A header or claim that is malformed, missing or of the wrong type.
    #[error(transparent)]
    Json(#[from] JsonFault),
    /// No registered key has this `kid` and algorithm.
    #[error("no such key")]
    NoKey,
    /// The signature is not by this key over these bytes.
    #[error("signature does not verify")]
    Signature,
    /// A private key could not be read, or signing failed.
    #[error("unusable signing key")]
    SigningKey,
}

/// SHA-256 in base64url: thumbprints, `ath`, code challenges.
pub(crate) fn sha256_base64url(bytes: &[u8]) -> String {
    base64url(digest(&SHA256, bytes).as_ref())
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Decodes base64url without padding; white space, padding and loose trailing bits are refused.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    Base64UrlUnpadded::decode_vec(text).ok()
}

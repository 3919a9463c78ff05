//! Public keys as JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2) and their thumbprints (RFC 7638).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
};
use serde_json::json;

use super::{Algorithm, base64url, from_base64url, sha256_base64url};
use crate::json::{JsonFault, Object, Value};
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey;

/// The longest `kid`, in bytes.
pub const MAX_KEY_ID_BYTES: usize = 128;
/// The shortest RSA modulus (FAPI 2.0 Security Profile §5.4.1).
pub const MIN_RSA_BITS: usize = 2048;
/// The longest RSA modulus: beyond it a verification costs more than a stranger should be able to ask for.
pub const MAX_RSA_BITS: usize = 4096;
/// The shortest and longest RSA exponent in bytes: 65537 up to 2³²−1.
const RSA_EXPONENT_BYTES: std::ops::RangeInclusive<usize> = 3..=4;
/// The members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Kinds of keys in certificates (RFC 3279 §2.3, RFC 5480 §2.1, RFC 8410 §3).
const OID_RSA: &str = "1.2.840.113549.1.1.1";
const OID_EC: &str = "1.2.840.10045.2.1";
const OID_P256: &str = "1.2.840.10045.3.1.7";
const OID_P384: &str = "1.3.132.0.34";
const OID_ED25519: &str = "1.3.101.112";

/// Why a JWK was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkFault {
    /// The key or the set is not well-formed JSON, or a member is missing or of the wrong type.
    #[error(transparent)]
    Json(#[from] JsonFault),
    /// It holds a private or symmetric key, which has no business here.
    #[error("the key is not a public key")]
    Private,
    /// Another kind of key, curve, use or algorithm. In a set such a key is passed over (RFC 7517 §5).
    #[error("the key is not for a signature algorithm in use here")]
    Unsupported,
    /// The modulus is outside 2048 to 4096 bits.
    #[error("RSA modulus shorter than 2048 or longer than 4096 bits")]
    RsaSize,
    /// The parts are there but make no key: wrong length, leading zeros, a point off the curve.
    #[error("the key material is invalid")]
    Material,
    /// `kid` longer than [`MAX_KEY_ID_BYTES`].
    #[error("key id too long")]
    KeyId,
    /// A key set over its limits.
    #[error("key set too large")]
    SetSize,
    /// Two keys of our own under one `kid`, or one without.
    #[error("two keys share a key id, or one has none")]
    RepeatedKeyId,
}

/// The public numbers of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Material {
    P256 { x: Vec<u8>, y: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ed25519 { x: Vec<u8> },
}

/// A public signature key. Its kind fixes its algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwk {
    /// `kid`.
    pub key_id: Option<String>,
    pub(super) material: Material,
}

impl Jwk {
    /// Reads one key: public, for signatures, of a kind and strength used here.
    pub fn read(object: &Object) -> Result<Jwk, JwkFault> {
        if PRIVATE_MEMBERS.iter().any(|name| object.has(name)) {
            return Err(JwkFault::Private);
        }
        let material = match object.required_text("kty")? {
            "EC" if object.required_text("crv")? == "P-256" => {
                Material::P256 { x: octets(object, "x", 32)?, y: octets(object, "y", 32)? }
            }
            "OKP" if object.required_text("crv")? == "Ed25519" => Material::Ed25519 { x: octets(object, "x", 32)? },
            "RSA" => Material::Rsa { n: unsigned(object, "n")?, e: unsigned(object, "e")? },
            _ => return Err(JwkFault::Unsupported),
        };
        let key_id = object.text("kid")?.map(str::to_owned);
        if key_id.as_ref().is_some_and(|kid| kid.len() > MAX_KEY_ID_BYTES) {
            return Err(JwkFault::KeyId);
        }
        let key = Jwk { key_id, material };
        key.check_purpose(object)?;
        key.check_rsa_size()?;
        Ok(key)
    }

    /// `use`, `key_ops` and `alg` may be absent, but must not speak of something else.
    fn check_purpose(&self, object: &Object) -> Result<(), JwkFault> {
        let for_signatures = object.text("use")?.is_none_or(|purpose| purpose == "sig");
        let may_verify =
            object.array("key_ops")?.is_none_or(|operations| operations.contains(&Value::Text("verify".to_owned())));
        let same_algorithm = object.text("alg")?.is_none_or(|name| Algorithm::parse(name) == Some(self.algorithm()));
        if for_signatures && may_verify && same_algorithm { Ok(()) } else { Err(JwkFault::Unsupported) }
    }

    fn check_rsa_size(&self) -> Result<(), JwkFault> {
        let Material::Rsa { n, e } = &self.material else {
            return Ok(());
        };
        let spare_bits = n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&(n.len() * 8 - spare_bits)) {
            return Err(JwkFault::RsaSize);
        }
        let odd = e.last().is_some_and(|byte| byte % 2 == 1);
        if RSA_EXPONENT_BYTES.contains(&e.len()) && odd { Ok(()) } else { Err(JwkFault::Material) }
    }

    /// The key of a certificate, without `kid`; `None` where it is of a kind that no registered key is.
    pub fn of_certificate(certificate: &X509Certificate<'_>) -> Option<Jwk> {
        let info = certificate.public_key();
        let bytes = &info.subject_public_key.data;
        let kind = info.algorithm.algorithm.to_id_string();
        let material = match (kind.as_str(), info.parsed().ok()?) {
            (OID_ED25519, _) => Material::Ed25519 { x: bytes.to_vec() },
            (OID_RSA, PublicKey::RSA(key)) => {
                Material::Rsa { n: without_zeros(key.modulus), e: without_zeros(key.exponent) }
            }
            (OID_EC, PublicKey::EC(_)) => {
                let (x, y) = point(certificate, OID_P256, 32)?;
                Material::P256 { x, y }
            }
            _ => return None,
        };
        Some(Jwk { key_id: None, material })
    }

    /// The one algorithm this key is for.
    pub fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::P256 { .. } => Algorithm::Es256,
            Material::Rsa { .. } => Algorithm::Ps256,
            Material::Ed25519 { .. } => Algorithm::EdDsa,
        }
    }

    /// The thumbprint (RFC 7638 §3, RFC 8037 §2): SHA-256, 43 base64url characters. A DPoP key's `jkt`.
    pub fn thumbprint(&self) -> String {
        // The required members in the order of their names, without white space.
        let canonical = match &self.material {
            Material::P256 { x, y } => {
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, base64url(x), base64url(y))
            }
            Material::Rsa { n, e } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, base64url(e), base64url(n))
            }
            Material::Ed25519 { x } => {
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, base64url(x))
            }
        };
        sha256_base64url(canonical.as_bytes())
    }

    /// The key as JSON with `alg`, `use` and, if it has one, `kid`: for the `jwks` document and `jwk`
    /// headers.
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = match &self.material {
            Material::P256 { x, y } => {
                json!({"kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y)})
            }
            Material::Rsa { n, e } => json!({"kty": "RSA", "n": base64url(n), "e": base64url(e)}),
            Material::Ed25519 { x } => json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(x)}),
        };
        if let Some(members) = json.as_object_mut() {
            members.insert("alg".to_owned(), self.algorithm().name().into());
            members.insert("use".to_owned(), "sig".into());
            if let Some(kid) = &self.key_id {
                members.insert("kid".to_owned(), kid.as_str().into());
            }
        }
        json
    }

    /// The key made ready; here a point off the curve is noticed.
    pub(super) fn parsed(&self) -> Result<ParsedPublicKey, JwkFault> {
        match &self.material {
            Material::P256 { x, y } => {
                let point = [&[0x04], x.as_slice(), y.as_slice()].concat();
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            }
            Material::Rsa { n, e } => RsaPublicKeyComponents { n, e }.to_parsed_public_key(&RSA_PSS_2048_8192_SHA256),
            Material::Ed25519 { x } => ParsedPublicKey::new(&ED25519, x),
        }
        .map_err(|_| JwkFault::Material)
    }
}

/// A key on P-384. Nothing is signed with one here, as FAPI 2.0 has no algorithm for it (Security Profile §5.4.1), but a
/// certificate may have one: the handshake's signature is TLS's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct P384 {
    x: Vec<u8>,
    y: Vec<u8>,
}

impl P384 {
    /// Reads one from a key set; `None` where it is something else, or not for signatures.
    pub(super) fn read(object: &Object) -> Option<P384> {
        let text = |name| object.text(name).ok().flatten();
        let for_signatures = text("use").is_none_or(|purpose| purpose == "sig");
        if text("kty") != Some("EC") || text("crv") != Some("P-384") || !for_signatures {
            return None;
        }
        Some(P384 { x: octets(object, "x", 48).ok()?, y: octets(object, "y", 48).ok()? })
    }

    /// The key of a certificate; `None` where it is of another kind.
    pub fn of_certificate(certificate: &X509Certificate<'_>) -> Option<P384> {
        let (x, y) = point(certificate, OID_P384, 48)?;
        Some(P384 { x, y })
    }
}

/// The coordinates of a certificate's key on this curve, each of so many octets (SEC 1 §2.3.3: 0x04, then both).
fn point(certificate: &X509Certificate<'_>, curve: &str, length: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let info = certificate.public_key();
    let named = info.algorithm.parameters.as_ref()?.as_oid().ok()?;
    let (x, y) = info.subject_public_key.data.strip_prefix(&[0x04])?.split_at_checked(length)?;
    let fits = info.algorithm.algorithm.to_id_string() == OID_EC && named.to_id_string() == curve && y.len() == length;
    fits.then(|| (x.to_vec(), y.to_vec()))
}

/// DER puts a zero in front of a number whose first bit is set; a JWK does not (RFC 7518 §2).
fn without_zeros(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// A member of exactly so many octets.
fn octets(object: &Object, name: &'static str, length: usize) -> Result<Vec<u8>, JwkFault> {
    from_base64url(object.required_text(name)?).filter(|bytes| bytes.len() == length).ok_or(JwkFault::Material)
}

/// An unsigned number in the fewest octets that hold it (RFC 7518 §2).
fn unsigned(object: &Object, name: &'static str) -> Result<Vec<u8>, JwkFault> {
    from_base64url(object.required_text(name)?)
        .filter(|bytes| bytes.first().is_some_and(|first| *first != 0))
        .ok_or(JwkFault::Material)
}

//! Keys ready for use: parsed once, used often.

use std::fmt;
use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, ParsedPublicKey, RSA_PSS_SHA256,
    RsaKeyPair,
};
use serde::Serialize;
use serde_json::json;

use super::jwk::{Jwk, JwkFault, Material, P384};
use super::{Algorithm, JoseFault, Jws, base64url};
use crate::json::{JsonFault, Object, Value};

/// The largest key set that is read, in bytes.
pub const MAX_KEY_SET_BYTES: usize = 64 * 1024;
/// The most keys in a set.
pub const MAX_KEYS: usize = 100;
/// The most keys one signature is tried with, when a `kid` is repeated or not given.
const MAX_TRIED: usize = 8;

/// A public key, parsed. Cheap to clone and made to be kept.
#[derive(Clone)]
pub struct VerifyingKey {
    algorithm: Algorithm,
    key_id: Option<String>,
    thumbprint: String,
    public: ParsedPublicKey,
}

impl VerifyingKey {
    /// Parses the key's numbers.
    pub fn new(jwk: &Jwk) -> Result<VerifyingKey, JwkFault> {
        let (key_id, thumbprint) = (jwk.key_id.clone(), jwk.thumbprint());
        Ok(VerifyingKey { algorithm: jwk.algorithm(), key_id, thumbprint, public: jwk.parsed()? })
    }

    /// `kid`, if it has one.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The one algorithm it is for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Checks that this key signed the JWS, with this key's own algorithm.
    pub fn verify(&self, jws: &Jws<'_>) -> Result<(), JoseFault> {
        if jws.header.algorithm != self.algorithm {
            return Err(JoseFault::Algorithm);
        }
        self.public.verify_sig(jws.signed.as_bytes(), &jws.signature).map_err(|_| JoseFault::Signature)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey").field("algorithm", &self.algorithm).field("key_id", &self.key_id).finish()
    }
}

/// The registered keys of one client.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    keys: Vec<VerifyingKey>,
    /// Of certificates alone.
    of_certificates: Vec<P384>,
}

impl KeySet {
    /// Reads a JWK set (RFC 7517 §5). Keys for something else (another curve, `use` `enc`, RS256) are
    /// passed over but for certificates' (P-384); a private key, a weak or a broken one refuses the whole set, so that whoever registers
    /// it sees why.
    pub fn parse(json: &[u8]) -> Result<KeySet, JwkFault> {
        if json.len() > MAX_KEY_SET_BYTES {
            return Err(JwkFault::SetSize);
        }
        let document = Object::parse(json)?;
        let members = document.array("keys")?.ok_or(JsonFault::Missing("keys"))?;
        if members.len() > MAX_KEYS {
            return Err(JwkFault::SetSize);
        }
        let mut set = KeySet::default();
        for member in members {
            let Value::Object(object) = member else {
                return Err(JsonFault::WrongType("keys").into());
            };
            match Jwk::read(object) {
                Ok(jwk) => set.keys.push(VerifyingKey::new(&jwk)?),
                Err(JwkFault::Unsupported) => set.of_certificates.extend(P384::read(object)),
                Err(fault) => return Err(fault),
            }
        }
        Ok(set)
    }

    /// Every key that could verify something.
    pub fn iter(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.keys.iter()
    }

    /// Whether a key of this `kid` is among them.
    pub fn has_key_id(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.key_id.as_deref() == Some(kid))
    }

    /// Whether no key is left that could verify anything.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether this very key of a certificate is one of them.
    pub fn holds_p384(&self, key: &P384) -> bool {
        self.of_certificates.contains(key)
    }

    /// Whether this very key is one of them, whatever it is called.
    pub fn holds(&self, key: &Jwk) -> bool {
        let thumbprint = key.thumbprint();
        self.keys.iter().any(|own| own.thumbprint == thumbprint)
    }

    /// Checks that one of these keys signed the JWS. A `kid` narrows the choice; where it is repeated or
    /// absent, kind, use, algorithm and curve narrow it too (FAPI 2.0 Security Profile §5.4.3).
    ///
    /// Without any fitting key the signature is checked against a decoy all the same, so that an unknown
    /// client and a bad key cost the same time. An unknown client is verified against `KeySet::default()`.
    pub fn verify(&self, jws: &Jws<'_>) -> Result<(), JoseFault> {
        let named = jws.header.key_id.as_ref();
        let mut tried = 0;
        let fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithm == jws.header.algorithm)
            .filter(|key| named.is_none_or(|kid| key.key_id.as_ref() == Some(kid)));
        for key in fitting.take(MAX_TRIED) {
            tried += 1;
            if key.verify(jws).is_ok() {
                return Ok(());
            }
        }
        if tried > 0 {
            return Err(JoseFault::Signature);
        }
        for key in DECOYS.keys.iter().filter(|key| key.algorithm == jws.header.algorithm) {
            let _ = key.verify(jws);
        }
        Err(JoseFault::NoKey)
    }
}

/// One key per algorithm whose verdict nobody reads: the curves' base points and the modulus of RFC 7638
/// §3.1.
static DECOYS: LazyLock<KeySet> = LazyLock::new(|| KeySet::parse(include_bytes!("decoys.json")).unwrap_or_default());

enum Private {
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A private key of our own, parsed. Never shown by `Debug`.
pub struct SigningKey {
    private: Private,
    public: Jwk,
}

impl SigningKey {
    /// Reads a PKCS#8 key for this algorithm. Its `kid` is its thumbprint, so no two keys share one.
    pub fn from_pkcs8(algorithm: Algorithm, der: &[u8]) -> Result<SigningKey, JoseFault> {
        let (private, material) = match algorithm {
            Algorithm::Es256 => read_p256(der)?,
            Algorithm::Ps256 => read_rsa(der)?,
            Algorithm::EdDsa => read_ed25519(der)?,
        };
        let mut public = Jwk { key_id: None, material };
        public.key_id = Some(public.thumbprint());
        Ok(SigningKey { private, public })
    }

    /// The public half, with `kid`.
    pub fn to_public_jwk(&self) -> Jwk {
        self.public.clone()
    }

    /// The one algorithm this key signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// Signs claims under a header of `alg`, `kid` and, if given, `typ`.
    pub fn sign(&self, typ: Option<&str>, claims: &impl Serialize) -> Result<String, JoseFault> {
        let mut header = json!({"alg": self.algorithm().name(), "kid": self.public.key_id});
        if let Some((members, typ)) = header.as_object_mut().zip(typ) {
            members.insert("typ".to_owned(), typ.into());
        }
        self.sign_with_header(&header, claims)
    }

    /// Signs claims under exactly this header; the caller answers for `alg`. For DPoP proofs and for tests.
    pub fn sign_with_header(&self, header: &impl Serialize, claims: &impl Serialize) -> Result<String, JoseFault> {
        let header = serde_json::to_vec(header).map_err(|_| JoseFault::SigningKey)?;
        let claims = serde_json::to_vec(claims).map_err(|_| JoseFault::SigningKey)?;
        let signed = format!("{}.{}", base64url(&header), base64url(&claims));
        let signature = self.sign_bytes(signed.as_bytes())?;
        Ok(format!("{signed}.{}", base64url(&signature)))
    }

    /// A raw signature. The salt or blinding it needs is drawn inside `aws-lc-rs`.
    fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, JoseFault> {
        let random = SystemRandom::new();
        match &self.private {
            Private::P256(pair) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| JoseFault::SigningKey),
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PSS_SHA256, &random, message, &mut signature).map_err(|_| JoseFault::SigningKey)?;
                Ok(signature)
            }
            Private::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("key_id", &self.public.key_id).finish_non_exhaustive()
    }
}

fn read_p256(der: &[u8]) -> Result<(Private, Material), JoseFault> {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(|_| JoseFault::SigningKey)?;
    // SEC 1 §2.3.3: 0x04, then both coordinates.
    let point = pair.public_key().as_ref();
    let (x, y) = point
        .split_first()
        .and_then(|(_, coordinates)| coordinates.split_at_checked(32))
        .ok_or(JoseFault::SigningKey)?;
    let material = Material::P256 { x: x.to_vec(), y: y.to_vec() };
    Ok((Private::P256(pair), material))
}

fn read_rsa(der: &[u8]) -> Result<(Private, Material), JoseFault> {
    let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| JoseFault::SigningKey)?;
    let public = pair.public_key();
    let material = Material::Rsa {
        n: public.modulus().big_endian_without_leading_zero().to_vec(),
        e: public.exponent().big_endian_without_leading_zero().to_vec(),
    };
    Ok((Private::Rsa(pair), material))
}

fn read_ed25519(der: &[u8]) -> Result<(Private, Material), JoseFault> {
    let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| JoseFault::SigningKey)?;
    let material = Material::Ed25519 { x: pair.public_key().as_ref().to_vec() };
    Ok((Private::Ed25519(pair), material))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_057_there_is_a_decoy_for_each_algorithm() {
        let algorithms: Vec<Algorithm> = DECOYS.keys.iter().map(|key| key.algorithm).collect();
        assert_eq!(algorithms, [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256]);
    }
}

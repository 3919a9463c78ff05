//! The two keys of a partner: the one that signs its assertions, and the one a grant is bound to.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PSS_SHA256, RsaKeyPair,
};
use base64ct::{Base64UrlUnpadded, Encoding};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::error::Error;
use crate::jwt;
use crate::secret::Secret;

/// The smallest RSA modulus accepted, in bytes (FAPI 2.0 Security Profile 5.4.1).
const RSA_MODULUS_BYTES_MIN: usize = 256;

enum Signer {
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The private key of `private_key_jwt`. Signs ES256 (P-256), PS256 (RSA of 2048 bits or more) or
/// EdDSA (Ed25519), as the key itself says. Cloning shares it.
#[derive(Clone)]
pub struct AssertionKey {
    signer: Arc<Signer>,
    kid: Option<String>,
}

impl AssertionKey {
    /// Reads a PKCS#8 private key in PEM. `kid` is the key id the institution has registered; it may
    /// be left out when only one key is registered.
    ///
    /// # Errors
    /// [`Error::Key`] when the text is not such a key or the key is of another kind.
    pub fn from_pem(pem: &str, kid: Option<&str>) -> Result<Self, Error> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| Error::Key("not a PKCS#8 private key in PEM"))?;
        let der = der.secret_pkcs8_der();
        let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map(Signer::P256)
            .or_else(|_| Ed25519KeyPair::from_pkcs8(der).map(Signer::Ed25519))
            .or_else(|_| RsaKeyPair::from_pkcs8(der).map(Signer::Rsa))
            .map_err(|_| Error::Key("neither P-256 nor Ed25519 nor RSA"))?;
        Self::checked(signer, kid.map(str::to_owned))
    }

    /// Reads a private JSON Web Key (RFC 7517, RFC 8037), its `kid` included.
    ///
    /// # Errors
    /// [`Error::Key`] when the text is not a private key, its parts disagree, or its kind is another.
    pub fn from_jwk(jwk: &str) -> Result<Self, Error> {
        let jwk: PrivateJwk = serde_json::from_str(jwk).map_err(|_| Error::Key("not a private JSON Web Key"))?;
        let rejected = |_| Error::Key("the parts of the JSON Web Key disagree");
        let signer = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("EC", Some("P-256")) => {
                let point = [&[4_u8][..], &bytes(&jwk.x)?, &bytes(&jwk.y)?].concat();
                let scalar = bytes(&jwk.d)?;
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                EcdsaKeyPair::from_private_key_and_public_key(algorithm, &scalar, &point)
                    .map(Signer::P256)
                    .map_err(rejected)?
            }
            ("OKP", Some("Ed25519")) => Ed25519KeyPair::from_seed_and_public_key(&bytes(&jwk.d)?, &bytes(&jwk.x)?)
                .map(Signer::Ed25519)
                .map_err(rejected)?,
            ("RSA", _) => {
                let components = KeyPairComponents {
                    public_key: PublicKeyComponents { n: bytes(&jwk.n)?, e: bytes(&jwk.e)? },
                    d: bytes(&jwk.d)?,
                    p: bytes(&jwk.p)?,
                    q: bytes(&jwk.q)?,
                    dP: bytes(&jwk.dp)?,
                    dQ: bytes(&jwk.dq)?,
                    qInv: bytes(&jwk.qi)?,
                };
                RsaKeyPair::from_components(&components).map(Signer::Rsa).map_err(rejected)?
            }
            _ => return Err(Error::Key("neither P-256 nor Ed25519 nor RSA")),
        };
        Self::checked(signer, jwk.kid)
    }

    fn checked(signer: Signer, kid: Option<String>) -> Result<Self, Error> {
        if let Signer::Rsa(key) = &signer
            && key.public_modulus_len() < RSA_MODULUS_BYTES_MIN
        {
            return Err(Error::Key("an RSA key needs 2048 bits"));
        }
        Ok(Self { signer: Arc::new(signer), kid })
    }

    /// The JWS algorithm (RFC 7518, RFC 8037).
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self.signer.as_ref() {
            Signer::P256(_) => "ES256",
            Signer::Rsa(_) => "PS256",
            Signer::Ed25519(_) => "EdDSA",
        }
    }

    /// The key id put into each assertion.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The public half as a JSON Web Key, to be registered with the institution.
    ///
    /// # Errors
    /// [`Error::Key`] when the crypto library can't write the key down.
    pub fn public_jwk(&self) -> Result<Value, Error> {
        let mut jwk = match self.signer.as_ref() {
            Signer::P256(key) => p256_jwk(key)?,
            Signer::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": jwt::base64(key.public_key().as_ref()) })
            }
            Signer::Rsa(key) => {
                let (n, e) = rsa_numbers(key.public_key().as_ref())
                    .ok_or(Error::Key("the public key is not an RSAPublicKey"))?;
                json!({ "kty": "RSA", "n": jwt::base64(n), "e": jwt::base64(e) })
            }
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("alg".to_owned(), self.algorithm().into());
            members.insert("use".to_owned(), "sig".into());
            if let Some(kid) = &self.kid {
                members.insert("kid".to_owned(), kid.as_str().into());
            }
        }
        Ok(jwk)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::Key("signing failed");
        let rng = SystemRandom::new();
        match self.signer.as_ref() {
            Signer::P256(key) => Ok(key.sign(&rng, message).map_err(failed)?.as_ref().to_vec()),
            Signer::Ed25519(key) => Ok(key.try_sign(message).map_err(failed)?.as_ref().to_vec()),
            Signer::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PSS_SHA256, &rng, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssertionKey({})", self.algorithm())
    }
}

/// The members of a private key; which of them must be there depends on `kty`.
#[derive(Deserialize)]
struct PrivateJwk {
    kty: String,
    crv: Option<String>,
    kid: Option<String>,
    x: Option<Secret>,
    y: Option<Secret>,
    n: Option<Secret>,
    e: Option<Secret>,
    d: Option<Secret>,
    p: Option<Secret>,
    q: Option<Secret>,
    dp: Option<Secret>,
    dq: Option<Secret>,
    qi: Option<Secret>,
}

fn bytes(member: &Option<Secret>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let text = member.as_ref().ok_or(Error::Key("a member of the JSON Web Key is missing"))?;
    Base64UrlUnpadded::decode_vec(text.reveal())
        .map(Zeroizing::new)
        .map_err(|_| Error::Key("a member of the JSON Web Key is not base64url"))
}

/// The public half of a P-256 key: an uncompressed point is `4`, then `x` and `y` of 32 bytes each.
fn p256_jwk(key: &EcdsaKeyPair) -> Result<Value, Error> {
    let point = key.public_key().as_ref();
    match (point.get(1..33), point.get(33..65)) {
        (Some(x), Some(y)) => Ok(json!({ "kty": "EC", "crv": "P-256", "x": jwt::base64(x), "y": jwt::base64(y) })),
        _ => Err(Error::Key("the public point is not uncompressed")),
    }
}

/// Modulus and exponent of an `RSAPublicKey` in DER (RFC 8017 appendix A.1.1): a sequence of two integers,
/// each with a zero byte before it when its first bit is set.
fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let (content, _) = der_value(der, SEQUENCE)?;
    let (modulus, rest) = der_value(content, INTEGER)?;
    let (exponent, _) = der_value(rest, INTEGER)?;
    let bare = |number| <[u8]>::strip_prefix(number, &[0]).unwrap_or(number);
    Some((bare(modulus), bare(exponent)))
}

/// The content of the DER value with this tag at the start of `der`, and what comes after it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let rest = der.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..0x80 => (usize::from(first), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .try_fold(0_usize, |length, digit| length.checked_mul(256)?.checked_add(usize::from(*digit)))?;
            (length, rest)
        }
    };
    rest.split_at_checked(length)
}

/// The P-256 key a grant is bound to (RFC 9449). Cloning shares it; serialised as PKCS#8 in base64url.
#[derive(Clone)]
pub(crate) struct DpopKey {
    pair: Arc<EcdsaKeyPair>,
}

impl DpopKey {
    pub(crate) fn generate() -> Result<Self, Error> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map(|pair| Self { pair: Arc::new(pair) })
            .map_err(|_| Error::Random)
    }

    pub(crate) fn public_jwk(&self) -> Result<Value, Error> {
        p256_jwk(&self.pair)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        Ok(signature.map_err(|_| Error::Key("signing failed"))?.as_ref().to_vec())
    }
}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DpopKey")
    }
}

impl Serialize for DpopKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let document = self.pair.to_pkcs8v1().map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&Zeroizing::new(jwt::base64(document.as_ref())))
    }
}

impl<'de> Deserialize<'de> for DpopKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Secret::deserialize(deserializer)?;
        let unreadable = || serde::de::Error::custom("not a P-256 key");
        let der = Base64UrlUnpadded::decode_vec(text.reveal()).map(Zeroizing::new).map_err(|_| unreadable())?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der)
            .map(|pair| Self { pair: Arc::new(pair) })
            .map_err(|_| unreadable())
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    };

    use super::*;

    const MESSAGE: &[u8] = b"header.claims";

    fn pem(der: &[u8]) -> String {
        let text = base64ct::Base64::encode_string(der);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    fn assert_verifies(algorithm: &'static dyn VerificationAlgorithm, public: &[u8], key: &AssertionKey) {
        let signature = key.sign(MESSAGE).unwrap();
        UnparsedPublicKey::new(algorithm, public).verify(MESSAGE, &signature).unwrap();
    }

    #[test]
    fn a_p256_key_signs_es256_from_pem_and_from_jwk() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = AssertionKey::from_pem(&pem(pair.to_pkcs8v1().unwrap().as_ref()), Some("k1")).unwrap();
        assert_eq!((key.algorithm(), key.kid()), ("ES256", Some("k1")));
        assert_verifies(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref(), &key);

        use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
        let scalar: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().unwrap();
        let mut jwk = key.public_jwk().unwrap();
        jwk["d"] = jwt::base64(scalar.as_ref()).into();
        let key = AssertionKey::from_jwk(&jwk.to_string()).unwrap();
        assert_eq!(key.kid(), Some("k1"));
        assert_verifies(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref(), &key);
    }

    #[test]
    fn an_ed25519_key_signs_eddsa_from_pem_and_from_jwk() {
        let pair = Ed25519KeyPair::generate().unwrap();
        let key = AssertionKey::from_pem(&pem(pair.to_pkcs8v1().unwrap().as_ref()), None).unwrap();
        assert_eq!(key.algorithm(), "EdDSA");
        assert_verifies(&ED25519, pair.public_key().as_ref(), &key);

        use aws_lc_rs::encoding::{AsBigEndian, Curve25519SeedBin};
        let seed: Curve25519SeedBin<'_> = pair.seed().unwrap().as_be_bytes().unwrap();
        let mut jwk = key.public_jwk().unwrap();
        jwk["d"] = jwt::base64(seed.as_ref()).into();
        assert_verifies(&ED25519, pair.public_key().as_ref(), &AssertionKey::from_jwk(&jwk.to_string()).unwrap());
    }

    #[test]
    fn an_rsa_key_signs_ps256() {
        use aws_lc_rs::encoding::AsDer;
        let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let key = AssertionKey::from_pem(&pem(der.as_ref()), None).unwrap();
        assert_eq!(key.algorithm(), "PS256");
        assert_verifies(&RSA_PSS_2048_8192_SHA256, pair.public_key().as_ref(), &key);
        let jwk = key.public_jwk().unwrap();
        assert_eq!((&jwk["kty"], &jwk["e"]), (&json!("RSA"), &json!("AQAB")));
        let modulus = Base64UrlUnpadded::decode_vec(jwk["n"].as_str().unwrap()).unwrap();
        assert_eq!(modulus.len(), RSA_MODULUS_BYTES_MIN);
    }

    #[test]
    fn an_rsa_key_is_read_from_its_private_jwk() {
        use aws_lc_rs::encoding::AsDer;
        let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
        let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        // PKCS#8 is a sequence of version, algorithm and an octet string with the RSAPrivateKey.
        let (content, _) = der_value(der.as_ref(), 0x30).unwrap();
        let (_, rest) = der_value(content, 0x02).unwrap();
        let (_, rest) = der_value(rest, 0x30).unwrap();
        let (inner, _) = der_value(rest, 0x04).unwrap();
        let (content, _) = der_value(inner, 0x30).unwrap();
        let (_, mut rest) = der_value(content, 0x02).unwrap();
        let mut jwk = json!({ "kty": "RSA", "kid": "k2" });
        for member in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
            let (number, after) = der_value(rest, 0x02).unwrap();
            jwk[member] = jwt::base64(number.strip_prefix(&[0]).unwrap_or(number)).into();
            rest = after;
        }
        let key = AssertionKey::from_jwk(&jwk.to_string()).unwrap();
        assert_eq!((key.algorithm(), key.kid()), ("PS256", Some("k2")));
        assert_verifies(&RSA_PSS_2048_8192_SHA256, pair.public_key().as_ref(), &key);
    }

    #[test]
    fn a_key_of_another_curve_and_a_public_key_are_refused() {
        use aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING;
        let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        assert!(AssertionKey::from_pem(&pem(p384.to_pkcs8v1().unwrap().as_ref()), None).is_err());
        let public = AssertionKey { signer: signer(), kid: None }.public_jwk().unwrap();
        assert!(AssertionKey::from_jwk(&public.to_string()).is_err());
    }

    fn signer() -> Arc<Signer> {
        Arc::new(Signer::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()))
    }

    #[test]
    fn a_dpop_key_survives_being_written_down() {
        let key = DpopKey::generate().unwrap();
        let text = serde_json::to_string(&key).unwrap();
        let again: DpopKey = serde_json::from_str(&text).unwrap();
        assert_eq!(key.public_jwk().unwrap(), again.public_jwk().unwrap());
        assert_eq!(format!("{key:?}"), "DpopKey");
    }
}

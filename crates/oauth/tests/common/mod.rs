//! The partner kakeibo, who can keep every rule and break each one.

// Each test file uses its own part of this; outside test functions too, failing loudly is right.
#![allow(dead_code, clippy::unwrap_used)]

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use renkei_oauth::jose::{Algorithm, KeySet, SigningKey};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://bank.example/1001";
pub const CLIENT: &str = "kakeibo";
pub const NOW: i64 = 1_790_000_000;

pub static ES256: LazyLock<SigningKey> = LazyLock::new(es256);
pub static PS256: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::from_pkcs8(Algorithm::Ps256, &rsa_pkcs8(KeySize::Rsa2048)).unwrap());
pub static EDDSA: LazyLock<SigningKey> = LazyLock::new(|| {
    let der = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).unwrap();
    SigningKey::from_pkcs8(Algorithm::EdDsa, der.as_ref()).unwrap()
});

/// A fresh ES256 key.
pub fn es256() -> SigningKey {
    SigningKey::from_pkcs8(Algorithm::Es256, &es256_pkcs8()).unwrap()
}

pub fn es256_pkcs8() -> Vec<u8> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap().as_ref().to_vec()
}

pub fn rsa_pkcs8(size: KeySize) -> Vec<u8> {
    let pair = RsaKeyPair::generate(size).unwrap();
    let der: Pkcs8V1Der<'static> = pair.as_der().unwrap();
    der.as_ref().to_vec()
}

pub fn key_set(keys: &[&SigningKey]) -> KeySet {
    let keys: Vec<Value> = keys.iter().map(|key| key.to_public_jwk().to_json()).collect();
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// The claims of a good assertion.
pub fn assertion_claims() -> Value {
    json!({"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "jti": "a-1", "iat": NOW, "exp": NOW + 60})
}

/// `claims` with some members set anew; `null` in `changes` takes a member away.
pub fn with(claims: Value, changes: Value) -> Value {
    let mut claims = claims;
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

/// A compact JWS of these texts, signed with this key whatever the header says.
pub fn sign_text(key: &SigningKey, header: &str, claims: &str) -> String {
    // A signature over the right bytes comes from signing the texts as raw JSON.
    let header: Box<serde_json::value::RawValue> = serde_json::value::RawValue::from_string(header.into()).unwrap();
    let claims: Box<serde_json::value::RawValue> = serde_json::value::RawValue::from_string(claims.into()).unwrap();
    key.sign_with_header(&header, &claims).unwrap()
}

pub fn b64(text: &str) -> String {
    Base64UrlUnpadded::encode_string(text.as_bytes())
}

pub fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A form body of these pairs.
pub fn body(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}", percent(value))).collect::<Vec<_>>().join("&")
}

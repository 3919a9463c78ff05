//! Private keys of the demo's partner products, as JSON Web Keys (RFC 7517) with what a client library wants to know.

use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Map, Value, json};
use x509_parser::der_parser::ber::BerObjectContent;
use x509_parser::der_parser::der::{DerObject, parse_der};

use crate::commands::CommandError;

/// The names of an RSA private key's numbers in RFC 7518 §6.3, in the order of `RSAPrivateKey` (RFC 8017 A.1.2).
const RSA_MEMBERS: [&str; 8] = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
/// The members of a JSON Web Key that are secret.
const SECRET_MEMBERS: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

/// A new private key for this algorithm, ES256 or PS256.
///
/// # Errors
/// When the library can't make or write one.
pub fn generate(algorithm: &str, kid: &str) -> Result<Value, CommandError> {
    let numbers = if algorithm == "PS256" { rsa() } else { p256() };
    let mut jwk = numbers.ok_or_else(|| CommandError::Unavailable("a demo key could not be made".into()))?;
    jwk.extend([("alg".into(), json!(algorithm)), ("kid".into(), json!(kid)), ("use".into(), json!("sig"))]);
    Ok(Value::Object(jwk))
}

/// The same P-256 key as PKCS#8, for a certificate of it; `None` for a key of another kind.
#[must_use]
pub fn pkcs8(private: &Value) -> Option<Vec<u8>> {
    let member = |name: &str| Base64UrlUnpadded::decode_vec(private.get(name)?.as_str()?).ok();
    let point = [vec![4], member("x")?, member("y")?].concat();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &member("d")?, &point).ok()?;
    Some(pair.to_pkcs8v1().ok()?.as_ref().to_vec())
}

/// The public half.
#[must_use]
pub fn public_half(private: &Value) -> Value {
    let members = private.as_object().into_iter().flatten();
    let public = members.filter(|(name, _)| !SECRET_MEMBERS.contains(&name.as_str()));
    Value::Object(public.map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn p256() -> Option<Map<String, Value>> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?;
    let secret: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().ok()?;
    let point = pair.public_key().as_ref();
    let members = [
        ("kty", json!("EC")),
        ("crv", json!("P-256")),
        ("x", number(point.get(1..33)?)),
        ("y", number(point.get(33..65)?)),
        ("d", number(secret.as_ref())),
    ];
    Some(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn rsa() -> Option<Map<String, Value>> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).ok()?;
    let document: Pkcs8V1Der<'_> = pair.as_der().ok()?;
    let (_, outer) = parse_der(document.as_ref()).ok()?;
    // PrivateKeyInfo: version, algorithm, and the key inside an octet string (RFC 5208 §5).
    let inner = outer.as_sequence().ok()?.get(2)?.as_slice().ok()?;
    let (_, key) = parse_der(inner).ok()?;
    let mut members = Map::from_iter([("kty".to_owned(), json!("RSA"))]);
    // The first number is the version.
    for (name, value) in RSA_MEMBERS.into_iter().zip(key.as_sequence().ok()?.iter().skip(1)) {
        members.insert(name.to_owned(), integer(value)?);
    }
    Some(members)
}

fn integer(object: &DerObject<'_>) -> Option<Value> {
    let BerObjectContent::Integer(bytes) = object.content else { return None };
    // DER puts a zero in front of a number whose first bit is set; base64urlUInt does not.
    Some(number(bytes.strip_prefix(&[0]).unwrap_or(bytes)))
}

fn number(bytes: &[u8]) -> Value {
    Value::String(Base64UrlUnpadded::encode_string(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use renkei_client::AssertionKey;

    #[test]
    fn clients_can_use_the_keys_and_the_public_half_keeps_the_secret() {
        for (algorithm, members) in [("ES256", 7), ("PS256", 5)] {
            let private = generate(algorithm, "kakeibo-1").unwrap();
            let key = AssertionKey::from_jwk(&private.to_string()).unwrap();
            assert_eq!((key.algorithm(), key.kid()), (algorithm, Some("kakeibo-1")));
            let public = public_half(&private);
            assert_eq!(public, key.public_jwk().unwrap());
            assert!(public.get("d").is_none() && public.as_object().unwrap().len() < members + 2, "{public}");
        }
    }
}

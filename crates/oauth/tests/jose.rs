//! Keys, signatures and parsers: vectors, limits, a second implementation, and arbitrary input.

// Helpers outside the test functions may fail loudly too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use aws_lc_rs::rsa::KeySize;
use common::*;
use jsonwebtoken::{DecodingKey, EncodingKey, Validation};
use proptest::prelude::*;
use renkei_oauth::client_auth::{ASSERTION_TYPE, PresentedAssertion};
use renkei_oauth::dpop::{self, Target};
use renkei_oauth::form::Form;
use renkei_oauth::jose::{
    Algorithm, JoseFault, Jwk, JwkFault, Jws, KeySet, MAX_KEY_SET_BYTES, MAX_KEYS, SigningKey, VerifyingKey,
};
use renkei_oauth::json::{JsonFault, Object};
use serde_json::{Value, json};

fn read(jwk: &Value) -> Result<Jwk, JwkFault> {
    Jwk::read(&Object::parse(jwk.to_string().as_bytes()).unwrap())
}

fn parse_set(keys: &[Value]) -> Result<KeySet, JwkFault> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

#[test]
fn the_rsa_key_of_rfc_7638_has_its_thumbprint() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZC\
             iFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgn\
             Yb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw\
             0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let jwk = json!({"kty": "RSA", "n": n, "e": "AQAB", "kid": "2011-04-29"});
    assert_eq!(read(&jwk).unwrap().thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn the_ed25519_key_of_rfc_8037_has_its_thumbprint() {
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    assert_eq!(read(&jwk).unwrap().thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn r_015_keys_of_the_wrong_strength_are_refused() {
    let modulus = |bits: usize| {
        let mut bytes = vec![0xff; bits.div_ceil(8)];
        bytes[0] >>= bytes.len() * 8 - bits;
        <base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(&bytes)
    };
    let rsa = |bits, e: &str| read(&json!({"kty": "RSA", "n": modulus(bits), "e": e}));
    for bits in [512, 1024, 2047, 4097, 16_384] {
        assert_eq!(rsa(bits, "AQAB"), Err(JwkFault::RsaSize), "{bits}");
    }
    for bits in [2048, 3072, 4096] {
        assert!(rsa(bits, "AQAB").is_ok(), "{bits}");
    }
    // 3, 1, 65536, and one of five bytes.
    for e in ["Aw", "AQ", "AQAA", "AQAAAAE"] {
        assert_eq!(rsa(2048, e), Err(JwkFault::Material), "{e}");
    }
    assert_eq!(rsa(2048, "AAEAAQ"), Err(JwkFault::Material));
}

#[test]
fn a_044_a_point_off_the_curve_is_refused() {
    let zero = b64(&"\0".repeat(32));
    for (x, y) in [(zero.clone(), zero.clone()), (b64(&"x".repeat(32)), zero.clone())] {
        let jwk = read(&json!({"kty": "EC", "crv": "P-256", "x": x, "y": y})).unwrap();
        assert!(matches!(VerifyingKey::new(&jwk), Err(JwkFault::Material)));
    }
    let short = json!({"kty": "EC", "crv": "P-256", "x": b64("short"), "y": zero});
    assert_eq!(read(&short), Err(JwkFault::Material));
}

#[test]
fn keys_for_something_else_are_passed_over_and_the_rest_is_used() {
    let good = ES256.to_public_jwk().to_json();
    let others = [
        with(good.clone(), json!({"use": "enc"})),
        with(good.clone(), json!({"alg": "ES384"})),
        with(good.clone(), json!({"alg": "PS256"})),
        with(good.clone(), json!({"key_ops": ["sign"]})),
        with(good.clone(), json!({"crv": "P-384"})),
        with(PS256.to_public_jwk().to_json(), json!({"alg": "RS256"})),
        json!({"kty": "OKP", "crv": "X25519", "x": "AAAA"}),
        json!({"kty": "future"}),
    ];
    assert!(parse_set(&others).unwrap().is_empty());
    let mut keys = others.to_vec();
    keys.push(with(good, json!({"key_ops": ["verify"], "x5u": "https://evil.example", "ext": true})));
    assert!(!parse_set(&keys).unwrap().is_empty());
}

#[test]
fn a_key_set_with_a_private_or_broken_key_is_refused_as_a_whole() {
    let good = ES256.to_public_jwk().to_json();
    let private = with(good.clone(), json!({"d": "AAAA"}));
    assert_eq!(parse_set(&[good.clone(), private]).unwrap_err(), JwkFault::Private);
    let broken = with(good.clone(), json!({"x": "AAAA"}));
    assert_eq!(parse_set(&[good.clone(), broken]).unwrap_err(), JwkFault::Material);
    assert_eq!(parse_set(&[good, json!("key")]).unwrap_err(), JsonFault::WrongType("keys").into());
    assert_eq!(KeySet::parse(b"{}").unwrap_err(), JsonFault::Missing("keys").into());
    assert_eq!(KeySet::parse(b"[]").unwrap_err(), JsonFault::Malformed.into());
}

#[test]
fn a_044_a_key_set_has_limits() {
    let key = ES256.to_public_jwk().to_json();
    assert!(parse_set(&vec![key.clone(); MAX_KEYS]).is_ok());
    assert_eq!(parse_set(&vec![key; MAX_KEYS + 1]).unwrap_err(), JwkFault::SetSize);
    assert_eq!(KeySet::parse(&vec![b' '; MAX_KEY_SET_BYTES + 1]).unwrap_err(), JwkFault::SetSize);
}

#[test]
fn a_public_key_survives_json() {
    for key in [&*ES256, &*PS256, &*EDDSA] {
        let jwk = key.to_public_jwk();
        assert_eq!(read(&jwk.to_json()), Ok(jwk.clone()));
        assert_eq!(jwk.key_id, Some(jwk.thumbprint()));
        assert_eq!(key.algorithm(), jwk.algorithm());
    }
}

#[test]
fn a_pkcs8_key_of_another_kind_is_refused() {
    for algorithm in [Algorithm::Ps256, Algorithm::EdDsa] {
        assert_eq!(SigningKey::from_pkcs8(algorithm, &es256_pkcs8()).unwrap_err(), JoseFault::SigningKey);
    }
    assert!(SigningKey::from_pkcs8(Algorithm::Es256, &rsa_pkcs8(KeySize::Rsa2048)).is_err());
    assert!(SigningKey::from_pkcs8(Algorithm::Es256, b"").is_err());
}

#[test]
fn a_signing_key_does_not_show_itself() {
    assert_eq!(format!("{:?}", *ES256).matches("key_id").count(), 1);
    assert!(!format!("{:?}", *ES256).contains("EcdsaKeyPair"));
}

/// jsonwebtoken's name for an algorithm.
fn peer(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Ps256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
    }
}

#[test]
fn another_implementation_verifies_what_is_signed_here() {
    for key in [&*ES256, &*PS256, &*EDDSA] {
        let text = key.sign(Some("x+jwt"), &json!({"a": 1})).unwrap();
        let jwk: jsonwebtoken::jwk::Jwk = serde_json::from_value(key.to_public_jwk().to_json()).unwrap();
        let mut validation = Validation::new(peer(key.algorithm()));
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        let token = jsonwebtoken::decode::<Value>(&text, &DecodingKey::from_jwk(&jwk).unwrap(), &validation).unwrap();
        assert_eq!(token.claims, json!({"a": 1}));
        assert_eq!(token.header.typ.as_deref(), Some("x+jwt"));
        assert_eq!(token.header.kid, key.to_public_jwk().key_id);
    }
}

#[test]
fn what_another_implementation_signed_is_verified_here() {
    let der = es256_pkcs8();
    let key = SigningKey::from_pkcs8(Algorithm::Es256, &der).unwrap();
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
    let text = jsonwebtoken::encode(&header, &json!({"a": 1}), &EncodingKey::from_ec_der(&der)).unwrap();
    let jws = Jws::parse(&text).unwrap();
    assert_eq!(key_set(&[&key]).verify(&jws), Ok(()));
    assert_eq!(key_set(&[&ES256]).verify(&jws), Err(JoseFault::Signature));
    assert_eq!(key_set(&[&PS256]).verify(&jws), Err(JoseFault::NoKey));
}

#[test]
fn r_175_a_verifying_key_is_tied_to_its_algorithm() {
    let text = ES256.sign(None, &json!({})).unwrap();
    let jws = Jws::parse(&text).unwrap();
    let key = VerifyingKey::new(&EDDSA.to_public_jwk()).unwrap();
    assert_eq!(key.verify(&jws), Err(JoseFault::Algorithm));
}

#[test]
fn a_jws_does_not_show_its_signature() {
    let text = ES256.sign(None, &json!({"jti": "secret"})).unwrap();
    let shown = format!("{:?}", Jws::parse(&text).unwrap());
    assert!(!shown.contains("secret") && !shown.contains(text.rsplit('.').next().unwrap()), "{shown}");
}

proptest! {
    #[test]
    fn no_text_makes_a_jws_parser_panic(text in "[A-Za-z0-9_.=+/ -]{0,300}") {
        let _ = Jws::parse(&text);
        let target = Target { method: "POST", url: ISSUER, access_token: None };
        prop_assert!(dpop::check(&text, &target, NOW).is_err());
    }

    #[test]
    fn no_header_or_claims_make_the_checks_panic(header in "\\PC{0,80}", claims in "\\PC{0,80}", now: i64) {
        let text = format!("{}.{}.AAAA", b64(&header), b64(&claims));
        let form = body(&[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &text)]);
        let form = Form::parse(form.as_bytes()).unwrap();
        if let Ok(presented) = PresentedAssertion::from_form(&form, false) {
            prop_assert!(presented.verify(&KeySet::default(), None, ISSUER, now).is_err());
        }
    }

    #[test]
    fn no_bytes_make_the_json_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Object::parse(&bytes);
        let _ = KeySet::parse(&bytes);
    }

    #[test]
    fn no_clock_makes_an_honest_assertion_panic(now: i64, exp in 0_i64..253_402_300_800) {
        let claims = with(assertion_claims(), json!({"exp": exp, "iat": exp}));
        let text = EDDSA.sign(None, &claims).unwrap();
        let form = body(&[("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &text)]);
        let form = Form::parse(form.as_bytes()).unwrap();
        let presented = PresentedAssertion::from_form(&form, false).unwrap();
        if let Ok(verified) = presented.verify(&key_set(&[&EDDSA]), None, ISSUER, now) {
            prop_assert!(now < exp && verified.expires_at == exp);
        }
    }
}

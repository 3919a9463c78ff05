//! `private_key_jwt`: what is accepted, and every way of breaking it.

// Helpers outside the test functions may fail loudly too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::*;
use renkei_oauth::client_auth::{
    ASSERTION_TYPE, ClientAuthFault, INVALID_CLIENT, MAX_JTI_BYTES, PresentedAssertion, VerifiedAssertion,
};
use renkei_oauth::error::OAuthError;
use renkei_oauth::form::Form;
use renkei_oauth::jose::{Algorithm, JoseFault, KeySet, MAX_JWT_BYTES, SigningKey};
use renkei_oauth::json::JsonFault;
use serde_json::{Value, json};

type Verdict = Result<VerifiedAssertion, ClientAuthFault>;

fn form(assertion: &str, more: &[(&str, &str)]) -> Form {
    let mut pairs = vec![("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)];
    pairs.extend(more);
    Form::parse(body(&pairs).as_bytes()).unwrap()
}

/// The whole of client authentication, for kakeibo with these keys.
fn authenticate_with(keys: &KeySet, assertion: &str) -> Verdict {
    let form = form(assertion, &[("client_id", CLIENT)]);
    PresentedAssertion::from_form(&form, false)?.verify(keys, None, ISSUER, NOW)
}

fn authenticate(assertion: &str) -> Verdict {
    authenticate_with(&key_set(&[&ES256]), assertion)
}

fn with_claims(changes: Value) -> Verdict {
    authenticate(&ES256.sign(None, &with(assertion_claims(), changes)).unwrap())
}

/// Signed by kakeibo's ES256 key under a header with these changes.
fn with_header(changes: Value) -> Verdict {
    let kid = ES256.to_public_jwk().key_id;
    let header = with(json!({"alg": "ES256", "kid": kid}), changes);
    authenticate(&ES256.sign_with_header(&header, &assertion_claims()).unwrap())
}

#[test]
fn a_good_assertion_of_each_algorithm_is_accepted() {
    for key in [&*ES256, &*PS256, &*EDDSA] {
        let assertion = key.sign(None, &assertion_claims()).unwrap();
        let verified = authenticate_with(&key_set(&[key]), &assertion).unwrap();
        assert_eq!(verified.client_id, CLIENT);
        assert_eq!(verified.expires_at, NOW + 60);
        assert!(verified.replay.remember_until > verified.expires_at);
    }
}

#[test]
fn the_algorithm_name_of_rfc_9864_is_accepted() {
    let header = json!({"alg": "Ed25519"});
    let assertion = EDDSA.sign_with_header(&header, &assertion_claims()).unwrap();
    assert!(authenticate_with(&key_set(&[&EDDSA]), &assertion).is_ok());
}

#[test]
fn r_046_an_audience_array_is_refused() {
    let wrong = ClientAuthFault::from(JsonFault::WrongType("aud"));
    assert_eq!(with_claims(json!({"aud": [ISSUER]})), Err(wrong));
    assert_eq!(with_claims(json!({"aud": [ISSUER, "https://other.example"]})), Err(wrong));
}

#[test]
fn r_046_a_037_an_endpoint_url_or_another_issuer_is_no_audience() {
    for path in ["/token", "/par", "/"] {
        assert_eq!(with_claims(json!({"aud": format!("{ISSUER}{path}")})), Err(ClientAuthFault::Audience));
    }
    assert_eq!(with_claims(json!({"aud": "https://bank.example/1002"})), Err(ClientAuthFault::Audience));
    assert_eq!(with_claims(json!({"aud": null})), Err(JsonFault::Missing("aud").into()));
}

#[test]
fn r_047_iss_and_sub_are_the_client() {
    assert_eq!(with_claims(json!({"sub": null})), Err(JsonFault::Missing("sub").into()));
    assert_eq!(with_claims(json!({"iss": null})), Err(JsonFault::Missing("iss").into()));
    assert_eq!(with_claims(json!({"iss": "other"})), Err(ClientAuthFault::Issuer));
}

#[test]
fn a_040_r_047_an_assertion_of_another_client_is_refused() {
    assert_eq!(with_claims(json!({"iss": "other", "sub": "other"})), Err(ClientAuthFault::OtherClientId));
}

#[test]
fn the_form_client_id_may_be_left_out() {
    let assertion = ES256.sign(None, &assertion_claims()).unwrap();
    let form = form(&assertion, &[]);
    let presented = PresentedAssertion::from_form(&form, false).unwrap();
    assert_eq!(presented.unverified_client_id(), CLIENT);
    assert!(presented.verify(&key_set(&[&ES256]), None, ISSUER, NOW).is_ok());
}

#[test]
fn r_048_exp_is_required_ahead_and_at_most_five_minutes_off() {
    assert_eq!(with_claims(json!({"exp": null})), Err(JsonFault::Missing("exp").into()));
    assert_eq!(with_claims(json!({"exp": NOW})), Err(ClientAuthFault::Expired));
    assert_eq!(with_claims(json!({"exp": NOW - 300})), Err(ClientAuthFault::Expired));
    assert!(with_claims(json!({"exp": NOW + 300})).is_ok());
    assert_eq!(with_claims(json!({"exp": NOW + 301})), Err(ClientAuthFault::Lifetime));
    assert_eq!(with_claims(json!({"exp": NOW + 301, "iat": null})), Err(ClientAuthFault::Lifetime));
    assert_eq!(with_claims(json!({"exp": 253_402_300_799_i64, "iat": NOW})), Err(ClientAuthFault::Lifetime));
}

#[test]
fn r_048_a_client_eight_seconds_fast_may_use_the_whole_lifetime() {
    assert!(with_claims(json!({"iat": NOW + 8, "exp": NOW + 308})).is_ok());
    assert_eq!(with_claims(json!({"iat": NOW + 30, "exp": NOW + 331})), Err(ClientAuthFault::Lifetime));
}

#[test]
fn r_049_two_assertions_leave_two_traces_and_one_assertion_one() {
    let one = with_claims(json!({})).unwrap().replay;
    assert_eq!(with_claims(json!({})).unwrap().replay.digest, one.digest);
    assert_ne!(with_claims(json!({"jti": "a-2"})).unwrap().replay.digest, one.digest);
}

#[test]
fn r_049_a_missing_empty_or_huge_jti_is_refused() {
    assert_eq!(with_claims(json!({"jti": null})), Err(JsonFault::Missing("jti").into()));
    assert_eq!(with_claims(json!({"jti": ""})), Err(ClientAuthFault::Jti));
    assert_eq!(with_claims(json!({"jti": "j".repeat(MAX_JTI_BYTES + 1)})), Err(ClientAuthFault::Jti));
    assert!(with_claims(json!({"jti": "j".repeat(MAX_JTI_BYTES)})).is_ok());
}

#[test]
fn r_050_eight_seconds_ahead_is_accepted_and_sixty_one_refused() {
    for name in ["iat", "nbf"] {
        for ahead in [0, 8, 10, 30] {
            assert!(with_claims(json!({name: NOW + ahead})).is_ok(), "{name} {ahead}");
        }
        for ahead in [31, 61] {
            assert_eq!(with_claims(json!({name: NOW + ahead, "exp": NOW + 90})), Err(ClientAuthFault::Future));
        }
    }
}

#[test]
fn r_051_rs256_is_refused_with_the_right_key() {
    let header = json!({"alg": "RS256"});
    let assertion = PS256.sign_with_header(&header, &assertion_claims()).unwrap();
    let verdict = authenticate_with(&key_set(&[&PS256]), &assertion);
    assert_eq!(verdict, Err(JoseFault::Algorithm.into()));
}

#[test]
fn r_052_a_029_a_key_in_the_header_is_not_used() {
    let attacker = es256();
    let jwk = attacker.to_public_jwk().to_json();
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert")),
        ("x5c", json!(["MIIB"])),
    ] {
        let header = json!({"alg": "ES256", name: value});
        let assertion = attacker.sign_with_header(&header, &assertion_claims()).unwrap();
        assert_eq!(authenticate(&assertion), Err(JoseFault::Signature.into()), "{name}");
    }
}

#[test]
fn r_053_a_031_a_jwt_of_another_kind_is_refused() {
    for typ in ["client-authentication+jwt", "Client-Authentication+JWT", "JWT"] {
        assert!(with_header(json!({"typ": typ})).is_ok(), "{typ}");
    }
    for typ in ["at+jwt", "dpop+jwt", "oauth-authz-req+jwt", "token-introspection+jwt", "jwk-set+json", ""] {
        assert_eq!(with_header(json!({"typ": typ})), Err(ClientAuthFault::Typ), "{typ}");
    }
}

#[test]
fn r_054_a_041_a_second_method_is_refused() {
    let assertion = ES256.sign(None, &assertion_claims()).unwrap();
    let with_secret = form(&assertion, &[("client_secret", "x")]);
    let plain = form(&assertion, &[]);
    for (form, authorization_sent) in [(with_secret, false), (plain, true)] {
        let fault = PresentedAssertion::from_form(&form, authorization_sent).err().unwrap();
        assert_eq!(fault, ClientAuthFault::TwoMethods);
        assert_eq!(OAuthError::from(fault).code.as_str(), "invalid_request");
    }
}

#[test]
fn r_044_r_045_without_an_assertion_nobody_is_authenticated() {
    for pairs in [
        vec![("client_id", CLIENT)],
        vec![("client_id", CLIENT), ("client_secret", "right")],
        vec![("client_assertion", "a.b.c")],
        vec![("client_assertion", "a.b.c"), ("client_assertion_type", "urn:other")],
        vec![("client_assertion_type", ASSERTION_TYPE)],
    ] {
        let form = Form::parse(body(&pairs).as_bytes()).unwrap();
        let fault = PresentedAssertion::from_form(&form, false).err().unwrap();
        assert_eq!(fault, ClientAuthFault::NoAssertion, "{pairs:?}");
        assert_eq!(OAuthError::from(fault), INVALID_CLIENT);
    }
    let basic = Form::parse(b"grant_type=refresh_token").unwrap();
    assert_eq!(PresentedAssertion::from_form(&basic, true).err(), Some(ClientAuthFault::NoAssertion));
}

#[test]
fn r_057_every_failure_reads_the_same() {
    let assertion = ES256.sign(None, &assertion_claims()).unwrap();
    let unknown_client = authenticate_with(&KeySet::default(), &assertion).unwrap_err();
    let bad_key = authenticate_with(&key_set(&[&es256()]), &assertion).unwrap_err();
    let expired = with_claims(json!({"exp": NOW})).unwrap_err();
    assert_eq!(unknown_client, JoseFault::NoKey.into());
    for fault in [unknown_client, bad_key, expired] {
        assert_eq!(OAuthError::from(fault), INVALID_CLIENT);
    }
}

#[test]
fn only_the_registered_algorithm_is_accepted() {
    let assertion = ES256.sign(None, &assertion_claims()).unwrap();
    let form = form(&assertion, &[]);
    let presented = PresentedAssertion::from_form(&form, false).unwrap();
    let keys = key_set(&[&ES256]);
    assert!(presented.verify(&keys, Some(Algorithm::Es256), ISSUER, NOW).is_ok());
    let verdict = presented.verify(&keys, Some(Algorithm::Ps256), ISSUER, NOW);
    assert_eq!(verdict, Err(ClientAuthFault::OtherAlgorithm));
}

#[test]
fn r_016_a_repeated_key_id_is_told_apart_by_algorithm_and_signature() {
    let other = es256();
    let named = |key: &SigningKey| with(key.to_public_jwk().to_json(), json!({"kid": "same"}));
    let set = json!({"keys": [named(&PS256), named(&other), named(&ES256), named(&EDDSA)]});
    let keys = KeySet::parse(set.to_string().as_bytes()).unwrap();
    for (key, alg) in [(&*ES256, "ES256"), (&*PS256, "PS256"), (&*EDDSA, "EdDSA")] {
        let header = json!({"alg": alg, "kid": "same"});
        let assertion = key.sign_with_header(&header, &assertion_claims()).unwrap();
        assert!(authenticate_with(&keys, &assertion).is_ok(), "{alg}");
    }
}

#[test]
fn a_025_r_176_alg_none_is_refused_in_every_spelling() {
    for alg in ["none", "None", "NONE", "nOnE", "", "HS256", "RS256", "ES384", "es256", "ES256 "] {
        assert_eq!(with_header(json!({"alg": alg})), Err(JoseFault::Algorithm.into()), "{alg}");
    }
    let unsigned = format!("{}.{}.", b64(r#"{"alg":"none"}"#), b64(&assertion_claims().to_string()));
    assert!(authenticate(&unsigned).is_err());
    let unsigned = format!("{}.{}.", b64(r#"{"alg":"ES256"}"#), b64(&assertion_claims().to_string()));
    assert_eq!(authenticate(&unsigned), Err(JoseFault::NotCompact.into()));
}

#[test]
fn a_026_r_176_hmac_with_the_public_key_is_refused() {
    use jsonwebtoken::{Algorithm::HS256, EncodingKey, Header, encode};
    let jwk = PS256.to_public_jwk().to_json();
    for secret in [jwk.to_string(), jwk["n"].as_str().unwrap().to_owned()] {
        let key = EncodingKey::from_secret(secret.as_bytes());
        let assertion = encode(&Header::new(HS256), &assertion_claims(), &key).unwrap();
        let verdict = authenticate_with(&key_set(&[&PS256]), &assertion);
        assert_eq!(verdict, Err(JoseFault::Algorithm.into()));
    }
}

#[test]
fn a_028_r_182_a_tricky_key_id_finds_nothing_and_harms_nothing() {
    for kid in ["' OR 1=1 --", "../../key", "a\u{0}b", "🔑", "", "*", "%"] {
        assert_eq!(with_header(json!({"kid": kid})), Err(JoseFault::NoKey.into()), "{kid:?}");
    }
    assert_eq!(with_header(json!({"kid": "k".repeat(129)})), Err(JoseFault::KeyId.into()));
    for kid in [json!(1), json!(["a"]), json!({"a": 1}), json!(true)] {
        assert_eq!(with_header(json!({"kid": kid})), Err(JsonFault::WrongType("kid").into()));
    }
}

#[test]
fn a_032_r_180_a_claim_of_the_wrong_type_is_refused() {
    let claims = |name: &str, value: &str| {
        let text = with(assertion_claims(), json!({name: null})).to_string();
        format!("{},\"{name}\":{value}}}", text.strip_suffix('}').unwrap())
    };
    let refuse = |name: &str, value: &str| {
        let assertion = sign_text(&ES256, r#"{"alg":"ES256"}"#, &claims(name, value));
        assert!(authenticate(&assertion).is_err(), "{name}: {value}");
    };
    for value in ["\"9999999999\"", "-1", "null", "[]", "{}", "true", "1e300", "99999999999999999999"] {
        for name in ["exp", "iat", "nbf"] {
            refuse(name, value);
        }
    }
    for value in ["1", "null", "[]", "{}", "true", "\"\""] {
        for name in ["iss", "sub", "aud", "jti"] {
            refuse(name, value);
        }
    }
    let good = sign_text(&ES256, r#"{"alg":"ES256"}"#, &claims("iat", &format!("{NOW}.5")));
    assert!(authenticate(&good).is_ok());
}

#[test]
fn a_034_r_177_json_serialisation_and_jwe_are_refused() {
    let assertion = ES256.sign(None, &assertion_claims()).unwrap();
    let [protected, payload, signature] = assertion.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let flattened = json!({"protected": protected, "payload": payload, "signature": signature}).to_string();
    let jwe = format!("{}.a.b.c.d", b64(r#"{"alg":"ECDH-ES","enc":"A256GCM"}"#));
    for text in [flattened, jwe, format!("{assertion}.{signature}")] {
        assert_eq!(authenticate(&text), Err(JoseFault::NotCompact.into()), "{text}");
    }
}

#[test]
fn a_035_r_178_lax_encodings_are_refused() {
    let assertion = ES256.sign(None, &assertion_claims()).unwrap();
    let [header, payload, signature] = assertion.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let with_standard_alphabet = signature.replace('-', "+").replace('_', "/");
    let mut spellings = vec![
        format!("{assertion}="),
        format!("{assertion}=="),
        format!(" {assertion}"),
        format!("{assertion}\n"),
        format!("{header}\r\n.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}."),
        format!(".{header}.{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        header.to_owned(),
        "..".to_owned(),
    ];
    if with_standard_alphabet != signature {
        spellings.push(format!("{header}.{payload}.{with_standard_alphabet}"));
    }
    for text in spellings {
        assert_eq!(authenticate(&text), Err(JoseFault::NotCompact.into()), "{text:?}");
    }
}

#[test]
fn a_035_a_second_spelling_of_a_signature_is_refused() {
    // 64 bytes leave four unused bits in the last character; setting them must not pass.
    let assertion = ES256.sign(None, &assertion_claims()).unwrap();
    let last = assertion.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let text = format!("{}{next}", &assertion[..assertion.len() - 1]);
    assert_eq!(authenticate(&text), Err(JoseFault::NotCompact.into()));
}

#[test]
fn r_179_crit_and_repeated_members_are_refused() {
    assert_eq!(with_header(json!({"crit": ["exp"]})), Err(JoseFault::Critical.into()));
    assert_eq!(with_header(json!({"crit": [], "b64": false})), Err(JoseFault::Critical.into()));
    let claims = assertion_claims().to_string();
    let twice = sign_text(&ES256, r#"{"alg":"none","alg":"ES256"}"#, &claims);
    assert_eq!(authenticate(&twice), Err(JsonFault::Malformed.into()));
    let claims = format!("{{\"sub\":\"other\",{}", &claims[1..]);
    let twice = sign_text(&ES256, r#"{"alg":"ES256"}"#, &claims);
    assert_eq!(authenticate(&twice), Err(JsonFault::Malformed.into()));
}

#[test]
fn r_184_a_jwt_over_16_kib_is_refused_before_it_is_decoded() {
    let text = ".".repeat(MAX_JWT_BYTES + 1);
    assert_eq!(authenticate(&text), Err(JoseFault::TooLarge.into()));
    let assertion = ES256.sign(None, &with(assertion_claims(), json!({"x": "y".repeat(12_500)}))).unwrap();
    assert!(assertion.len() > MAX_JWT_BYTES);
    assert_eq!(authenticate(&assertion), Err(JoseFault::TooLarge.into()));
}

#[test]
fn a_broken_signature_or_changed_claim_is_refused() {
    let assertion = ES256.sign(None, &assertion_claims()).unwrap();
    let (signed, _) = assertion.rsplit_once('.').unwrap();
    let other = ES256.sign(None, &with(assertion_claims(), json!({"jti": "a-2"}))).unwrap();
    let (_, foreign) = other.rsplit_once('.').unwrap();
    assert_eq!(authenticate(&format!("{signed}.{foreign}")), Err(JoseFault::Signature.into()));
    for length in [1, 63, 65, 72] {
        let signature = b64(&"s".repeat(length));
        assert_eq!(authenticate(&format!("{signed}.{signature}")), Err(JoseFault::Signature.into()));
    }
}

//! Signed request objects: what is accepted, and every way of breaking one.

// Helpers outside the test functions may fail loudly too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use common::*;
use renkei_oauth::acr::Acr;
use renkei_oauth::client_auth::MAX_JTI_BYTES;
use renkei_oauth::error::{ErrorCode, OAuthError};
use renkei_oauth::form::Form;
use renkei_oauth::jose::{Algorithm, JoseFault, KeySet, MAX_JWT_BYTES, SigningKey};
use renkei_oauth::json::JsonFault;
use renkei_oauth::request::{ClientPolicy, PARAMETERS, Parameters, PushedRequest, check_pushed_request};
use renkei_oauth::request_object::{RequestObjectFault as Fault, Signer, TYP, take_parameters, verify};
use serde_json::{Value, json};

const CALLBACK: &str = "https://kakeibo.example/callback";
const RESOURCE: &str = "https://bank.example/1001/api/v1";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

type Verdict = Result<Parameters, Fault>;

fn claims() -> Value {
    json!({
        "iss": CLIENT, "aud": ISSUER, "nbf": NOW, "exp": NOW + 300, "iat": NOW,
        "client_id": CLIENT, "response_type": "code", "redirect_uri": CALLBACK, "scope": "balances", "state": "inside",
        "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    })
}

fn verify_with(keys: &[&SigningKey], algorithm: Algorithm, text: &str) -> Verdict {
    let keys = key_set(keys);
    verify(text, &Signer { client_id: CLIENT, keys: &keys, algorithm: Some(algorithm) }, ISSUER, NOW)
}

fn verified(text: &str) -> Verdict {
    verify_with(&[&ES256], Algorithm::Es256, text)
}

fn with_claims(changes: Value) -> Verdict {
    verified(&ES256.sign(Some(TYP), &with(claims(), changes)).unwrap())
}

fn with_header(changes: Value) -> Verdict {
    let header = with(json!({"alg": "ES256", "kid": ES256.to_public_jwk().key_id}), changes);
    verified(&ES256.sign_with_header(&header, &claims()).unwrap())
}

/// What a push of this form comes to.
fn push(pairs: &[(&str, &str)]) -> Result<PushedRequest, OAuthError> {
    let form = Form::parse(body(pairs).as_bytes()).unwrap();
    let keys = key_set(&[&ES256]);
    let signer = Signer { client_id: CLIENT, keys: &keys, algorithm: Some(Algorithm::Es256) };
    let parameters = take_parameters(&form, &signer, ISSUER, NOW)?;
    let (redirect_uris, scopes) = ([CALLBACK.to_owned()], ["balances".to_owned(), "transactions".to_owned()]);
    let policy = ClientPolicy {
        client_id: CLIENT,
        redirect_uris: &redirect_uris,
        scopes: &scopes,
        resources: &[RESOURCE.to_owned()],
        strongest: Acr::Certificate,
    };
    check_pushed_request(&parameters, &policy, None)
}

fn push_signed(changes: Value, outside: &[(&str, &str)]) -> Result<PushedRequest, OAuthError> {
    let object = ES256.sign(Some(TYP), &with(claims(), changes)).unwrap();
    let mut pairs = vec![("request", object.as_str())];
    pairs.extend(outside);
    push(&pairs)
}

fn code_of(pushed: Result<PushedRequest, OAuthError>) -> &'static str {
    pushed.err().map_or("accepted", |error| error.code.as_str())
}

#[test]
fn a_signed_request_of_each_algorithm_goes_through_the_checks_of_a_plain_one() {
    for key in [&*ES256, &*PS256, &*EDDSA] {
        let text = key.sign(Some(TYP), &claims()).unwrap();
        assert!(verify_with(&[key], key.algorithm(), &text).unwrap().are_signed());
    }
    let request = push_signed(json!({}), &[]).unwrap();
    assert_eq!((request.signed, request.state.as_deref()), (true, Some("inside")));
    assert_eq!(code_of(push_signed(json!({"redirect_uri": "https://evil.example/"}), &[])), "invalid_request");
    assert_eq!(code_of(push_signed(json!({"scope": "payments"}), &[])), "invalid_scope");
    assert_eq!(code_of(push_signed(json!({"response_type": "token"}), &[])), "unsupported_response_type");
    assert_eq!(code_of(push_signed(json!({"code_challenge_method": "plain"}), &[])), "invalid_request");
}

#[test]
fn r_077_what_stands_outside_the_object_is_never_merged() {
    let outside = [("state", "outside"), ("redirect_uri", "https://evil.example/"), ("dpop_jkt", "x"), ("nonce", "n")];
    assert_eq!(push_signed(json!({}), &outside), push_signed(json!({}), &[]));
    assert_eq!(push_signed(json!({"state": null}), &outside).unwrap().state, None);
    assert_eq!(code_of(push_signed(json!({"redirect_uri": null}), &[("redirect_uri", CALLBACK)])), "invalid_request");
    assert_eq!(code_of(push_signed(json!({}), &[("client_id", "other")])), "invalid_request");
    assert!(push_signed(json!({}), &[("client_id", CLIENT)]).is_ok());
}

#[test]
fn r_059_a_request_uri_inside_or_outside_is_invalid_request() {
    let urn = "urn:ietf:params:oauth:request_uri:x";
    assert_eq!(code_of(push_signed(json!({"request_uri": urn}), &[])), "invalid_request");
    assert_eq!(code_of(push_signed(json!({"request_uri": 1}), &[])), "invalid_request");
    assert_eq!(code_of(push_signed(json!({}), &[("request_uri", urn)])), "invalid_request");
}

#[test]
fn a_request_object_holds_no_other() {
    let inner = ES256.sign(Some(TYP), &claims()).unwrap();
    assert_eq!(with_claims(json!({"request": inner})).err(), Some(Fault::Nested));
    assert_eq!(with_claims(json!({"request": {}})).err(), Some(Fault::Nested));
}

#[test]
fn r_056_what_is_signed_is_known_by_the_signature_and_not_by_a_parameter() {
    let plain = [
        ("client_id", CLIENT),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let with = |name, value| push(&[plain.as_slice(), &[(name, value)]].concat());
    assert!(!push(&plain).unwrap().signed);
    assert!(!with("request", "").unwrap().signed);
    assert!(!with("signed", "true").unwrap().signed);
    assert_eq!(code_of(with("request", "e30.e30.e30")), "invalid_request_object");
}

#[test]
fn r_074_aud_is_the_issuer_or_contains_it() {
    for aud in [json!(ISSUER), json!([ISSUER]), json!(["https://other.example", ISSUER])] {
        assert!(with_claims(json!({"aud": aud})).is_ok(), "{aud}");
    }
    let others = ["https://other.example".to_owned(), format!("{ISSUER}/par"), format!("{ISSUER}/"), String::new()];
    for aud in others {
        assert_eq!(with_claims(json!({"aud": aud})).err(), Some(Fault::Audience), "{aud}");
        assert_eq!(with_claims(json!({"aud": [aud]})).err(), Some(Fault::Audience), "{aud}");
    }
    assert_eq!(with_claims(json!({"aud": []})).err(), Some(Fault::Audience));
    assert_eq!(with_claims(json!({"aud": null})).err(), Some(JsonFault::Missing("aud").into()));
    for aud in [json!([ISSUER, 1]), json!({"0": ISSUER}), json!(1), json!([[ISSUER]])] {
        assert_eq!(with_claims(json!({"aud": aud})).err(), Some(JsonFault::WrongType("aud").into()), "{aud}");
    }
}

#[test]
fn r_075_nbf_and_exp_are_required_and_an_hour_at_most() {
    assert_eq!(with_claims(json!({"nbf": null})).err(), Some(JsonFault::Missing("nbf").into()));
    assert_eq!(with_claims(json!({"exp": null})).err(), Some(JsonFault::Missing("exp").into()));
    let at = |nbf: i64, exp: i64| with_claims(json!({"nbf": NOW + nbf, "exp": NOW + exp})).err();
    assert_eq!(at(-3_599, 1), None);
    assert_eq!(at(-3_600, 1), Some(Fault::Lifetime));
    assert_eq!(at(-3_601, -1), Some(Fault::Stale));
    assert_eq!(at(-4_200, 60), Some(Fault::Stale));
    assert_eq!(at(0, 3_600), None);
    assert_eq!(at(0, 3_601), Some(Fault::Lifetime));
    assert_eq!(at(0, 4_200), Some(Fault::Lifetime));
    assert_eq!(at(-60, 0), Some(Fault::Expired));
    assert_eq!(at(-600, -300), Some(Fault::Expired));
}

#[test]
fn r_050_r_075_nbf_eight_seconds_ahead_is_accepted_and_sixty_one_refused() {
    for name in ["nbf", "iat"] {
        assert!(with_claims(json!({name: NOW + 8})).is_ok(), "{name}");
        assert_eq!(with_claims(json!({name: NOW + 61})).err(), Some(Fault::Future), "{name}");
    }
    assert!(with_claims(json!({"iat": null})).is_ok());
}

#[test]
fn r_076_typ_is_absent_or_its_own_in_any_letter_case() {
    for typ in ["oauth-authz-req+jwt", "OAuth-Authz-Req+JWT", "OAUTH-AUTHZ-REQ+JWT"] {
        assert!(with_header(json!({"typ": typ})).is_ok(), "{typ}");
    }
    assert!(with_header(json!({})).is_ok());
    let others =
        ["JWT", "jwt", "", "client-authentication+jwt", "dpop+jwt", "at+jwt", "token-introspection+jwt", "jarm"];
    for typ in others {
        assert_eq!(with_header(json!({"typ": typ})).err(), Some(Fault::Typ), "{typ}");
    }
    assert_eq!(with_header(json!({"typ": "application/oauth-authz-req+jwt"})).err(), Some(Fault::Typ));
    assert_eq!(with_header(json!({"typ": 1})).err(), Some(JsonFault::WrongType("typ").into()));
}

#[test]
fn r_078_only_the_clients_own_key_and_registered_algorithm_count() {
    let other = es256();
    let by_other = other.sign(Some(TYP), &claims()).unwrap();
    assert_eq!(verified(&by_other).err(), Some(JoseFault::NoKey.into()));
    let own_kid = json!({"alg": "ES256", "kid": ES256.to_public_jwk().key_id});
    let disguised = other.sign_with_header(&own_kid, &claims()).unwrap();
    assert_eq!(verified(&disguised).err(), Some(JoseFault::Signature.into()));
    let ps256 = PS256.sign(Some(TYP), &claims()).unwrap();
    let both = [&*ES256, &*PS256];
    assert_eq!(verify_with(&both, Algorithm::Es256, &ps256).err(), Some(Fault::OtherAlgorithm));
    assert!(verify_with(&both, Algorithm::Ps256, &ps256).is_ok());
    let nothing = Signer { client_id: CLIENT, keys: &KeySet::default(), algorithm: None };
    let own = ES256.sign(Some(TYP), &claims()).unwrap();
    assert_eq!(verify(&own, &nothing, ISSUER, NOW).err(), Some(Fault::OtherAlgorithm));
    let at = own.len() - 10;
    let other = if own.get(at..=at) == Some("A") { "B" } else { "A" };
    let broken = format!("{}{other}{}", &own[..at], &own[at + 1..]);
    assert_eq!(verified(&broken).err(), Some(JoseFault::Signature.into()));
}

#[test]
fn a_025_a_026_r_051_r_078_other_algorithms_are_refused() {
    for alg in ["none", "None", "nOnE", "NONE", "RS256", "HS256", "ES384", "PS384", "", "es256"] {
        assert_eq!(with_header(json!({"alg": alg})).err(), Some(JoseFault::Algorithm.into()), "{alg}");
    }
    assert_eq!(with_header(json!({"alg": null})).err(), Some(JsonFault::Missing("alg").into()));
    let unsigned = format!("{}.{}.", b64(r#"{"alg":"none"}"#), b64(&claims().to_string()));
    assert!(verified(&unsigned).is_err());
}

#[test]
fn a_029_r_052_keys_in_the_header_are_not_used() {
    let attacker = es256();
    for name in ["jwk", "jku", "x5u", "x5c"] {
        let value = match name {
            "jwk" => attacker.to_public_jwk().to_json(),
            "x5c" => json!(["MIIB"]),
            _ => json!("https://evil.example/keys"),
        };
        let header = json!({"alg": "ES256", name: value});
        let text = attacker.sign_with_header(&header, &claims()).unwrap();
        assert_eq!(verified(&text).err(), Some(JoseFault::Signature.into()), "{name}");
    }
}

#[test]
fn r_181_a_031_what_could_be_an_assertion_is_no_request_object() {
    assert_eq!(with_claims(json!({"sub": CLIENT})).err(), Some(Fault::Subject));
    assert_eq!(with_claims(json!({"sub": 1})).err(), Some(Fault::Subject));
    let assertion = ES256.sign(None, &assertion_claims()).unwrap();
    assert_eq!(verified(&assertion).err(), Some(Fault::Subject));
}

#[test]
fn iss_is_the_client() {
    assert_eq!(with_claims(json!({"iss": "other"})).err(), Some(Fault::Issuer));
    assert_eq!(with_claims(json!({"iss": null})).err(), Some(JsonFault::Missing("iss").into()));
    assert_eq!(code_of(push_signed(json!({"client_id": "other"}), &[])), "invalid_request");
}

#[test]
fn r_180_a_032_a_claim_of_the_wrong_type_is_refused_and_never_absent() {
    for name in ["nbf", "exp", "iat"] {
        for value in ["\"9999999999\"", "-1", "null", "[]", "{}", "true"] {
            let mut claims = claims();
            claims[name] = serde_json::from_str(value).unwrap();
            let text = ES256.sign(Some(TYP), &claims).unwrap();
            assert_eq!(verified(&text).err(), Some(JsonFault::WrongType(name).into()), "{name} {value}");
        }
    }
    for (name, value) in [("jti", json!(1)), ("iss", json!([CLIENT]))] {
        assert_eq!(with_claims(json!({name: value})).err(), Some(JsonFault::WrongType(name).into()), "{name}");
    }
    for name in PARAMETERS {
        for value in [json!({}), json!(true), json!(-1)] {
            assert_eq!(with_claims(json!({name: value})).err(), Some(Fault::Parameter), "{name} {value}");
        }
        let mut claims = claims();
        claims[name] = Value::Null;
        let text = ES256.sign(Some(TYP), &claims).unwrap();
        assert_eq!(verified(&text).err(), Some(Fault::Parameter), "{name} null");
    }
    let header = json!({"alg": "ES256"}).to_string();
    let overflowing = claims().to_string().replace(&format!("\"exp\":{}", NOW + 300), "\"exp\":1e400");
    assert!(verified(&sign_text(&ES256, &header, &overflowing)).is_err());
}

#[test]
fn max_age_may_be_a_number_and_authorization_details_an_array() {
    for value in [json!(0), json!(300), json!("300")] {
        assert!(with_claims(json!({"max_age": value})).is_ok(), "{value}");
    }
    for value in [json!(1.5), json!(1e300), json!([300])] {
        assert_eq!(with_claims(json!({"max_age": value})).err(), Some(Fault::Parameter), "{value}");
    }
    assert!(with_claims(json!({"authorization_details": [{"type": "x", "n": 1, "b": true}]})).is_ok());
    assert_eq!(with_claims(json!({"authorization_details": "[]"})).err(), Some(Fault::Parameter));
}

#[test]
fn unknown_claims_are_ignored_whatever_they_are() {
    let unknown = json!({"nonce": "n", "claims": {"userinfo": {}}, "x": [1], "registration": 1});
    assert_eq!(push_signed(unknown, &[]), push_signed(json!({}), &[]));
}

#[test]
fn a_jti_may_be_there_and_is_short() {
    assert!(with_claims(json!({"jti": "j"})).is_ok());
    for jti in [String::new(), "j".repeat(MAX_JTI_BYTES + 1)] {
        assert_eq!(with_claims(json!({"jti": jti})).err(), Some(Fault::Jti));
    }
}

#[test]
fn r_179_repeated_members_and_crit_are_refused() {
    let header = r#"{"alg":"ES256"}"#;
    let twice = claims().to_string().replacen('{', r#"{"state":"a","#, 1);
    assert_eq!(verified(&sign_text(&ES256, header, &twice)).err(), Some(JsonFault::Malformed.into()));
    let deep = claims().to_string().replacen('{', r#"{"x":{"a":1,"a":2},"#, 1);
    assert_eq!(verified(&sign_text(&ES256, header, &deep)).err(), Some(JsonFault::Malformed.into()));
    assert_eq!(with_header(json!({"crit": ["exp"]})).err(), Some(JoseFault::Critical.into()));
}

#[test]
fn r_178_a_035_lax_encodings_are_refused() {
    let good = ES256.sign(Some(TYP), &claims()).unwrap();
    let (head, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    for text in [
        format!("{good}="),
        format!("{good}."),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{head}.{payload}"),
        format!("{head}..{signature}"),
        format!("{head}.{payload}.{signature}.{signature}.{signature}"),
        format!("{head}.{payload}+.{signature}"),
        format!(r#"{{"protected":"{head}","payload":"{payload}","signature":"{signature}"}}"#),
    ] {
        assert_eq!(verified(&text).err(), Some(JoseFault::NotCompact.into()), "{text}");
    }
}

#[test]
fn a_034_r_177_r_183_a_jwe_is_refused() {
    for alg in ["RSA-OAEP", "dir", "PBES2-HS256+A128KW"] {
        let header = b64(&json!({"alg": alg, "enc": "A128GCM", "p2c": 2_000_000, "zip": "DEF"}).to_string());
        assert_eq!(verified(&format!("{header}.AA.AA.AA.AA")).err(), Some(JoseFault::NotCompact.into()), "{alg}");
        assert_eq!(verified(&format!("{header}.e30.AA")).err(), Some(JoseFault::Algorithm.into()), "{alg}");
    }
}

#[test]
fn r_184_more_than_sixteen_kib_are_not_looked_at() {
    let large = with_claims(json!({"x": "x".repeat(MAX_JWT_BYTES)}));
    assert_eq!(large.err(), Some(JoseFault::TooLarge.into()));
}

#[test]
fn r_182_a_028_kid_is_a_look_up_word_and_nothing_else() {
    let long = "k".repeat(1_000);
    for kid in ["' OR 1=1 --", "../../key", "\u{0}", "😀", ""] {
        assert_eq!(with_header(json!({"kid": kid})).err(), Some(JoseFault::NoKey.into()), "{kid}");
    }
    assert_eq!(with_header(json!({"kid": long})).err(), Some(JoseFault::KeyId.into()));
    for kid in [json!(1), json!(["a"])] {
        assert_eq!(with_header(json!({"kid": kid})).err(), Some(JsonFault::WrongType("kid").into()), "{kid}");
    }
}

#[test]
fn r_111_each_refusal_has_an_error_of_the_table() {
    let refusals = [Fault::Typ, Fault::Stale, Fault::Lifetime, Fault::Nested, Fault::Jose(JoseFault::Signature)];
    for fault in refusals {
        assert_eq!(OAuthError::from(fault).code, ErrorCode::InvalidRequestObject);
        assert_eq!(OAuthError::from(fault).status(), 400);
    }
    assert_eq!(OAuthError::from(Fault::Reference).code, ErrorCode::InvalidRequest);
}

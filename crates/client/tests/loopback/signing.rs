//! Signed requests and signed answers.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64ct::{Base64UrlUnpadded, Encoding};
use renkei_client::{Client, Error, MessageSigning, Pending, unverified_state};
use serde_json::{Value, json};

use crate::support::{Bank, NOW, answer, pushed, tokens};

/// The key the institution signs with.
struct BankKey(EcdsaKeyPair);

impl BankKey {
    fn new() -> BankKey {
        BankKey(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn published(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(Base64UrlUnpadded::encode_string);
        json!({ "keys": [
            { "kty": "RSA", "kid": "old", "n": "AQAB", "e": "AQAB" },
            { "kty": "EC", "crv": "P-256", "kid": "k1", "alg": "ES256", "use": "sig", "x": x, "y": y },
        ] })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] =
            [header, claims].map(|part| Base64UrlUnpadded::encode_string(part.to_string().as_bytes()));
        let signed = format!("{header}.{claims}");
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(signature.as_ref()))
    }
}

fn header() -> Value {
    json!({ "alg": "ES256", "typ": "JWT", "kid": "k1" })
}

/// A bank with its key, a client that takes signed answers only, and its request under way.
async fn begun() -> (Bank, BankKey, Client, Pending) {
    let (bank, key) = (Bank::open().await, BankKey::new());
    bank.publish("jwks_uri", json!(format!("{}/jwks", bank.issuer)));
    let client = bank.client_that_signs(MessageSigning::RequestsAndAnswers).await.unwrap();
    bank.prepare(pushed());
    let pending = client.begin("balances", None).await.unwrap();
    (bank, key, client, pending)
}

fn claims(bank: &Bank, pending: &Pending) -> Value {
    json!({ "iss": bank.issuer, "aud": "kakeibo", "exp": NOW + 300, "code": "abc", "state": pending.state() })
}

#[tokio::test]
async fn a_client_that_signs_pushes_a_request_object_and_nothing_beside_it() {
    let (bank, _, _, pending) = begun().await;
    let asked = bank.asked().pop().unwrap();
    let mut names: Vec<&str> = asked.form.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["client_assertion", "client_assertion_type", "client_id", "request"]);
    let parts: Vec<&str> = asked.field("request").split('.').collect();
    let read = |part: &str| -> Value { serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap() };
    assert_eq!(read(parts[0]), json!({ "alg": "ES256", "typ": "oauth-authz-req+jwt", "kid": "kakeibo-1" }));
    let claims = read(parts[1]);
    for (name, value) in [
        ("iss", json!("kakeibo")),
        ("aud", json!(bank.issuer)),
        ("client_id", json!("kakeibo")),
        ("response_mode", json!("jwt")),
        ("response_type", json!("code")),
        ("state", json!(pending.state())),
        ("nbf", json!(NOW)),
        ("exp", json!(NOW + 60)),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
}

#[tokio::test]
async fn a_signed_answer_is_verified_and_its_code_exchanged() {
    let (bank, key, client, pending) = begun().await;
    let query = format!("response={}", key.sign(&header(), &claims(&bank, &pending)));
    assert_eq!(unverified_state(&query).as_deref(), Some(pending.state()));
    bank.prepare(answer(200, key.published()));
    bank.prepare(tokens("access", 300));
    let grant = client.complete(&pending, &query).await.unwrap();
    assert_eq!(grant.grant_id(), "linkage-1");
    assert_eq!(bank.asked().pop().unwrap().field("code"), "abc");
}

#[tokio::test]
async fn r_079_an_answer_that_is_not_signed_by_the_institution_for_this_client_now_is_refused() {
    let (bank, key, client, pending) = begun().await;
    let good = claims(&bank, &pending);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        key.sign(&header(), &claims)
    };
    let stranger = BankKey::new();
    for (why, response) in [
        ("another key", stranger.sign(&header(), &good)),
        ("alg none", key.sign(&json!({ "alg": "none", "kid": "k1" }), &good)),
        ("unknown kid", key.sign(&json!({ "alg": "ES256", "kid": "k2" }), &good)),
        ("another client", with("aud", json!("chobo"))),
        ("expired", with("exp", json!(NOW))),
        ("no end", with("exp", json!("later"))),
        ("another issuer", with("iss", json!("https://bank.example/1002"))),
        ("another state", with("state", json!("x"))),
        ("an error beside the code", with("error", json!("access_denied"))),
        ("no JWT", "abc".to_owned()),
    ] {
        bank.prepare(answer(200, key.published()));
        assert!(client.complete(&pending, &format!("response={response}")).await.is_err(), "{why}");
        assert!(bank.asked().iter().all(|asked| !asked.path.ends_with("/token")), "{why}: the code was used");
    }
    let plain = bank.callback(pending.state(), "code=abc");
    let beside = format!("response={}&code=abc", key.sign(&header(), &good));
    for query in [plain, beside, String::new()] {
        assert!(matches!(client.complete(&pending, &query).await, Err(Error::Unreadable(_))), "{query}");
    }
}

#[tokio::test]
async fn a_signed_refusal_keeps_its_code() {
    let (bank, key, client, pending) = begun().await;
    let claims = json!({
        "iss": bank.issuer, "aud": ["kakeibo"], "exp": NOW + 1, "state": pending.state(),
        "error": "access_denied", "error_description": "cancelled",
    });
    bank.prepare(answer(200, key.published()));
    let query = format!("response={}", key.sign(&header(), &claims));
    let Err(Error::Refused(refusal)) = client.complete(&pending, &query).await else { panic!("not refused") };
    assert_eq!(refusal.error, "access_denied");
}

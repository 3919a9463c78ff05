//! Signed requests, pushed over HTTP.

use std::net::TcpListener;

use renkei_domain::ticket::Ticket;
use renkei_oauth::request::PushedRequest;
use renkei_testing::aoi;
use serde_json::{Value, json};

use crate::support::{Answer, Bank, Partner, REDIRECT_URI, new_key};

const INVALID_OBJECT: (u16, &str) = (400, "invalid_request_object");
const INVALID_REQUEST: (u16, &str) = (400, "invalid_request");
const SIGNED_ONLY: &str = "UPDATE products SET profile = 'fapi2_signed_requests' WHERE institution = ?1";
const PUSHED: &str = "SELECT COUNT(*) FROM requests WHERE institution = ?1";

/// Pushes a good object with these claims changed.
async fn push_with(kakeibo: &Partner, claims: Value) -> Answer {
    kakeibo.push_object(&kakeibo.request_object().claims(claims).sign()).send().await
}

/// The request behind an answer.
async fn stored(bank: &Bank, answer: &Answer) -> PushedRequest {
    let name = answer.text("request_uri");
    let ticket = Ticket::parse(name.strip_prefix("urn:ietf:params:oauth:request_uri:").unwrap()).unwrap();
    let stored = bank.app.store.read(&aoi()).find_request(&ticket).await.unwrap().unwrap();
    serde_json::from_str(&stored.body).unwrap()
}

#[tokio::test]
async fn a_signed_request_is_taken_whatever_the_profile() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let answer = push_with(&kakeibo, json!({})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let signed = stored(&bank, &answer).await;
    let plain = stored(&bank, &kakeibo.push().send().await).await;
    assert!(signed.signed && !plain.signed);
    assert_eq!(PushedRequest { signed: false, ..signed }, plain);
}

#[tokio::test]
async fn r_073_r_056_a_client_that_must_sign_is_refused_without_a_signature_that_held() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    for profile in [SIGNED_ONLY, "UPDATE products SET profile = 'fapi2_message_signing' WHERE institution = ?1"] {
        bank.change(profile).await;
        for draft in [kakeibo.push(), kakeibo.push().and("request", ""), kakeibo.push().and("signed", "true")] {
            let answer = draft.send().await;
            assert_eq!(answer.refusal(), INVALID_REQUEST, "{}", answer.body);
        }
        let garbage = kakeibo.push().and("request", "e30.e30.e30").send().await;
        assert_eq!(garbage.refusal(), INVALID_OBJECT);
    }
    assert!(bank.recorded("request_pushed", "refused", "this client must push signed requests").await > 0);
    assert_eq!(bank.count(&aoi(), PUSHED).await, 0);
    bank.change(SIGNED_ONLY).await;
    assert_eq!(push_with(&kakeibo, json!({})).await.status, 201);
}

#[tokio::test]
async fn r_074_aud_contains_the_issuer() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    let issuer = kakeibo.issuer();
    for aud in [json!(issuer), json!([issuer]), json!(["https://other.example", issuer])] {
        assert_eq!(push_with(&kakeibo, json!({ "aud": aud })).await.status, 201, "{aud}");
    }
    let others =
        [json!(format!("{issuer}/par")), json!(["https://link.example/1002"]), json!([]), json!({}), json!(null)];
    for aud in others {
        assert_eq!(push_with(&kakeibo, json!({ "aud": aud })).await.refusal(), INVALID_OBJECT, "{aud}");
    }
}

#[tokio::test]
async fn r_075_r_050_the_times_of_a_request_object() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let now = bank.now().seconds();
    for (nbf, exp, accepted) in [
        (Some(8), Some(60), true),
        (Some(61), Some(120), false),
        (Some(-3_500), Some(60), true),
        (Some(-4_200), Some(60), false),
        (Some(0), Some(3_600), true),
        (Some(0), Some(4_200), false),
        (Some(-60), Some(-1), false),
        (None, Some(60), false),
        (Some(0), None, false),
    ] {
        let claims = json!({ "nbf": nbf.map(|at| now + at), "exp": exp.map(|at| now + at) });
        let answer = push_with(&kakeibo, claims).await;
        assert_eq!(answer.status, if accepted { 201 } else { 400 }, "{nbf:?} {exp:?} {}", answer.body);
    }
}

#[tokio::test]
async fn r_076_typ_is_its_own_in_any_letter_case_or_absent() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    let push = |typ: Value| kakeibo.push_object(&kakeibo.request_object().header(json!({ "typ": typ })).sign()).send();
    for typ in [json!("oauth-authz-req+jwt"), json!("OAUTH-Authz-Req+jwt"), json!(null)] {
        assert_eq!(push(typ.clone()).await.status, 201, "{typ}");
    }
    for typ in ["JWT", "dpop+jwt", "client-authentication+jwt", "at+jwt"] {
        assert_eq!(push(json!(typ)).await.refusal(), INVALID_OBJECT, "{typ}");
    }
}

#[tokio::test]
async fn r_077_only_what_is_inside_counts() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let object = kakeibo.request_object().claims(json!({ "state": null })).sign();
    let outside = kakeibo.push_object(&object).and("state", "outside").and("scope", "balances").and("nonce", "n");
    let request = stored(&bank, &outside.and("dpop_jkt", &new_key().to_public_jwk().thumbprint()).send().await).await;
    assert_eq!((request.state, request.scope.len(), request.dpop_jkt), (None, 2, None));
    let object = kakeibo.request_object().claims(json!({ "redirect_uri": null })).sign();
    let outside = kakeibo.push_object(&object).and("redirect_uri", REDIRECT_URI).send().await;
    assert_eq!(outside.refusal(), INVALID_REQUEST);
}

#[tokio::test]
async fn r_059_no_request_uri_inside_or_beside() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    let urn = "urn:ietf:params:oauth:request_uri:x";
    assert_eq!(push_with(&kakeibo, json!({ "request_uri": urn })).await.refusal(), INVALID_REQUEST);
    let beside = kakeibo.push_object(&kakeibo.request_object().sign()).and("request_uri", urn);
    assert_eq!(beside.send().await.refusal(), INVALID_REQUEST);
    let inner = kakeibo.request_object().sign();
    assert_eq!(push_with(&kakeibo, json!({ "request": inner })).await.refusal(), INVALID_OBJECT);
}

#[tokio::test]
async fn r_078_r_052_only_the_clients_own_registered_key_signs() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let chobo = bank.join_product("chobo").await;
    let object = kakeibo.request_object();
    let by_chobo = object.clone().by(&chobo.key).sign();
    assert_eq!(kakeibo.push_object(&by_chobo).send().await.refusal(), INVALID_OBJECT);
    let named = object.clone().by(&chobo.key).header(json!({ "kid": chobo.key.to_public_jwk().key_id })).sign();
    assert_eq!(kakeibo.push_object(&named).send().await.refusal(), INVALID_OBJECT);
    // Whole and good, but of the other client.
    assert_eq!(chobo.push_object(&object.sign()).send().await.refusal(), INVALID_OBJECT);
    let for_other = kakeibo.request_object().claims(json!({ "client_id": "chobo" })).sign();
    assert_eq!(kakeibo.push_object(&for_other).send().await.refusal(), INVALID_REQUEST);
    assert_eq!(bank.count(&aoi(), PUSHED).await, 0);
}

#[tokio::test]
async fn r_051_a_025_a_026_r_176_other_algorithms_are_refused() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    for alg in ["none", "NONE", "nOnE", "HS256", "RS256", "PS256", "EdDSA"] {
        let object = kakeibo.request_object().header(json!({ "alg": alg })).sign();
        assert_eq!(kakeibo.push_object(&object).send().await.refusal(), INVALID_OBJECT, "{alg}");
        let unsigned = format!("{}.", object.rsplit_once('.').unwrap().0);
        assert_eq!(kakeibo.push_object(&unsigned).send().await.refusal(), INVALID_OBJECT, "{alg}");
    }
}

#[tokio::test]
async fn a_029_keys_named_in_the_header_are_neither_used_nor_fetched() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    let canary = TcpListener::bind("127.0.0.1:0").unwrap();
    canary.set_nonblocking(true).unwrap();
    let url = format!("http://{}/keys", canary.local_addr().unwrap());
    let attacker = new_key();
    for members in [
        json!({ "jwk": attacker.to_public_jwk().to_json(), "kid": null }),
        json!({ "jku": url, "kid": "evil" }),
        json!({ "x5u": url, "kid": null }),
        json!({ "x5c": ["MIIB"], "kid": null }),
    ] {
        let object = kakeibo.request_object().by(&attacker).header(members.clone()).sign();
        assert_eq!(kakeibo.push_object(&object).send().await.refusal(), INVALID_OBJECT, "{members}");
    }
    assert!(canary.accept().is_err(), "somebody came for the keys");
}

#[tokio::test]
async fn r_180_a_032_claims_of_the_wrong_type_are_refused() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    for claims in [
        json!({ "exp": "9999999999" }),
        json!({ "exp": -1 }),
        json!({ "nbf": [] }),
        json!({ "iat": {} }),
        json!({ "aud": {} }),
        json!({ "iss": 1 }),
        json!({ "jti": 1 }),
        json!({ "state": 1 }),
        json!({ "scope": ["balances"] }),
        json!({ "redirect_uri": [REDIRECT_URI] }),
        json!({ "sub": 1 }),
    ] {
        assert_eq!(push_with(&kakeibo, claims.clone()).await.refusal(), INVALID_OBJECT, "{claims}");
    }
    let unknown = push_with(&kakeibo, json!({ "nonce": 1, "claims": {}, "x": [true] })).await;
    assert_eq!(unknown.status, 201);
}

#[tokio::test]
async fn a_034_a_035_a_028_r_177_r_178_r_182_r_184_other_forms_of_a_request_object_are_refused() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    let good = kakeibo.request_object().sign();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();
    for text in [
        format!("{good}="),
        format!("{good}.x"),
        format!("{good}\n"),
        format!("{head}..{signature}"),
        format!("{good} "),
        format!(r#"{{"protected":"{head}","payload":"{payload}","signature":"{signature}"}}"#),
        format!("{head}.AA.AA.AA.AA"),
    ] {
        assert_eq!(kakeibo.push_object(&text).send().await.refusal(), INVALID_OBJECT, "{text}");
    }
    for kid in [json!("' OR 1=1 --"), json!("../../key"), json!("\u{0}"), json!("k".repeat(9_000)), json!(1), json!([])]
    {
        let object = kakeibo.request_object().header(json!({ "kid": kid })).sign();
        assert_eq!(kakeibo.push_object(&object).send().await.refusal(), INVALID_OBJECT, "{kid}");
    }
    let large = kakeibo.request_object().claims(json!({ "x": "x".repeat(12_500) })).sign();
    assert_eq!(kakeibo.push_object(&large).send().await.refusal(), INVALID_OBJECT);
}

#[tokio::test]
async fn a_key_of_the_proof_binds_a_signed_request_too() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let object = kakeibo.request_object().sign();
    let request = stored(&bank, &kakeibo.push_object(&object).proven().send().await).await;
    assert_eq!(request.dpop_jkt, Some(kakeibo.jkt()));
    let other = kakeibo.request_object().claims(json!({ "dpop_jkt": new_key().to_public_jwk().thumbprint() })).sign();
    assert_eq!(kakeibo.push_object(&other).proven().send().await.refusal(), (400, "invalid_dpop_proof"));
}

#[tokio::test]
async fn the_same_object_may_be_pushed_again_and_is_another_request() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    let object = kakeibo.request_object().claims(json!({ "jti": "one" })).sign();
    let first = kakeibo.push_object(&object).send().await.text("request_uri");
    assert_ne!(kakeibo.push_object(&object).send().await.text("request_uri"), first);
}

//! Client authentication, alike at every endpoint that asks for it.

use renkei_store::Store;
use renkei_testing::{aoi, on_each_engine};
use serde_json::json;

use crate::support::{Bank, Draft, Partner, new_key};

/// A good request to each endpoint.
fn drafts(kakeibo: &Partner) -> [Draft; 3] {
    [kakeibo.push(), kakeibo.redeem("code"), kakeibo.revoke("token")]
}

const INVALID_CLIENT: (u16, &str) = (401, "invalid_client");

#[tokio::test]
async fn r_044_without_credentials_nothing_is_answered() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    for draft in drafts(&kakeibo) {
        assert_eq!(draft.without_assertion().send().await.refusal(), INVALID_CLIENT);
    }
    assert_eq!(bank.recorded("client_refused", "refused", "no client assertion").await, 3);
}

#[tokio::test]
async fn r_045_a_client_secret_is_no_credential_in_any_form() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    for draft in drafts(&kakeibo) {
        let basic = draft.clone().without_assertion().header("authorization", "Basic a2FrZWlibzpzZWNyZXQ=");
        assert_eq!(basic.send().await.refusal(), INVALID_CLIENT);
        let post = draft.without_assertion().and("client_id", &kakeibo.client_id).and("client_secret", "s");
        assert_eq!(post.send().await.refusal(), INVALID_CLIENT);
    }
}

#[tokio::test]
async fn r_046_a_037_only_the_issuer_as_a_string_is_the_audience() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    let issuer = kakeibo.issuer();
    for audience in [
        json!([issuer]),
        json!([issuer, "https://other.example"]),
        json!(format!("{issuer}/token")),
        json!(format!("{issuer}/par")),
        json!(format!("{issuer}/")),
        json!("https://link.example/1002"),
        json!({}),
        json!(null),
    ] {
        let answer = kakeibo.push().claims(json!({ "aud": audience })).send().await;
        assert_eq!(answer.refusal(), INVALID_CLIENT, "{audience}");
    }
    assert_eq!(kakeibo.push().send().await.status, 201);
}

#[tokio::test]
async fn r_047_issuer_subject_and_client_id_are_one() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    for changes in
        [json!({ "iss": "other" }), json!({ "sub": null }), json!({ "sub": "other" }), json!({ "iss": null })]
    {
        assert_eq!(kakeibo.push().claims(changes.clone()).send().await.refusal(), INVALID_CLIENT, "{changes}");
    }
    assert_eq!(kakeibo.push().and("client_id", "other").send().await.refusal(), INVALID_CLIENT);
    assert_eq!(kakeibo.push().and("client_id", &kakeibo.client_id).send().await.status, 201);
}

#[tokio::test]
async fn r_048_r_050_an_assertion_lives_briefly_and_begins_about_now() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let now = bank.now().seconds();
    for changes in [
        json!({ "exp": null }),
        json!({ "exp": now - 300 }),
        json!({ "exp": now }),
        json!({ "exp": now + 301 }),
        json!({ "iat": now + 61, "exp": now + 120 }),
        json!({ "nbf": now + 61 }),
    ] {
        assert_eq!(kakeibo.push().claims(changes.clone()).send().await.refusal(), INVALID_CLIENT, "{changes}");
    }
    for changes in [json!({ "iat": now + 8, "nbf": now + 8 }), json!({ "nbf": now + 10 }), json!({ "iat": null })] {
        assert_eq!(kakeibo.push().claims(changes.clone()).send().await.status, 201, "{changes}");
    }
}

on_each_engine! {
    async fn r_049_a_038_the_same_assertion_is_good_for_one_request_of_twenty_at_once(store: Store) {
        let bank = Bank::over(store).await;
        let kakeibo = bank.join(&aoi()).await;
        let draft = kakeibo.push().seal();
        let requests = (0..20).map(|_| tokio::spawn(draft.clone().send()));
        let mut pushed = 0;
        for request in requests.collect::<Vec<_>>() {
            let answer = request.await.unwrap();
            if answer.status == 201 { pushed += 1 } else { assert_eq!(answer.refusal(), INVALID_CLIENT) }
        }
        assert_eq!(pushed, 1);
        assert_eq!(bank.count(&aoi(), "SELECT COUNT(*) FROM requests WHERE institution = ?1").await, 1);
    }
}

#[tokio::test]
async fn r_049_a_038_an_assertion_used_at_one_endpoint_is_used_at_all_and_stays_so_until_it_expires() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let push = kakeibo.push();
    let mut revoke = kakeibo.revoke("token");
    revoke.assertion.clone_from(&push.assertion);
    assert_eq!(push.send().await.status, 201);
    assert_eq!(revoke.clone().send().await.refusal(), INVALID_CLIENT);
    assert_eq!(bank.recorded("client_refused", "refused", "assertion already used").await, 1);
    bank.clock.forward(59);
    assert_eq!(revoke.clone().send().await.refusal(), INVALID_CLIENT);
    bank.clock.forward(60);
    assert_eq!(revoke.send().await.refusal(), INVALID_CLIENT);
    assert_eq!(bank.recorded("client_refused", "refused", "assertion expired").await, 1);
}

#[tokio::test]
async fn r_049_an_assertion_without_jti_is_refused() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    for jti in [json!(null), json!(""), json!("x".repeat(257)), json!(7)] {
        assert_eq!(kakeibo.push().claims(json!({ "jti": jti })).send().await.refusal(), INVALID_CLIENT, "{jti}");
    }
}

#[tokio::test]
async fn r_051_a_025_a_026_no_other_algorithm_is_taken() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    for algorithm in ["RS256", "none", "NONE", "nOnE", "HS256", "ES384", "PS256", ""] {
        let answer = kakeibo.push().assertion_header(json!({ "alg": algorithm })).send().await;
        assert_eq!(answer.refusal(), INVALID_CLIENT, "{algorithm}");
    }
}

#[tokio::test]
async fn r_052_a_029_keys_come_from_the_registry_alone() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    let stranger = new_key();
    let jwk = stranger.to_public_jwk();
    for header in [
        json!({ "jwk": jwk.to_json() }),
        json!({ "jku": "http://127.0.0.1:9/jwks" }),
        json!({ "x5u": "http://127.0.0.1:9/chain" }),
        json!({ "x5c": ["MIIB"] }),
        json!({ "kid": jwk.key_id }),
        json!({}),
    ] {
        let answer = kakeibo.push().assertion_header(header.clone()).signed_by(&stranger).send().await;
        assert_eq!(answer.refusal(), INVALID_CLIENT, "{header}");
    }
}

#[tokio::test]
async fn r_053_a_031_a_jwt_of_another_kind_is_no_assertion() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    for typ in ["at+jwt", "dpop+jwt", "oauth-authz-req+jwt", "token-introspection+jwt", "x"] {
        let answer = kakeibo.push().assertion_header(json!({ "typ": typ })).send().await;
        assert_eq!(answer.refusal(), INVALID_CLIENT, "{typ}");
    }
    let typed = kakeibo.push().assertion_header(json!({ "typ": "client-authentication+jwt" }));
    assert_eq!(typed.send().await.status, 201);
    let proof = kakeibo.proof("POST", "/1001/par").sign();
    assert_eq!(kakeibo.push().asserting(&proof).send().await.refusal(), INVALID_CLIENT);
}

#[tokio::test]
async fn r_054_a_041_two_methods_at_once_are_refused() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    for draft in drafts(&kakeibo) {
        let basic = draft.clone().header("authorization", "Basic a2FrZWlibzpzZWNyZXQ=");
        assert_eq!(basic.send().await.refusal(), (400, "invalid_request"));
        assert_eq!(draft.and("client_secret", "s").send().await.refusal(), (400, "invalid_request"));
    }
}

#[tokio::test]
async fn r_057_unknown_suspended_and_unproven_clients_are_answered_alike() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let unknown = Partner { client_id: "nobody".into(), ..kakeibo.clone() };
    let unproven = kakeibo.push().signed_by(&new_key()).send().await;
    let stranger = unknown.push().send().await;
    bank.change("UPDATE products SET state = 'suspended' WHERE institution = ?1").await;
    let suspended = kakeibo.push().send().await;
    assert_eq!(bank.recorded("client_refused", "refused", "not active").await, 1);
    bank.change("UPDATE products SET state = 'active' WHERE institution = ?1").await;
    bank.change("UPDATE partners SET state = 'ended' WHERE institution = ?1").await;
    let ended = kakeibo.push().send().await;
    for answer in [&unproven, &stranger, &suspended, &ended] {
        assert_eq!((answer.status, &answer.text), (401, &unproven.text));
    }
}

#[tokio::test]
async fn r_038_a_suspended_client_is_refused_at_every_endpoint_from_that_moment_on() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    bank.change("UPDATE partners SET state = 'suspended' WHERE institution = ?1").await;
    for draft in [kakeibo.push(), kakeibo.refresh(&held.refresh), kakeibo.revoke(&held.refresh)] {
        assert_eq!(draft.send().await.refusal(), INVALID_CLIENT);
    }
    bank.change("UPDATE partners SET state = 'active' WHERE institution = ?1").await;
    assert_eq!(kakeibo.refresh(&held.refresh).send().await.status, 200);
}

#[tokio::test]
async fn a_028_a_key_id_is_a_word_and_nothing_else() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    for kid in [
        json!("' OR 1=1 --"),
        json!("../../key"),
        json!("\u{0}"),
        json!("x".repeat(5_000)),
        json!("鍵"),
        json!([]),
        json!(1),
    ] {
        let answer = kakeibo.push().assertion_header(json!({ "kid": kid })).send().await;
        assert_eq!(answer.refusal(), INVALID_CLIENT, "{kid}");
    }
}

#[tokio::test]
async fn a_032_a_claim_of_the_wrong_type_is_refused_and_never_absent() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    for changes in [
        json!({ "exp": "9999999999" }),
        json!({ "exp": -1 }),
        json!({ "nbf": [] }),
        json!({ "aud": {} }),
        json!({ "sub": 1 }),
        json!({ "exp": 1e300 }),
    ] {
        assert_eq!(kakeibo.push().claims(changes.clone()).send().await.refusal(), INVALID_CLIENT, "{changes}");
    }
}

#[tokio::test]
async fn a_034_a_035_only_the_compact_form_is_read() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    let good = kakeibo.assertion().sign();
    let parts: Vec<&str> = good.split('.').collect();
    let flattened = json!({ "protected": parts[0], "payload": parts[1], "signature": parts[2] }).to_string();
    for text in [
        flattened,
        format!("{good}.{good}"),
        format!("{good}="),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{}..{}", parts[0], parts[2]),
        good.replace('.', "/"),
        "x".repeat(17_000),
    ] {
        assert_eq!(kakeibo.push().asserting(&text).send().await.refusal(), INVALID_CLIENT, "{text}");
    }
}

#[tokio::test]
async fn a_040_the_assertion_of_one_client_with_the_client_id_of_another_is_refused() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let chobo = bank.join_product("chobo").await;
    for draft in drafts(&chobo) {
        assert_eq!(draft.and("client_id", &kakeibo.client_id).send().await.refusal(), INVALID_CLIENT);
    }
    let posing = Partner { client_id: kakeibo.client_id.clone(), ..chobo };
    assert_eq!(posing.push().send().await.refusal(), INVALID_CLIENT);
}

#[tokio::test]
async fn r_018_the_key_a_client_has_with_one_institution_opens_nothing_at_another() {
    let (bank, at_aoi, at_midori) = Bank::with_two_institutions().await;
    let posing = Partner { key: at_midori.key.clone(), ..at_aoi.clone() };
    assert_eq!(posing.push().send().await.refusal(), INVALID_CLIENT);
    let mut astray = at_midori.push();
    astray.url = format!("{}/1001/par", bank.address);
    assert_eq!(astray.send().await.refusal(), INVALID_CLIENT);
    assert_eq!(at_midori.push().send().await.status, 201);
}

//! What a product's registration demands, where requests come in and where tokens are made.

use renkei_store::codes::RequestFacts;
use renkei_testing::aoi;
use serde_json::json;

use crate::support::Bank;

const SIGNED_REQUESTS: &str = "UPDATE products SET profile = 'fapi2_signed_requests' WHERE institution = ?1";
const MESSAGE_SIGNING: &str = "UPDATE products SET profile = 'fapi2_message_signing' WHERE institution = ?1";
const TOKENS: &str = "SELECT COUNT(*) FROM access_tokens WHERE institution = ?1";

#[tokio::test]
async fn r_079_a_client_that_is_answered_signed_must_ask_for_it() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    bank.change(MESSAGE_SIGNING).await;
    for (mode, status) in [(json!(null), 400), (json!("query"), 400), (json!("query.jwt"), 201), (json!("jwt"), 201)] {
        let object = kakeibo.request_object().claims(json!({ "response_mode": mode }));
        let answer = kakeibo.push_object(&object.sign()).send().await;
        assert_eq!(answer.status, status, "{mode} {}", answer.body);
    }
    let outside = kakeibo.push_object(&kakeibo.request_object().sign()).and("response_mode", "jwt");
    assert_eq!(outside.send().await.refusal(), (400, "invalid_request"));
    assert_eq!(bank.recorded("request_pushed", "refused", "this client must ask for response_mode jwt").await, 3);
}

#[tokio::test]
async fn r_069_a_code_of_a_request_that_is_less_than_the_profile_demands_now_yields_no_token() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let unsigned = RequestFacts::default();
    let signed = RequestFacts { signed: true, answer_signed: false };
    let both = RequestFacts { signed: true, answer_signed: true };
    for (profile, facts, status) in [
        (SIGNED_REQUESTS, unsigned, 400),
        (MESSAGE_SIGNING, unsigned, 400),
        (MESSAGE_SIGNING, signed, 400),
        (SIGNED_REQUESTS, signed, 200),
        (MESSAGE_SIGNING, both, 200),
    ] {
        bank.change(profile).await;
        let before = bank.count(&aoi(), TOKENS).await;
        let linkage = bank.linkage().await;
        let code = bank.code(linkage, |code| code.request = facts).await;
        let answer = kakeibo.redeem(&code).send().await;
        assert_eq!(answer.status, status, "{facts:?} {}", answer.body);
        let issued = bank.count(&aoi(), TOKENS).await - before;
        assert_eq!(issued, i64::from(status == 200), "{facts:?}");
        if status != 200 {
            assert_eq!(answer.refusal(), (400, "invalid_grant"));
        }
    }
}

#[tokio::test]
async fn r_131_a_product_gets_tokens_of_its_registered_binding_and_no_others() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linked = bank.linked(&kakeibo).await;
    let (_, code) = bank.linkage_with_code().await;
    let before = bank.count(&aoi(), TOKENS).await;
    bank.change("UPDATE products SET sender_constraint = 'mtls' WHERE institution = ?1").await;
    assert_eq!(kakeibo.redeem(&code).send().await.status, 400);
    assert_eq!(kakeibo.refresh(&linked.refresh).send().await.status, 400);
    assert_eq!(bank.count(&aoi(), TOKENS).await, before);
    bank.change("UPDATE products SET sender_constraint = 'dpop' WHERE institution = ?1").await;
    assert_eq!(kakeibo.refresh(&linked.refresh).without_proof().send().await.refusal(), (400, "invalid_dpop_proof"));
    assert_eq!(kakeibo.refresh(&linked.refresh).send().await.text("token_type"), "DPoP");
}

/// What a profile demands is about how permission is asked for, and these were given before.
#[tokio::test]
async fn a_raised_profile_leaves_permissions_as_they_are_and_asks_more_of_the_next() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linked = bank.linked(&kakeibo).await;
    let (_, code) = bank.linkage_with_code().await;
    bank.change(MESSAGE_SIGNING).await;
    let refreshed = kakeibo.refresh(&linked.refresh).send().await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text);
    assert!(bank.is_live(&linked.access).await && bank.is_live(&refreshed.text("access_token")).await);
    assert_eq!(kakeibo.redeem(&code).send().await.refusal(), (400, "invalid_grant"));
    let again = kakeibo.push().with("grant_id", &linked.linkage.to_string());
    assert_eq!(again.send().await.refusal(), (400, "invalid_request"), "nor is it renewed under the old profile");
}

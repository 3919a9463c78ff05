//! Refresh tokens: not rotated, bound to the client, never more than the linkage permits now.

use serde_json::json;

use crate::support::{Bank, LINKAGE_SECONDS, new_key};

const INVALID_GRANT: (u16, &str) = (400, "invalid_grant");

#[tokio::test]
async fn r_105_a_refresh_token_goes_on_working_and_is_not_replaced() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    for round in 1..=3 {
        bank.clock.forward(30);
        let answer = kakeibo.refresh(&held.refresh).send().await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
        assert_eq!(answer.body["refresh_token"], json!(null));
        assert_eq!(answer.body["token_type"], "DPoP");
        assert_eq!(answer.body["grant_id"], held.linkage.to_string());
        assert_eq!(answer.body["authorization_expires_in"], LINKAGE_SECONDS - 30 * round);
        assert!(bank.is_live(&answer.text("access_token")).await);
    }
    assert!(bank.is_live(&held.access).await);
    assert_eq!(bank.recorded("token_refreshed", "done", "").await, 3);
}

#[tokio::test]
async fn r_106_a_056_a_refresh_needs_the_client_and_a_proof() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let draft = || kakeibo.refresh(&held.refresh);
    assert_eq!(draft().without_assertion().send().await.refusal(), (401, "invalid_client"));
    assert_eq!(draft().without_proof().send().await.refusal(), (400, "invalid_dpop_proof"));
    assert_eq!(draft().send().await.status, 200);
}

#[tokio::test]
async fn r_132_a_056_a_refresh_token_belongs_to_the_client_not_to_a_key() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let key = new_key();
    assert_eq!(kakeibo.refresh(&held.refresh).proven_by(&key).send().await.status, 200);
    let jkt = "SELECT COUNT(DISTINCT bound_to) FROM access_tokens WHERE institution = ?1";
    assert_eq!(bank.count(&renkei_testing::aoi(), jkt).await, 2);
}

#[tokio::test]
async fn r_106_a_064_the_refresh_token_of_another_client_is_unknown_and_stays_good_for_its_owner() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let chobo = bank.join_product("chobo").await;
    let held = bank.linked(&kakeibo).await;
    let foreign = chobo.refresh(&held.refresh).send().await;
    let unknown = chobo.refresh(&bank.app.new_ticket(bank.now()).reveal()).send().await;
    assert_eq!(foreign.refusal(), INVALID_GRANT);
    assert_eq!(foreign.text, unknown.text);
    assert_eq!(kakeibo.refresh(&held.refresh).send().await.status, 200);
}

#[tokio::test]
async fn r_018_a_refresh_token_of_one_institution_is_nothing_at_another() {
    let (bank, at_aoi, at_midori) = Bank::with_two_institutions().await;
    let held = bank.linked(&at_aoi).await;
    assert_eq!(at_midori.refresh(&held.refresh).send().await.refusal(), INVALID_GRANT);
}

#[tokio::test]
async fn neither_a_code_nor_an_access_token_refreshes() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    for token in [&held.code, &held.access, "x", "' OR 1=1 --"] {
        assert_eq!(kakeibo.refresh(token).send().await.refusal(), INVALID_GRANT, "{token}");
    }
    assert_eq!(kakeibo.redeem(&held.refresh).send().await.refusal(), INVALID_GRANT);
}

#[tokio::test]
async fn r_107_a_065_a_refresh_may_ask_for_less_and_never_for_more() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linkage = bank.linkage().await;
    let code = bank.code(linkage, |code| code.scope = "balances".to_owned()).await;
    let token = kakeibo.redeem(&code).send().await.text("refresh_token");
    for wider in ["balances transactions", "transactions", "payments", "openid"] {
        let answer = kakeibo.refresh(&token).with("scope", wider).send().await;
        assert_eq!(answer.refusal(), (400, "invalid_scope"), "{wider}");
    }
    assert_eq!(kakeibo.refresh(&token).with("scope", "balances").send().await.text("scope"), "balances");
    assert_eq!(kakeibo.refresh(&token).send().await.text("scope"), "balances");
}

#[tokio::test]
async fn r_107_a_narrow_token_does_not_narrow_the_next_one() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let narrow = kakeibo.refresh(&held.refresh).with("scope", "transactions").send().await;
    assert_eq!(narrow.text("scope"), "transactions");
    assert_eq!(kakeibo.refresh(&held.refresh).send().await.text("scope"), "balances transactions");
}

#[tokio::test]
async fn r_103_no_access_token_outlives_the_linkage() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    bank.clock.forward(LINKAGE_SECONDS - 7);
    let answer = kakeibo.refresh(&held.refresh).send().await;
    assert_eq!(answer.body["expires_in"], 7);
    assert_eq!(answer.body["authorization_expires_in"], 7);
    bank.clock.forward(7);
    let over = kakeibo.refresh(&held.refresh).send().await;
    assert_eq!((over.refusal(), over.text("reason").as_str()), (INVALID_GRANT, "linkage_expired"));
}

#[tokio::test]
async fn r_108_what_stops_a_linkage_stops_its_refresh_token_and_is_named() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    for (stop, go_on, reason) in [
        (
            "UPDATE customers SET contract = 'suspended' WHERE institution = ?1",
            "UPDATE customers SET contract = 'active' WHERE institution = ?1",
            "contract_suspended",
        ),
        (
            "UPDATE users SET state = 'suspended' WHERE institution = ?1",
            "UPDATE users SET state = 'active' WHERE institution = ?1",
            "user_suspended",
        ),
    ] {
        bank.change(stop).await;
        let answer = kakeibo.refresh(&held.refresh).send().await;
        assert_eq!((answer.refusal(), answer.text("reason").as_str()), (INVALID_GRANT, reason));
        assert!(!bank.is_live(&held.access).await);
        bank.change(go_on).await;
        assert_eq!(kakeibo.refresh(&held.refresh).send().await.status, 200);
    }
}

//! Pushed authorization requests.

use renkei_domain::linkage::EndedBy;
use renkei_domain::ticket::Ticket;
use renkei_oauth::request::PushedRequest;
use renkei_testing::aoi;
use serde_json::json;

use crate::support::{Bank, Partner, new_key};

const INVALID_REQUEST: (u16, &str) = (400, "invalid_request");

#[tokio::test]
async fn r_063_a_pushed_request_gets_a_long_random_name_for_a_short_time() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let answer = kakeibo.push().send().await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"));
    assert!((1..600).contains(&answer.body["expires_in"].as_i64().unwrap()));
    let name = answer.text("request_uri");
    let ticket = Ticket::parse(name.strip_prefix("urn:ietf:params:oauth:request_uri:").unwrap()).unwrap();
    let stored = bank.app.store.read(&aoi()).find_request(&ticket).await.unwrap().unwrap();
    let request: PushedRequest = serde_json::from_str(&stored.body).unwrap();
    assert_eq!((request.client_id.as_str(), request.state.as_deref()), (kakeibo.client_id.as_str(), Some("s")));
    assert_eq!(bank.now().seconds_until(stored.expires_at), answer.body["expires_in"].as_i64().unwrap());
    assert_eq!(bank.recorded("request_pushed", "done", "").await, 1);
    assert_ne!(kakeibo.push().send().await.text("request_uri"), name);
}

#[tokio::test]
async fn r_059_a_request_uri_cannot_be_pushed() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    let answer = kakeibo.push().and("request_uri", "urn:ietf:params:oauth:request_uri:x").send().await;
    assert_eq!(answer.refusal(), INVALID_REQUEST);
}

#[tokio::test]
async fn r_037_r_060_r_061_r_062_a_007_a_008_everything_that_can_be_refused_is_refused_here() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    for (draft, error) in [
        (kakeibo.push().without("redirect_uri"), "invalid_request"),
        (kakeibo.push().with("redirect_uri", "https://kakeibo.example/back/"), "invalid_request"),
        (kakeibo.push().with("redirect_uri", "https://evil.example/back"), "invalid_request"),
        (kakeibo.push().with("response_type", "token"), "unsupported_response_type"),
        (kakeibo.push().with("response_type", "code id_token"), "unsupported_response_type"),
        (kakeibo.push().without("code_challenge"), "invalid_request"),
        (kakeibo.push().without("code_challenge_method"), "invalid_request"),
        (kakeibo.push().with("code_challenge_method", "plain"), "invalid_request"),
        (kakeibo.push().with("scope", "balances payments"), "invalid_scope"),
        (kakeibo.push().with("state", &"x".repeat(2_049)), "invalid_request"),
        (kakeibo.push().and("authorization_details", "[{}]"), "invalid_authorization_details"),
        (kakeibo.push().and("request", "a.b.c"), "invalid_request_object"),
    ] {
        let answer = draft.send().await;
        assert_eq!(answer.refusal(), (400, error), "{}", answer.body);
        assert!(bank.recorded("request_pushed", "refused", &answer.text("error_description")).await > 0);
    }
    assert_eq!(bank.count(&aoi(), "SELECT COUNT(*) FROM requests WHERE institution = ?1").await, 0);
}

#[tokio::test]
async fn r_071_a_key_named_twice_must_be_one_key() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let other = new_key();
    let named = |jkt: &str| kakeibo.push().and("dpop_jkt", jkt);
    assert_eq!(named(&kakeibo.jkt()).proven().send().await.status, 201);
    assert_eq!(named(&kakeibo.jkt()).send().await.status, 201);
    assert_eq!(kakeibo.push().proven().send().await.status, 201);
    let differing = named(&kakeibo.jkt()).proven_by(&other).send().await;
    assert_eq!(differing.refusal(), (400, "invalid_dpop_proof"));
    assert_eq!(named("short").send().await.refusal(), INVALID_REQUEST);
    let broken = kakeibo.push().proven().proof_claims(json!({ "htm": "GET" })).send().await;
    assert_eq!(broken.refusal(), (400, "invalid_dpop_proof"));
    let bound = "SELECT COUNT(*) FROM requests WHERE institution = ?1 AND body LIKE '%dpop_jkt%'";
    assert_eq!(bank.count(&aoi(), bound).await, 3);
}

#[tokio::test]
async fn a_046_a_proof_used_at_par_is_used() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    let first = kakeibo.push().proven();
    let mut second = kakeibo.push();
    second.proof.clone_from(&first.proof);
    assert_eq!(first.send().await.status, 201);
    assert_eq!(second.send().await.refusal(), (400, "invalid_dpop_proof"));
}

#[tokio::test]
async fn a_linkage_to_be_renewed_must_be_the_clients_own_and_not_ended() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let chobo = bank.join_product("chobo").await;
    let linkage = bank.linkage().await;
    let id = linkage.to_string();
    let replacing = async |partner: &Partner, id: &str| {
        partner.push().with("grant_id", id).with("grant_management_action", "replace").send().await
    };
    assert_eq!(replacing(&kakeibo, &id).await.status, 201);
    assert_eq!(replacing(&chobo, &id).await.refusal(), (400, "invalid_grant_id"));
    for unknown in ["x", "0199aaaa-0000-7000-8000-000000000000"] {
        assert_eq!(replacing(&kakeibo, unknown).await.refusal(), (400, "invalid_grant_id"));
    }
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    assert!(tx.end_linkage(linkage, EndedBy::Customer, bank.now()).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(replacing(&kakeibo, &id).await.refusal(), (400, "invalid_grant_id"));
}

#[tokio::test]
async fn a_019_what_could_not_be_registered_is_not_registered_though_the_database_says_so() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let evil = ["JaVaScRiPt:alert(1)", "data:text/html,x", "https://kakeibo.example;script-src/back"];
    let mut product = bank.app.store.read(&aoi()).find_product(&kakeibo.client_id).await.unwrap().unwrap();
    product.redirect_uris = evil.map(str::to_owned).to_vec();
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    tx.save_product(&product).await.unwrap();
    tx.commit().await.unwrap();
    for uri in evil {
        assert_eq!(kakeibo.push().with("redirect_uri", uri).send().await.refusal(), INVALID_REQUEST, "{uri}");
    }
}

//! The linkage flow and the tokens, against an institution on loopback.

use crate::support::{Bank, CALLBACK, NOW, answer, no_accounts, open, pushed, tokens};
use renkei_client::{Error, Grant, Pending, Reason};
use serde_json::json;

async fn begun(bank: &Bank) -> (renkei_client::Client, Pending) {
    bank.prepare(pushed());
    let client = bank.client().await.unwrap();
    let pending = client.begin("balances transactions", None).await.unwrap();
    (client, pending)
}

async fn granted(bank: &Bank, seconds: u64) -> (renkei_client::Client, Grant) {
    let (client, pending) = begun(bank).await;
    bank.prepare(tokens("access-1", seconds));
    let query = bank.callback(pending.state(), "code=code-of-aoi");
    let grant = client.complete(&pending, &query).await.unwrap();
    (client, grant)
}

#[tokio::test]
async fn metadata_of_another_issuer_is_refused() {
    let bank = Bank::open().await;
    bank.publish("issuer", json!(format!("{}/", bank.issuer)));
    assert!(matches!(bank.client().await, Err(Error::Issuer { .. })));
}

#[tokio::test]
async fn metadata_that_sends_secrets_over_plain_http_is_refused() {
    let bank = Bank::open().await;
    bank.publish("token_endpoint", json!("http://bank.example/1001/token"));
    assert!(matches!(bank.client().await, Err(Error::Insecure(_))));
}

#[tokio::test]
async fn an_institution_that_does_not_name_itself_in_answers_is_refused() {
    let bank = Bank::open().await;
    bank.publish("authorization_response_iss_parameter_supported", json!(false));
    assert!(matches!(bank.client().await, Err(Error::Unreadable(_))));
}

#[tokio::test]
async fn a_pushed_request_carries_challenge_assertion_and_proof() {
    let bank = Bank::open().await;
    let (_, pending) = begun(&bank).await;
    let asked = &bank.asked()[0];
    assert_eq!(asked.path, "/1001/par");
    assert_eq!(asked.field("redirect_uri"), CALLBACK);
    assert_eq!(asked.field("response_type"), "code");
    assert_eq!(asked.field("code_challenge_method"), "S256");
    assert_eq!(asked.field("code_challenge").len(), 43);
    assert_eq!(asked.field("state"), pending.state());
    assert_eq!(asked.field("grant_id"), "");
    let url = pending.url();
    assert!(url.starts_with(&format!("{}/authorize?client_id=kakeibo&request_uri=urn", bank.issuer)), "{url}");
    assert_eq!(pending.expires_at(), NOW + 90);

    let (header, claims) = open(asked.field("client_assertion"));
    assert_eq!(header, json!({"alg": "ES256", "typ": "client-authentication+jwt", "kid": "kakeibo-1"}));
    assert_eq!(claims["aud"], json!(bank.issuer), "the audience is one string");
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("kakeibo"), &json!("kakeibo")));
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(NOW), &json!(NOW + 60)));

    let (header, claims) = open(asked.header("dpop"));
    assert_eq!((&header["typ"], &header["jwk"]["crv"]), (&json!("dpop+jwt"), &json!("P-256")));
    assert!(header["jwk"].get("d").is_none());
    assert_eq!(claims["htm"], "POST");
    assert_eq!(claims["htu"], json!(format!("{}/par", bank.issuer)));
    assert!(claims.get("ath").is_none());
}

#[tokio::test]
async fn a_renewal_names_its_linkage() {
    let bank = Bank::open().await;
    bank.prepare(pushed());
    bank.client().await.unwrap().begin("balances", Some("linkage-1")).await.unwrap();
    let asked = &bank.asked()[0];
    assert_eq!((asked.field("grant_management_action"), asked.field("grant_id")), ("replace", "linkage-1"));
}

#[tokio::test]
async fn a_code_becomes_a_grant_with_the_verifier_and_the_same_key() {
    let bank = Bank::open().await;
    let (_, grant) = granted(&bank, 300).await;
    assert_eq!((grant.grant_id(), grant.scope()), ("linkage-1", "balances transactions"));
    assert_eq!(grant.ends_at(), Some(NOW + 1_000));
    assert!(grant.permits("balances") && !grant.permits("balance"));
    let asked = bank.asked();
    assert_eq!(asked[1].path, "/1001/token");
    assert_eq!(asked[1].field("code"), "code-of-aoi");
    assert_eq!(asked[1].field("code_verifier").len(), 43);
    let key = |n: usize| open(asked[n].header("dpop")).0["jwk"].clone();
    assert_eq!(key(0), key(1));
    let jti = |n: usize| open(asked[n].field("client_assertion")).1["jti"].clone();
    assert_ne!(jti(0), jti(1));
}

#[tokio::test]
async fn a_grant_and_a_pending_request_show_no_secret_and_survive_a_restart() {
    let bank = Bank::open().await;
    let (client, grant) = granted(&bank, 300).await;
    let shown = format!("{grant:?} {client:?}");
    assert!(!shown.contains("refresh-of-aoi") && !shown.contains("access-1"), "{shown}");
    let mut grant: Grant = serde_json::from_str(&serde_json::to_string(&grant).unwrap()).unwrap();
    bank.prepare(no_accounts());
    client.accounts(&mut grant, None).await.unwrap();
    assert_eq!(bank.asked()[2].header("authorization"), "DPoP access-1");
}

#[tokio::test]
async fn a_022_an_answer_with_a_wrong_state_or_issuer_sends_no_code_anywhere() {
    let bank = Bank::open().await;
    let (client, pending) = begun(&bank).await;
    let stranger = bank.callback("somebody-elses-state", "code=code-of-aoi");
    assert!(matches!(client.complete(&pending, &stranger).await, Err(Error::State)));
    let mixed_up = bank.callback(pending.state(), "code=code-of-aoi").replace("1001", "1002");
    assert!(matches!(client.complete(&pending, &mixed_up).await, Err(Error::Issuer { .. })));
    assert_eq!(bank.asked().len(), 1, "only the pushed request went out");
}

#[tokio::test]
async fn a_022_what_was_begun_at_one_institution_is_not_completed_at_another() {
    let (aoi, midori) = (Bank::open().await, Bank::open().await);
    let (_, pending) = begun(&aoi).await;
    let client = midori.client().await.unwrap();
    let query = aoi.callback(pending.state(), "code=code-of-aoi");
    assert!(matches!(client.complete(&pending, &query).await, Err(Error::Issuer { .. })));
    let (_, mut grant) = granted(&aoi, 300).await;
    assert!(matches!(client.accounts(&mut grant, None).await, Err(Error::Issuer { .. })));
    assert!(midori.asked().is_empty());
}

#[tokio::test]
async fn a_refusal_of_the_customer_is_told_with_its_code() {
    let bank = Bank::open().await;
    let (client, pending) = begun(&bank).await;
    let query = bank.callback(pending.state(), "error=access_denied");
    let Err(Error::Refused(refusal)) = client.complete(&pending, &query).await else { panic!("not refused") };
    assert_eq!(refusal.error, "access_denied");
}

#[tokio::test]
async fn a_token_that_is_not_bound_to_the_key_is_refused() {
    let bank = Bank::open().await;
    let (client, pending) = begun(&bank).await;
    let mut bearer = tokens("access-1", 300);
    bearer.body["token_type"] = json!("Bearer");
    bank.prepare(bearer);
    let query = bank.callback(pending.state(), "code=code-of-aoi");
    assert!(matches!(client.complete(&pending, &query).await, Err(Error::Unreadable(_))));
}

#[tokio::test]
async fn a_demanded_nonce_is_sent_once_and_kept_for_the_next_request() {
    let bank = Bank::open().await;
    let demand = || answer(400, json!({"error": "use_dpop_nonce"})).with("DPoP-Nonce", "nonce-1");
    bank.prepare(demand());
    let (client, pending) = begun(&bank).await;
    let nonce = |n: usize| open(bank.asked()[n].header("dpop")).1["nonce"].clone();
    assert_eq!((nonce(0), nonce(1)), (json!(null), json!("nonce-1")));
    let assertion = |n: usize| bank.asked()[n].field("client_assertion").to_owned();
    assert_ne!(assertion(0), assertion(1));

    bank.prepare(demand());
    bank.prepare(demand());
    let query = bank.callback(pending.state(), "code=code-of-aoi");
    let error = client.complete(&pending, &query).await.unwrap_err();
    assert_eq!(error.reason().map(Reason::code), Some("use_dpop_nonce"), "a second demand is the end");
    assert_eq!((bank.asked().len(), nonce(2)), (4, json!("nonce-1")));
}

#[tokio::test]
async fn the_two_servers_keep_their_nonces_apart() {
    let bank = Bank::open().await;
    let (client, mut grant) = granted(&bank, 300).await;
    let challenge = r#"DPoP error="use_dpop_nonce""#;
    bank.prepare(answer(401, json!({})).with("WWW-Authenticate", challenge).with("DPoP-Nonce", "api-nonce"));
    bank.prepare(no_accounts());
    client.accounts(&mut grant, None).await.unwrap();
    bank.prepare(tokens("access-2", 300));
    client.refresh(&mut grant).await.unwrap();
    let nonce = |n: usize| open(bank.asked()[n].header("dpop")).1["nonce"].clone();
    assert_eq!((nonce(3), nonce(4)), (json!("api-nonce"), json!(null)));
}

#[tokio::test]
async fn an_access_token_about_to_die_is_replaced_before_it_is_used() {
    let bank = Bank::open().await;
    let (client, mut grant) = granted(&bank, 15).await;
    bank.prepare(tokens("access-2", 300));
    bank.prepare(no_accounts());
    client.accounts(&mut grant, None).await.unwrap();
    let asked = bank.asked();
    assert_eq!(asked[2].field("refresh_token"), "refresh-of-aoi");
    assert_eq!(asked[3].header("authorization"), "DPoP access-2");
}

#[tokio::test]
async fn a_refused_access_token_is_replaced_once_and_a_coded_reason_ends_the_try() {
    let bank = Bank::open().await;
    let (client, mut grant) = granted(&bank, 300).await;
    bank.prepare(answer(401, json!({"error": "invalid_token"})));
    bank.prepare(tokens("access-2", 300));
    bank.prepare(no_accounts());
    client.accounts(&mut grant, None).await.unwrap();

    bank.prepare(answer(401, json!({"error": "ended_by_customer", "detail": "お客さまが連携を停止しました"})));
    let error = client.accounts(&mut grant, None).await.unwrap_err();
    assert_eq!(error.reason(), Some(&Reason::EndedByCustomer));
    assert_eq!(bank.asked().len(), 6, "no token was asked for after a coded reason");
}

#[tokio::test]
async fn a_refused_refresh_tells_the_reason_beside_invalid_grant() {
    let bank = Bank::open().await;
    let (client, mut grant) = granted(&bank, 300).await;
    for body in [
        json!({"error": "invalid_grant", "error_description": "linkage_expired"}),
        json!({"error": "invalid_grant", "reason": "linkage_expired"}),
    ] {
        bank.prepare(answer(400, body));
        let error = client.refresh(&mut grant).await.unwrap_err();
        assert_eq!(error.reason(), Some(&Reason::LinkageExpired));
    }
}

#[tokio::test]
async fn revocation_sends_the_refresh_token_with_an_assertion() {
    let bank = Bank::open().await;
    let (client, grant) = granted(&bank, 300).await;
    bank.prepare(answer(200, json!({})));
    client.revoke(&grant).await.unwrap();
    let asked = &bank.asked()[2];
    assert_eq!((asked.path.as_str(), asked.field("token")), ("/1001/revoke", "refresh-of-aoi"));
    assert_eq!(open(asked.field("client_assertion")).1["aud"], json!(bank.issuer));
}

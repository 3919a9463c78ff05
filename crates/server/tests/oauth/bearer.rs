//! Who calls the account API.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::linkage::{EndedBy, Reason};
use renkei_domain::operation::Operation;
use renkei_domain::token::Binding;
use renkei_oauth::error::ResourceError;
use renkei_server::http::connection::Connection;
use renkei_server::http::oauth::bearer::{Caller, Refusal, Sent, authenticate};
use renkei_store::{Ended, Unit};
use renkei_testing::{aoi, midori};
use serde_json::json;

use crate::support::partner::Jwt;
use crate::support::{Bank, Partner, new_key};

const PATH: &str = "/1001/api/v1/accounts";

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

async fn call_at(
    bank: &Bank,
    institution: &InstitutionCode,
    path: &str,
    pairs: &[(&str, &str)],
) -> Result<Caller, Refusal> {
    let (headers, connection) = (headers(pairs), Connection::plain(&bank.app));
    let sent = Sent { method: &Method::GET, path, headers: &headers, connection: &connection };
    authenticate(&bank.app, institution, sent, None, bank.now()).await
}

async fn call(bank: &Bank, pairs: &[(&str, &str)]) -> Result<Caller, Refusal> {
    call_at(bank, &aoi(), PATH, pairs).await
}

async fn call_with(bank: &Bank, access: &str, proof: &Jwt) -> Result<Caller, Refusal> {
    call(bank, &[("authorization", &format!("DPoP {access}")), ("dpop", &proof.sign())]).await
}

/// Status and error code of a refusal; no code where none was sent.
fn refused(result: Result<Caller, Refusal>) -> (u16, &'static str) {
    match result {
        Err(Refusal::Call(error @ ResourceError::NoToken)) => (error.status(), ""),
        Err(Refusal::Call(error @ ResourceError::Refused(inner))) => (error.status(), inner.code.as_str()),
        other => panic!("{other:?}"),
    }
}

const INVALID_TOKEN: (u16, &str) = (401, "invalid_token");
const INVALID_PROOF: (u16, &str) = (401, "invalid_dpop_proof");

#[tokio::test]
async fn a_good_call_tells_who_calls_and_for_what() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let caller = call_with(&bank, &held.access, &kakeibo.proof_with(PATH, &held.access)).await.unwrap();
    assert_eq!((caller.linkage.id, caller.linkage.client_id.as_str()), (held.linkage, kakeibo.client_id.as_str()));
    assert_eq!(caller.token.binding, Binding::Dpop(kakeibo.jkt()));
    assert!(caller.permits(Operation::Balances, bank.now()));
    assert!(!caller.permits(Operation::Balances, caller.linkage.facts.ends_at));
}

#[tokio::test]
async fn what_is_not_in_the_tokens_scope_is_not_permitted() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let narrow = kakeibo.refresh(&held.refresh).with("scope", "transactions").send().await.text("access_token");
    let caller = call_with(&bank, &narrow, &kakeibo.proof_with(PATH, &narrow)).await.unwrap();
    assert!(caller.permits(Operation::Transactions, bank.now()) && !caller.permits(Operation::Balances, bank.now()));
}

#[tokio::test]
async fn r_149_r_126_r_127_a_050_the_scheme_is_dpop_in_any_letters() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let proof = || kakeibo.proof_with(PATH, &held.access).sign();
    assert_eq!(refused(call(&bank, &[]).await), (401, ""));
    let bearer = format!("Bearer {}", held.access);
    assert_eq!(refused(call(&bank, &[("authorization", &bearer), ("dpop", &proof())]).await), INVALID_TOKEN);
    for scheme in ["dpop", "DPOP", "dPoP"] {
        let sent = format!("{scheme} {}", held.access);
        assert!(call(&bank, &[("authorization", &sent), ("dpop", &proof())]).await.is_ok(), "{scheme}");
    }
    let sent = format!("DPoP {}", held.access);
    assert_eq!(refused(call(&bank, &[("authorization", &sent)]).await), INVALID_PROOF);
    let twice = [("authorization", sent.as_str()), ("dpop", &proof()), ("dpop", &proof())];
    assert_eq!(refused(call(&bank, &twice).await), INVALID_PROOF);
}

#[tokio::test]
async fn r_125_a_049_the_proof_is_for_this_token_this_address_and_by_its_key() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let other = kakeibo.refresh(&held.refresh).send().await.text("access_token");
    let changed = |changes: serde_json::Value| {
        let mut proof = kakeibo.proof_with(PATH, &held.access);
        for (name, value) in changes.as_object().unwrap() {
            proof.claims[name] = value.clone();
        }
        proof
    };
    for proof in [
        kakeibo.proof("GET", PATH),
        kakeibo.proof_with(PATH, &other),
        kakeibo.proof_with("/1001/api/v1/linkage", &held.access),
        kakeibo.proof_with("/1002/api/v1/accounts", &held.access),
        changed(json!({ "htm": "POST" })),
        changed(json!({ "iat": bank.now().seconds() - 3_600 })),
        changed(json!({ "iat": bank.now().seconds() + 3_600 })),
    ] {
        assert_eq!(refused(call_with(&bank, &held.access, &proof).await), INVALID_PROOF, "{}", proof.claims);
    }
    let thief = Partner { dpop: new_key(), ..kakeibo.clone() };
    let stolen = call_with(&bank, &held.access, &thief.proof_with(PATH, &held.access)).await;
    assert_eq!(refused(stolen), INVALID_TOKEN);
}

#[tokio::test]
async fn a_token_that_is_unknown_edited_expired_or_revoked_is_refused() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let revoked = kakeibo.refresh(&held.refresh).send().await.text("access_token");
    assert_eq!(kakeibo.revoke(&revoked).send().await.status, 200);
    let unknown = bank.app.new_ticket(bank.now()).reveal();
    let edited = format!("{}{}", &held.access[..32], &unknown[32..]);
    for token in [&revoked, &unknown, &edited, &held.refresh, &held.code, "x"] {
        let proof = kakeibo.proof_with(PATH, token);
        assert_eq!(refused(call_with(&bank, token, &proof).await), INVALID_TOKEN, "{token}");
    }
    bank.clock.forward(300);
    let late = call_with(&bank, &held.access, &kakeibo.proof_with(PATH, &held.access)).await;
    assert_eq!(refused(late), INVALID_TOKEN);
}

#[tokio::test]
async fn r_018_a_token_of_one_institution_opens_nothing_at_another() {
    let (bank, at_aoi, _) = Bank::with_two_institutions().await;
    let held = bank.linked(&at_aoi).await;
    let path = "/1002/api/v1/accounts";
    let sent = format!("DPoP {}", held.access);
    let proof = at_aoi.proof_with(path, &held.access).sign();
    let result = call_at(&bank, &midori(), path, &[("authorization", &sent), ("dpop", &proof)]).await;
    assert_eq!(refused(result), INVALID_TOKEN);
}

#[tokio::test]
async fn a_linkage_that_may_not_be_used_names_its_reason_to_the_holder_of_the_key_alone() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    assert!(tx.end_linkage(held.linkage, EndedBy::Customer, bank.now()).await.unwrap());
    tx.commit().await.unwrap();
    let own = call_with(&bank, &held.access, &kakeibo.proof_with(PATH, &held.access)).await;
    let Err(Refusal::Linkage(reason, caller)) = own else { panic!("{own:?}") };
    assert_eq!((reason, caller.linkage.id), (Reason::EndedByCustomer, held.linkage));
    let thief = Partner { dpop: new_key(), ..kakeibo };
    assert_eq!(refused(call_with(&bank, &held.access, &thief.proof_with(PATH, &held.access)).await), INVALID_TOKEN);
}

#[tokio::test]
async fn a_046_a_proof_is_claimed_once() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let proof = kakeibo.proof_with(PATH, &held.access);
    for ended in [Ended::Done, Ended::Lost(0)] {
        let caller = call_with(&bank, &held.access, &proof).await.unwrap();
        let mut unit = Unit::new(&aoi());
        caller.claim_proof(&mut unit, bank.now());
        assert_eq!(bank.app.store.leave(unit).await.unwrap(), ended);
    }
}

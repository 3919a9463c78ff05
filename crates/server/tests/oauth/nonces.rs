//! Nonces in proofs, where the institution demands them.

use serde_json::json;

use crate::support::{Answer, Bank, Partner};

const DEMAND: &str = "UPDATE institutions SET dpop_nonces = 1 WHERE institution = ?1";
const PATH: &str = "/1001/api/v1/linkage";
/// How long a nonce is handed out, and then taken on.
const SPAN: i64 = renkei_server::http::nonces::SPAN_SECONDS;

/// Reads with this token and this nonce.
async fn read(kakeibo: &Partner, access: &str, nonce: Option<&str>) -> Answer {
    let proof = kakeibo.proof_with(PATH, access).claims(json!({ "nonce": nonce }));
    let request = kakeibo.http.get(format!("{}{PATH}", kakeibo.address));
    Answer::to(request.header("authorization", format!("DPoP {access}")).header("dpop", proof.sign())).await
}

/// The one fresh nonce of an answer that nobody may keep.
fn nonce_of(answer: &Answer) -> String {
    assert_eq!(answer.headers.get_all("dpop-nonce").iter().count(), 1, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.header("dpop-nonce").to_owned()
}

/// Refused by the account API for want of a good nonce; the one to use.
fn challenged(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.text("error").as_str()), (401, "use_dpop_nonce"));
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("DPoP error=\"use_dpop_nonce\""), "{challenge}");
    nonce_of(answer)
}

#[tokio::test]
async fn nonces_are_off_unless_the_institution_demands_them() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linked = bank.linked(&kakeibo).await;
    let answer = kakeibo.refresh(&linked.refresh).proof_claims(json!({ "nonce": "whatever" })).send().await;
    assert_eq!((answer.status, answer.header("dpop-nonce")), (200, ""));
    assert_eq!(read(&kakeibo, &linked.access, Some("whatever")).await.status, 200);
}

#[tokio::test]
async fn r_122_r_124_a_053_a_proof_without_nonce_is_challenged_and_the_next_try_is_taken() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linked = bank.linked(&kakeibo).await;
    bank.change(DEMAND).await;
    let refusals = "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND outcome = 'refused'";
    for draft in [kakeibo.push().proven(), kakeibo.refresh(&linked.refresh)] {
        let refused = draft.clone().send().await;
        assert_eq!(refused.refusal(), (400, "use_dpop_nonce"));
        let nonce = nonce_of(&refused);
        let taken = draft.proof_claims(json!({ "nonce": nonce })).send().await;
        assert!([200, 201].contains(&taken.status), "{}", taken.body);
        assert_eq!(nonce_of(&taken), nonce);
    }
    let nonce = challenged(&read(&kakeibo, &linked.access, None).await);
    let taken = read(&kakeibo, &linked.access, Some(&nonce)).await;
    assert_eq!((taken.status, nonce_of(&taken)), (200, nonce));
    assert_eq!(bank.count(&renkei_testing::aoi(), refusals).await, 0, "a challenge refuses nobody anything");
}

#[tokio::test]
async fn a_053_a_challenge_uses_up_neither_the_assertion_nor_the_code() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    bank.change(DEMAND).await;
    let (_, code) = bank.linkage_with_code().await;
    let draft = kakeibo.redeem(&code);
    let assertion = draft.assertion.clone().unwrap().sign();
    let first = draft.clone().asserting(&assertion).send().await;
    assert_eq!(first.refusal(), (400, "use_dpop_nonce"));
    let nonce = nonce_of(&first);
    let again = draft.proof_claims(json!({ "nonce": nonce })).asserting(&assertion);
    assert_eq!(again.clone().send().await.status, 200);
    // Used up now, as ever.
    assert_eq!(again.send().await.refusal(), (401, "invalid_client"));
}

#[tokio::test]
async fn r_123_a_053_a_nonce_is_good_for_one_audience_of_one_institution_for_a_time() {
    let (bank, kakeibo, at_midori) = Bank::with_two_institutions().await;
    let linked = bank.linked(&kakeibo).await;
    bank.change(DEMAND).await;
    let mut tx = bank.app.store.begin(&renkei_testing::midori()).await.unwrap();
    assert_eq!(tx.execute(DEMAND, &[]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    let push = |nonce: &str| kakeibo.push().proven().proof_claims(json!({ "nonce": nonce })).send();
    let of_server = nonce_of(&kakeibo.push().proven().send().await);
    let of_api = challenged(&read(&kakeibo, &linked.access, None).await);
    let of_midori = nonce_of(&at_midori.push().proven().send().await);
    assert_eq!(push(&of_server).await.status, 201);
    for wrong in [&of_api, &of_midori, "forged", "", &of_server.to_lowercase(), &format!("{of_server} ")] {
        assert_eq!(push(wrong).await.refusal(), (400, "use_dpop_nonce"), "{wrong}");
    }
    for wrong in [&of_server, &of_midori, "forged"] {
        assert_eq!(challenged(&read(&kakeibo, &linked.access, Some(wrong)).await), of_api, "{wrong}");
    }
    let of_a_number = kakeibo.push().proven().proof_claims(json!({ "nonce": 1 })).send().await;
    assert_eq!(of_a_number.refusal(), (400, "use_dpop_nonce"));

    bank.clock.forward(SPAN);
    let next = nonce_of(&kakeibo.push().proven().send().await);
    assert_ne!(next, of_server);
    let old = push(&of_server).await;
    assert_eq!(
        (old.status, nonce_of(&old)),
        (201, next.clone()),
        "the one before is taken, and a fresh one comes back"
    );
    bank.clock.forward(SPAN);
    assert_eq!(push(&of_server).await.refusal(), (400, "use_dpop_nonce"));
    assert_eq!(push(&next).await.status, 201);
}

#[tokio::test]
async fn a_118_a_053_no_other_spelling_of_the_address_gets_around_the_demand() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linked = bank.linked(&kakeibo).await;
    bank.change(DEMAND).await;
    for (draft, path) in [(kakeibo.push(), "/%31001/par"), (kakeibo.refresh(&linked.refresh), "/10%30%31/token")] {
        let mut draft = draft.proven().proof_claims(json!({ "htu": format!("{}{path}", kakeibo.address) }));
        draft.url = format!("{}{path}", kakeibo.address);
        assert_eq!(draft.send().await.status, 404, "{path}");
    }
    for path in ["/%31001/api/v1/linkage", "/1001/api/v1/%6cinkage"] {
        let proof = kakeibo.proof_with(path, &linked.access);
        let request = kakeibo.http.get(format!("{}{path}", kakeibo.address));
        let request = request.header("authorization", format!("DPoP {}", linked.access)).header("dpop", proof.sign());
        let answer = Answer::to(request).await;
        assert_eq!((answer.status, answer.header("content-type")), (404, "application/problem+json"), "{path}");
    }
}

#[tokio::test]
async fn a_good_nonce_makes_nothing_else_good() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let linked = bank.linked(&kakeibo).await;
    bank.change(DEMAND).await;
    let nonce = nonce_of(&kakeibo.refresh(&linked.refresh).send().await);
    let with = |claims| kakeibo.refresh(&linked.refresh).proof_claims(json!({ "nonce": nonce })).proof_claims(claims);
    for claims in [json!({ "htm": "GET" }), json!({ "iat": bank.now().seconds() - 3_600 }), json!({ "jti": null })] {
        assert_eq!(with(claims).send().await.refusal(), (400, "invalid_dpop_proof"));
    }
    let twice = with(json!({})).header("DPoP", &kakeibo.proof("POST", "/1001/token").sign());
    assert_eq!(twice.send().await.status, 400);
    let unsigned = kakeibo.refresh(&linked.refresh).without_proof().header("DPoP", "e30.e30.e30");
    assert_eq!(unsigned.send().await.refusal(), (400, "invalid_dpop_proof"));
    let without = kakeibo.refresh(&linked.refresh).without_proof().send().await;
    assert_eq!(without.refusal(), (400, "invalid_dpop_proof"));
    let proof = with(json!({})).seal();
    assert_eq!(proof.clone().send().await.status, 200);
    assert_ne!(proof.send().await.status, 200, "replayed");
}

//! Assertions and proofs that were used, at another node, after a restart and after they ran out.

use std::time::Duration;

use futures_util::future::join_all;
use renkei_domain::time::Clock as _;
use renkei_server::system::SystemClock;
use serde_json::json;

use crate::installation::{Installation, accounts_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_049_a_038_an_assertion_is_good_once_on_two_nodes_after_a_restart_and_after_its_end() {
    let Some(installation) = Installation::on_postgres(1).await else { return };
    let (one, two) = (installation.start().await, installation.start().await);
    let kakeibo = one.partner(&installation.kakeibo);
    let used = kakeibo.push().seal();
    assert_eq!(used.clone().send().await.status, 201);
    let at_two = |draft: &crate::support::Draft| {
        let mut draft = draft.clone();
        draft.url = draft.url.replace(&one.address(), &two.address());
        draft.http = two.http.clone();
        draft
    };
    for draft in [used.clone(), at_two(&used)] {
        assert_eq!(draft.send().await.refusal(), (401, "invalid_client"));
    }
    let racing = kakeibo.push().seal();
    let answers = join_all((0..20).map(|n| if n % 2 == 0 { racing.clone() } else { at_two(&racing) }.send())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().all(|answer| answer.status == 201 || answer.refusal() == (401, "invalid_client")));
    let short = kakeibo.push().claims(json!({ "exp": SystemClock.now().seconds() + 2 })).seal();
    assert_eq!(short.clone().send().await.status, 201);
    one.kill();
    let again = installation.start().await;
    for draft in [&used, &racing, &short] {
        let mut draft = draft.clone();
        draft.url = format!("{}/1001/par", again.address());
        draft.http = again.http.clone();
        assert_eq!(draft.send().await.refusal(), (401, "invalid_client"));
    }
    while SystemClock.now().seconds() <= short_end(&short) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut late = short.clone();
    late.url = format!("{}/1001/par", again.address());
    late.http = again.http.clone();
    assert_eq!(late.send().await.refusal(), (401, "invalid_client"));
}

/// `exp` of the assertion that a sealed draft carries.
fn short_end(draft: &crate::support::Draft) -> i64 {
    use base64ct::{Base64UrlUnpadded, Encoding as _};
    let (_, jwt) = draft.form.iter().find(|(name, _)| name == "client_assertion").unwrap();
    let claims = Base64UrlUnpadded::decode_vec(jwt.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["exp"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_120_r_188_a_046_a_captured_proof_is_worth_nothing_at_any_node_nor_after_a_restart() {
    let Some(installation) = Installation::on_postgres(1).await else { return };
    let (one, two) = (installation.start().await, installation.start().await);
    let kakeibo = one.partner(&installation.kakeibo);
    let (access, refresh) = one.tokens(&kakeibo, "user0").await;
    let path = accounts_of(&kakeibo);
    // Dated as late as is accepted, so that it stays in its window longest.
    let mut proof = kakeibo.proof_with(&path, &access);
    proof.claims["iat"] = (SystemClock.now().seconds() + 9).into();
    let proof = proof.sign();
    let reads = join_all((0..20).map(|n| [&one, &two][n % 2].read_with(&access, &proof, &path))).await;
    assert_eq!(reads.iter().filter(|answer| answer.status == 200).count(), 1);
    assert!(reads.iter().all(|answer| [200, 401].contains(&answer.status)));
    let token_proof = kakeibo.proof("POST", "/1001/token").sign();
    let refresh_with = |node: &crate::installation::Node| {
        node.serves(&kakeibo).refresh(&refresh).without_proof().header("DPoP", &token_proof).send()
    };
    assert_eq!(refresh_with(&one).await.status, 200);
    assert_eq!(refresh_with(&two).await.refusal(), (400, "invalid_dpop_proof"));
    one.kill();
    let again = installation.start().await;
    for node in [&two, &again] {
        assert_eq!(node.read_with(&access, &proof, &path).await.status, 401);
        assert_eq!(refresh_with(node).await.refusal(), (400, "invalid_dpop_proof"));
        assert_eq!(node.read(&kakeibo, &access).await.status, 200, "a fresh proof is good");
    }
}

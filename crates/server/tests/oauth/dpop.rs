//! DPoP proofs at the token endpoint.

use renkei_store::Store;
use renkei_testing::{aoi, on_each_engine};
use serde_json::json;

use crate::support::{Bank, new_key};

const INVALID_PROOF: (u16, &str) = (400, "invalid_dpop_proof");

#[tokio::test]
async fn r_113_one_header_with_one_proof() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let (one, two) = (kakeibo.proof("POST", "/1001/token").sign(), kakeibo.proof("POST", "/1001/token").sign());
    let twice = kakeibo.refresh(&held.refresh).without_proof().header("DPoP", &one).header("DPoP", &two);
    assert_eq!(twice.send().await.refusal(), INVALID_PROOF);
    let listed = kakeibo.refresh(&held.refresh).without_proof().header("DPoP", &format!("{one}, {two}"));
    assert_eq!(listed.send().await.refusal(), INVALID_PROOF);
}

#[tokio::test]
async fn r_114_to_r_118_a_025_a_047_a_052_a_proof_that_breaks_a_rule_is_refused() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let draft = || kakeibo.refresh(&held.refresh);
    let mut private = kakeibo.dpop.to_public_jwk().to_json();
    private["d"] = "AAAA".into();
    let drafts = [
        draft().proof_header(json!({ "typ": null })),
        draft().proof_header(json!({ "typ": "JWT" })),
        draft().proof_header(json!({ "alg": null })),
        draft().proof_header(json!({ "alg": "none" })),
        draft().proof_header(json!({ "alg": "HS256" })),
        draft().proof_header(json!({ "alg": "RS256" })),
        draft().proof_header(json!({ "jwk": null })),
        draft().proof_header(json!({ "jwk": private })),
        draft().proof_header(json!({ "jwk": new_key().to_public_jwk().to_json() })),
        draft().proof_claims(json!({ "jti": null })),
        draft().proof_claims(json!({ "htm": null })),
        draft().proof_claims(json!({ "htm": "GET" })),
        draft().proof_claims(json!({ "htm": "post" })),
        draft().proof_claims(json!({ "htu": null })),
        draft().proof_claims(json!({ "htu": 7 })),
        draft().proof_claims(json!({ "htu": "https://link.example/1001/par" })),
        draft().proof_claims(json!({ "htu": "https://link.example/1002/token" })),
        draft().proof_claims(json!({ "htu": "http://link.example/1001/token" })),
        draft().proof_claims(json!({ "htu": "https://link.example:444/1001/token" })),
        draft().proof_claims(json!({ "htu": "https://other.example/1001/token" })),
        draft().proof_claims(json!({ "iat": null })),
    ];
    for draft in drafts {
        let proof = draft.proof.clone().unwrap();
        let answer = draft.send().await;
        assert_eq!(answer.refusal(), INVALID_PROOF, "{} {}", proof.header, proof.claims);
    }
    let refusals = "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND action = 'refresh_refused'";
    assert_eq!(bank.count(&aoi(), refusals).await, 21);
    for text in ["", "x", "a.b.c", "eyJ.eyJ.x"] {
        let answer = draft().without_proof().header("DPoP", text).send().await;
        assert_eq!(answer.refusal(), INVALID_PROOF, "{text}");
    }
}

#[tokio::test]
async fn r_118_r_129_a_047_what_a_proof_may_vary_is_accepted() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let now = bank.now().seconds();
    for claims in [
        json!({ "htu": "https://link.example/1001/token?a=1" }),
        json!({ "htu": "https://link.example/1001/token#x" }),
        json!({ "htu": "HTTPS://LINK.example:443/1001/token" }),
        json!({ "unknown": [1], "nonce": "n", "nbf": now, "exp": now + 60 }),
    ] {
        let answer = kakeibo.refresh(&held.refresh).proof_claims(claims.clone()).send().await;
        assert_eq!(answer.status, 200, "{claims}");
    }
    let header = kakeibo.refresh(&held.refresh).proof_header(json!({ "unknown": 1, "typ": "DPoP+JWT" }));
    assert_eq!(header.send().await.status, 200);
}

#[tokio::test]
async fn r_119_a_proof_is_made_about_now() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let now = bank.now().seconds();
    for (issued_at, expected) in [(-10, 200), (10, 200), (-3_600, 400), (3_600, 400), (-61, 400), (31, 400)] {
        let draft = kakeibo.refresh(&held.refresh).proof_claims(json!({ "iat": now + issued_at }));
        assert_eq!(draft.send().await.status, expected, "{issued_at}");
    }
}

on_each_engine! {
    async fn r_120_a_046_a_proof_is_good_once_also_at_the_edge_of_its_window(store: Store) {
        let bank = Bank::over(store).await;
        let kakeibo = bank.join(&aoi()).await;
        let held = bank.linked(&kakeibo).await;
        let proof = kakeibo.proof("POST", "/1001/token").sign();
        let draft = || kakeibo.refresh(&held.refresh).without_proof().header("DPoP", &proof);
        let requests = (0..20).map(|_| tokio::spawn(draft().send()));
        let mut refreshed = 0;
        for request in requests.collect::<Vec<_>>() {
            let answer = request.await.unwrap();
            if answer.status == 200 { refreshed += 1 } else { assert_eq!(answer.refusal(), INVALID_PROOF) }
        }
        assert_eq!(refreshed, 1);
        for seconds in [10, 50, 1, 9] {
            bank.clock.forward(seconds);
            assert_eq!(draft().send().await.refusal(), INVALID_PROOF);
        }
    }
}

#[tokio::test]
async fn r_121_a_055_a_jti_is_kept_as_a_digest_and_a_long_one_refused() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    for length in [257, 8_000] {
        let draft = kakeibo.refresh(&held.refresh).proof_claims(json!({ "jti": "x".repeat(length) }));
        assert_eq!(draft.send().await.refusal(), INVALID_PROOF);
    }
    let longest = kakeibo.refresh(&held.refresh).proof_claims(json!({ "jti": "x".repeat(256) }));
    assert_eq!(longest.send().await.status, 200);
    let sizes = "SELECT MAX(LENGTH(digest)) FROM replays WHERE institution = ?1";
    assert_eq!(bank.count(&aoi(), sizes).await, 32);
}

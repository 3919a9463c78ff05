//! Proofs that are a little unusual and good, and codes bound to a key.

use crate::checks::expect_refusal;
use crate::stage::{RESOURCE, Run};
use crate::support::partner::Jwt;
use crate::support::{Answer, Draft, new_key};
use crate::variant::{self, Variant};

/// A whole flow whose proofs have other claims, at the token endpoint and at the resource.
async fn expect_accepted(variant: Variant, change: impl Fn(&mut Jwt, i64)) {
    let run = Run::open(variant).await;
    let now = run.bank().now().seconds();
    let mut redeem = run.one.redeem(&run.code(&run.one).await);
    change(redeem.proof.as_mut().unwrap(), now);
    let tokens = run.one.tokens_of(&redeem.send().await);
    let mut proof = run.one.partner.proof_with(RESOURCE, &tokens.access);
    change(&mut proof, now);
    let answer = Answer::to(run.one.read_as("DPoP", &tokens.access).header("DPoP", proof.sign())).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn check_dpop_proof_nbf_exp() {
    for variant in variant::with_proofs() {
        expect_accepted(variant, |proof, now| {
            proof.claims["nbf"] = now.into();
            proof.claims["exp"] = (now + 60).into();
        })
        .await;
    }
}

#[tokio::test]
async fn ensure_dpopproof_with_iat_10seconds_before_succeeds() {
    for variant in variant::with_proofs() {
        expect_accepted(variant, |proof, now| proof.claims["iat"] = (now - 10).into()).await;
    }
}

#[tokio::test]
async fn ensure_dpopproof_with_iat_10seconds_after_succeeds() {
    for variant in variant::with_proofs() {
        expect_accepted(variant, |proof, now| proof.claims["iat"] = (now + 10).into()).await;
    }
}

#[tokio::test]
async fn ensure_mismatched_dpop_jkt_fails() {
    for variant in variant::with_proofs() {
        let run = Run::open(variant).await;
        let other = new_key().to_public_jwk().thumbprint();
        let draft = run.one.push().with("dpop_jkt", &other).proven();
        run.one.expect_push_refused(draft, &["invalid_request", "invalid_dpop_proof"]).await;
    }
}

/// The code of a request bound to one key, redeemed with a proof of another.
async fn expect_bound(run: &Run, push: Draft) {
    let code = run.code_for(&run.one, push).await;
    let answer = run.one.redeem(&code).proven_by(&new_key()).send().await;
    expect_refusal(&answer, &["invalid_grant", "invalid_dpop_proof"]);
}

#[tokio::test]
async fn ensure_token_endpoint_fails_with_mismatched_dpop_proof_jkt() {
    for variant in variant::with_proofs() {
        let run = Run::open(variant).await;
        expect_bound(&run, run.one.push().proven()).await;
    }
}

#[tokio::test]
async fn ensure_token_endpoint_fails_with_mismatched_dpop_jkt() {
    for variant in variant::with_proofs() {
        let run = Run::open(variant).await;
        expect_bound(&run, run.one.push().with("dpop_jkt", &run.one.partner.jkt())).await;
    }
}

/// The code of a bound request, redeemed with the key it is bound to.
async fn expect_flow(run: &Run, push: Draft) {
    let code = run.code_for(&run.one, push).await;
    let tokens = run.one.tokens_of(&run.one.redeem(&code).send().await);
    run.one.expect_reads(&tokens.access).await;
}

#[tokio::test]
async fn ensure_dpopproof_at_par_endpoint_binding_success() {
    for variant in variant::with_proofs() {
        let run = Run::open(variant).await;
        expect_flow(&run, run.one.push().proven()).await;
    }
}

#[tokio::test]
async fn ensure_dpop_auth_code_binding_success() {
    for variant in variant::with_proofs() {
        let run = Run::open(variant).await;
        expect_flow(&run, run.one.push().with("dpop_jkt", &run.one.partner.jkt())).await;
        let both = run.one.push().with("dpop_jkt", &run.one.partner.jkt()).proven();
        expect_flow(&run, both).await;
    }
}

//! Client assertions, at PAR and at the token endpoint.

use serde_json::{Value, json};

use crate::checks::expect_refusal;
use crate::rsa::give_rsa_key;
use crate::stage::Run;
use crate::variant;

const INVALID_CLIENT: &[&str] = &["invalid_client"];

/// A push whose assertion has other claims is refused.
async fn expect_refused_at_par(change: impl Fn(&Run) -> Value, errors: &[&str]) {
    for variant in variant::with_assertions() {
        let run = Run::open(variant).await;
        run.one.expect_push_refused(run.one.push().claims(change(&run)), errors).await;
    }
}

/// A redemption whose assertion has other claims is refused.
async fn expect_refused_at_token(change: impl Fn(&Run) -> Value) {
    for variant in variant::with_assertions() {
        let run = Run::open(variant).await;
        let code = run.code(&run.one).await;
        let answer = run.one.redeem(&code).claims(change(&run)).send().await;
        expect_refusal(&answer, INVALID_CLIENT);
    }
}

/// `nbf` and `iat` so far ahead, with the life of a minute.
fn ahead(run: &Run, seconds: i64) -> Value {
    let then = run.bank().now().seconds() + seconds;
    json!({ "nbf": then, "iat": then, "exp": then + 60 })
}

#[tokio::test]
async fn par_ensure_jwt_client_assertions_nbf_8_seconds_in_the_future_is_accepted() {
    for variant in variant::with_assertions() {
        let run = Run::open(variant).await;
        let code = run.code_for(&run.one, run.one.push().claims(ahead(&run, 8))).await;
        run.one.tokens_of(&run.one.redeem(&code).claims(ahead(&run, 8)).send().await);
    }
}

#[tokio::test]
async fn par_ensure_jwt_client_assertions_nbf_over_60_seconds_in_the_future_fails() {
    expect_refused_at_par(|run| ahead(run, 70), INVALID_CLIENT).await;
}

#[tokio::test]
async fn par_test_array_as_audience_fails() {
    expect_refused_at_par(|run| json!({ "aud": [run.one.partner.issuer()] }), INVALID_CLIENT).await;
    let several = |run: &Run| json!({ "aud": [run.one.partner.issuer(), "https://other.example"] });
    expect_refused_at_par(several, INVALID_CLIENT).await;
}

#[tokio::test]
async fn par_test_par_endpoint_url_as_audience_fails() {
    expect_refused_at_par(|run| json!({ "aud": format!("{}/par", run.one.partner.issuer()) }), INVALID_CLIENT).await;
}

#[tokio::test]
async fn par_test_token_endpoint_url_as_audience_fails() {
    expect_refused_at_par(|run| json!({ "aud": format!("{}/token", run.one.partner.issuer()) }), INVALID_CLIENT).await;
}

#[tokio::test]
async fn ensure_client_assertion_with_exp_is_5_minutes_in_past_fails() {
    expect_refused_at_token(|run| {
        let now = run.bank().now().seconds();
        json!({ "iat": now - 360, "exp": now - 300 })
    })
    .await;
}

#[tokio::test]
async fn ensure_client_assertion_with_wrong_aud_fails() {
    expect_refused_at_token(|_| json!({ "aud": "https://wrong.example" })).await;
}

#[tokio::test]
async fn ensure_client_assertion_with_no_sub_fails() {
    expect_refused_at_token(|_| json!({ "sub": null })).await;
}

#[tokio::test]
async fn ensure_client_assertion_in_token_endpoint() {
    for variant in variant::with_assertions() {
        let run = Run::open(variant).await;
        let draft = run.one.redeem(&run.code(&run.one).await).without_assertion();
        let named = draft.clone().with("client_id", &run.one.partner.client_id);
        for draft in [draft, named] {
            expect_refusal(&draft.send().await, &["invalid_client", "invalid_request"]);
        }
    }
}

/// A client whose keys are RSA, registered for PS256: the same key signs RS256, rightly, and is refused.
#[tokio::test]
async fn ensure_signed_client_assertion_with_rs256_fails() {
    for variant in variant::with_assertions() {
        let mut run = Run::open(variant).await;
        let key = give_rsa_key(&mut run).await;
        let code = run.code(&run.one).await;
        let forged = key.sign_with_rs256(run.one.partner.assertion());
        expect_refusal(&run.one.redeem(&code).asserting(&forged).send().await, INVALID_CLIENT);
        run.one.tokens_of(&run.one.redeem(&code).send().await);
    }
}

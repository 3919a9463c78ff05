//! Request objects, which the message signing profile demands.

use serde_json::{Value, json};

use crate::rsa::give_rsa_key;
use crate::stage::Run;
use crate::support::new_key;
use crate::support::partner::Jwt;
use crate::variant;

const INVALID: &[&str] = &["invalid_request_object", "invalid_request"];

/// A push whose request object was changed like this.
async fn expect_refused(change: impl Fn(&Run, Jwt) -> Jwt) {
    for variant in variant::with_request_objects() {
        let run = Run::open(variant).await;
        let object = change(&run, run.one.request_object(&run.one.push())).sign();
        run.one.expect_object_refused(&object, INVALID).await;
    }
}

/// A whole flow whose request object was changed like this.
async fn expect_taken(change: impl Fn(&Run) -> Value) {
    for variant in variant::with_request_objects() {
        let run = Run::open(variant).await;
        let object = run.one.request_object(&run.one.push()).claims(change(&run)).sign();
        let answer = run.one.push_object(&object).send().await;
        let url = run.one.url_of(&run.expect_pushed(&answer));
        let code = run.one.answer_at(&run.permit_in(run.at_login(&url).await).await)["code"].clone();
        run.one.tokens_of(&run.one.redeem(&code).send().await);
    }
}

fn now(run: &Run) -> i64 {
    run.bank().now().seconds()
}

#[tokio::test]
async fn ensure_request_object_with_multiple_aud_succeeds() {
    expect_taken(|run| json!({ "aud": ["https://other.example", run.one.partner.issuer()] })).await;
}

#[tokio::test]
async fn ensure_request_object_with_nbf_8_seconds_in_the_future_is_accepted() {
    expect_taken(|run| json!({ "nbf": now(run) + 8, "exp": now(run) + 300 })).await;
}

#[tokio::test]
async fn ensure_request_object_without_exp_fails() {
    expect_refused(|_, object| object.claims(json!({ "exp": null }))).await;
}

#[tokio::test]
async fn ensure_request_object_without_nbf_fails() {
    expect_refused(|_, object| object.claims(json!({ "nbf": null }))).await;
}

#[tokio::test]
async fn ensure_request_object_with_bad_aud_fails() {
    expect_refused(|_, object| object.claims(json!({ "aud": "https://other.example" }))).await;
}

#[tokio::test]
async fn ensure_request_object_with_exp_over_60_fails() {
    expect_refused(|run, object| object.claims(json!({ "exp": now(run) + 70 * 60 }))).await;
}

#[tokio::test]
async fn ensure_request_object_with_nbf_over_60_fails() {
    expect_refused(|run, object| object.claims(json!({ "nbf": now(run) - 70 * 60, "exp": now(run) + 60 }))).await;
}

#[tokio::test]
async fn ensure_expired_request_object_fails() {
    expect_refused(|run, object| object.claims(json!({ "nbf": now(run) - 600, "exp": now(run) - 300 }))).await;
}

#[tokio::test]
async fn ensure_matching_key_in_authorization_request() {
    expect_refused(|run, object| object.by(&run.two.partner.key)).await;
    expect_refused(|_, object| object.by(&new_key())).await;
}

#[tokio::test]
async fn ensure_request_object_signature_algorithm_is_not_none() {
    for variant in variant::with_request_objects() {
        let run = Run::open(variant).await;
        let object = run.one.request_object(&run.one.push()).header(json!({ "alg": "none" })).sign();
        let (head, _) = object.rsplit_once('.').unwrap();
        run.one.expect_object_refused(&format!("{head}."), INVALID).await;
    }
}

#[tokio::test]
async fn ensure_request_object_with_invalid_signature_fails() {
    for variant in variant::with_request_objects() {
        let run = Run::open(variant).await;
        let object = run.one.request_object(&run.one.push()).sign();
        let other = run.one.request_object(&run.one.push()).claims(json!({ "state": "other" })).sign();
        let ((head, _), (_, signature)) = (object.rsplit_once('.').unwrap(), other.rsplit_once('.').unwrap());
        run.one.expect_object_refused(&format!("{head}.{signature}"), INVALID).await;
    }
}

#[tokio::test]
async fn ensure_signed_request_object_with_rs256_fails() {
    for variant in variant::with_request_objects() {
        let mut run = Run::open(variant).await;
        let key = give_rsa_key(&mut run).await;
        let object = run.one.request_object(&run.one.push());
        run.one.expect_object_refused(&key.sign_with_rs256(object.clone()), INVALID).await;
        run.expect_pushed(&run.one.push_object(&object.sign()).send().await);
    }
}

#[tokio::test]
async fn ensure_unsigned_request_at_par_endpoint_fails() {
    for variant in variant::with_request_objects() {
        let run = Run::open(variant).await;
        let answer = run.one.push().send().await;
        crate::checks::expect_refusal(&answer, INVALID);
    }
}

#[tokio::test]
async fn par_authorization_request_containing_request_uri() {
    for variant in variant::with_request_objects() {
        let run = Run::open(variant).await;
        let pushed = run.expect_pushed(&run.one.send_push(run.one.push()).await);
        let object = run.one.request_object(&run.one.push()).claims(json!({ "request_uri": pushed })).sign();
        run.one.expect_object_refused(&object, INVALID).await;
    }
}

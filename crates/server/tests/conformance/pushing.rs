//! The pushed authorization request and the URL it gives.

use crate::stage::Run;
use crate::support::Answer;
use crate::variant;

#[tokio::test]
async fn par_ensure_reused_request_uri_prior_to_auth_completion_succeeds() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let url = run.url(&run.one, run.one.push()).await;
        let mut browser = run.at_login(&url).await;
        browser.open(&url).await;
        browser.expect_screen("login");
        let elsewhere = run.at_login(&url).await;
        let answer = run.one.answer_at(&run.permit_in(elsewhere).await);
        run.one.tokens_of(&run.one.redeem(&answer["code"]).send().await);
    }
}

#[tokio::test]
async fn par_attempt_reuse_request_uri() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let url = run.url(&run.one, run.one.push()).await;
        run.permit_in(run.at_login(&url).await).await;
        run.expect_error_page(&url, "invalid_request_uri").await;
    }
}

#[tokio::test]
async fn par_attempt_to_use_expired_request_uri() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let answer = run.one.send_push(run.one.push()).await;
        run.bank().clock.forward(answer.body["expires_in"].as_i64().unwrap());
        run.expect_error_page(&run.one.url_of(&answer.text("request_uri")), "invalid_request_uri").await;
    }
}

#[tokio::test]
async fn par_attempt_to_use_request_uri_for_different_client() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let answer = run.one.send_push(run.one.push()).await;
        run.expect_error_page(&run.two.url_of(&answer.text("request_uri")), "invalid_request_uri").await;
    }
}

#[tokio::test]
async fn par_authorization_request_containing_request_uri_form_param() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let answer = run.one.send_push(run.one.push()).await;
        let draft = run.one.push().and("request_uri", &answer.text("request_uri"));
        run.one.expect_push_refused(draft, &["invalid_request"]).await;
    }
}

#[tokio::test]
async fn par_attempt_invalid_http_method() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let draft = run.one.push().seal();
        let request = draft.http.put(&draft.url).form(&draft.form);
        assert_eq!(Answer::to(request).await.status, 405);
    }
}

#[tokio::test]
async fn par_ensure_pkce_required() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let draft = run.one.push().without("code_challenge").without("code_challenge_method");
        run.one.expect_push_refused(draft, &["invalid_request"]).await;
    }
}

#[tokio::test]
async fn par_plain_pkce_rejected() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let draft = run.one.push().with("code_challenge_method", "plain");
        run.one.expect_push_refused(draft, &["invalid_request"]).await;
    }
}

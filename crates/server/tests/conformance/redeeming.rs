//! Codes at the token endpoint.

use crate::checks::expect_refusal;
use crate::stage::Run;
use crate::support::VERIFIER;
use crate::variant;

const INVALID_GRANT: &[&str] = &["invalid_grant"];

#[tokio::test]
async fn ensure_client_id_in_token_endpoint() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let code = run.code(&run.one).await;
        let draft = run.one.redeem(&code).with("client_id", &run.two.partner.client_id);
        expect_refusal(&draft.send().await, &["invalid_client", "invalid_grant"]);
    }
}

#[tokio::test]
async fn ensure_holder_of_key_required() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let code = run.code(&run.one).await;
        let bare = run.one.unbound(run.one.redeem(&code));
        let errors = ["invalid_request", "invalid_client", "invalid_dpop_proof", "invalid_grant"];
        expect_refusal(&bare.send().await, &errors);
    }
}

#[tokio::test]
async fn ensure_authorization_code_is_bound_to_client() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let code = run.code(&run.one).await;
        let foreign = run.two.redeem(&code).with("redirect_uri", &run.one.redirect_uri);
        expect_refusal(&foreign.send().await, INVALID_GRANT);
        run.one.tokens_of(&run.one.redeem(&code).send().await);
    }
}

#[tokio::test]
async fn attempt_reuse_authorization_code_after_one_second() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let code = run.code(&run.one).await;
        let tokens = run.one.tokens_of(&run.one.redeem(&code).send().await);
        run.one.expect_reads(&tokens.access).await;
        run.bank().clock.forward(1);
        expect_refusal(&run.one.redeem(&code).send().await, INVALID_GRANT);
        run.one.expect_reads_nothing(&tokens.access).await;
    }
}

#[tokio::test]
async fn ensure_token_endpoint_fails_with_expired_auth_code() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let code = run.code(&run.one).await;
        run.bank().clock.forward(62);
        expect_refusal(&run.one.redeem(&code).send().await, INVALID_GRANT);
    }
}

#[tokio::test]
async fn ensure_pkce_code_verifier_required() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let code = run.code(&run.one).await;
        expect_refusal(&run.one.redeem(&code).without("code_verifier").send().await, INVALID_GRANT);
    }
}

#[tokio::test]
async fn incorrect_pkce_code_verifier_rejected() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let code = run.code(&run.one).await;
        let wrong: String = VERIFIER.chars().rev().collect();
        expect_refusal(&run.one.redeem(&code).with("code_verifier", &wrong).send().await, INVALID_GRANT);
    }
}

//! Refresh tokens.

use crate::checks::expect_refusal;
use crate::stage::Run;
use crate::support::new_key;
use crate::variant::{self, Asks, Bound};

#[tokio::test]
async fn refresh_token() {
    for variant in variant::every() {
        let mut run = Run::open(variant).await;
        let tokens = run.tokens(&run.one).await;
        let others = run.tokens(&run.two).await;
        // With a fresh key: the refresh token is the client's, and the new access token is bound to the new key.
        run.one.partner.dpop = new_key();
        let repeated = match variant.asks {
            Asks::Scope => run.one.refresh(&tokens.refresh).with("scope", "balances transactions"),
            Asks::Details => run.one.refresh(&tokens.refresh),
        };
        let answer = repeated.send().await;
        let renewed = run.one.tokens_of(&answer);
        run.one.expect_reads(&renewed.access).await;
        if run.variant.bound == Bound::Dpop {
            run.one.expect_reads_nothing(&tokens.access).await;
        }
        // It is not rotated, so the one there is goes on working.
        assert!(renewed.refresh.is_empty() || renewed.refresh == tokens.refresh);
        run.bank().clock.forward(30);
        run.one.tokens_of(&run.one.refresh(&tokens.refresh).send().await);
        expect_refusals(&run, &tokens.refresh, &others.refresh).await;
    }
}

/// Without credentials, without a proof, and with somebody else's token.
async fn expect_refusals(run: &Run, own: &str, foreign: &str) {
    let nobody = run.one.unauthenticated(run.one.refresh(own));
    expect_refusal(&nobody.send().await, &["invalid_client", "invalid_request"]);
    let bare = run.one.unbound(run.one.refresh(own));
    let errors = ["invalid_dpop_proof", "invalid_request", "invalid_client", "invalid_grant"];
    expect_refusal(&bare.send().await, &errors);
    let answer = run.one.refresh(foreign).send().await;
    assert_eq!(answer.status, 400);
    expect_refusal(&answer, &["invalid_grant"]);
    run.two.tokens_of(&run.two.refresh(foreign).send().await);
}

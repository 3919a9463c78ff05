//! Parameters outside the pushed request, and long values.

use crate::stage::Run;
use crate::variant;

/// The state that came back from a walk whose URL had more parameters than it needs.
async fn state_after(run: &Run, draft: crate::support::Draft, extra: &str) -> Option<String> {
    let url = run.url(&run.one, draft).await;
    let location = run.permit_in(run.at_login(&format!("{url}{extra}")).await).await;
    let answer = run.one.answer_at(&location);
    assert!(answer.contains_key("code"), "{location}");
    answer.get("state").cloned()
}

#[tokio::test]
async fn ensure_different_nonce_inside_and_outside_request_object() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let pushed = run.one.push().and("nonce", "inside");
        assert_eq!(state_after(&run, pushed, "&nonce=outside").await.as_deref(), Some("s"));
    }
}

#[tokio::test]
async fn ensure_different_state_inside_and_outside_request_object() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        assert_eq!(state_after(&run, run.one.push(), "&state=outside").await.as_deref(), Some("s"));
    }
}

#[tokio::test]
async fn state_only_outside_request_object_not_used() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        assert_eq!(state_after(&run, run.one.push().without("state"), "&state=outside").await, None);
    }
}

#[tokio::test]
async fn ensure_authorization_request_with_long_nonce() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let long = run.one.push().and("nonce", &"n".repeat(384));
        assert_eq!(state_after(&run, long, "").await.as_deref(), Some("s"));
    }
}

#[tokio::test]
async fn ensure_authorization_request_with_long_state() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let long = "a1-._~".repeat(167);
        let draft = run.one.push().with("state", &long[..1_000]);
        assert_eq!(state_after(&run, draft, "").await.as_deref(), Some(&long[..1_000]));
    }
}

#[tokio::test]
async fn par_without_duplicate_parameters() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        assert_eq!(state_after(&run, run.one.push(), "").await.as_deref(), Some("s"));
        // In every other module the suite repeats what it pushed, in this order and in the reverse one.
        let repeated =
            "&response_type=code&scope=balances+transactions&redirect_uri=https%3A%2F%2Fkakeibo.example%2Fback";
        assert_eq!(state_after(&run, run.one.push(), repeated).await.as_deref(), Some("s"));
        let reversed =
            "&redirect_uri=https%3A%2F%2Fkakeibo.example%2Fback&scope=balances+transactions&response_type=code";
        assert_eq!(state_after(&run, run.one.push(), reversed).await.as_deref(), Some("s"));
    }
}

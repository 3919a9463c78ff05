//! Clients that keep every rule.

use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::stage::{Client, RESOURCE, Run};
use crate::support::Answer;
use crate::variant::{self, Bound};

#[tokio::test]
async fn happy_flow() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let first = run.tokens(&run.one).await;
        expect_resource(&run.one, &first.access).await;
        // The second client names its key in the request, where it has one, and sends no proof with it.
        let named = match variant.bound {
            Bound::Dpop => run.two.push().with("dpop_jkt", &run.two.partner.jkt()),
            Bound::Mtls => run.two.push(),
        };
        let code = run.code_for(&run.two, named).await;
        let second = run.two.tokens_of(&run.two.redeem(&code).send().await);
        expect_resource(&run.two, &second.access).await;
        run.one.expect_reads_nothing(&second.access).await;
    }
}

/// The answers of the resource: date, media types, headers that are taken, no token in the query.
async fn expect_resource(client: &Client, access: &str) {
    for media_type in ["application/json", "application/json;charset=UTF-8", "*/*"] {
        let request = client.read(access).header("accept", media_type);
        let request = request.header("x-fapi-auth-date", "Tue, 11 Sep 2012 19:43:31 GMT");
        let request = request.header("x-fapi-customer-ip-address", "2001:db8::1893:25c8:1946");
        let request = request.header("x-fapi-interaction-id", "c770aef3-6784-41f7-8e0e-ff5f97bddb3a");
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, 200, "{media_type}: {}", answer.text);
        let interaction = answer.header("x-fapi-interaction-id");
        assert!(["", "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"].contains(&interaction), "{interaction}");
        assert!(answer.header("content-type").starts_with("application/json"));
        expect_date(answer.header("date"));
    }
    let url = format!("{}{RESOURCE}?access_token={access}", client.partner.address);
    let answer = Answer::to(client.proven(client.partner.http.get(url), access)).await;
    assert!([400, 401].contains(&answer.status), "a token in the query: {}", answer.status);
}

/// Within five minutes of this machine's clock, which is the one the listener reads.
fn expect_date(text: &str) {
    let zone = jiff::fmt::rfc2822::parse(text).unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let said = Duration::from_secs(zone.timestamp().as_second().try_into().unwrap());
    assert!(now.abs_diff(said) < Duration::from_secs(300), "{text}");
}

#[tokio::test]
async fn user_rejects_authentication() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        for client in [&run.one, &run.two] {
            let url = run.url(client, client.push()).await;
            let mut browser = run.at_login(&url).await;
            browser.log_in(&run.customer().await).await;
            let fields = [("action".to_owned(), "deny".to_owned())];
            let location = browser.send_permission(&fields).await.location().to_owned();
            let answer = client.answer_at(&location);
            assert_eq!(answer["error"], "access_denied");
            assert_eq!((answer["state"].as_str(), &answer["iss"]), ("s", &client.partner.issuer()));
            assert!(!answer.contains_key("code"));
        }
    }
}

#[tokio::test]
async fn ensure_authorization_request_without_state_success() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let answer = run.permit(&run.one, run.one.push().without("state")).await;
        assert_eq!(answer.keys().collect::<Vec<_>>(), ["code", "iss"]);
        run.one.tokens_of(&run.one.redeem(&answer["code"]).send().await);
    }
}

#[tokio::test]
async fn ensure_authorization_request_without_nonce_success() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let tokens = run.tokens(&run.one).await;
        run.one.expect_reads(&tokens.access).await;
    }
}

/// No OpenID Connect is spoken: a `nonce` is an unknown parameter and nothing of it comes back.
#[tokio::test]
async fn ensure_authorization_request_with_64_char_nonce_success() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let code = run.code_for(&run.one, run.one.push().and("nonce", &"n".repeat(64))).await;
        run.one.tokens_of(&run.one.redeem(&code).send().await);
    }
}

#[tokio::test]
async fn ensure_other_scope_order_succeeds() {
    for variant in variant::with_scope() {
        let run = Run::open(variant).await;
        let code = run.code_for(&run.one, run.one.push().with("scope", "transactions balances")).await;
        let answer = run.one.redeem(&code).send().await;
        let granted = answer.text("scope");
        let mut words: Vec<&str> = granted.split(' ').collect();
        words.sort_unstable();
        assert_eq!(words, ["balances", "transactions"]);
    }
}

/// The suite skips it where the metadata does not claim support.
#[tokio::test]
async fn test_claims_parameter_identity_claims() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let metadata = run.bank().get("/.well-known/oauth-authorization-server/1001").await;
        assert!(metadata.body.get("claims_parameter_supported").is_none());
        let claims = json!({ "id_token": { "name": null } }).to_string();
        let code = run.code_for(&run.one, run.one.push().and("claims", &claims)).await;
        run.one.tokens_of(&run.one.redeem(&code).send().await);
    }
}

#[tokio::test]
async fn access_token_type_header_case_sensitivity() {
    for variant in variant::every() {
        let run = Run::open(variant).await;
        let tokens = run.tokens(&run.one).await;
        let inverted = match variant.bound {
            Bound::Dpop => "dpOp",
            Bound::Mtls => "bEARER",
        };
        let request = run.one.proven(run.one.read_as(inverted, &tokens.access), &tokens.access);
        assert_eq!(Answer::to(request).await.status, 200);
    }
}

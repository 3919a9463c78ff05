//! Signed answers to the partner, however a walk ends.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use renkei_oauth::jose::{Jws, KeySet};
use renkei_oauth::request::ResponseMode;
use renkei_server::signing;
use renkei_testing::seed::KAKEIBO;
use renkei_testing::{SystemRandom, aoi};
use serde_json::{Value, json};

use crate::bank::{Bank, STATE};
use crate::browser::{Browser, answer_of};

/// The institution aoi has a key to sign with.
async fn with_key(bank: &Bank) {
    let now = bank.now();
    let key = signing::new_key(&bank.app.keys, &aoi(), now, now, &SystemRandom).unwrap();
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    tx.add_signing_key(&key).await.unwrap();
    tx.commit().await.unwrap();
}

/// A walk whose partner asked for a signed answer, at its login.
async fn at_login(bank: &Bank) -> Browser {
    let path = bank.push_with(KAKEIBO, |request| request.response_mode = ResponseMode::Jwt).await;
    let mut browser = bank.browser();
    browser.open(&path).await;
    browser
}

async fn at_permission(bank: &Bank) -> Browser {
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = at_login(bank).await;
    browser.log_in("hanako").await;
    browser.expect_screen("permission");
    browser
}

/// The claims of the one parameter of the way back, verified with the keys the institution publishes.
async fn claims(bank: &Bank, location: &str) -> Value {
    let answer = answer_of(location);
    assert_eq!(answer.keys().collect::<Vec<_>>(), ["response"], "{location}");
    let text = &answer["response"];
    let jws = Jws::parse(text).unwrap();
    let published = bank.browser().get("/1001/jwks").await;
    KeySet::parse(published.text.as_bytes()).unwrap().verify(&jws).unwrap();
    assert_eq!(jws.header.typ.as_deref(), Some("JWT"));
    let payload = text.split('.').nth(1).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(payload).unwrap()).unwrap()
}

fn expect_error(bank: &Bank, claims: &Value, error: &str, reason: &str) {
    let expected = json!({
        "iss": bank.app.site.issuer(&aoi()), "aud": KAKEIBO, "exp": bank.now().seconds() + 300,
        "error": error, "error_description": reason, "state": STATE,
    });
    assert_eq!(*claims, expected);
}

#[tokio::test]
async fn r_079_a_permission_is_answered_with_one_signed_response() {
    let bank = Bank::open().await;
    with_key(&bank).await;
    let mut browser = at_permission(&bank).await;
    let location = browser.allow().await;
    let claims = claims(&bank, &location).await;
    let code = claims["code"].as_str().unwrap();
    let expected = json!({
        "iss": bank.app.site.issuer(&aoi()), "aud": KAKEIBO, "exp": bank.now().seconds() + 300, "code": code,
        "state": STATE,
    });
    assert_eq!(claims, expected);
    let facts = bank.code(code).await.request;
    assert!(facts.answer_signed && !facts.signed);
}

#[tokio::test]
async fn r_079_a_083_the_second_half_of_a_double_click_gets_the_same_code() {
    let bank = Bank::open().await;
    with_key(&bank).await;
    let browser = at_permission(&bank).await;
    let fields = browser.permission();
    let first = browser.clone().send_permission(&fields).await.location().to_owned();
    let second = browser.clone().send_permission(&fields).await.location().to_owned();
    assert_eq!(claims(&bank, &first).await, claims(&bank, &second).await);
}

#[tokio::test]
async fn r_079_r_088_leaving_refusing_and_running_out_of_time_are_answered_signed() {
    let bank = Bank::open().await;
    with_key(&bank).await;
    let mut browser = at_permission(&bank).await;
    let denied = browser.post("permission", &[("action", "deny")]).await;
    expect_error(&bank, &claims(&bank, denied.location()).await, "access_denied", "declined");

    let mut browser = at_login(&bank).await;
    let next = browser.post("cancel", &[]).await.location().to_owned();
    browser.open(&next).await;
    let refresh = browser.page.header("refresh").to_owned();
    let way = refresh.strip_prefix("0; url=").unwrap();
    expect_error(&bank, &claims(&bank, way).await, "access_denied", "cancelled");
    expect_error(&bank, &claims(&bank, &browser.way_on()).await, "access_denied", "cancelled");

    let mut browser = at_login(&bank).await;
    bank.forward(16 * 60);
    let base = browser.base();
    browser.open(&format!("{base}/login")).await;
    expect_error(&bank, &claims(&bank, &browser.way_on()).await, "access_denied", "timed_out");
}

#[tokio::test]
async fn without_a_key_to_sign_with_nothing_is_given() {
    let bank = Bank::open().await;
    let mut browser = at_permission(&bank).await;
    let fields = browser.permission();
    assert_eq!(browser.send_permission(&fields).await.status, 503);
    bank.expect_nothing_given(1).await;
    with_key(&bank).await;
    assert!(claims(&bank, &browser.allow().await).await["code"].is_string());
}

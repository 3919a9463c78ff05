//! forms that other sites send, on each form there is; the flow is not harmed by any.

use renkei_oauth::request::GrantRequest;

use crate::bank::{Bank, CHOICE, PASSWORD, PIN};
use crate::browser::{Answer, Browser};

const EVIL: &str = "https://evil.example";

/// What the browser says about where a form comes from when another site sent it.
const FOREIGN: [&[(&str, &str)]; 7] = [
    &[("origin", EVIL)],
    &[("origin", "null")],
    &[("origin", "null"), ("sec-fetch-site", "cross-site")],
    &[("origin", "null"), ("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "cross-site")],
    &[("origin", EVIL), ("sec-fetch-site", "same-origin")],
    &[("origin", ""), ("sec-fetch-site", "something-new")],
];

/// A form for this screen that would be taken.
fn good_form(browser: &Browser, screen: &str) -> Vec<(String, String)> {
    let (csrf, version) = browser.token();
    let mut fields = vec![("csrf".to_owned(), csrf), ("version".to_owned(), version)];
    let mut add = |name: &str, value: &str| fields.push((name.to_owned(), value.to_owned()));
    match screen {
        "login" => {
            add("login_id", "hanako");
            add("password", PASSWORD);
        }
        "operations" => add("operation", "balances"),
        "pins" => {
            for account in browser.page.values("account") {
                add(&format!("pin-{account}"), PIN);
            }
        }
        "results" => add("action", "confirm"),
        "existing" => add("renew", "new"),
        "permission" => fields.extend(browser.permission()),
        _ => {}
    }
    fields
}

async fn send(browser: &Browser, screen: &str, fields: &[(String, String)], headers: &[(&str, &str)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request = browser.request(&format!("{}/{screen}", browser.base()), &fields);
    Answer::to(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

fn without(fields: &[(String, String)], name: &str) -> Vec<(String, String)> {
    fields.iter().filter(|(own, _)| own != name).cloned().collect()
}

fn with(fields: &[(String, String)], name: &str, value: &str) -> Vec<(String, String)> {
    let mut fields = without(fields, name);
    fields.push((name.to_owned(), value.to_owned()));
    fields
}

async fn expect_refused(browser: &Browser, screen: &str, fields: &[(String, String)], headers: &[(&str, &str)]) {
    let answer = send(browser, screen, fields, headers).await;
    assert_eq!(answer.status, 403, "{screen} {fields:?} {headers:?}: {}", answer.text);
    let back = format!("id=\"way-on\" href=\"{}\"", browser.path);
    assert!(answer.text.contains(&back), "{screen}: no way back");
}

/// Tries every forgery on one screen's form and on the two that every screen has.
async fn forge(browser: &Browser, other_flows_token: &str, old_token: &str) {
    let screen = browser.screen().to_owned();
    for form in [screen.as_str(), "cancel", "extend"] {
        let good = good_form(browser, form);
        expect_refused(browser, form, &without(&good, "csrf"), &[]).await;
        expect_refused(browser, form, &with(&good, "csrf", ""), &[]).await;
        expect_refused(browser, form, &with(&good, "csrf", &"0".repeat(64)), &[]).await;
        expect_refused(browser, form, &with(&good, "csrf", other_flows_token), &[]).await;
        expect_refused(browser, form, &with(&good, "csrf", old_token), &[]).await;
        expect_refused(browser, form, &without(&good, "version"), &[]).await;
        expect_refused(browser, form, &with(&good, "version", "99"), &[]).await;
        for headers in FOREIGN {
            expect_refused(browser, form, &good, headers).await;
        }
    }
}

#[tokio::test]
async fn a_088_r_197_no_form_is_taken_from_another_site_or_with_another_token() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.account(&hanako).await;
    bank.linkage(&hanako, &[account]).await;
    bank.change("UPDATE linkages SET client_id = 'kakeibo-choice' WHERE institution = ?1").await;
    let mut browser = bank.at_login_for(CHOICE, GrantRequest::Create).await;
    let other = bank.at_login().await.token().0;
    let mut old = "f".repeat(64);
    for screen in ["login", "operations", "pins", "results", "existing", "permission"] {
        browser.expect_screen(screen);
        forge(&browser, &other, &old).await;
        old = browser.token().0;
        // The flow is unharmed: the very form that was forged is taken from the bank's own page.
        let form = good_form(&browser, screen);
        let form = without(&without(&form, "csrf"), "version");
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if screen == "permission" {
            assert!(browser.post(screen, &form).await.location().contains("code="));
        } else {
            browser.submit(screen, &form).await;
        }
    }
    let tried = bank.records().await.iter().filter(|record| record.0 == "login_tried").count();
    assert_eq!(tried, 1, "a forged login was looked at");
}

#[tokio::test]
async fn forms_of_the_banks_own_pages_are_taken_as_browsers_send_them() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    let origin = bank.app.site.origin.clone();
    let ways: [&[(&str, &str)]; 5] = [
        &[],
        &[("origin", origin.as_str())],
        &[("origin", origin.as_str()), ("sec-fetch-site", "same-origin")],
        // Chromium, Firefox and Safari send this from a page without a referrer.
        &[("origin", "null"), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
    ];
    for headers in ways {
        let browser = bank.at_login().await;
        let form = good_form(&browser, "extend");
        assert_eq!(send(&browser, "extend", &form, headers).await.location(), browser.path, "{headers:?}");
    }
}

#[tokio::test]
async fn an_origin_that_is_no_text_is_not_ours() {
    let bank = Bank::open().await;
    let browser = bank.at_login().await;
    let form = good_form(&browser, "extend");
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let value = reqwest::header::HeaderValue::from_bytes(b"https://\xff.example").unwrap();
    let request = browser.request(&format!("{}/extend", browser.base()), &form).header("origin", value);
    assert_eq!(Answer::to(request).await.status, 403);
}

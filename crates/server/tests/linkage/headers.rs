//! What every page and every redirect of the flow carries.

use renkei_oauth::request::GrantRequest;

use crate::bank::{Bank, CHOICE};
use crate::browser::{Answer, Browser};

fn expect_fenced(answer: &Answer, form_action: &str, what: &str) {
    let policy = answer.header("content-security-policy");
    for part in ["default-src 'none'", "base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    assert!(policy.ends_with(&format!("form-action {form_action}")), "{what}: {policy}");
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{what}: {policy}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{what}: {name}");
    }
    assert!(answer.header("permissions-policy").contains("camera=()"), "{what}");
    assert!(!answer.header("x-request-id").is_empty(), "{what}");
    assert!(!answer.text.contains("<script"), "{what}");
}

/// Every screen in turn, with a linkage to renew and a PIN missing.
async fn next(browser: &mut Browser) {
    match browser.screen() {
        "login" => browser.log_in("hanako").await,
        "operations" => browser.submit("operations", &[("operation", "balances")]).await,
        "pins" => browser.register_all().await,
        "results" => browser.submit("results", &[("action", "confirm")]).await,
        _ => browser.submit("existing", &[("renew", "new")]).await,
    }
}

async fn customer(bank: &Bank) {
    let hanako = bank.user("hanako").await;
    let account = bank.account(&hanako).await;
    bank.linkage(&hanako, &[account]).await;
    bank.change("UPDATE linkages SET client_id = 'kakeibo-choice' WHERE institution = ?1").await;
}

#[tokio::test]
async fn r_191_r_192_r_193_r_198_every_page_is_fenced_in() {
    let bank = Bank::open().await;
    customer(&bank).await;
    let mut browser = bank.at_login_for(CHOICE, GrantRequest::Create).await;
    for screen in ["login", "operations", "pins", "results", "existing", "permission"] {
        browser.expect_screen(screen);
        // Only the last screen's form may lead to the partner, and to no other.
        let leads = if screen == "permission" { "'self' https://kakeibo.example" } else { "'self'" };
        expect_fenced(&browser.page, leads, screen);
        let path = format!("{}/{screen}", browser.base());
        let forged = browser.post_raw(&path, &[]).await;
        assert_eq!(forged.status, 403);
        expect_fenced(&forged, "'self'", "a forged form");
        if screen != "permission" {
            next(&mut browser).await;
        }
    }
    let answer = browser.post("permission", &[]).await;
    assert_eq!(answer.status, 422);
    expect_fenced(&answer, "'self' https://kakeibo.example", "a form that could not be taken");
    let ended = browser.post("cancel", &[]).await.location().to_owned();
    for (path, status) in [
        (ended.as_str(), 200),
        ("/1001/authorize", 400),
        ("/1001/link/none/login", 404),
        ("/1003/authorize", 404),
        ("/nowhere/at/all", 404),
        (&browser.base().replace("link", "nothing"), 404),
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        expect_fenced(&answer, "'self'", path);
    }
}

#[tokio::test]
async fn r_085_a_023_every_redirect_is_a_303_and_nothing_of_it_is_kept() {
    let bank = Bank::open().await;
    customer(&bank).await;
    let path = bank.push(CHOICE, GrantRequest::Create).await;
    let mut browser = bank.browser();
    let opened = browser.get(&path).await;
    let mut redirects = vec![opened];
    browser.open(&path).await;
    let login = [("login_id", "hanako"), ("password", crate::bank::PASSWORD)];
    let logged_in = browser.post("login", &login).await;
    let current = logged_in.location().strip_prefix(&bank.app.site.origin).unwrap().to_owned();
    redirects.push(logged_in);
    browser.open(&current).await;
    redirects.push(browser.post("extend", &[]).await);
    browser.open(&current).await;
    while browser.screen() != "permission" {
        next(&mut browser).await;
    }
    let fields = browser.permission();
    redirects.push(browser.send_permission(&fields).await);
    for redirect in redirects {
        assert_eq!(redirect.status, 303);
        assert_eq!((redirect.header("cache-control"), redirect.header("referrer-policy")), ("no-store", "no-referrer"));
    }
}

#[tokio::test]
async fn r_195_the_cookie_is_the_hosts_alone_and_holds_nothing() {
    let bank = Bank::secure("https://link.example").await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let path = bank.push(CHOICE, GrantRequest::Create).await;
    let mut browser = bank.browser();
    let opened = browser.get(&path).await;
    browser.open(&path).await;
    let login = [("login_id", "hanako"), ("password", crate::bank::PASSWORD)];
    let logged_in = browser.post("login", &login).await;
    let mut values = Vec::new();
    for answer in [opened, logged_in] {
        let cookie = answer.header("set-cookie").to_owned();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax; Secure");
        let value = pair.strip_prefix("__Host-renkei-1001=").unwrap_or_else(|| panic!("{cookie}"));
        assert_eq!(value.len(), 64);
        values.push(value.to_owned());
        assert!(!answer.header("strict-transport-security").is_empty());
    }
    assert_ne!(values[0], values[1]);
}

#[tokio::test]
async fn r_194_pages_load_and_link_nothing_outside() {
    let bank = Bank::open().await;
    customer(&bank).await;
    let mut browser = bank.at_login_for(CHOICE, GrantRequest::Create).await;
    loop {
        let text = &browser.page.text;
        for mark in ["href=\"", "src=\"", "action=\""] {
            for rest in text.split(mark).skip(1) {
                let target = rest.split('"').next().unwrap();
                let inside = target.starts_with('#') || (target.starts_with('/') && !target.starts_with("//"));
                assert!(inside, "{}: {target}", browser.screen());
            }
        }
        if browser.screen() == "permission" {
            return;
        }
        next(&mut browser).await;
    }
}

#[tokio::test]
async fn r_021_no_other_origin_is_told_anything() {
    let bank = Bank::open().await;
    let path = bank.push(CHOICE, GrantRequest::Create).await;
    let request = bank.http.request(reqwest::Method::OPTIONS, format!("{}{path}", bank.address));
    let request = request.header("origin", "https://evil.example").header("access-control-request-method", "GET");
    let answer = Answer::to(request).await;
    assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control")), "{:?}", answer.headers);
}

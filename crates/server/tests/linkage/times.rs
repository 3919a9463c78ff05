//! The clocks of a flow, as a browser meets them.

use crate::bank::Bank;
use crate::browser::Browser;

const MINUTE: i64 = 60;

async fn at_permission(bank: &Bank) -> Browser {
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.expect_screen("permission");
    browser
}

async fn reload(browser: &mut Browser) {
    let path = browser.path.clone();
    browser.open(&path).await;
}

async fn expect_timed_out(bank: &Bank, browser: &Browser) {
    browser.expect_end("access_denied", "timed_out");
    bank.expect_nothing_given(1).await;
}

#[tokio::test]
async fn r_202_after_five_minutes_without_use_the_flow_is_over() {
    let bank = Bank::open().await;
    let mut browser = at_permission(&bank).await;
    let fields = browser.permission();
    bank.forward(5 * MINUTE);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.submit("permission", &fields).await;
    expect_timed_out(&bank, &browser).await;
}

#[tokio::test]
async fn whoever_looks_at_the_screen_is_still_there() {
    let bank = Bank::open().await;
    let mut browser = at_permission(&bank).await;
    for _ in 0..3 {
        bank.forward(4 * MINUTE);
        reload(&mut browser).await;
        browser.expect_screen("permission");
    }
    browser.allow_for_code().await;
}

#[tokio::test]
async fn r_202_a_flow_ends_after_fifteen_minutes_however_busy() {
    let bank = Bank::open().await;
    let mut browser = at_permission(&bank).await;
    for _ in 0..3 {
        bank.forward(4 * MINUTE);
        reload(&mut browser).await;
    }
    bank.forward(3 * MINUTE);
    reload(&mut browser).await;
    expect_timed_out(&bank, &browser).await;
}

#[tokio::test]
async fn r_202_more_time_is_given_once() {
    let bank = Bank::open().await;
    let mut browser = at_permission(&bank).await;
    assert!(browser.page.has("extend"));
    browser.submit("extend", &[]).await;
    browser.expect_screen("permission");
    assert!(!browser.page.has("extend"));
    browser.submit("extend", &[]).await;
    for _ in 0..6 {
        bank.forward(4 * MINUTE);
        reload(&mut browser).await;
        browser.expect_screen("permission");
    }
    bank.forward(MINUTE);
    reload(&mut browser).await;
    expect_timed_out(&bank, &browser).await;
}

#[tokio::test]
async fn a_wrong_password_does_not_stop_the_clock_and_an_hours_pause_ends_kindly() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    let mut browser = bank.at_login().await;
    bank.forward(4 * MINUTE);
    browser.submit("login", &[("login_id", "hanako"), ("password", "wrong")]).await;
    assert_eq!(browser.page.status, 422);
    bank.forward(4 * MINUTE);
    browser.log_in("hanako").await;
    assert_eq!(browser.screen(), "ended", "no account to inquire on, but in time");
    let mut browser = bank.at_login().await;
    bank.forward(60 * MINUTE);
    browser.log_in("hanako").await;
    assert_eq!((browser.screen(), browser.page.status), ("ended", 200));
    browser.expect_end("access_denied", "timed_out");
}

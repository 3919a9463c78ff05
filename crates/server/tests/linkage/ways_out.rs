//! Leaving and refusing: the partner is told, with the state it sent and who says so.

use renkei_oauth::request::GrantRequest;
use renkei_testing::aoi;

use crate::bank::{Bank, CHOICE};
use crate::browser::{Browser, expect_refusal};

/// A customer who has everything still before her: a choice, a missing PIN, a linkage to renew.
async fn walker(bank: &Bank) -> Browser {
    let hanako = bank.user("hanako").await;
    let account = bank.account(&hanako).await;
    let linkage = bank.linkage(&hanako, &[account]).await;
    assert!(!linkage.to_string().is_empty());
    bank.change("UPDATE linkages SET client_id = 'kakeibo-choice' WHERE institution = ?1").await;
    bank.at_login_for(CHOICE, GrantRequest::Create).await
}

async fn onward(browser: &mut Browser) {
    match browser.screen() {
        "login" => browser.log_in("hanako").await,
        "operations" => browser.submit("operations", &[("operation", "balances")]).await,
        "pins" => browser.register_all().await,
        "results" => browser.submit("results", &[("action", "confirm")]).await,
        "existing" => browser.submit("existing", &[("renew", "new")]).await,
        screen => panic!("no way on from {screen}"),
    }
}

const SCREENS: [&str; 6] = ["login", "operations", "pins", "results", "existing", "permission"];

#[tokio::test]
async fn r_088_leaving_on_any_screen_tells_the_partner() {
    let bank = Bank::open().await;
    let mut browser = walker(&bank).await;
    for (number, screen) in SCREENS.into_iter().enumerate() {
        let path = bank.push(CHOICE, GrantRequest::Create).await;
        browser.open(&path).await;
        for _ in 0..number {
            onward(&mut browser).await;
        }
        browser.expect_screen(screen);
        let left = browser.post("cancel", &[]).await;
        let next = left.location().to_owned();
        assert_eq!(next, format!("{}/ended?onward", browser.base()));
        browser.open(&next).await;
        let refresh = browser.page.header("refresh").to_owned();
        let way = refresh.strip_prefix("0; url=").expect("the page sends the browser on");
        expect_refusal(way, "access_denied", "cancelled", &bank.app.site.issuer(&aoi()));
        // The request is used up with it, and going back shows the end.
        assert_eq!(browser.get(&path).await.status, 400, "{screen}");
        let back = browser.get(&format!("{}/{screen}", browser.base())).await;
        assert_eq!(back.location(), format!("{}/ended", browser.base()));
    }
    assert_eq!(bank.count("SELECT COUNT(*) FROM pins WHERE institution = ?1").await, 0);
    assert_eq!(bank.count("SELECT COUNT(*) FROM codes WHERE institution = ?1").await, 0);
}

#[tokio::test]
async fn a_refused_permission_goes_straight_back_to_the_partner() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    let denied = browser.post("permission", &[("action", "deny")]).await;
    expect_refusal(denied.location(), "access_denied", "declined", &bank.app.site.issuer(&aoi()));
    // The second half of a double click finds it ended.
    let again = browser.post("permission", &[("action", "deny")]).await;
    assert_eq!(again.location(), format!("{}/ended", browser.base()));
    // And 許可 from a page kept open gives nothing.
    let fields = browser.permission();
    let late = browser.send_permission(&fields).await;
    assert_eq!(late.location(), format!("{}/ended", browser.base()));
    bank.expect_nothing_given(1).await;
}

#[tokio::test]
async fn a_092_r_225_a_pin_entered_before_leaving_leaves_no_trace() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.account(&hanako).await;
    for action in ["deny", "leave", "wait"] {
        let mut browser = bank.at_login().await;
        browser.log_in("hanako").await;
        browser.expect_screen("pins");
        browser.register_all().await;
        browser.submit("results", &[("action", "confirm")]).await;
        browser.expect_screen("permission");
        assert_eq!(bank.flows_with(&account.to_string()).await, 1, "the draft knows the account");
        match action {
            "deny" => assert_eq!(browser.post("permission", &[("action", "deny")]).await.status, 303),
            "leave" => assert_eq!(browser.post("cancel", &[]).await.status, 303),
            _ => {
                bank.forward(600);
                let base = browser.base();
                browser.open(&format!("{base}/permission")).await;
                assert_eq!(browser.screen(), "ended");
            }
        }
        bank.expect_nothing_given(0).await;
        assert_eq!(bank.flows_with(&account.to_string()).await, 0, "{action}: the draft is still there");
    }
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.expect_screen("pins");
}

#[tokio::test]
async fn an_old_tab_may_leave_too() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login().await;
    let mut old_tab = browser.clone();
    browser.log_in("hanako").await;
    old_tab.cookies.clone_from(&browser.cookies);
    assert!(old_tab.post("cancel", &[]).await.location().ends_with("/ended?onward"));
    let base = browser.base();
    browser.open(&format!("{base}/permission")).await;
    assert_eq!(browser.screen(), "ended");
}

//! Inquiry PINs on the screens: tries are counted per account and user, whichever flow they come from.

use renkei_domain::guard::Guard;
use renkei_domain::id::AccountId;
use renkei_store::guards::Subject;
use renkei_testing::aoi;

use crate::bank::{Bank, PIN};
use crate::browser::Browser;

async fn guard(bank: &Bank, account: AccountId) -> Guard {
    bank.app.store.read(&aoi()).find_guard(Subject::Pin, &account.to_string()).await.unwrap()
}

async fn try_pin(browser: &mut Browser, account: AccountId, pin: &str) {
    let account = account.to_string();
    let field = format!("pin-{account}");
    browser.submit("pins", &[("account", &account), (&field, pin)]).await;
}

async fn at_pins(bank: &Bank) -> Browser {
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.expect_screen("pins");
    browser
}

#[tokio::test]
async fn a_wrong_pin_is_said_to_be_wrong_and_stays_unregistered() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.account(&hanako).await;
    let mut browser = at_pins(&bank).await;
    try_pin(&mut browser, account, "0000").await;
    browser.expect_screen("results");
    assert!(!browser.page.has("confirm"), "nothing to confirm");
    assert_eq!(guard(&bank, account).await.failures, 1);
    browser.submit("results", &[("action", "confirm")]).await;
    browser.expect_screen("results");
    browser.submit("results", &[("action", "more")]).await;
    try_pin(&mut browser, account, PIN).await;
    assert_eq!(guard(&bank, account).await, Guard::default(), "the right one clears the count");
    browser.submit("results", &[("action", "confirm")]).await;
    browser.allow_for_code().await;
}

#[tokio::test]
async fn r_219_r_221_three_wrong_pins_lock_the_account_in_every_flow_and_not_the_login() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.account(&hanako).await;
    for wrong in ["0000", "1111", "2222"] {
        let mut browser = at_pins(&bank).await;
        try_pin(&mut browser, account, wrong).await;
        browser.expect_screen("results");
    }
    let mut browser = at_pins(&bank).await;
    assert!(browser.page.values("account").is_empty(), "a locked row takes no PIN");
    try_pin(&mut browser, account, PIN).await;
    browser.expect_screen("results");
    assert!(!browser.page.has("confirm"));
    assert_eq!(guard(&bank, account).await.failures, 3);
    // The next day it opens.
    bank.forward(86_400);
    let mut browser = at_pins(&bank).await;
    try_pin(&mut browser, account, PIN).await;
    assert!(browser.page.has("confirm"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_101_of_64_pins_over_four_sessions_three_get_a_verdict() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.account(&hanako).await;
    let mut running = Vec::new();
    for _ in 0..4 {
        let browser = at_pins(&bank).await;
        for number in 0..16 {
            let mut browser = browser.clone();
            let pin = format!("{number:04}");
            running.push(tokio::spawn(async move {
                let field = format!("pin-{account}");
                browser.post("pins", &[("account", &account.to_string()), (&field, &pin)]).await.status
            }));
        }
    }
    for one in running {
        assert_eq!(one.await.unwrap(), 303);
    }
    let records = bank.records().await;
    let of = |reason: &str| records.iter().filter(|record| record.2 == reason).count();
    assert_eq!((of("wrong_pin"), guard(&bank, account).await.failures), (3, 3));
    // Each session tries at least once; a form sent after its flow went on is not a try any more.
    assert!((1..=61).contains(&of("locked")), "{} locked", of("locked"));
}

/// A form with a wrong PIN, then twice at the same time one with a right one: how often the right one was tried.
async fn double_click() -> i64 {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let (account, other) = (bank.account(&hanako).await, bank.account(&hanako).await);
    let mut browser = at_pins(&bank).await;
    try_pin(&mut browser, other, "0000").await;
    browser.submit("results", &[("action", "more")]).await;
    let click = |mut browser: Browser| {
        let (id, field) = (account.to_string(), format!("pin-{account}"));
        tokio::spawn(async move { browser.post("pins", &[("account", &id), (&field, PIN)]).await.status })
    };
    for clicked in [click(browser.clone()), click(browser)] {
        assert_eq!(clicked.await.unwrap(), 303);
    }
    assert_eq!(guard(&bank, account).await, Guard::default());
    let user = hanako.user.to_string();
    let of_user = bank.app.store.read(&aoi()).find_guard(Subject::PinUser, &user).await.unwrap();
    assert_eq!(of_user.failures, 1, "the wrong one, and neither more nor less");
    bank.count(
        "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND action = 'pin_tried' AND outcome = 'done' \
        AND object IN (SELECT account_id FROM accounts WHERE institution = ?1)",
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_pin_stays_no_failed_try_when_the_other_half_of_a_double_click_was_first() {
    for _ in 0..200 {
        match double_click().await {
            1 => {}
            // Both were tried, and one came too late for its step.
            tried => return assert_eq!(tried, 2),
        }
    }
    panic!("two clicks never met");
}

#[tokio::test]
async fn a_104_each_row_of_a_form_counts_for_itself() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let mut accounts = Vec::new();
    for _ in 0..10 {
        accounts.push(bank.account(&hanako).await);
    }
    let mut browser = at_pins(&bank).await;
    let rows: Vec<(String, &str)> = accounts
        .iter()
        .enumerate()
        .map(|(number, account)| (format!("pin-{account}"), if number == 4 { PIN } else { "0000" }))
        .collect();
    let fields: Vec<(&str, &str)> = rows.iter().map(|(name, pin)| (name.as_str(), *pin)).collect();
    browser.submit("pins", &fields).await;
    browser.expect_screen("results");
    for (number, account) in accounts.iter().enumerate() {
        assert_eq!(guard(&bank, *account).await.failures, u32::from(number != 4), "row {number}");
    }
}

#[tokio::test]
async fn r_219_what_is_not_four_digits_is_no_try() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.account(&hanako).await;
    let mut browser = at_pins(&bank).await;
    for bad in ["739", "73911", "abcd", "", "７３９"] {
        try_pin(&mut browser, account, bad).await;
        assert_eq!((browser.page.status, browser.screen()), (422, "pins"), "{bad}");
        assert!(browser.page.has("pin-1-error"), "{bad}");
    }
    browser.submit("pins", &[]).await;
    assert_eq!(browser.page.status, 422, "no row was ticked");
    assert_eq!(guard(&bank, account).await, Guard::default());
}

#[tokio::test]
async fn a_pin_for_an_account_of_somebody_else_is_not_even_tried() {
    let bank = Bank::open().await;
    let (hanako, taro) = (bank.user("hanako").await, bank.user("taro").await);
    bank.account(&hanako).await;
    let his = bank.account(&taro).await;
    let in_force = bank.ready_account(&hanako).await;
    let mut browser = at_pins(&bank).await;
    for account in [his, in_force] {
        try_pin(&mut browser, account, PIN).await;
        assert_eq!((browser.page.status, browser.screen()), (422, "pins"));
        assert_eq!(guard(&bank, account).await, Guard::default());
    }
}

#[tokio::test]
async fn r_224_a_pin_that_was_entered_never_comes_back() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.account(&hanako).await;
    bank.account(&hanako).await;
    let mut browser = at_pins(&bank).await;
    try_pin(&mut browser, account, PIN).await;
    assert!(browser.page.text.contains("●●●●"));
    let mut seen = browser.page.text.clone();
    browser.submit("results", &[("action", "more")]).await;
    seen += &browser.page.text;
    // Nor does one that could not be taken.
    let field = format!("pin-{account}");
    browser.submit("pins", &[("account", &account.to_string()), (&field, "73919")]).await;
    seen += &browser.page.text;
    assert!(!seen.contains(PIN));
}

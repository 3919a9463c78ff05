//! What changes while a walk is on its way: contract, user, partner, accounts, operations, terms.

use renkei_oauth::request::GrantRequest;

use crate::bank::{Bank, CHOICE};
use crate::browser::Browser;

async fn at_permission(bank: &Bank) -> Browser {
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.expect_screen("permission");
    browser
}

async fn send_all(browser: &mut Browser) {
    let fields = browser.permission();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.submit("permission", &fields).await;
}

#[tokio::test]
async fn a_094_a_107_r_218_what_stops_the_customer_stops_the_walk() {
    for stop in [
        "UPDATE customers SET contract = 'suspended' WHERE institution = ?1",
        "UPDATE customers SET contract = 'ended' WHERE institution = ?1",
        "UPDATE users SET state = 'suspended' WHERE institution = ?1",
        "UPDATE users SET state = 'removed' WHERE institution = ?1",
        "UPDATE partners SET state = 'suspended' WHERE institution = ?1",
        "UPDATE products SET state = 'ended' WHERE institution = ?1",
        "UPDATE users SET operations = '' WHERE institution = ?1",
        "UPDATE products SET operations = '[]' WHERE institution = ?1",
    ] {
        let bank = Bank::open().await;
        let mut browser = at_permission(&bank).await;
        bank.change(stop).await;
        send_all(&mut browser).await;
        browser.expect_end("access_denied", "not_allowed");
        bank.expect_nothing_given(2).await;
    }
}

#[tokio::test]
async fn a_094_a_contract_suspended_at_an_earlier_step_stops_there() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.account(&hanako).await;
    let mut browser = bank.at_login_for(CHOICE, GrantRequest::Create).await;
    browser.log_in("hanako").await;
    bank.change("UPDATE customers SET contract = 'suspended' WHERE institution = ?1").await;
    browser.submit("operations", &[("operation", "balances")]).await;
    browser.expect_end("access_denied", "not_allowed");
}

#[tokio::test]
async fn a_user_without_an_account_or_an_operation_has_nothing_to_permit() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    let taro = bank.user("taro").await;
    bank.ready_account(&taro).await;
    bank.change("UPDATE users SET operations = '' WHERE institution = ?1 AND login_id = 'taro'").await;
    for login_id in ["hanako", "taro"] {
        let mut browser = bank.at_login().await;
        browser.log_in(login_id).await;
        browser.expect_end("access_denied", "not_allowed");
    }
}

#[tokio::test]
async fn a_095_terms_that_changed_must_be_seen_before_they_are_agreed_to() {
    let bank = Bank::open().await;
    let mut browser = at_permission(&bank).await;
    let old_hash = browser.page.hidden("text_hash");
    bank.change("INSERT INTO terms VALUES (?1, '2026-12', '新しい規定', 'New terms', 0)").await;
    bank.change("UPDATE institutions SET terms_version = '2026-12' WHERE institution = ?1").await;
    let fields = browser.permission();
    let answer = browser.send_permission(&fields).await;
    assert_eq!(answer.status, 422);
    assert!(answer.text.contains("2026-12"));
    assert_ne!(answer.hidden("text_hash"), old_hash);
    bank.expect_nothing_given(2).await;
    // Claiming the new version beside the old text's digest helps nobody.
    let forged: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| if name == "terms" { (name, "2026-12".to_owned()) } else { (name, value) })
        .collect();
    assert_eq!(browser.send_permission(&forged).await.status, 422);
    browser.page = answer;
    let location = browser.send_permission(&browser.permission()).await.location().to_owned();
    assert!(location.contains("code="));
    let agreed = "SELECT COUNT(*) FROM consents WHERE institution = ?1 AND terms_version = '2026-12'";
    assert_eq!(bank.count(agreed).await, 1);
}

#[tokio::test]
async fn an_account_withdrawn_meanwhile_is_not_handed_over() {
    for change in [
        "DELETE FROM user_accounts WHERE institution = ?1 \
         AND account_id = (SELECT MIN(account_id) FROM accounts)",
        "UPDATE accounts SET state = 'closed' WHERE institution = ?1 \
         AND account_id = (SELECT MIN(account_id) FROM accounts)",
        "UPDATE pins SET stale_at = 1 WHERE institution = ?1 \
         AND account_id = (SELECT MIN(account_id) FROM accounts)",
    ] {
        let bank = Bank::open().await;
        let mut browser = at_permission(&bank).await;
        bank.change(change).await;
        send_all(&mut browser).await;
        assert_eq!(browser.page.status, 422, "{change}");
        assert_eq!(browser.page.values("account").len(), 1, "{change}");
        browser.page.status = 200;
        browser.allow_for_code().await;
        let linked = "SELECT COUNT(*) FROM linkage_accounts WHERE institution = ?1";
        assert_eq!(bank.count(linked).await, 1, "{change}");
    }
}

#[tokio::test]
async fn an_operation_withdrawn_meanwhile_is_in_neither_the_text_nor_the_code() {
    for change in [
        "UPDATE users SET operations = 'balances' WHERE institution = ?1",
        "UPDATE products SET operations = '[{\"operation\":\"balances\",\"days\":180}]' WHERE institution = ?1",
    ] {
        let bank = Bank::open().await;
        let mut browser = at_permission(&bank).await;
        bank.change(change).await;
        send_all(&mut browser).await;
        assert_eq!(browser.page.status, 422, "{change}");
        browser.page.status = 200;
        let code = browser.allow_for_code().await;
        assert_eq!(bank.code(&code).await.scope, "balances", "{change}");
    }
}

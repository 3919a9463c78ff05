//! What a request limits besides the operations: accounts, period, login.

use renkei_domain::id::AccountId;
use renkei_domain::time::Day;
use renkei_oauth::acr::Acr;
use renkei_oauth::authorization_details::{AskedAccount, Limits};
use renkei_oauth::request::GrantRequest;
use renkei_testing::aoi;
use renkei_testing::seed::KAKEIBO;

use crate::bank::{Bank, START};
use crate::browser::{Browser, answer_of};

fn only(accounts: &[AccountId]) -> Limits {
    let known = accounts.iter().map(|account| AskedAccount::Known { identifier: account.to_string() });
    Limits { accounts: Some(known.collect()), period_days: None }
}

async fn asking(bank: &Bank, limits: Limits) -> Browser {
    asking_for(bank, GrantRequest::Create, limits).await
}

async fn asking_for(bank: &Bank, grant: GrantRequest, limits: Limits) -> Browser {
    let path = bank
        .push_with(KAKEIBO, |request| {
            request.details = Some(limits);
            request.grant = grant;
        })
        .await;
    let mut browser = bank.browser();
    browser.open(&path).await;
    browser.expect_screen("login");
    browser
}

#[tokio::test]
async fn r_172_r_173_only_the_accounts_asked_for_are_offered_and_nothing_else_is_taken() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let (asked, other) = (bank.ready_account(&hanako).await, bank.ready_account(&hanako).await);
    let mut browser = asking(&bank, only(&[asked])).await;
    browser.log_in("hanako").await;
    browser.expect_screen("permission");
    assert_eq!(browser.page.values("account"), [asked.to_string()]);
    let mut forged = browser.permission();
    forged.push(("account".to_owned(), other.to_string()));
    assert_eq!(browser.send_permission(&forged).await.status, 422);
    let code = browser.allow_for_code().await;
    let linkage = bank.linkages(&hanako).await[0].id;
    assert_eq!(bank.linkage_accounts(linkage).await, [asked]);
    assert!(bank.code(&code).await.detailed);
    let consents = bank.app.store.read(&aoi()).list_consents(linkage).await.unwrap();
    assert!(consents[0].shown_text.contains("次の口座に限って"), "{}", consents[0].shown_text);
}

#[tokio::test]
async fn r_173_the_customer_may_leave_out_accounts_that_were_asked_for() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let (kept, left_out) = (bank.ready_account(&hanako).await, bank.ready_account(&hanako).await);
    let mut browser = asking(&bank, only(&[kept, left_out])).await;
    browser.log_in("hanako").await;
    let mut fields = browser.permission();
    fields.retain(|(_, value)| *value != left_out.to_string());
    assert!(answer_of(browser.send_permission(&fields).await.location()).contains_key("code"));
    assert_eq!(bank.linkage_accounts(bank.linkages(&hanako).await[0].id).await, [kept]);
}

#[tokio::test]
async fn an_account_may_be_asked_for_by_its_number_and_pins_are_asked_for_that_one_only() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let (asked, _other) = (bank.account(&hanako).await, bank.account(&hanako).await);
    let number = AskedAccount::Numbered { branch: "001".into(), kind: "1".into(), number: "0002000001".into() };
    let mut browser = asking(&bank, Limits { accounts: Some(vec![number]), period_days: None }).await;
    browser.log_in("hanako").await;
    browser.expect_screen("pins");
    assert_eq!(browser.page.values("account"), [asked.to_string()]);
    browser.register_all().await;
    browser.submit("results", &[("action", "confirm")]).await;
    browser.allow_for_code().await;
    assert_eq!(bank.linkage_accounts(bank.linkages(&hanako).await[0].id).await, [asked]);
}

#[tokio::test]
async fn who_has_none_of_the_accounts_asked_for_has_nothing_to_permit() {
    let bank = Bank::open().await;
    let (hanako, taro) = (bank.user("hanako").await, bank.user("taro").await);
    bank.ready_account(&hanako).await;
    let taros = bank.ready_account(&taro).await;
    let mut browser = asking(&bank, only(&[taros])).await;
    browser.log_in("hanako").await;
    browser.expect_end("access_denied", "not_allowed");
    assert!(bank.linkages(&hanako).await.is_empty());
}

#[tokio::test]
async fn r_092_a_shorter_period_that_is_asked_for_is_shown_and_holds_and_a_longer_one_is_cut() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    for (days, shown, ends_on) in [(30, "2026年12月22日", "2026-12-23"), (1_000, "2027年5月21日", "2027-05-22")] {
        let mut browser = asking(&bank, Limits { accounts: None, period_days: Some(days) }).await;
        browser.log_in("hanako").await;
        if browser.screen() == "existing" {
            browser.submit("existing", &[("renew", "new")]).await;
        }
        let code = browser.allow_for_code().await;
        let id = bank.code(&code).await.linkage;
        let mut read = bank.app.store.read(&aoi());
        let linkage = read.find_linkage(id).await.unwrap().unwrap();
        assert_eq!(linkage.facts.ends_at, ends_on.parse::<Day>().unwrap().begins_at());
        assert!(linkage.operations.iter().all(|operation| operation.ends_at == linkage.facts.ends_at));
        assert!(read.list_consents(id).await.unwrap()[0].shown_text.contains(shown));
    }
}

#[tokio::test]
async fn r_165_what_is_added_to_a_linkage_leaves_it_the_accounts_it_has() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let (linked, asked) = (bank.ready_account(&hanako).await, bank.ready_account(&hanako).await);
    let other = bank.ready_account(&hanako).await;
    let linkage = bank.linkage(&hanako, &[linked]).await;
    let merge = GrantRequest::Merge { grant_id: linkage.to_string() };
    let mut browser = asking_for(&bank, merge, only(&[asked])).await;
    browser.log_in("hanako").await;
    let mut offered = browser.page.values("account");
    offered.sort_unstable();
    let mut expected = [linked.to_string(), asked.to_string()];
    expected.sort_unstable();
    assert_eq!(offered, expected);
    let replace = GrantRequest::Replace { grant_id: linkage.to_string() };
    let mut browser = asking_for(&bank, replace, only(&[asked])).await;
    browser.log_in("hanako").await;
    assert_eq!(browser.page.values("account"), [asked.to_string()]);
    assert!(!browser.page.values("account").contains(&other.to_string()));
}

async fn demanding_certificate(bank: &Bank) -> Browser {
    let path = bank.push_with(KAKEIBO, |request| request.acr = Some(Acr::Certificate)).await;
    let mut browser = bank.browser();
    browser.open(&path).await;
    browser.expect_screen("login");
    browser
}

#[tokio::test]
async fn r_148_where_a_certificate_is_asked_for_a_password_is_not_even_looked_at() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = demanding_certificate(&bank).await;
    assert!(!browser.page.has("password") && browser.page.has("no-certificate"));
    browser.log_in("hanako").await;
    browser.expect_end("unmet_authentication_requirements", "login_not_met");
    assert!(bank.linkages(&hanako).await.is_empty());
    assert!(!bank.records().await.iter().any(|record| record.0 == "login_tried"));
}

#[tokio::test]
async fn r_148_r_088_who_has_no_certificate_says_so_and_who_leaves_just_leaves() {
    let bank = Bank::open().await;
    let mut browser = demanding_certificate(&bank).await;
    browser.submit("login", &[]).await;
    browser.expect_end("unmet_authentication_requirements", "login_not_met");
    let mut browser = demanding_certificate(&bank).await;
    browser.submit("cancel", &[]).await;
    browser.expect_end("access_denied", "cancelled");
}

#[tokio::test]
async fn r_147_an_institution_that_asks_for_certificates_takes_no_password_for_a_linkage() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    bank.change("UPDATE institutions SET minimum_login = 'certificate' WHERE institution = ?1").await;
    let mut browser = bank.at_login().await;
    assert!(!browser.page.has("password"));
    browser.log_in("hanako").await;
    browser.expect_end("unmet_authentication_requirements", "login_not_met");
    assert_eq!(bank.now(), START);
}

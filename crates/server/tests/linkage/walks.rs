//! Whole walks, from the partner's link to the code.

use renkei_domain::operation::Operation;
use renkei_domain::pin::PinStatus;
use renkei_oauth::request::GrantRequest;
use renkei_server::keys::sha256;
use renkei_store::linkages::Linkage;
use renkei_testing::aoi;
use renkei_testing::seed::Who;

use crate::bank::{Bank, CHOICE, START};
use crate::browser::answer_of;

async fn pin_of(bank: &Bank, who: &Who, account: renkei_domain::id::AccountId) -> PinStatus {
    bank.app.store.read(&aoi()).find_user_account(who.user, account).await.unwrap().unwrap().pin
}

fn operations(linkage: &Linkage) -> Vec<Operation> {
    linkage.operations.iter().map(|permitted| permitted.operation).collect()
}

#[tokio::test]
async fn a_customer_without_pins_registers_them_and_permits() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let (first, second) = (bank.account(&hanako).await, bank.account(&hanako).await);
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.expect_screen("pins");
    browser.register_all().await;
    browser.expect_screen("results");
    assert_eq!(pin_of(&bank, &hanako, first).await, PinStatus::Missing, "in force before the permission");
    browser.submit("results", &[("action", "confirm")]).await;
    let code = browser.allow_for_code().await;

    let linkages = bank.linkages(&hanako).await;
    assert_eq!(linkages.len(), 1);
    let mut accounts = vec![first, second];
    accounts.sort_by_key(ToString::to_string);
    assert_eq!(bank.linkage_accounts(linkages[0].id).await, accounts);
    for account in accounts {
        assert_eq!(pin_of(&bank, &hanako, account).await, PinStatus::Registered);
    }
    let code = bank.code(&code).await;
    assert_eq!((code.linkage, code.scope.as_str()), (linkages[0].id, "balances transactions"));
    assert_eq!(code.expires_at, START.plus_seconds(60));
    assert_eq!(operations(&linkages[0]), [Operation::Balances, Operation::Transactions]);
    // 180 days from 22 November, to the end of the last day in Japan.
    assert_eq!(linkages[0].facts.ends_at, "2027-05-22".parse::<renkei_domain::time::Day>().unwrap().begins_at());
}

#[tokio::test]
async fn a_customer_whose_pins_are_in_force_goes_from_login_to_permission() {
    let (bank, hanako, _) = Bank::with_hanako().await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.allow_for_code().await;
    assert_eq!(bank.linkages(&hanako).await.len(), 1);
}

#[tokio::test]
async fn where_the_product_leaves_a_choice_the_customer_makes_it() {
    let (bank, hanako, _) = Bank::with_hanako().await;
    let mut browser = bank.at_login_for(CHOICE, GrantRequest::Create).await;
    browser.log_in("hanako").await;
    browser.expect_screen("operations");
    browser.submit("operations", &[]).await;
    assert_eq!((browser.page.status, browser.screen()), (422, "operations"), "nothing was ticked");
    browser.submit("operations", &[("operation", "balances")]).await;
    let code = browser.allow_for_code().await;
    assert_eq!(bank.code(&code).await.scope, "balances");
    assert_eq!(operations(&bank.linkages(&hanako).await[0]), [Operation::Balances]);
}

#[tokio::test]
async fn more_pins_are_added_to_those_that_were_entered_before() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let (first, second) = (bank.account(&hanako).await.to_string(), bank.account(&hanako).await.to_string());
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    for account in [&first, &second] {
        browser.expect_screen("pins");
        let pin = format!("pin-{account}");
        browser.submit("pins", &[("account", account), (pin.as_str(), "７３９１")]).await;
        browser.expect_screen("results");
        browser.submit("results", &[("action", "more")]).await;
    }
    browser.submit("pins", &[("action", "skip")]).await;
    browser.allow_for_code().await;
    let linkage = bank.linkages(&hanako).await[0].id;
    assert_eq!(bank.linkage_accounts(linkage).await.len(), 2);
}

#[tokio::test]
async fn an_account_left_without_a_pin_is_no_part_of_the_permission() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let (ready, bare) = (bank.ready_account(&hanako).await, bank.account(&hanako).await.to_string());
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.expect_screen("pins");
    assert!(browser.page.has("skip"));
    browser.submit("pins", &[("action", "skip")]).await;
    browser.expect_screen("permission");
    assert_eq!(browser.page.values("account"), [ready.to_string()]);
    // Ticking it all the same is refused, and the screen comes back.
    let mut forged = browser.permission();
    forged.push(("account".to_owned(), bare));
    assert_eq!(browser.send_permission(&forged).await.status, 422);
    browser.allow_for_code().await;
    let linkage = bank.linkages(&hanako).await[0].id;
    assert_eq!(bank.linkage_accounts(linkage).await, [ready]);
}

#[tokio::test]
async fn without_a_usable_account_the_pins_can_not_be_skipped() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.expect_screen("pins");
    assert!(!browser.page.has("skip"));
    browser.submit("pins", &[("action", "skip")]).await;
    browser.expect_screen("pins");
}

#[tokio::test]
async fn only_the_accounts_left_ticked_are_handed_over() {
    let (bank, hanako, kept) = Bank::with_hanako().await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    let mut fields = browser.permission();
    fields.retain(|(name, value)| name != "account" || *value == kept.to_string());
    let location = browser.send_permission(&fields).await.location().to_owned();
    assert!(answer_of(&location).contains_key("code"));
    let linkage = bank.linkages(&hanako).await[0].id;
    assert_eq!(bank.linkage_accounts(linkage).await, [kept]);
}

#[tokio::test]
async fn nothing_is_given_without_an_account_or_the_confirmed_intent() {
    let (bank, _, _) = Bank::with_hanako().await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    let whole = browser.permission();
    for missing in ["account", "intent", "text_hash"] {
        let fields: Vec<_> = whole.iter().filter(|(name, _)| name != missing).cloned().collect();
        let answer = browser.send_permission(&fields).await;
        assert_eq!(answer.status, 422, "without {missing}");
        assert!(answer.has("errors"), "without {missing}");
    }
    bank.expect_nothing_given(1).await;
    browser.allow_for_code().await;
}

#[tokio::test]
async fn r_092_the_evidence_is_what_the_screen_showed() {
    let (bank, hanako, account) = Bank::with_hanako().await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    let shown = browser.page.clone();
    browser.allow_for_code().await;
    let linkage = bank.linkages(&hanako).await[0].id;
    let consents = bank.app.store.read(&aoi()).list_consents(linkage).await.unwrap();
    assert_eq!(consents.len(), 1);
    let consent = &consents[0];
    assert_eq!(consent.shown_hash, sha256(consent.shown_text.as_bytes()));
    let hash: String = consent.shown_hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(shown.hidden("text_hash"), hash);
    for part in ["家計簿クラウド", "株式会社かけいぼ", "kakeibo.example", "会計帳簿の作成", "2000001", "2027年5月21日"]
    {
        assert!(consent.shown_text.contains(part), "{part} is missing in {}", consent.shown_text);
    }
    assert_eq!((consent.terms_version.as_str(), consent.given_at), ("2026-04", START));
    assert_eq!((consent.user, consent.accounts.as_slice()), (hanako.user, [account].as_slice()));
}

#[tokio::test]
async fn r_093_a_second_walk_asks_again() {
    let (bank, _, _) = Bank::with_hanako().await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.allow_for_code().await;
    let path = bank.push(CHOICE, GrantRequest::Create).await;
    browser.open(&path).await;
    browser.expect_screen("login");
}

impl Bank {
    /// One at which hanako walked from the login to a permission, without a step left out.
    async fn where_hanako_permitted() -> Bank {
        let bank = Bank::open().await;
        let hanako = bank.user("hanako").await;
        bank.account(&hanako).await;
        let mut browser = bank.at_login_for(CHOICE, GrantRequest::Create).await;
        browser.log_in("hanako").await;
        browser.submit("operations", &[("operation", "balances")]).await;
        browser.register_all().await;
        browser.submit("results", &[("action", "confirm")]).await;
        browser.allow_for_code().await;
        bank
    }
}

#[tokio::test]
async fn r_233_every_step_leaves_its_record() {
    let bank = Bank::where_hanako_permitted().await;
    let actions: Vec<String> = bank.records().await.into_iter().rev().map(|record| record.0).collect();
    for action in ["flow_opened", "login_tried", "operations_chosen", "pin_tried", "linkage_begun", "pins_registered"] {
        assert!(actions.iter().any(|recorded| recorded == action), "{action} is missing in {actions:?}");
    }
}

#[tokio::test]
async fn r_233_the_record_of_a_permission_names_the_text_that_was_shown_by_its_hash() {
    let bank = Bank::where_hanako_permitted().await;
    let select = "SELECT shown_text FROM consents WHERE institution = ?1";
    let shown: String = bank.fresh.store.read(&aoi()).row(select, &[]).await.unwrap().unwrap().get(0).unwrap();
    let hash: String = sha256(shown.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let select = "SELECT detail FROM audit WHERE institution = ?1 AND action = 'linkage_begun'";
    let detail: String = bank.fresh.store.read(&aoi()).row(select, &[]).await.unwrap().unwrap().get(0).unwrap();
    assert_eq!(detail, format!("{CHOICE} balances text={hash}"));
}

#[tokio::test]
async fn r_086_a_long_state_comes_back_byte_for_byte_and_an_absent_one_stays_absent() {
    let bank = Bank::open().await;
    let long = "~ &=%+?#é".chars().filter(char::is_ascii).collect::<String>().repeat(250);
    for state in [Some(long), None] {
        let path = bank.push_with(CHOICE, |request| request.state.clone_from(&state)).await;
        let mut browser = bank.browser();
        browser.open(&path).await;
        let answer = browser.post("cancel", &[]).await;
        browser.open(answer.location()).await;
        let refresh = browser.page.header("refresh").split_once("url=").unwrap().1.to_owned();
        assert_eq!(answer_of(&refresh).get("state"), state.as_ref());
    }
}

//! The order of the screens is the bank's: tabs, reloads, Back and forged forms can't get ahead of it.

use renkei_oauth::request::GrantRequest;
use renkei_testing::seed::KAKEIBO;

use crate::bank::{Bank, CHOICE, PASSWORD, PIN};
use crate::browser::Fields;

const SCREENS: [&str; 6] = ["login", "operations", "pins", "results", "existing", "permission"];
const ALLOW: Fields<'static> = &[("intent", "yes"), ("action", "allow")];

#[tokio::test]
async fn a_079_r_201_no_step_can_be_skipped() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.account(&hanako).await.to_string();
    let pin = format!("pin-{account}");
    let mut browser = bank.at_login_for(CHOICE, GrantRequest::Create).await;
    let forms: [(&str, Fields<'_>); 5] = [
        ("operations", &[("operation", "balances")]),
        ("pins", &[("account", &account), (&pin, PIN)]),
        ("results", &[("action", "confirm")]),
        ("existing", &[("renew", "new")]),
        ("permission", ALLOW),
    ];
    for stage in ["login", "operations", "pins"] {
        browser.expect_screen(stage);
        let current = format!("{}/{stage}", browser.base());
        for (screen, fields) in forms.iter().filter(|(screen, _)| *screen != stage) {
            assert_eq!(browser.post(screen, fields).await.location(), current, "{screen} at {stage}");
        }
        for screen in SCREENS.iter().chain(&["ended"]).filter(|screen| **screen != stage) {
            let path = format!("{}/{screen}", browser.base());
            assert_eq!(browser.get(&path).await.location(), current, "{screen} at {stage}");
        }
        match stage {
            "login" => browser.log_in("hanako").await,
            "operations" => browser.submit("operations", &[("operation", "balances")]).await,
            _ => {}
        }
    }
    bank.expect_nothing_given(0).await;
    assert_eq!(bank.records().await.iter().filter(|record| record.0 == "pin_tried").count(), 0);
}

#[tokio::test]
async fn a_080_going_back_to_choose_otherwise_shows_where_the_walk_is() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login_for(CHOICE, GrantRequest::Create).await;
    browser.log_in("hanako").await;
    let choice = browser.clone();
    browser.submit("operations", &[("operation", "balances")]).await;
    browser.expect_screen("permission");
    // Back, another choice, sent from the old page: the walk is shown as it stands, and what it shows is what is given.
    let mut back = choice;
    back.submit("operations", &[("operation", "transactions"), ("operation", "balances")]).await;
    back.expect_screen("permission");
    let code = back.allow_for_code().await;
    assert_eq!(bank.code(&code).await.scope, "balances");
}

#[tokio::test]
async fn a_reload_shows_the_screen_again_and_a_sent_form_can_not_be_sent_twice() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.account(&hanako).await;
    let mut browser = bank.at_login().await;
    let path = browser.path.clone();
    browser.open(&path).await;
    browser.expect_screen("login");
    let before = browser.clone();
    browser.log_in("hanako").await;
    browser.expect_screen("pins");
    // The browser repeats the login form: the walk has gone on.
    let mut repeated = before;
    repeated.cookies.clone_from(&browser.cookies);
    repeated.log_in("hanako").await;
    repeated.expect_screen("pins");
    let logins = bank.records().await.into_iter().filter(|record| record.0 == "login_tried").count();
    assert_eq!(logins, 1);
}

#[tokio::test]
async fn of_two_tabs_on_one_flow_the_older_page_shows_where_the_walk_is() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.account(&hanako).await.to_string();
    bank.ready_account(&hanako).await;
    let mut first = bank.at_login().await;
    first.log_in("hanako").await;
    let mut second = first.clone();
    first.submit("pins", &[("action", "skip")]).await;
    first.expect_screen("permission");
    let pin = format!("pin-{account}");
    second.submit("pins", &[("account", &account), (&pin, PIN)]).await;
    second.expect_screen("permission");
    first.allow_for_code().await;
    bank.linkages(&hanako).await.iter().for_each(|linkage| assert_eq!(linkage.ended_at, None));
    assert_eq!(bank.count("SELECT COUNT(*) FROM pins WHERE institution = ?1").await, 1);
    let (csrf, version) = second.token();
    let stale = [("csrf", csrf.as_str()), ("version", version.as_str()), ("action", "deny")];
    let path = format!("{}/results", second.base());
    assert_eq!(second.post_raw(&path, &stale).await.location(), format!("{}/ended", second.base()));
}

#[tokio::test]
async fn r_203_two_flows_in_one_browser_never_cross() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut first = bank.at_login().await;
    let mut second = first.clone();
    let path = bank.push(CHOICE, GrantRequest::Create).await;
    second.open(&path).await;
    assert_ne!(first.base(), second.base());
    assert_eq!(first.cookies, second.cookies, "one browser, one session");
    second.log_in("hanako").await;
    first.cookies.clone_from(&second.cookies);
    // The first flow has its own login; the other one's is not taken for it.
    let path = first.path.clone();
    first.open(&path).await;
    first.expect_screen("login");
    first.log_in("hanako").await;
    second.cookies.clone_from(&first.cookies);
    let fixed = first.allow_for_code().await;
    second.submit("operations", &[("operation", "balances")]).await;
    let chosen = second.allow_for_code().await;
    let (fixed, chosen) = (bank.code(&fixed).await, bank.code(&chosen).await);
    assert_eq!((fixed.client_id.as_str(), fixed.scope.as_str()), (KAKEIBO, "balances transactions"));
    assert_eq!((chosen.client_id.as_str(), chosen.scope.as_str()), (CHOICE, "balances"));
    assert_ne!(fixed.linkage, chosen.linkage);
}

#[tokio::test]
async fn a_082_extra_fields_have_no_effect() {
    let bank = Bank::open().await;
    let (hanako, taro) = (bank.user("hanako").await, bank.user("taro").await);
    bank.ready_account(&hanako).await;
    let his = bank.ready_account(&taro).await;
    let extra = [
        ("status", "granted"),
        ("institution", "1002"),
        ("tenant_id", "1002"),
        ("user_id", "taro"),
        ("pin_ok", "true"),
        ("expires_at", "9999999999"),
        ("stage", "permission"),
        ("redirect_uri", "https://evil.example/"),
    ];
    let mut browser = bank.at_login_for(CHOICE, GrantRequest::Create).await;
    let login = [("login_id", "hanako"), ("password", PASSWORD)];
    browser.submit("login", &[login.as_slice(), extra.as_slice()].concat()).await;
    browser.expect_screen("operations");
    let operations = [("operation", "balances"), ("operation", "everything"), ("scope", "transactions")];
    browser.submit("operations", &[operations.as_slice(), extra.as_slice()].concat()).await;
    let mut fields = browser.permission();
    fields.extend(extra.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let location = browser.send_permission(&fields).await.location().to_owned();
    let code = crate::browser::answer_of(&location).remove("code").unwrap();
    let code = bank.code(&code).await;
    assert_eq!((code.scope.as_str(), code.redirect_uri.as_str()), ("balances", crate::bank::BACK));
    let linkage = bank.linkages(&hanako).await.remove(0);
    assert!(linkage.facts.ends_at < bank.now().plus_seconds(182 * 86_400));
    assert!(!bank.linkage_accounts(linkage.id).await.contains(&his));
}

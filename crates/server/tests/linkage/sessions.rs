//! Whose flow it is: the browser's that opened it, and the person's who logged in.

use renkei_oauth::request::GrantRequest;
use renkei_server::http::browser::{MY_IDLE_SECONDS, MY_LONGEST_SECONDS};
use renkei_testing::midori;
use renkei_testing::seed::KAKEIBO;

use crate::bank::{Bank, CHOICE, PASSWORD};

#[tokio::test]
async fn a_085_when_another_user_logs_in_the_first_ones_walk_ends() {
    let bank = Bank::open().await;
    let (hanako, taro) = (bank.user("hanako").await, bank.user("taro").await);
    bank.ready_account(&hanako).await;
    bank.ready_account(&taro).await;
    let mut hers = bank.at_login().await;
    hers.log_in("hanako").await;
    hers.expect_screen("permission");
    let mut his = hers.clone();
    let path = bank.push(CHOICE, GrantRequest::Create).await;
    his.open(&path).await;
    his.log_in("taro").await;
    his.expect_screen("operations");
    hers.cookies.clone_from(&his.cookies);
    let fields = hers.permission();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    hers.submit("permission", &fields).await;
    hers.expect_end("access_denied", "user_changed");
    bank.expect_nothing_given(2).await;
    his.submit("operations", &[("operation", "balances")]).await;
    his.allow_for_code().await;
    assert_eq!((bank.linkages(&hanako).await.len(), bank.linkages(&taro).await.len()), (0, 1));
}

#[tokio::test]
async fn a_086_r_196_a_cookie_planted_before_the_login_gains_nothing() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    // The attacker opens the walk and plants his cookie in the victim's browser.
    let attacker = bank.at_login().await;
    let mut victim = attacker.clone();
    victim.log_in("hanako").await;
    victim.expect_screen("permission");
    assert_ne!(victim.cookies, attacker.cookies);
    let mut attacker = attacker;
    for screen in ["login", "permission", "ended"] {
        let path = format!("{}/{screen}", attacker.base());
        let answer = attacker.get(&path).await;
        assert_eq!((answer.status, answer.header("location")), (404, ""), "{screen}");
    }
    let fields = victim.permission();
    attacker.page = victim.page.clone();
    assert_eq!(attacker.send_permission(&fields).await.status, 404);
    bank.expect_nothing_given(1).await;
    victim.allow_for_code().await;
}

#[tokio::test]
async fn r_091_a_flow_is_no_other_browsers() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut hers = bank.at_login().await;
    hers.log_in("hanako").await;
    let mut stranger = bank.browser();
    let path = hers.path.clone();
    assert_eq!(stranger.get(&path).await.status, 404);
    // With a session of its own, and with the victim's form, likewise.
    let own = bank.push(KAKEIBO, GrantRequest::Create).await;
    stranger.open(&own).await;
    assert_eq!(stranger.get(&path).await.status, 404);
    let fields = hers.permission();
    let mut forger = stranger.clone();
    forger.path.clone_from(&hers.path);
    forger.page = hers.page.clone();
    assert_eq!(forger.send_permission(&fields).await.status, 404);
    bank.expect_nothing_given(1).await;
    hers.allow_for_code().await;
}

#[tokio::test]
async fn r_202_a_session_that_looks_at_linkages_ends_in_the_end_however_busy() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    let mut browser = bank.browser();
    assert_eq!(browser.my_login("hanako", PASSWORD).await.status, 303);
    let step = MY_IDLE_SECONDS - 1;
    for _ in 0..MY_LONGEST_SECONDS / step {
        assert_eq!(browser.get("/1001/my/linkages").await.status, 200);
        bank.forward(step);
    }
    bank.forward(MY_LONGEST_SECONDS % step);
    let over = browser.get("/1001/my/linkages").await;
    assert_eq!((over.status, over.header("location")), (303, "/1001/my/login"));
}

#[tokio::test]
async fn a_cookie_sent_twice_is_not_believed() {
    let bank = Bank::open().await;
    let browser = bank.at_login().await;
    let pairs: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let pair = pairs.join("; ");
    for cookies in [format!("{pair}; {pair}"), format!("{pair}; renkei-1001=planted"), pair.replace('=', "=x")] {
        let request = bank.http.get(format!("{}{}", bank.address, browser.path)).header("cookie", &cookies);
        assert_eq!(crate::browser::Answer::to(request).await.status, 404, "{cookies}");
    }
}

#[tokio::test]
async fn walks_at_two_institutions_in_one_browser_stand_side_by_side() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let neighbour = bank.user_at(&midori(), "hanako").await;
    bank.account_at(&midori(), &neighbour).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    let mut tab = browser.clone();
    let path = bank.push_to(&midori(), KAKEIBO, GrantRequest::Create).await;
    tab.open(&path).await;
    tab.log_in("hanako").await;
    tab.expect_screen("pins");
    browser.cookies.clone_from(&tab.cookies);
    browser.allow_for_code().await;
    assert_eq!(bank.linkages(&hanako).await.len(), 1);
    let there = bank.app.store.read(&midori()).list_linkages_of_user(neighbour.user).await.unwrap();
    assert_eq!(there, []);
}

#[tokio::test]
async fn r_228_a_flow_can_not_be_walked_under_another_institutions_path() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    let elsewhere = browser.path.replacen("/1001/", "/1002/", 1);
    assert_eq!(browser.get(&elsewhere).await.status, 404);
    for bad in ["0", "../permission", "019f0000-0000-7000-8000-000000000000", "%00"] {
        let path = format!("/1001/link/{bad}/permission");
        assert_eq!(browser.get(&path).await.status, 404, "{path}");
    }
    browser.allow_for_code().await;
}

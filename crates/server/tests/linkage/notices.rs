//! What users are told of their logins, failed ones too, and of what they permitted.

use renkei_domain::notice::{Happened, NOTICES_MAX};
use renkei_testing::{SystemRandom, aoi};

use crate::bank::{Bank, PASSWORD};

#[tokio::test]
async fn r_226_a_user_is_told_of_logins_of_failed_ones_and_of_permissions() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.allow_for_code().await;
    let mut stranger = bank.browser();
    stranger.source = Some("198.51.100.66".to_owned());
    for _ in 0..7 {
        assert_eq!(stranger.my_login("hanako", "guess").await.status, 422);
    }
    bank.forward(60);
    let mut own = bank.browser();
    own.source = Some("203.0.113.9".to_owned());
    assert_eq!(own.my_login("hanako", PASSWORD).await.status, 303);
    own.open("/1001/my/linkages").await;
    for told in [
        "203.0.113.9 からログインID・パスワードでログインしました。",
        "失敗したログインが 7 回ありました。",
        "のAPI連携を許可しました。",
    ] {
        assert!(own.page.text.contains(told), "{told}: {}", own.page.text);
    }
    own.open("/1001/my/linkages?lang=en").await;
    assert!(own.page.text.contains("There were 7 failed logins before this login."), "{}", own.page.text);
    // Told once: at the next login from there nothing has failed since.
    assert_eq!(own.my_login("hanako", PASSWORD).await.status, 303);
    own.open("/1001/my/linkages").await;
    assert_eq!(own.page.text.matches("failed logins").count(), 1);
    // Nobody is told of others.
    bank.user("taro").await;
    let mut taro = bank.browser();
    taro.my_login("taro", PASSWORD).await;
    taro.open("/1001/my/linkages").await;
    assert!(!taro.page.text.contains("203.0.113.9"));
}

#[tokio::test]
async fn r_226_a_known_device_is_told_of_a_burst_once() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    let mut known = bank.browser();
    known.my_login("hanako", PASSWORD).await;
    let mut stranger = bank.browser();
    for _ in 0..6 {
        stranger.my_login("hanako", "guess").await;
    }
    for _ in 0..2 {
        assert_eq!(known.my_login("hanako", PASSWORD).await.status, 303);
    }
    known.open("/1001/my/linkages").await;
    assert_eq!(known.page.text.matches("失敗したログインが 6 回").count(), 1);
}

async fn keeps_the_newest(bank: &Bank) {
    let hanako = bank.user("hanako").await;
    let taro = bank.user("taro").await;
    for number in 0..i64::from(NOTICES_MAX) + 20 {
        let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
        for user in [hanako.user, taro.user] {
            let now = bank.now().plus_seconds(number);
            tx.add_notice(user, &Happened::LoginsFailed(number), now, &SystemRandom).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    let kept = bank.app.store.read(&aoi()).list_notices(hanako.user, 1_000).await.unwrap();
    assert_eq!(kept.len(), NOTICES_MAX as usize);
    assert_eq!(kept[0].1, Happened::LoginsFailed(69));
    assert_eq!(bank.count("SELECT COUNT(*) FROM notices WHERE institution = ?1").await, 100);
}

#[tokio::test]
async fn only_the_newest_notices_are_kept() {
    keeps_the_newest(&Bank::open().await).await;
}

#[tokio::test]
async fn only_the_newest_notices_are_kept_on_postgres_too() {
    let Some(bank) = Bank::on_postgres().await else { return };
    keeps_the_newest(&bank).await;
}

//! Guards against guessing: over many identities, and without shutting out whom they guard.

use renkei_domain::audit::Action;
use renkei_domain::guard::Guard;
use renkei_oauth::request::GrantRequest;
use renkei_store::Store;
use renkei_store::guards::Subject;
use renkei_testing::aoi;
use renkei_testing::seed::KAKEIBO;

use crate::bank::{Bank, PASSWORD, PIN};
use crate::browser::Browser;

const DEVICE_COOKIE: &str = "renkei-device-1001";

async fn try_login(browser: &mut Browser, login_id: &str, password: &str) -> u16 {
    browser.post("login", &[("login_id", login_id), ("password", password)]).await.status
}

/// Somebody elsewhere guesses until the login is locked for strangers.
async fn lock(bank: &Bank, login_id: &str) {
    let mut stranger = bank.at_login().await;
    for number in 0..6 {
        assert_eq!(try_login(&mut stranger, login_id, &format!("guess-{number}")).await, 422);
    }
}

/// A browser from which hanako has logged in before, on the login page of a new flow.
async fn known_browser(bank: &Bank) -> Browser {
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    assert!(browser.cookies.contains_key(DEVICE_COOKIE));
    let link = bank.push(KAKEIBO, GrantRequest::Create).await;
    browser.open(&link).await;
    browser.expect_screen("login");
    browser
}

async fn hanako(bank: &Bank) {
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
}

#[tokio::test]
async fn r_216_a_106_a_strangers_failures_delay_strangers_and_not_a_known_device() {
    let bank = Bank::open().await;
    hanako(&bank).await;
    let mut known = known_browser(&bank).await;
    lock(&bank, "hanako").await;
    let mut unknown = bank.at_login().await;
    assert_eq!(try_login(&mut unknown, "hanako", PASSWORD).await, 422, "others wait");
    known.log_in("hanako").await;
    known.expect_screen("permission");
    let name = bank.app.keys.login_guard("hanako");
    let guard = bank.app.store.read(&aoi()).find_guard(Subject::Login, &name).await.unwrap();
    assert_eq!(guard.failures, 5, "the stranger's failures stay counted");
    // And others wait a minute, not for ever.
    bank.forward(60);
    unknown.log_in("hanako").await;
    unknown.expect_screen("permission");
}

#[tokio::test]
async fn r_216_a_known_device_is_no_way_around_the_guard() {
    let bank = Bank::open().await;
    hanako(&bank).await;
    bank.user("taro").await;
    let mut known = known_browser(&bank).await;
    for number in 0..5 {
        assert_eq!(try_login(&mut known, "hanako", &format!("guess-{number}")).await, 422);
    }
    assert_eq!(try_login(&mut known, "hanako", PASSWORD).await, 422, "it has a budget of its own");
    // Without the cookie it is a stranger like any other, whose tries are still there.
    let mut stranger = bank.at_login().await;
    stranger.log_in("hanako").await;
    stranger.expect_screen("permission");
    // It is known for hanako and nobody else.
    lock(&bank, "taro").await;
    let mut other = known_browser(&bank).await;
    assert_eq!(try_login(&mut other, "taro", PASSWORD).await, 422);
    bank.forward(60);
    known.log_in("hanako").await;
    known.expect_screen("permission");
}

#[tokio::test]
async fn r_216_the_device_cookie_says_nothing_and_can_be_neither_made_nor_moved() {
    let bank = Bank::secure("https://link.example").await;
    hanako(&bank).await;
    let mut browser = bank.at_login().await;
    let answer = browser.post("login", &[("login_id", "hanako"), ("password", PASSWORD)]).await;
    let cookies: Vec<&str> = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let cookie = cookies.iter().find(|cookie| cookie.starts_with("__Host-renkei-device-1001=")).unwrap();
    assert!(cookie.ends_with("; Path=/; Max-Age=31104000; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let value = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    assert_eq!(value.len(), 43, "an identifier and a mark, 32 bytes");
    lock(&bank, "hanako").await;
    let login = async |value: &str| {
        let mut browser = bank.at_login().await;
        browser.cookies.insert("__Host-renkei-device-1001".to_owned(), value.to_owned());
        try_login(&mut browser, "hanako", PASSWORD).await
    };
    // A character in the middle of the mark: every bit of it counts.
    let other = if &value[30..31] == "A" { "B" } else { "A" };
    let flipped = format!("{}{other}{}", &value[..30], &value[31..]);
    for forged in ["", "x", &"A".repeat(43), &flipped, &value[..22]] {
        assert_eq!(login(forged).await, 422, "{forged}");
    }
    assert_eq!(login(&value).await, 303);
    // A year later it is forgotten.
    bank.forward(86_400 * 365);
    lock(&bank, "hanako").await;
    assert_eq!(login(&value).await, 422);
}

#[tokio::test]
async fn r_216_people_who_share_a_machine_are_all_known_on_it() {
    let bank = Bank::open().await;
    hanako(&bank).await;
    let taro = bank.user("taro").await;
    bank.ready_account(&taro).await;
    let mut browser = known_browser(&bank).await;
    browser.log_in("taro").await;
    browser.expect_screen("permission");
    for login_id in ["hanako", "taro"] {
        lock(&bank, login_id).await;
        let link = bank.push(KAKEIBO, GrantRequest::Create).await;
        browser.open(&link).await;
        browser.log_in(login_id).await;
        browser.expect_screen("permission");
    }
}

#[tokio::test]
async fn a_097_r_217_every_refusal_does_the_same_work() {
    let bank = Bank::open().await;
    bank.users_of_every_standing().await;
    lock(&bank, "shiro").await;
    let mut works = Vec::new();
    for (login_id, password) in [
        ("hanako", "wrong"),
        ("nobody", "wrong"),
        ("no body", "wrong"),
        ("taro", PASSWORD),
        ("jiro", PASSWORD),
        ("saburo", PASSWORD),
        ("shiro", PASSWORD),
    ] {
        let mut browser = bank.at_login().await;
        let before = (bank.app.memory.hashing.computed(), bank.app.store.work().done());
        assert_eq!(try_login(&mut browser, login_id, password).await, 422);
        let after = (bank.app.memory.hashing.computed(), bank.app.store.work().done());
        works.push((login_id, after.0 - before.0, after.1.0 - before.1.0, after.1.1 - before.1.1));
    }
    for (login_id, hashes, look_ups, commits) in &works {
        assert_eq!((*hashes, *look_ups, *commits), (1, works[0].2, works[0].3), "{login_id}: {works:?}");
    }
}

#[tokio::test]
async fn r_215_one_source_tries_a_hundred_login_ids_an_hour_and_others_are_not_concerned() {
    let bank = Bank::spacious().await;
    hanako(&bank).await;
    let mut attacker = bank.at_login().await;
    attacker.source = Some("203.0.113.9".to_owned());
    for number in 0..100 {
        assert_eq!(try_login(&mut attacker, &format!("user{number}"), "password1234567").await, 422);
    }
    assert_eq!(try_login(&mut attacker, "hanako", PASSWORD).await, 422, "not even looked at");
    let name = bank.app.keys.login_guard("hanako");
    let guard = bank.app.store.read(&aoi()).find_guard(Subject::Login, &name).await.unwrap();
    assert_eq!(guard, Guard::default());
    let mut neighbour = bank.at_login().await;
    neighbour.source = Some("203.0.113.10".to_owned());
    neighbour.log_in("hanako").await;
    neighbour.expect_screen("permission");
    // All of a /64 is one source.
    let mut attacker = bank.at_login().await;
    for number in 0..101 {
        attacker.source = Some(format!("2001:db8:1:2::{number:x}"));
        try_login(&mut attacker, &format!("other{number}"), "password1234567").await;
    }
    attacker.source = Some("2001:db8:1:2:ffff::1".to_owned());
    assert_eq!(try_login(&mut attacker, "hanako", PASSWORD).await, 422);
}

#[tokio::test]
async fn r_220_a_103_one_pin_over_many_accounts_trips_the_limit_and_raises_the_alarm_once() {
    let bank = Bank::spacious().await;
    let mut tried = 0;
    for company in 0..8 {
        let login_id = format!("company{company}");
        let who = bank.user(&login_id).await;
        let mut accounts = Vec::new();
        for _ in 0..15 {
            accounts.push(bank.account(&who).await.to_string());
        }
        let mut browser = bank.at_login().await;
        browser.source = Some("203.0.113.9".to_owned());
        browser.log_in(&login_id).await;
        browser.expect_screen("pins");
        let fields: Vec<(String, &str)> = accounts.iter().map(|id| (format!("pin-{id}"), "1234")).collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, pin)| (name.as_str(), *pin)).collect();
        browser.submit("pins", &fields).await;
        tried += fields.len();
    }
    let looked_at = "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND detail = 'wrong_pin'";
    let refused = "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND detail = 'source_tried_too_many'";
    assert_eq!((tried, bank.count(looked_at).await, bank.count(refused).await), (120, 100, 20));
    let alarms = "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND action = 'guessing_noticed'";
    assert_eq!((bank.count(alarms).await, Action::GuessingNoticed.word()), (1, "guessing_noticed"));
    // An honest company elsewhere registers its PINs all the while.
    let who = bank.user("honest").await;
    for _ in 0..5 {
        bank.account(&who).await;
    }
    let mut honest = bank.at_login().await;
    honest.source = Some("198.51.100.1".to_owned());
    honest.log_in("honest").await;
    honest.register_all().await;
    assert!(honest.page.has("confirm"));
    assert_eq!(bank.count(refused).await, 20);
}

#[tokio::test]
async fn a_107_r_218_a_login_locked_meanwhile_stops_the_walk_of_a_stranger_and_not_of_a_known_device() {
    let bank = Bank::open().await;
    hanako(&bank).await;
    let mut known = known_browser(&bank).await;
    known.log_in("hanako").await;
    known.expect_screen("permission");
    let mut stranger = bank.at_login().await;
    stranger.log_in("hanako").await;
    stranger.expect_screen("permission");
    lock(&bank, "hanako").await;
    let fields = stranger.permission();
    let answer = stranger.send_permission(&fields).await;
    let to = answer.location().to_owned();
    stranger.open(&to).await;
    stranger.expect_end("access_denied", "not_allowed");
    bank.expect_nothing_given(1).await;
    known.allow_for_code().await;
}

#[tokio::test]
async fn a_107_r_218_a_pin_guessed_shut_meanwhile_does_not_come_into_force() {
    let bank = Bank::open().await;
    let who = bank.user("hanako").await;
    let account = bank.account(&who).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.register_all().await;
    browser.submit("results", &[("action", "confirm")]).await;
    browser.expect_screen("permission");
    let mut other = bank.at_login().await;
    other.log_in("hanako").await;
    for wrong in ["0000", "1111", "2222"] {
        let field = format!("pin-{account}");
        other.submit("pins", &[(&field, wrong)]).await;
        other.submit("results", &[("action", "more")]).await;
    }
    let fields = browser.permission();
    let answer = browser.send_permission(&fields).await;
    let to = answer.location().to_owned();
    browser.open(&to).await;
    browser.expect_end("access_denied", "not_allowed");
    bank.expect_nothing_given(0).await;
}

#[tokio::test]
async fn r_237_when_nothing_can_be_counted_or_recorded_nobody_gets_in() {
    let bank = Bank::open().await;
    let who = bank.user("hanako").await;
    let account = bank.account(&who).await;
    let mut at_login = bank.at_login().await;
    let mut at_pins = bank.at_login().await;
    at_pins.log_in("hanako").await;
    at_pins.expect_screen("pins");
    // Another process that writes and does not let go: the store gives up after its time. Reads still work.
    let other = Store::connect(&bank.fresh.config).await.unwrap();
    let writing = other.begin(&aoi()).await.unwrap();
    let before = bank.app.memory.hashing.computed();
    let login = at_login.post("login", &[("login_id", "hanako"), ("password", PASSWORD)]).await;
    assert_eq!((login.status, login.header("retry-after")), (503, "10"));
    assert_eq!(bank.app.memory.hashing.computed(), before, "the password was not even looked at");
    let field = format!("pin-{account}");
    let pins = at_pins.post("pins", &[(&field, PIN)]).await;
    assert_eq!((pins.status, pins.header("retry-after")), (503, "10"));
    assert!(login.headers.get("set-cookie").is_none() && pins.headers.get("set-cookie").is_none());
    drop(writing);
    at_login.log_in("hanako").await;
    at_login.expect_screen("pins");
    at_pins.register_all().await;
    assert!(at_pins.page.has("confirm"));
}

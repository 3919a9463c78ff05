//! Logging in by password: one answer for every refusal, one counter for every spelling.

use renkei_domain::guard::Guard;
use renkei_oauth::request::GrantRequest;
use renkei_server::http::{limits, oauth::Memory};
use renkei_server::passwords::Hashing;
use renkei_store::guards::Subject;
use renkei_testing::aoi;
use renkei_testing::seed::KAKEIBO;

use crate::bank::{Bank, PASSWORD};
use crate::browser::Answer;

async fn guard(bank: &Bank, login_id: &str) -> Guard {
    let name = bank.app.keys.login_guard(login_id);
    bank.app.store.read(&aoi()).find_guard(Subject::Login, &name).await.unwrap()
}

/// The page of a refusal, without what was typed.
async fn refusal(bank: &Bank, login_id: &str, password: &str) -> (u16, String) {
    let mut browser = bank.at_login().await;
    let flow = browser.base();
    let token = browser.token().0;
    let answer = browser.post("login", &[("login_id", login_id), ("password", password)]).await;
    let text = answer.text.replace(login_id, "LOGIN-ID").replace(&flow, "FLOW").replace(&token, "TOKEN");
    (answer.status, text)
}

#[tokio::test]
async fn a_097_r_217_every_refusal_looks_the_same() {
    let bank = Bank::open().await;
    bank.users_of_every_standing().await;
    for _ in 0..5 {
        refusal(&bank, "shiro", "wrong").await;
    }
    let unknown = refusal(&bank, "nobody", "wrong").await;
    assert_eq!(unknown.0, 422);
    for (login_id, password) in [
        ("hanako", "wrong"),
        ("taro", PASSWORD),
        ("jiro", PASSWORD),
        ("saburo", PASSWORD),
        ("shiro", PASSWORD),
        ("nobody at all", PASSWORD),
        ("\u{200b}hanako", PASSWORD),
    ] {
        assert_eq!(refusal(&bank, login_id, password).await, unknown, "{login_id}");
    }
    let mut reasons: Vec<String> = bank.records().await.into_iter().map(|record| record.2).collect();
    reasons.sort();
    reasons.dedup();
    let expected = [
        "contract_not_active",
        "locked",
        "no_such_login_id",
        "other_method",
        "unknown",
        "user_not_active",
        "wrong_password",
    ];
    for reason in expected {
        assert!(reasons.iter().any(|recorded| recorded == reason), "{reason} is not in the records: {reasons:?}");
    }
}

#[tokio::test]
async fn a_098_r_214_every_spelling_of_a_login_id_has_the_same_counter() {
    let bank = Bank::open().await;
    let hanako = bank.user("user01").await;
    bank.ready_account(&hanako).await;
    for (number, typed) in ["user01", "ＵＳＥＲ０１", "User01 ", "\u{3000}user０1"].into_iter().enumerate() {
        refusal(&bank, typed, "wrong").await;
        assert_eq!(guard(&bank, "user01").await.failures, u32::try_from(number + 1).unwrap(), "{typed}");
    }
    for typed in ["user\u{200b}01", "ﾕｰｻﾞ01", "user\u{301}01"] {
        refusal(&bank, typed, "wrong").await;
    }
    // What can be no login id has a counter too, one for all, so that it costs the same.
    assert_eq!(bank.count("SELECT COUNT(*) FROM guards WHERE institution = ?1").await, 2);
    // A right password clears it, however the id was typed.
    let mut browser = bank.at_login().await;
    browser.log_in("ＵＳＥＲ０１").await;
    browser.expect_screen("permission");
    assert_eq!(guard(&bank, "user01").await, Guard::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_100_r_213_of_64_guesses_at_once_five_are_looked_at_and_the_right_one_came_too_late() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let browser = bank.at_login().await;
    for _ in 0..5 {
        let mut browser = browser.clone();
        browser.post("login", &[("login_id", "hanako"), ("password", "wrong")]).await;
    }
    let guesses: Vec<_> = (0..59)
        .map(|number| {
            let mut browser = browser.clone();
            let password = if number == 30 { PASSWORD.to_owned() } else { format!("guess-{number}") };
            tokio::spawn(async move {
                browser.post("login", &[("login_id", "hanako"), ("password", &password)]).await.status
            })
        })
        .collect();
    for guess in guesses {
        assert_eq!(guess.await.unwrap(), 422);
    }
    assert_eq!(guard(&bank, "hanako").await.failures, 5);
    limits::write_counted(&bank.app, true).await.unwrap();
    let records = bank.records().await;
    let of = |reason: &str| records.iter().filter(|record| record.2 == reason).count();
    // What was looked at is recorded one by one; of the rest twenty of one source and minute, the other 39 as a count.
    assert_eq!((of("wrong_password"), of("locked"), of("counted 39 in 0 s")), (5, 20, 1));
    // After the wait the right one is taken.
    bank.forward(60);
    let mut browser = browser.clone();
    browser.log_in("hanako").await;
    browser.expect_screen("permission");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_100_a_burst_from_nothing_gets_five_verdicts() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    let link = bank.push(KAKEIBO, GrantRequest::Create).await;
    let guess = |number: usize| {
        let (mut browser, link) = (bank.browser(), link.clone());
        async move {
            browser.open(&link).await;
            let password = format!("guess-{number}");
            browser.post("login", &[("login_id", "hanako"), ("password", &password)]).await.status
        }
    };
    let running: Vec<_> = (0..64).map(|number| tokio::spawn(guess(number))).collect();
    for guess in running {
        assert_eq!(guess.await.unwrap(), 422);
    }
    let records = bank.records().await;
    let looked_at = records.iter().filter(|record| record.2 == "wrong_password").count();
    assert_eq!((looked_at, guard(&bank, "hanako").await.failures), (5, 5));
}

#[tokio::test]
async fn a_109_what_no_form_sends_is_refused_before_it_is_hashed() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    let browser = bank.at_login().await;
    let (csrf, version) = browser.token();
    let path = format!("{}{}", bank.address, browser.path);
    let head = format!("csrf={csrf}&version={version}&login_id=hanako&password=");
    let cookies: Vec<String> = browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    for (tail, status) in [("x".repeat(1 << 20), 413), ("a%00b".into(), 400), ("a%ff%feb".into(), 400)] {
        let request = bank
            .http
            .post(&path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("cookie", cookies.join("; "))
            .body(format!("{head}{tail}"));
        let answer = Answer::to(request).await;
        assert_eq!(answer.status, status);
        assert!(answer.header("content-security-policy").contains("default-src 'none'"));
    }
    assert_eq!(guard(&bank, "hanako").await, Guard::default());
    // A long one within the form's limit is wrong, counted, and never hashed as it is.
    let mut browser = browser;
    let long = "x".repeat(2_000);
    assert_eq!(browser.post("login", &[("login_id", "hanako"), ("password", &long)]).await.status, 422);
    assert_eq!(guard(&bank, "hanako").await.failures, 1);
}

#[tokio::test]
async fn r_211_beyond_the_queue_a_login_is_told_to_come_back_and_the_flow_goes_on() {
    let mut memory = Memory::of_size(1);
    memory.hashing = Hashing::with_room_for(0);
    let bank = Bank::with_memory(memory).await;
    bank.user("hanako").await;
    let mut browser = bank.at_login().await;
    let answer = browser.post("login", &[("login_id", "hanako"), ("password", PASSWORD)]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "10"));
    assert!(answer.text.contains("ただいま混み合っています"));
    let path = browser.path.clone();
    browser.open(&path).await;
    browser.expect_screen("login");
}

#[tokio::test]
async fn a_112_a_116_a_hundred_thousand_fields_are_refused_by_their_size() {
    let bank = Bank::open().await;
    let browser = bank.at_login().await;
    let fields: String = (0..100_000).map(|number| format!("f{number}=&")).collect();
    let request = bank.http.post(format!("{}{}", bank.address, browser.path));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(fields);
    assert_eq!(Answer::to(request).await.status, 413);
}

#[tokio::test]
async fn an_empty_field_is_no_guess() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    let mut browser = bank.at_login().await;
    for fields in [[("login_id", "hanako"), ("password", "")], [("login_id", " "), ("password", "x")]] {
        let answer = browser.post("login", &fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.has("errors"));
    }
    assert_eq!(guard(&bank, "hanako").await, Guard::default());
}

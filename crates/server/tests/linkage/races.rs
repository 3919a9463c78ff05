//! The same thing many times at once, and the same thing a day later.

use crate::bank::Bank;
use crate::browser::{Answer, answer_of};

/// How often a race is run: what goes wrong once in some times must not pass by luck.
const ROUNDS: usize = 6;

/// Sends 許可 many times at once; what each half of the multiple click was answered.
async fn click(bank: &Bank, times: usize) -> Vec<Answer> {
    let hanako = bank.user("hanako").await;
    bank.account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.register_all().await;
    browser.submit("results", &[("action", "confirm")]).await;
    browser.expect_screen("permission");
    let clicks: Vec<_> = (0..times)
        .map(|_| {
            let mut browser = browser.clone();
            tokio::spawn(async move { browser.send_permission(&browser.permission()).await })
        })
        .collect();
    let mut answers = Vec::new();
    for click in clicks {
        answers.push(click.await.unwrap());
    }
    answers
}

async fn expect_one_of_everything(bank: &Bank, answers: &[Answer]) {
    let locations: Vec<&str> = answers.iter().map(Answer::location).collect();
    assert!(answer_of(locations[0]).contains_key("code"));
    assert!(locations.iter().all(|location| *location == locations[0]), "{locations:?}");
    for table in [
        "SELECT COUNT(*) FROM linkages WHERE institution = ?1",
        "SELECT COUNT(*) FROM consents WHERE institution = ?1",
        "SELECT COUNT(*) FROM codes WHERE institution = ?1",
        "SELECT COUNT(*) FROM pins WHERE institution = ?1",
        "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND action = 'linkage_begun'",
    ] {
        assert_eq!(bank.count(table).await, 1, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_083_a_double_click_on_permit_gives_one_linkage_and_one_answer() {
    for _ in 0..ROUNDS {
        let bank = Bank::open().await;
        let answers = click(&bank, 8).await;
        expect_one_of_everything(&bank, &answers).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_083_on_postgres_too() {
    for _ in 0..ROUNDS {
        let Some(bank) = Bank::on_postgres().await else { return };
        let answers = click(&bank, 8).await;
        expect_one_of_everything(&bank, &answers).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_permit_and_refuse_at_once_one_holds() {
    for _ in 0..ROUNDS {
        let bank = Bank::open().await;
        let hanako = bank.user("hanako").await;
        bank.ready_account(&hanako).await;
        let mut browser = bank.at_login().await;
        browser.log_in("hanako").await;
        let mut other = browser.clone();
        let allow = tokio::spawn(async move { browser.send_permission(&browser.permission()).await });
        let deny = tokio::spawn(async move { other.post("permission", &[("action", "deny")]).await });
        let (allow, deny) = (allow.await.unwrap(), deny.await.unwrap());
        let given = bank.count("SELECT COUNT(*) FROM codes WHERE institution = ?1").await;
        let refused = deny.location().contains("error=access_denied");
        assert_ne!(given == 1, refused, "allow: {}, deny: {}", allow.location(), deny.location());
        assert_eq!(allow.location().contains("code="), given == 1);
    }
}

#[tokio::test]
async fn a_091_the_permit_form_of_yesterday_gives_nothing() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    let page = browser.clone();
    let code = browser.allow_for_code().await;
    // Within the code's minute the same answer; after it a page that says it is done; the next day nothing at all.
    let mut again = page.clone();
    let repeated = again.send_permission(&again.permission()).await;
    assert_eq!(answer_of(repeated.location()).get("code"), Some(&code));
    bank.forward(60);
    let later = again.send_permission(&again.permission()).await;
    assert_eq!((later.status, later.header("location")), (200, ""));
    assert!(!later.has("way-on"));
    bank.forward(86_400);
    let mut next_day = page;
    let next_day = next_day.send_permission(&next_day.permission()).await;
    assert_eq!((next_day.status, next_day.header("location")), (404, ""));
    assert_eq!(bank.count("SELECT COUNT(*) FROM codes WHERE institution = ?1").await, 1);
    assert_eq!(bank.linkages(&hanako).await.len(), 1);
}

#[tokio::test]
async fn r_198_back_after_the_end_shows_the_end() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.allow_for_code().await;
    let base = browser.base();
    for screen in ["login", "permission"] {
        browser.open(&format!("{base}/{screen}")).await;
        browser.expect_screen("ended");
        assert!(!browser.page.has("allow"));
    }
}

//! When something of ours fails, or was finished elsewhere: the page says so in the right language and leads back.

use renkei_oauth::request::GrantRequest;
use renkei_testing::seed::KAKEIBO;
use reqwest::Method;

use crate::bank::{Bank, PASSWORD};
use crate::browser::{Answer, Browser};

async fn break_table(bank: &Bank, sql: &'static str) {
    let mut tx = bank.app.store.begin_all().await.unwrap();
    tx.execute(sql, &[]).await.unwrap();
    tx.commit().await.unwrap();
}

fn way_on(answer: &Answer) -> &str {
    let (_, rest) = answer.text.split_once("id=\"way-on\" href=\"").unwrap_or_else(|| panic!("{}", answer.text));
    rest.split('"').next().unwrap()
}

#[tokio::test]
async fn r_236_r_237_a_failure_inside_a_walk_shuts_it_and_leads_back_into_it() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.expect_screen("pins");
    break_table(&bank, "ALTER TABLE user_accounts RENAME TO user_accounts_away").await;
    let path = browser.path.clone();
    for answer in [browser.get(&path).await, browser.post("pins", &[]).await] {
        assert_eq!((answer.status, answer.header("retry-after")), (503, "10"));
        assert!(answer.has("reference"));
        assert_eq!(way_on(&answer), format!("{}/login", browser.base()));
        for leak in ["user_accounts", "SELECT", "sqlite", "panicked"] {
            assert!(!answer.text.contains(leak), "{leak}");
        }
    }
    break_table(&bank, "ALTER TABLE user_accounts_away RENAME TO user_accounts").await;
    let back = format!("{}/login", browser.base());
    browser.open(&back).await;
    browser.expect_screen("pins");
}

#[tokio::test]
async fn a_failure_while_a_walk_is_loaded_leads_back_too_and_one_among_linkages_to_the_list() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    let mut browser = bank.at_login().await;
    let mut member = logged_in(&bank).await;
    break_table(&bank, "ALTER TABLE flows RENAME TO flows_away").await;
    break_table(&bank, "ALTER TABLE linkages RENAME TO linkages_away").await;
    let path = browser.path.clone();
    assert_eq!(way_on(&browser.get(&path).await), format!("{}/login", browser.base()));
    assert_eq!(way_on(&member.get("/1001/my/linkages").await), "/1001/my/linkages");
    // Without the institution, the page is nobody's, and still leads back.
    break_table(&bank, "ALTER TABLE institutions RENAME TO institutions_away").await;
    assert_eq!(way_on(&browser.get(&path).await), format!("{}/login", browser.base()));
}

#[tokio::test]
async fn r_237_without_the_tables_that_count_and_record_nobody_logs_in() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    let mut browser = bank.at_login().await;
    let login = [("login_id", "hanako"), ("password", PASSWORD)];
    for (away, back) in [
        ("ALTER TABLE audit RENAME TO audit_away", "ALTER TABLE audit_away RENAME TO audit"),
        ("ALTER TABLE guards RENAME TO guards_away", "ALTER TABLE guards_away RENAME TO guards"),
        ("ALTER TABLE guesses RENAME TO guesses_away", "ALTER TABLE guesses_away RENAME TO guesses"),
        ("ALTER TABLE users RENAME TO users_away", "ALTER TABLE users_away RENAME TO users"),
    ] {
        break_table(&bank, away).await;
        let answer = browser.post("login", &login).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "10"), "{away}");
        assert_eq!(answer.headers.get("set-cookie"), None, "{away}");
        break_table(&bank, back).await;
    }
    browser.open(&browser.path.clone()).await;
    browser.expect_screen("login");
    browser.log_in("hanako").await;
    assert_ne!(browser.screen(), "login");
}

async fn logged_in(bank: &Bank) -> Browser {
    let mut browser = bank.browser();
    browser.open("/1001/my/login").await;
    log_in(&mut browser, "hanako").await;
    browser
}

async fn log_in(browser: &mut Browser, login_id: &str) -> Answer {
    let csrf = browser.page.hidden("csrf");
    let login = [("csrf", csrf.as_str()), ("login_id", login_id), ("password", PASSWORD)];
    let answer = browser.post_raw("/1001/my/login", &login).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    answer
}

#[tokio::test]
async fn a_walk_answered_in_another_browser_says_that_and_not_that_its_link_is_bad() {
    for (lang, said) in
        [("ja", "この手続きは別の画面で終わっています"), ("en", "This procedure was finished elsewhere")]
    {
        let bank = Bank::open().await;
        let hanako = bank.user("hanako").await;
        bank.ready_account(&hanako).await;
        let path = bank.push(KAKEIBO, GrantRequest::Create).await;
        let (mut first, mut second) = (bank.browser(), bank.browser());
        first.open(&path).await;
        second.open(&path).await;
        first.log_in("hanako").await;
        first.allow_for_code().await;
        let here = format!("{}?lang={lang}", second.path);
        second.open(&here).await;
        assert_eq!(second.screen(), "ended");
        assert!(second.page.text.contains(said), "{}", second.page.text);
        assert!(!second.page.has("way-on"), "the partner has its answer");
    }
}

#[tokio::test]
async fn an_address_that_leads_nowhere_shows_where_one_can_go() {
    let bank = Bank::open().await;
    let ways = [("/nowhere/at/all", "/"), ("/9999/", "/"), ("/1001/terms/none", "/1001/"), ("/1001/privacy", "/1001/")];
    for (path, way) in ways {
        let page = bank.browser().get(path).await;
        assert_eq!(page.status, 404, "{path}");
        assert!(page.text.contains(&format!("href=\"{way}\"")) && page.has("way-on"), "{path}: {}", page.text);
    }
    let typed = bank.browser().get("/1001").await;
    assert_eq!((typed.status, typed.header("location")), (303, "/1001/"), "an issuer in the address bar");
}

#[tokio::test]
async fn the_language_is_kept_on_pages_of_no_institution_too() {
    let bank = Bank::open().await;
    for path in ["/", "/nowhere/at/all", "/9999/authorize", "/1001/link/none/cancel", "/accent-none.css"] {
        let mut browser = bank.browser();
        assert!(browser.get(path).await.text.contains("<html lang=\"ja\">"), "{path}");
        let chosen = browser.get(&format!("{path}?lang=en")).await;
        assert!(chosen.text.contains("<html lang=\"en\">"), "{path}");
        let cookie = chosen.header("set-cookie");
        assert_eq!(cookie, "lang=en; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax", "{path}");
        assert!(browser.get(path).await.text.contains("<html lang=\"en\">"), "{path}: it is kept");
    }
    let bank = Bank::secure("https://link.example").await;
    let chosen = bank.browser().get("/?lang=en").await;
    let cookie = "__Host-lang=en; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure";
    assert_eq!(chosen.header("set-cookie"), cookie);
}

#[tokio::test]
async fn more_time_asked_for_on_the_certificates_page_leads_back_to_it() {
    let bank = Bank::open().await;
    let browser = bank.at_login().await;
    let (csrf, version) = browser.token();
    let path = format!("{}/extend", browser.base());
    let form = [("csrf", csrf.as_str()), ("version", version.as_str())];
    let answer = Answer::to(browser.ask(Method::POST, &bank.certificate_address, &path).form(&form)).await;
    assert_eq!(answer.location(), format!("{}{}/certificate", bank.certificate_address, browser.base()));
}

#[tokio::test]
async fn a_086_r_196_r_197_a_form_token_read_before_the_login_is_worth_nothing_after_it() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let account = bank.ready_account(&hanako).await;
    let linkage = bank.linkage(&hanako, &[account]).await;
    // The attacker plants a session of his own, whose form he has read.
    let mut attacker = bank.browser();
    attacker.open("/1001/my/login").await;
    let planted = attacker.page.hidden("csrf");
    let mut victim = attacker.clone();
    log_in(&mut victim, "hanako").await;
    assert_ne!(victim.cookies, attacker.cookies);
    let stop = format!("/1001/my/linkages/{linkage}/stop");
    assert_eq!(victim.post_raw(&stop, &[("csrf", &planted)]).await.status, 403);
    assert_eq!(attacker.get("/1001/my/linkages").await.location(), "/1001/my/login");
    assert_eq!(bank.linkages(&hanako).await[0].ended_at, None);
    victim.open(&stop).await;
    let own = victim.page.hidden("csrf");
    // Logging in again gives another session and other tokens.
    victim.open("/1001/my/login").await;
    let before = victim.cookies.clone();
    log_in(&mut victim, "hanako").await;
    assert_ne!(victim.cookies, before);
    assert_eq!(victim.post_raw(&stop, &[("csrf", &own)]).await.status, 403);
    victim.open(&stop).await;
    let own = victim.page.hidden("csrf");
    assert_eq!(victim.post_raw(&stop, &[("csrf", &own)]).await.status, 303);
}

#[tokio::test]
async fn r_198_logging_out_takes_the_cookie_and_the_kept_pages() {
    let bank = Bank::open().await;
    bank.user("hanako").await;
    let mut browser = logged_in(&bank).await;
    browser.open("/1001/my/linkages").await;
    let session = browser.cookies.clone();
    let csrf = browser.page.hidden("csrf");
    let answer = browser.post_raw("/1001/my/logout", &[("csrf", &csrf)]).await;
    assert_eq!(answer.header("clear-site-data"), "\"cache\"");
    let mut cookies = answer.headers.get_all("set-cookie").iter();
    assert!(cookies.any(|cookie| cookie == "renkei-my-1001=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"));
    let mut kept = bank.browser();
    kept.cookies = session;
    assert_eq!(kept.get("/1001/my/linkages").await.location(), "/1001/my/login", "the session is over here, too");
}

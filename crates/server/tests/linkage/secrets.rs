//! A marked password and a marked PIN go through every step and every error, and then are looked for everywhere.

use renkei_oauth::request::GrantRequest;
use renkei_store::StoreConfig;

use crate::bank::{Bank, CHOICE, PASSWORD, PIN};
use crate::log::Log;

fn contains(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}

/// A number that holds the PIN by chance (a time, an identifier, a hash) is no leak: only digits that stand alone.
fn shows_pin(text: &str) -> bool {
    text.match_indices(PIN).any(|(at, _)| {
        let outside = |neighbour: Option<char>| neighbour.is_none_or(|one| !one.is_ascii_alphanumeric() && one != '-');
        outside(text[..at].chars().next_back()) && outside(text[at + PIN.len()..].chars().next())
    })
}

#[tokio::test]
async fn a_110_r_199_r_222_no_secret_is_seen_again_anywhere() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    let id = bank.account(&hanako).await;
    let account = id.to_string();
    let pin = format!("pin-{account}");
    let mut pages = Vec::new();
    let mut browser = bank.at_login_for(CHOICE, GrantRequest::Create).await;
    // Errors at each step, with the secrets in every wrong place.
    browser.submit("login", &[("login_id", PASSWORD), ("password", PASSWORD)]).await;
    assert!(browser.page.text.contains(PASSWORD), "what was typed as login id comes back as login id");
    browser.submit("login", &[("login_id", "hanako"), ("password", "wrong"), (PASSWORD, PASSWORD)]).await;
    pages.push(browser.page.text.clone());
    browser.log_in("hanako").await;
    browser.submit("operations", &[("operation", PASSWORD)]).await;
    pages.push(browser.page.text.clone());
    browser.submit("operations", &[("operation", "balances")]).await;
    for bad in [format!("{PIN}x"), PASSWORD.to_owned()] {
        browser.submit("pins", &[("account", &account), (&pin, &bad)]).await;
        pages.push(browser.page.text.clone());
    }
    bank.change("UPDATE filed_pins SET sealed = sealed || sealed WHERE institution = ?1").await;
    let failed = browser.post("pins", &[("account", &account), (&pin, PIN)]).await;
    assert_eq!(failed.status, 500, "core banking's own copy does not open");
    pages.push(failed.text);
    bank.refile_pin(id).await;
    browser.submit("pins", &[("account", &account), (&pin, PIN)]).await;
    pages.push(browser.page.text.clone());
    browser.submit("results", &[("action", PIN)]).await;
    pages.push(browser.page.text.clone());
    browser.allow_for_code().await;

    for page in &pages {
        assert!(!page.contains(PASSWORD) && !shows_pin(page), "{page}");
    }
    for address in &browser.addresses {
        assert!(!address.contains(PASSWORD) && !shows_pin(address), "{address}");
        assert!(!address.contains("2000001"), "an account number in {address}");
    }
    for record in bank.app.store.read(&renkei_testing::aoi()).list_audit(500).await.unwrap() {
        let text = format!("{:?} {:?}", record.object, record.detail);
        assert!(!text.contains(PASSWORD) && !shows_pin(&text), "{text}");
    }
    let logged = log.text();
    assert!(!logged.is_empty(), "the failure was logged");
    assert!(!logged.contains(PASSWORD) && !shows_pin(&logged));
    expect_not_stored(&bank);
}

/// Neither secret stands in the database file or the files beside it.
fn expect_not_stored(bank: &Bank) {
    let StoreConfig::Sqlite { path } = &bank.fresh.config else { panic!("these tests run on SQLite") };
    let mut read = 0;
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        read += bytes.len();
        assert!(!contains(&bytes, PASSWORD), "the password is stored");
        assert!(!shows_pin(&String::from_utf8_lossy(&bytes)), "the PIN is stored");
    }
    assert!(read > 100_000, "{read} bytes are no database");
}

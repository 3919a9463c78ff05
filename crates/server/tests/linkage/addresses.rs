//! Redirect URIs that somebody put into the database by hand: nothing leads there.

use renkei_store::params;
use renkei_testing::aoi;
use renkei_testing::seed::KAKEIBO;
use serde_json::Value;

use crate::bank::Bank;
use crate::browser::Answer;

/// None of these could be registered.
const EVIL: [&str; 8] = [
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "\u{1}https://kakeibo.example/back",
    "https://kakeibo.example; script-src https://evil.example",
    "https://kakeibo.example;script-src/back",
    "https://kakeibo.example https://evil.example",
    "https://kakeibo.example\r\nlocation: https://evil.example",
];

/// A page of ours that says that something failed; nothing of the address is in it or its headers.
fn expect_nothing_of_it(answer: &Answer, evil: &str) {
    assert_eq!(answer.status, 500, "{evil}");
    for (name, value) in &answer.headers {
        let value = value.to_str().unwrap();
        let told =
            ["location", "refresh"].contains(&name.as_str()) || value.contains("evil") || value.contains("alert");
        assert!(!told, "{evil}: {name}: {value}");
    }
    assert!(answer.header("content-security-policy").ends_with("form-action 'self'"), "{evil}");
    for part in ["evil.example", "alert(1)", "data:text", "vbscript"] {
        assert!(!answer.text.contains(part), "{evil}");
    }
}

/// Changes where the one pushed request leads.
async fn redirect_to(bank: &Bank, evil: &str) {
    let select = "SELECT body FROM requests WHERE institution = ?1";
    let body: String = bank.app.store.read(&aoi()).row(select, &[]).await.unwrap().unwrap().get(0).unwrap();
    let mut request: Value = serde_json::from_str(&body).unwrap();
    request["redirect_uri"] = evil.into();
    let mut tx = bank.app.store.begin(&aoi()).await.unwrap();
    let update = "UPDATE requests SET body = ?2 WHERE institution = ?1";
    assert_eq!(tx.execute(update, params![request.to_string().as_str()]).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_019_an_address_put_into_the_database_opens_nothing() {
    let bank = Bank::open().await;
    for evil in EVIL {
        let path = bank.push_with(KAKEIBO, |request| request.redirect_uri = evil.to_owned()).await;
        expect_nothing_of_it(&bank.browser().get(&path).await, evil);
    }
}

#[tokio::test]
async fn a_019_an_address_changed_in_the_database_gets_into_no_policy_and_no_redirect() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    browser.expect_screen("permission");
    let page = browser.get(&browser.path.clone()).await;
    assert!(page.header("content-security-policy").ends_with("form-action 'self' https://kakeibo.example"));
    let (permission, path) = (browser.permission(), browser.path.clone());
    for evil in EVIL {
        redirect_to(&bank, evil).await;
        expect_nothing_of_it(&browser.get(&path).await, evil);
        expect_nothing_of_it(&browser.send_permission(&permission).await, evil);
        expect_nothing_of_it(&browser.post("permission", &[("action", "deny")]).await, evil);
        expect_nothing_of_it(&browser.post("cancel", &[]).await, evil);
    }
    bank.expect_nothing_given(1).await;
}

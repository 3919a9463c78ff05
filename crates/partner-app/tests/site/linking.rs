//! Linking, reading, renewing, unlinking.

use std::os::unix::fs::PermissionsExt;

use axum::http::StatusCode;

use crate::bank::{Bank, config};
use crate::browser::{BASE, Browser};

/// あおい信用組合 with one account and two transactions.
async fn aoi() -> Bank {
    let bank = Bank::open("1001", "あおい信用組合").await;
    let account = bank.add_account("本店", "2000002", Some("メイン口座"), "available");
    bank.book(account, "2026-11-01", "入金", "ゲンキン", 1_234_567);
    bank.book(account, "2026-11-02", "出金", "テスウリヨウ", -660);
    bank
}

#[tokio::test]
async fn linking_leads_to_the_institution_and_back_with_accounts_and_transactions() {
    let bank = aoi().await;
    let mut browser = Browser::at(&[&bank]);
    let leaving = browser.press("/link", "institution=1001").await;
    assert!(leaving.location().starts_with(&format!("{}/authorize?client_id=kakeibo", bank.issuer)));
    let back = browser.visit_bank(leaving.location()).await;
    assert_eq!(browser.get(&back).await.location(), "/linkages/1?news=linked");

    let home = browser.get("/").await;
    assert!(home.has("linkage-1") && home.has("account-1") && home.has("sync-1"));
    assert!(home.html.contains("1,233,907円"));
    let account = browser.get("/accounts/1").await;
    assert_eq!(account.rows(), 2);
    assert!(account.html.contains("テスウリヨウ") && account.html.contains("1,234,567円"));
}

#[tokio::test]
async fn a_second_synchronisation_brings_only_what_is_new() {
    let bank = aoi().await;
    let mut browser = Browser::at(&[&bank]);
    browser.link("1001").await;
    let nothing = browser.press_and_follow("/accounts/1/sync", "").await;
    assert_eq!((nothing.attribute("sync-result", "data-new").as_str(), nothing.rows()), ("0", 2));

    bank.book(0, "2026-10-30", "振込", "アトカラ", 5_000);
    let one = browser.press_and_follow("/accounts/1/sync", "").await;
    assert_eq!((one.attribute("sync-result", "data-new").as_str(), one.rows()), ("1", 3));
    assert_eq!(one.html.matches("class=\"new\"").count(), 1);
    let home = browser.press_and_follow("/linkages/1/sync", "from=home").await;
    assert_eq!(home.attribute("sync-result", "data-new"), "0");
}

#[tokio::test]
async fn a_long_account_is_read_whole_and_shown_in_pages() {
    let bank = aoi().await;
    for day in 0..1_000 {
        bank.book(0, &format!("2026-11-{:02}", day % 28 + 1), "振込", "マイニチ", 1);
    }
    let mut browser = Browser::at(&[&bank]);
    let linked = browser.link("1001").await;
    assert_eq!(linked.attribute("sync-result", "data-new"), "1002");
    let (first, last) = (browser.get("/accounts/1").await, browser.get("/accounts/1?page=999").await);
    assert_eq!((first.rows(), last.rows()), (30, 12));
    assert!(first.has("older") && !first.has("newer") && last.has("newer") && !last.has("older"));
    assert!(last.html.contains("ゲンキン"));
}

#[tokio::test]
async fn a_refusal_is_explained_with_a_way_to_try_again() {
    let bank = aoi().await;
    let mut browser = Browser::at(&[&bank]);
    for (description, words) in
        [("declined", "許可されなかった"), ("cancelled", "中止"), ("timed_out", "時間内に終わらなかった")]
    {
        bank.ledger.lock().unwrap().refuse = Some(("access_denied", description));
        let page = browser.link("1001").await;
        assert_eq!((page.status, page.attribute("problem", "data-reason").as_str()), (StatusCode::OK, "access_denied"));
        assert!(page.html.contains(words), "{description}");
        assert_eq!(page.attribute("retry", "value"), "1001");
    }
    assert!(browser.get("/").await.html.contains("銀行口座をつなぐと"));
}

#[tokio::test]
async fn an_institution_that_does_not_answer_is_named_as_such() {
    let bank = aoi().await;
    let mut offer = bank.offer("かけいぼ会計");
    offer.issuer = "http://127.0.0.1:1/1001".to_owned();
    let mut browser = Browser::with(config(BASE, vec![offer]));
    let page = browser.press("/link", "institution=1001").await;
    assert_eq!((page.status, page.attribute("problem", "data-reason").as_str()), (StatusCode::BAD_GATEWAY, "network"));
}

#[tokio::test]
async fn r_187_an_answer_brought_by_another_browser_links_nothing() {
    let bank = aoi().await;
    let mut victim = Browser::at(&[&bank]);
    let mut thief = victim.other();
    let leaving = thief.press("/link", "institution=1001").await;
    let back = thief.visit_bank(leaving.location()).await;
    let page = victim.get(&back).await;
    assert_eq!((page.status, page.attribute("problem", "data-reason").as_str()), (StatusCode::BAD_REQUEST, "state"));
    assert_eq!(bank.ledger.lock().unwrap().linkages, 0, "no code was exchanged");
}

#[tokio::test]
async fn a_022_an_answer_of_another_institution_is_refused_and_used_up() {
    let (aoi, midori) = (aoi().await, Bank::open("1002", "みどり信用金庫").await);
    let mut browser = Browser::at(&[&aoi, &midori]);
    let leaving = browser.press("/link", "institution=1001").await;
    let back = browser.visit_bank(leaving.location()).await;
    let mixed_up = back.replace("%2F1001", "%2F1002");
    let page = browser.get(&mixed_up).await;
    assert_eq!(page.attribute("problem", "data-reason"), "issuer");
    assert_eq!(browser.get(&back).await.attribute("problem", "data-reason"), "state");
}

#[tokio::test]
async fn a_browser_sent_back_twice_finds_the_linkage_both_times() {
    let bank = aoi().await;
    let mut browser = Browser::at(&[&bank]);
    let mut other = browser.other();
    let leaving = browser.press("/link", "institution=1001").await;
    let back = browser.visit_bank(leaving.location()).await;
    for _ in 0..2 {
        let page = browser.get(&back).await;
        assert_eq!((page.status, page.location()), (StatusCode::SEE_OTHER, "/linkages/1?news=linked"));
    }
    assert_eq!(bank.ledger.lock().unwrap().linkages, 1, "the code was exchanged once");
    assert_eq!(other.get(&back).await.attribute("problem", "data-reason"), "state");
}

#[tokio::test]
async fn a_form_without_the_token_or_from_elsewhere_does_nothing() {
    let bank = aoi().await;
    let mut browser = Browser::at(&[&bank]);
    browser.link("1001").await;
    let csrf = browser.csrf().await;
    let strangers = browser.other().csrf().await;
    for (form, origin) in
        [(String::new(), BASE), (format!("csrf={strangers}"), BASE), (format!("csrf={csrf}"), "https://evil.example")]
    {
        let page = browser.post_raw("/linkages/1/unlink", &form, origin).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{form} from {origin}");
    }
    assert!(bank.ledger.lock().unwrap().revoked.is_empty());
}

#[tokio::test]
async fn a_renewal_goes_on_with_the_same_linkage_accounts_and_transactions() {
    let bank = aoi().await;
    let mut browser = Browser::at(&[&bank]);
    browser.link("1001").await;
    bank.ledger.lock().unwrap().problem = Some((401, "linkage_expired"));
    browser.press_and_follow("/linkages/1/sync", "from=home").await;
    bank.book(0, "2026-11-03", "振込", "トマツテイタアイダ", 7_000);
    bank.ledger.lock().unwrap().problem = None;

    let leaving = browser.press("/linkages/1/renew", "").await;
    let back = browser.visit_bank(leaving.location()).await;
    assert_eq!(browser.get(&back).await.location(), "/linkages/1?news=linked");
    assert_eq!(bank.ledger.lock().unwrap().linkages, 1, "the institution was told which linkage to renew");
    let account = browser.get("/accounts/1").await;
    assert_eq!(account.rows(), 3);
    let home = browser.get("/").await;
    assert!(!home.has("linkage-2") && !home.has("renew-1") && home.has("sync-1"));
}

#[tokio::test]
async fn linking_again_without_renewing_stands_beside_the_first() {
    let bank = aoi().await;
    let mut browser = Browser::at(&[&bank]);
    browser.link("1001").await;
    browser.link("1001").await;
    let home = browser.get("/").await;
    assert!(home.has("linkage-1") && home.has("linkage-2") && home.has("account-2"));
    assert!(home.html.contains("id=\"total-balance\">1,233,907円"), "one account linked twice counts once");
}

#[tokio::test]
async fn unlinking_asks_first_then_revokes_and_says_so() {
    let bank = aoi().await;
    let mut browser = Browser::at(&[&bank]);
    browser.link("1001").await;
    let question = browser.get("/linkages/1/unlink").await;
    assert!(question.has("unlink-confirm") && bank.ledger.lock().unwrap().revoked.is_empty());
    let page = browser.press_and_follow("/linkages/1/unlink", "").await;
    assert_eq!(bank.ledger.lock().unwrap().revoked, ["linkage-1001-1"]);
    assert_eq!(page.attribute("linkage-reason", "data-reason"), "ended_by_partner");
    assert!(page.has("unlinked") && page.has("renew-1") && !page.has("unlink-1"));
    assert_eq!(browser.get("/accounts/1").await.rows(), 2, "what was read stays");
}

#[tokio::test]
async fn a_linkage_that_ended_says_why_and_what_to_do() {
    let bank = aoi().await;
    let mut browser = Browser::at(&[&bank]);
    browser.link("1001").await;
    for reason in ["linkage_expired", "ended_by_customer", "ended_by_institution"] {
        bank.ledger.lock().unwrap().problem = Some((401, reason));
        let page = browser.press_and_follow("/linkages/1/sync", "").await;
        assert_eq!(page.attribute("linkage-reason", "data-reason"), reason);
        assert!(page.has("renew-1") && !page.has("sync-1"), "{reason}");
        assert_eq!(browser.get("/accounts/1").await.attribute("linkage-reason", "data-reason"), reason);
    }
}

#[tokio::test]
async fn a_linkage_near_its_end_offers_the_renewal_in_time() {
    let bank = aoi().await;
    let mut browser = Browser::at(&[&bank]);
    browser.link("1001").await;
    assert!(!browser.get("/").await.has("renew-1"));
    bank.ledger.lock().unwrap().period = 29 * 24 * 60 * 60;
    browser.press_and_follow("/linkages/1/sync", "from=home").await;
    let home = browser.get("/").await;
    assert!(home.has("renew-1") && home.has("sync-1") && home.html.contains("まもなく期限"));
}

#[tokio::test]
async fn maintenance_is_told_with_its_end_and_ends_nothing() {
    let bank = aoi().await;
    let mut browser = Browser::at(&[&bank]);
    browser.link("1001").await;
    bank.ledger.lock().unwrap().problem = Some((503, "maintenance"));
    let page = browser.press_and_follow("/accounts/1/sync", "").await;
    assert_eq!(page.attribute("sync-result", "data-reason"), "maintenance");
    assert!(page.html.contains("約30分後") && page.has("sync"));
    bank.ledger.lock().unwrap().problem = None;
    let page = browser.press_and_follow("/accounts/1/sync", "").await;
    assert_eq!(page.attribute("sync-result", "data-new"), "0");
}

#[tokio::test]
async fn an_account_with_a_stale_pin_says_so_and_the_others_are_read() {
    let bank = Bank::open("1001", "あおい信用組合").await;
    bank.add_account("本店", "2000002", None, "pin_stale");
    let second = bank.add_account("豊洲支店", "3000014", None, "available");
    bank.book(second, "2026-11-01", "入金", "ゲンキン", 500);
    let mut browser = Browser::at(&[&bank]);
    let page = browser.link("1001").await;
    assert!(page.html.contains("data-reason=\"pin_stale\"") && !page.has("linkage-reason"));
    assert_eq!(browser.get("/accounts/1").await.attribute("account-reason", "data-reason"), "pin_stale");
    assert_eq!(browser.get("/accounts/2").await.rows(), 1);
}

#[tokio::test]
async fn everything_survives_a_restart_in_a_file_only_the_owner_can_read() {
    let bank = aoi().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kakeibo.json");
    let mut config = config(BASE, vec![bank.offer("かけいぼ会計")]);
    config.state_file = Some(file.clone());
    let mut before = Browser::with(config.clone());
    before.link("1001").await;
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    bank.book(0, "2026-11-03", "振込", "サイキドウゴ", 100);
    let mut after = Browser::with(config);
    let page = after.press_and_follow("/accounts/1/sync", "").await;
    assert_eq!((page.attribute("sync-result", "data-new").as_str(), page.rows()), ("1", 3));
}

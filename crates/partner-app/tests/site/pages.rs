//! What holds for every page.

use axum::http::StatusCode;

use crate::bank::{Bank, config};
use crate::browser::{BASE, Browser};

/// The most a page may weigh, in bytes.
const PAGE_BYTES_MAX: usize = 30_000;
/// The most the stylesheet may weigh, in bytes.
const STYLE_BYTES_MAX: usize = 15_000;

/// A site with a linkage, and all its pages.
async fn linked() -> (Bank, Browser) {
    let bank = Bank::open("1001", "あおい信用組合").await;
    let account = bank.add_account("本店", "2000002", Some("<b>&\"memo"), "available");
    for day in 1..=28 {
        bank.book(account, &format!("2026-11-{day:02}"), "振込", "<script>alert(1)</script>", 10_000);
    }
    bank.book(account, "2026-11-29", "出金", "テガタ", -99_999_999);
    bank.add_account("豊洲支店", "3000014", None, "pin_stale");
    let mut browser = Browser::at(&[&bank]);
    browser.link("1001").await;
    (bank, browser)
}

const PAGES: [&str; 9] = [
    "/",
    "/?synced=1",
    "/link",
    "/linkages/1",
    "/linkages/1?news=linked",
    "/linkages/1/unlink",
    "/accounts/1?synced",
    "/accounts/2",
    "/callback?state=unknown",
];

#[tokio::test]
async fn every_page_has_one_heading_no_script_and_stays_light() {
    let (_bank, mut browser) = linked().await;
    for path in PAGES {
        let page = browser.get(path).await;
        assert_eq!(page.html.matches("<h1").count(), 1, "{path}");
        assert!(page.html.starts_with("<!doctype html>\n<html lang=\"ja\">"), "{path}");
        for id in ["skip-link", "main", "lang-ja", "lang-en"] {
            assert!(page.has(id), "{path} has no {id}");
        }
        for forbidden in ["<script", "style=", "onclick", "<b>&"] {
            assert!(!page.html.contains(forbidden), "{path} has {forbidden}");
        }
        assert!(page.html.len() < PAGE_BYTES_MAX, "{path} weighs {}", page.html.len());
    }
}

#[tokio::test]
async fn no_id_stands_twice_on_a_page() {
    let (_bank, mut browser) = linked().await;
    for path in PAGES {
        let page = browser.get(path).await;
        let mut ids: Vec<&str> = page.html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{path}: {ids:?}");
    }
}

#[tokio::test]
async fn every_page_forbids_scripts_frames_and_foreign_forms() {
    let (bank, mut browser) = linked().await;
    for path in PAGES {
        let page = browser.get(path).await;
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        let origin = bank.issuer.trim_end_matches("/1001");
        assert!(policy.contains(&format!("form-action 'self' {origin};")), "{policy}");
        assert_eq!(page.headers["cache-control"], "no-store");
        assert_eq!(page.headers["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn the_session_cookie_is_out_of_reach_of_scripts_and_host_bound_on_https() {
    let bank = Bank::open("1001", "あおい信用組合").await;
    let cookie = |base| {
        let mut browser = Browser::with(config(base, vec![bank.offer("かけいぼ会計")]));
        async move { browser.get("/").await.headers["set-cookie"].to_str().unwrap().to_owned() }
    };
    let plain = cookie(BASE).await;
    assert!(plain.starts_with("kakeibo=") && plain.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{plain}");
    let secure = cookie("https://kakeibo.example").await;
    assert!(secure.starts_with("__Host-kakeibo=") && secure.ends_with("; Secure"), "{secure}");
}

#[tokio::test]
async fn the_stylesheet_is_served_under_its_hash_and_stays_light() {
    let (_bank, mut browser) = linked().await;
    let page = browser.get("/").await;
    let (_, rest) = page.html.split_once("rel=\"stylesheet\" href=\"").unwrap();
    let style = browser.get(rest.split('"').next().unwrap()).await;
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
    assert!(style.html.len() < STYLE_BYTES_MAX, "{}", style.html.len());
    assert!(!style.html.contains("url("), "nothing is fetched from elsewhere");
}

#[tokio::test]
async fn english_is_a_choice_that_lasts() {
    let (_bank, mut browser) = linked().await;
    assert!(browser.get("/?lang=en").await.html.contains("Total balance"));
    let account = browser.get("/accounts/1").await;
    assert!(account.html.contains("<html lang=\"en\">") && account.html.contains("29 Nov 2026"));
    assert!(account.html.contains("-¥99,719,999"));
    // Names come in the page's language where the institution gives them, and stay as they are where it does not.
    assert!(account.html.contains("Main") && account.html.contains("普通"));
    assert!(account.html.contains("lang=\"ja\">"), "what stays Japanese is marked as that");
    let offer = browser.get("/link").await.html;
    assert_eq!(offer.matches(" in English</span>").count(), 2, "institution and product: {offer}");
    assert!(browser.get("/?lang=ja").await.html.contains("残高の合計"));
}

#[tokio::test]
async fn what_is_not_there_is_said_in_words() {
    let (_bank, mut browser) = linked().await;
    for path in ["/linkages/9", "/linkages/x", "/accounts/0", "/accounts/99999999999", "/nothing"] {
        let page = browser.get(path).await;
        assert_eq!(
            (page.status, page.attribute("problem", "data-reason").as_str()),
            (StatusCode::NOT_FOUND, "not_found")
        );
    }
}

#[tokio::test]
async fn one_institution_with_two_products_offers_both() {
    let bank = Bank::open("1001", "あおい信用組合").await;
    let mut browser = Browser::with(config(BASE, vec![bank.offer("会計"), bank.offer("経費精算")]));
    let page = browser.get("/link").await;
    assert!(page.has("institution-1001") && page.has("institution-1001-2"));
}

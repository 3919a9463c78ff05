//! The partner's link: what it opens, for whom, how often.

use renkei_oauth::request::GrantRequest;
use renkei_testing::seed::KAKEIBO;
use renkei_testing::{aoi, midori};

use crate::bank::{Bank, CHOICE};

/// The link shows a page that sends nobody anywhere.
async fn expect_no_way(bank: &Bank, path: &str) {
    let answer = bank.browser().get(path).await;
    assert_eq!(answer.status, 400, "{path}");
    assert_eq!(answer.header("location"), "");
    assert!(!answer.has("way-on"), "{path}");
    assert_eq!(answer.headers.get("set-cookie"), None, "{path}");
}

#[tokio::test]
async fn r_064_a_013_a_link_works_only_for_the_client_that_pushed_it() {
    let bank = Bank::open().await;
    let path = bank.push(KAKEIBO, GrantRequest::Create).await;
    for client_id in [CHOICE, "stranger", "", "kakeibo-client%00"] {
        expect_no_way(&bank, &path.replace(KAKEIBO, client_id)).await;
    }
    expect_no_way(&bank, &path.replace("client_id=kakeibo-client&", "")).await;
    bank.at_login().await;
}

#[tokio::test]
async fn r_065_a_link_that_expired_never_works() {
    let bank = Bank::open().await;
    let path = bank.push(KAKEIBO, GrantRequest::Create).await;
    bank.forward(299);
    assert_eq!(bank.browser().get(&path).await.status, 303);
    bank.forward(1);
    expect_no_way(&bank, &path).await;
}

#[tokio::test]
async fn r_066_r_082_a_014_what_was_not_pushed_is_refused() {
    let bank = Bank::open().await;
    let path = bank.push(KAKEIBO, GrantRequest::Create).await;
    let (head, reference) = path.rsplit_once(':').unwrap();
    let flipped: String = reference.chars().rev().collect();
    let at = "/1001/authorize?client_id=kakeibo-client";
    for bad in [
        format!("{head}:{flipped}"),
        format!("{head}:{}", &reference[..63]),
        format!("{head}:{reference}A"),
        format!("{at}&response_type=code&redirect_uri=https%3A%2F%2Fkakeibo.example%2Fback&scope=balances"),
        format!("{at}&request_uri=https%3A%2F%2Fevil.example%2Frequest.jwt"),
        format!("{path}&client_id=kakeibo-client"),
        "/1001/authorize".to_owned(),
    ] {
        expect_no_way(&bank, &bad).await;
    }
}

#[tokio::test]
async fn r_228_a_link_is_of_one_institution() {
    let bank = Bank::open().await;
    let path = bank.push(KAKEIBO, GrantRequest::Create).await;
    expect_no_way(&bank, &path.replacen("/1001/", "/1002/", 1)).await;
    let at_midori = bank.push_to(&midori(), KAKEIBO, GrantRequest::Create).await;
    expect_no_way(&bank, &at_midori.replacen("/1002/", "/1001/", 1)).await;
    let unknown = bank.browser().get(&path.replacen("/1001/", "/1003/", 1)).await;
    assert_eq!((unknown.status, unknown.header("location")), (404, ""));
}

#[tokio::test]
async fn a_016_r_067_parameters_in_the_link_change_nothing() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let path = bank.push(KAKEIBO, GrantRequest::Create).await;
    let mut browser = bank.browser();
    let extra = "&scope=balances&redirect_uri=https%3A%2F%2Fevil.example%2F&state=evil&acr_values=x\
                 &authorization_details=%5B%5D&response_mode=fragment&prompt=none&return_to=%2F%2Fevil";
    browser.open(&format!("{path}{extra}")).await;
    browser.log_in("hanako").await;
    let code = browser.allow_for_code().await;
    assert_eq!(bank.code(&code).await.scope, "balances transactions");
}

#[tokio::test]
async fn r_068_opening_the_link_again_in_the_same_browser_is_the_same_walk() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let path = bank.push(KAKEIBO, GrantRequest::Create).await;
    let mut browser = bank.browser();
    browser.open(&path).await;
    let base = browser.base();
    browser.open(&path).await;
    assert_eq!(browser.base(), base);
    browser.log_in("hanako").await;
    browser.open(&path).await;
    browser.expect_screen("permission");
    assert_eq!(browser.base(), base);
    assert_eq!(bank.count("SELECT COUNT(*) FROM flows WHERE institution = ?1").await, 1);
}

#[tokio::test]
async fn r_068_a_preloader_that_opened_the_link_first_does_no_harm() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let path = bank.push(KAKEIBO, GrantRequest::Create).await;
    for _ in 0..3 {
        assert_eq!(bank.browser().get(&path).await.status, 303);
    }
    let mut browser = bank.browser();
    browser.open(&path).await;
    browser.log_in("hanako").await;
    browser.allow_for_code().await;
}

#[tokio::test]
async fn a_011_r_068_after_the_answer_the_link_is_dead_in_every_browser() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let path = bank.push(KAKEIBO, GrantRequest::Create).await;
    let mut browser = bank.browser();
    browser.open(&path).await;
    let mut other = bank.browser();
    other.open(&path).await;
    other.log_in("hanako").await;
    other.expect_screen("permission");
    browser.log_in("hanako").await;
    browser.allow_for_code().await;
    expect_no_way(&bank, &path).await;
    assert_eq!(browser.get(&path).await.status, 400);
    // The walk that was on its way in the other browser ends where nobody is sent anywhere: the partner has its answer.
    let fields = other.permission();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    other.submit("permission", &fields).await;
    assert_eq!((other.screen(), other.page.has("way-on")), ("ended", false));
    assert_eq!(other.page.header("refresh"), "");
    assert_eq!(bank.count("SELECT COUNT(*) FROM codes WHERE institution = ?1").await, 1);
    assert_eq!(bank.linkages(&hanako).await.len(), 1);
}

#[tokio::test]
async fn a_011_after_a_refusal_the_link_is_dead_too() {
    let bank = Bank::open().await;
    let path = bank.push(KAKEIBO, GrantRequest::Create).await;
    let mut browser = bank.browser();
    browser.open(&path).await;
    assert_eq!(browser.post("cancel", &[]).await.status, 303);
    expect_no_way(&bank, &path).await;
    assert_eq!(browser.get(&path).await.status, 400);
}

#[tokio::test]
async fn r_069_a_partner_suspended_after_its_push_opens_nothing() {
    let bank = Bank::open().await;
    let path = bank.push(KAKEIBO, GrantRequest::Create).await;
    for (stop, again) in [
        (
            "UPDATE partners SET state = 'suspended' WHERE institution = ?1",
            "UPDATE partners SET state = 'active' WHERE institution = ?1",
        ),
        (
            "UPDATE products SET state = 'ended' WHERE institution = ?1",
            "UPDATE products SET state = 'active' WHERE institution = ?1",
        ),
    ] {
        bank.change(stop).await;
        expect_no_way(&bank, &path).await;
        bank.change(again).await;
    }
    assert_eq!(bank.browser().get(&path).await.status, 303);
}

#[tokio::test]
async fn r_069_what_the_profile_demands_is_asked_again_when_the_link_is_opened_and_on_the_way() {
    const SIGNED_ONLY: &str = "UPDATE products SET profile = 'fapi2_signed_requests' WHERE institution = ?1";
    const AS_BEFORE: &str = "UPDATE products SET profile = 'fapi2_security' WHERE institution = ?1";
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let path = bank.push(KAKEIBO, GrantRequest::Create).await;
    bank.change(SIGNED_ONLY).await;
    expect_no_way(&bank, &path).await;
    bank.change(AS_BEFORE).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    bank.change(SIGNED_ONLY).await;
    let fields = browser.permission();
    let late = browser.send_permission(&fields).await;
    assert_eq!(late.location(), format!("{}/ended", browser.base()));
    bank.expect_nothing_given(1).await;
    let signed = bank.push_with(KAKEIBO, |request| request.signed = true).await;
    assert_eq!(bank.browser().get(&signed).await.status, 303);
}

#[tokio::test]
async fn r_070_nothing_that_was_pushed_can_be_read_in_the_browser() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login().await;
    let mut seen = browser.page.text.clone();
    browser.log_in("hanako").await;
    seen += &browser.page.text;
    seen += &browser.addresses.join(" ");
    seen += &browser.cookies.values().cloned().collect::<String>();
    for secret in ["st~te", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "kakeibo.example/back"] {
        assert!(!seen.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn r_200_looking_changes_nothing() {
    let bank = Bank::open().await;
    let hanako = bank.user("hanako").await;
    bank.ready_account(&hanako).await;
    let mut browser = bank.at_login().await;
    browser.log_in("hanako").await;
    let base = browser.base();
    let before = bank.app.store.read(&aoi()).list_audit(100).await.unwrap().len();
    for screen in ["login", "operations", "pins", "results", "existing", "permission", "ended", "cancel", "extend"] {
        let answer = browser.get(&format!("{base}/{screen}?action=allow&intent=yes")).await;
        let expected = match screen {
            "permission" => 200,
            "cancel" | "extend" => 405,
            _ => 303,
        };
        assert_eq!(answer.status, expected, "{screen}");
    }
    assert_eq!(bank.app.store.read(&aoi()).list_audit(100).await.unwrap().len(), before);
    bank.expect_nothing_given(1).await;
    browser.allow_for_code().await;
}

#[tokio::test]
async fn r_233_a_link_that_opens_nothing_is_recorded_up_to_a_bound() {
    let bank = Bank::open().await;
    let records =
        "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND action = 'flow_opened' AND outcome = 'refused'";
    for tried in 1..=30 {
        expect_no_way(&bank, "/1001/authorize?client_id=kakeibo&request_uri=urn:x").await;
        assert_eq!(bank.count(records).await, tried.min(20));
    }
    let open = bank.push(KAKEIBO, GrantRequest::Create).await;
    assert_eq!(bank.browser().get(&open).await.status, 303, "and hurts nobody");
}

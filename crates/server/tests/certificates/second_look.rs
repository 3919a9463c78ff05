//! Certificates that are good at the login and not any more at a later step.

use std::time::Duration;

use rcgen::date_time_ymd;
use renkei_server::certificates::responder::KEPT_SECONDS;
use renkei_server::http::second_look::LOOK_SECONDS;
use renkei_testing::aoi;

use crate::browser::Answer;
use crate::door::{CertificateBank, in_force, present};
use crate::responder::{Answers, Known, OpenSsl, Server, Signer};

/// Sends 許可, which must be refused because of the certificate.
async fn expect_no_permission(bank: &CertificateBank, browser: &mut crate::browser::Browser, reason: &str) {
    let fields = browser.permission();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.submit("permission", &fields).await;
    browser.expect_end("access_denied", "certificate_lapsed");
    assert!(browser.page.text.contains("電子証明書をご利用いただけなくなりました"), "{}", browser.page.text);
    assert_eq!(bank.lapsed().await.as_deref(), Some(reason));
    bank.bank.expect_nothing_given(1).await;
}

#[tokio::test]
async fn a_062_who_logged_in_by_certificate_and_still_has_it_can_permit() {
    let bank = CertificateBank::open().await;
    bank.bank.ready_account(&bank.hanako).await;
    let mut browser = bank.linking().await;
    browser.allow_for_code().await;
    assert_eq!(bank.bank.linkages(&bank.hanako).await.len(), 1);
}

#[tokio::test]
async fn a_certificate_may_have_a_key_of_any_kind_that_handshakes_know() {
    for kind in [&rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_RSA_SHA256, &rcgen::PKCS_ED25519] {
        let bank = CertificateBank::open_for(rcgen::KeyPair::generate_for(kind).unwrap(), in_force).await;
        bank.bank.ready_account(&bank.hanako).await;
        let mut browser = bank.linking().await;
        browser.allow_for_code().await;
        assert_eq!(bank.bank.linkages(&bank.hanako).await.len(), 1, "{kind:?}");
        bank.revoke().await;
        assert_eq!(bank.look().await, 403, "{kind:?}");
    }
}

#[tokio::test]
async fn a_062_a_certificate_that_a_list_revokes_after_the_login_gives_no_permission() {
    let bank = CertificateBank::open().await;
    bank.bank.ready_account(&bank.hanako).await;
    let mut browser = bank.linking().await;
    bank.revoke().await;
    // A page that was looked at a moment ago may be shown once more; nothing can be done with it.
    browser.open(&browser.path.clone()).await;
    browser.expect_screen("permission");
    expect_no_permission(&bank, &mut browser, "revoked").await;
}

#[tokio::test]
async fn a_062_a_certificate_that_its_responder_revokes_after_the_login_gives_no_permission() {
    let bank = CertificateBank::open().await;
    bank.bank.ready_account(&bank.hanako).await;
    let signer = Signer::authority(&bank.authority);
    let before = OpenSsl::start(&bank.authority, &signer, Known::Good, &["-nmin", "60"]);
    bank.ask_at(&before.url).await;
    let mut browser = bank.linking().await;
    let after = OpenSsl::start(&bank.authority, &signer, Known::Revoked, &["-nmin", "60"]);
    bank.ask_at(&after.url).await;
    expect_no_permission(&bank, &mut browser, "revoked").await;
}

#[tokio::test]
async fn a_062_a_certificate_that_expires_during_the_walk_gives_no_permission() {
    let bank = CertificateBank::open_with(|params| {
        // In four minutes from now.
        let begins = date_time_ymd(2026, 1, 1);
        params.not_after = begins + Duration::from_secs((present().seconds() - begins.unix_timestamp() + 240) as u64);
    })
    .await;
    bank.bank.ready_account(&bank.hanako).await;
    let mut browser = bank.linking().await;
    bank.bank.forward(241);
    expect_no_permission(&bank, &mut browser, "expired").await;
}

#[tokio::test]
async fn a_062_a_certificate_taken_from_its_user_or_not_kept_with_the_session_gives_no_permission() {
    for (sql, reason) in [
        ("DELETE FROM user_certificates WHERE institution = ?1", "not_registered"),
        ("UPDATE sessions SET certificate = NULL WHERE institution = ?1", "no_certificate"),
        ("UPDATE institutions SET user_ca = NULL WHERE institution = ?1", "no_authority"),
    ] {
        let bank = CertificateBank::open().await;
        bank.bank.ready_account(&bank.hanako).await;
        let mut browser = bank.linking().await;
        bank.bank.change(sql).await;
        expect_no_permission(&bank, &mut browser, reason).await;
    }
}

#[tokio::test]
async fn a_062_a_revoked_certificate_stops_no_linkage_and_its_session_is_over() {
    let bank = CertificateBank::open().await;
    let account = bank.bank.ready_account(&bank.hanako).await;
    let linkage = bank.bank.linkage(&bank.hanako, &[account]).await;
    let mut browser = bank.looking().await;
    let stop = format!("/1001/my/linkages/{linkage}/stop");
    browser.open(&stop).await;
    let csrf = browser.page.hidden("csrf");
    bank.revoke().await;
    let answer = browser.post_raw(&stop, &[("csrf", &csrf)]).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text.contains("電子証明書をご利用いただけなくなりました"), "{}", answer.text);
    assert_eq!(bank.lapsed().await.as_deref(), Some("revoked"));
    let mut read = bank.bank.app.store.read(&aoi());
    assert_eq!(read.find_linkage(linkage).await.unwrap().unwrap().ended_at, None);
    // A good certificate alone does not bring the session back: its cookie is dead.
    bank.publish(&bank.list(0, |_| ())).await;
    assert_eq!(browser.get("/1001/my/linkages").await.location(), "/1001/my/login");
}

#[tokio::test]
async fn a_062_pages_that_are_only_shown_notice_within_a_minute() {
    let bank = CertificateBank::open().await;
    let mut browser = bank.looking().await;
    bank.revoke().await;
    bank.bank.forward(LOOK_SECONDS - 1);
    assert_eq!(browser.get("/1001/my/linkages").await.status, 200);
    bank.bank.forward(1);
    assert_eq!(browser.get("/1001/my/linkages").await.status, 403);
    assert_eq!(bank.lapsed().await.as_deref(), Some("revoked"));
}

#[tokio::test]
async fn a_062_looking_round_asks_the_responder_no_more_than_once_in_five_minutes() {
    let bank = CertificateBank::open().await;
    let server = Server::open(&bank, Known::Good, Answers::Rightly).await;
    bank.ask_at(&server.url).await;
    let mut browser = bank.looking().await;
    for _ in 0..9 {
        assert_eq!(browser.get("/1001/my/linkages").await.status, 200);
        bank.bank.forward(KEPT_SECONDS / 10);
    }
    assert_eq!(server.asked(), 1);
    bank.bank.forward(KEPT_SECONDS / 10);
    assert_eq!((browser.get("/1001/my/linkages").await.status, server.asked()), (200, 2));
}

#[tokio::test]
async fn a_062_a_second_login_by_password_forgets_the_certificate_of_the_first() {
    let bank = CertificateBank::open_with(in_force).await;
    let jiro = bank.bank.user("jiro").await;
    let mut browser = bank.looking().await;
    let page = browser.get("/1001/my/login").await;
    let fields =
        [("csrf", page.hidden("csrf")), ("login_id", "jiro".into()), ("password", crate::bank::PASSWORD.into())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer: Answer = browser.post_raw("/1001/my/login", &fields).await;
    assert!(answer.location().ends_with("/my/linkages"));
    bank.revoke().await;
    bank.bank.forward(LOOK_SECONDS);
    let page = browser.get("/1001/my/linkages").await;
    assert!(page.status == 200 && page.text.contains("jiro"), "{}", page.text);
    assert!(bank.bank.linkages(&jiro).await.is_empty());
}

#[tokio::test]
async fn f_33_what_was_refused_in_one_session_is_shown_in_no_other() {
    let bank = CertificateBank::open().await;
    let (mut one, mut other) = (bank.looking().await, bank.looking().await);
    let csrf = one.page.hidden("csrf");
    bank.revoke().await;
    assert_eq!(other.get("/1001/my/linkages").await.status, 200, "a look of a moment ago");
    assert_eq!(one.post_raw("/1001/my/logout", &[("csrf", &csrf)]).await.status, 403);
    assert_eq!(other.get("/1001/my/linkages").await.status, 403);
}

#[tokio::test]
async fn f_33_a_look_by_one_authority_serves_under_no_other() {
    let bank = CertificateBank::open().await;
    let mut browser = bank.looking().await;
    bank.bank.change("UPDATE institutions SET user_ca = user_ca || ' ' WHERE institution = ?1").await;
    bank.revoke().await;
    assert_eq!(browser.get("/1001/my/linkages").await.status, 403);
    assert_eq!(bank.lapsed().await.as_deref(), Some("revoked"));
}

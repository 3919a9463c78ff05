//! The partner gives tokens back.

use renkei_store::Store;
use renkei_testing::seed;
use renkei_testing::{aoi, fresh_sqlite, on_each_engine};

use crate::support::{Bank, LINKAGE_SECONDS};

const INVALID_GRANT: (u16, &str) = (400, "invalid_grant");

#[tokio::test]
async fn r_159_a_refresh_token_given_back_ends_the_linkage_and_every_token_at_once() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let second = kakeibo.refresh(&held.refresh).send().await.text("access_token");
    let answer = kakeibo.revoke(&held.refresh).send().await;
    assert_eq!((answer.status, answer.text.as_str(), answer.header("cache-control")), (200, "", "no-store"));
    assert_eq!(bank.recorded("linkage_ended", "done", "partner").await, 1);
    for access in [&held.access, &second] {
        assert!(!bank.is_live(access).await);
    }
    let refused = kakeibo.refresh(&held.refresh).send().await;
    assert_eq!((refused.refusal(), refused.text("reason").as_str()), (INVALID_GRANT, "ended_by_partner"));
    assert_eq!(kakeibo.revoke(&held.refresh).send().await.status, 200);
}

#[tokio::test]
async fn an_access_token_given_back_is_only_itself() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let held = bank.linked(&kakeibo).await;
    let other = kakeibo.refresh(&held.refresh).send().await.text("access_token");
    assert_eq!(kakeibo.revoke(&held.access).send().await.status, 200);
    assert!(!bank.is_live(&held.access).await);
    assert!(bank.is_live(&other).await);
    assert_eq!(kakeibo.refresh(&held.refresh).send().await.status, 200);
}

#[tokio::test]
async fn r_158_an_unknown_or_foreign_token_changes_nothing_and_is_answered_alike() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let chobo = bank.join_product("chobo").await;
    let held = bank.linked(&kakeibo).await;
    let unknown = bank.app.new_ticket(bank.now()).reveal();
    let edited = format!("{}{}", &held.refresh[..32], &held.access[32..]);
    for token in [&held.refresh, &held.access, &held.code, &unknown, &edited, "x"] {
        for hint in ["refresh_token", "access_token", "nonsense"] {
            let answer = chobo.revoke(token).with("token_type_hint", hint).send().await;
            assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{token} {hint}");
        }
    }
    assert!(bank.is_live(&held.access).await);
    assert_eq!(kakeibo.refresh(&held.refresh).send().await.status, 200);
}

#[tokio::test]
async fn a_revocation_without_a_token_is_refused() {
    let (_bank, kakeibo) = Bank::with_kakeibo().await;
    assert_eq!(kakeibo.revoke("t").without("token").send().await.refusal(), (400, "invalid_request"));
}

#[tokio::test]
async fn the_inquiry_pin_of_an_account_goes_with_the_last_linkage_that_used_it() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let who = seed::customer(&bank.app.store, &aoi(), "hanako").await;
    let shared = seed::account(&bank.app.store, &aoi(), &who, "1000001").await;
    seed::pin(&bank.app.store, &aoi(), &who, shared, b"filed", b"registered").await;
    let period = (bank.now(), bank.now().plus_seconds(LINKAGE_SECONDS));
    let mut held = Vec::new();
    for _ in 0..2 {
        let linkage = seed::linkage(&bank.app.store, &aoi(), &who, &[shared], period).await;
        let code = bank.code(linkage, |_| ()).await;
        held.push(kakeibo.redeem(&code).send().await.text("refresh_token"));
    }
    let pins = "SELECT COUNT(*) FROM pins WHERE institution = ?1";
    for (token, left) in held.iter().zip([1, 0]) {
        assert_eq!(kakeibo.revoke(token).send().await.status, 200);
        assert_eq!(bank.count(&aoi(), pins).await, left);
    }
}

on_each_engine! {
    async fn r_160_after_a_revocation_no_token_of_a_refresh_beside_it_is_of_use(store: Store) {
        let bank = Bank::over(store).await;
        let kakeibo = bank.join(&aoi()).await;
        for round in 0..25 {
            let held = bank.linked(&kakeibo).await;
            let refresh = tokio::spawn(kakeibo.refresh(&held.refresh).send());
            let revoke = tokio::spawn(kakeibo.revoke(&held.refresh).send());
            let (refreshed, revoked) = (refresh.await.unwrap(), revoke.await.unwrap());
            assert_eq!(revoked.status, 200, "round {round}");
            if refreshed.status == 200 {
                assert!(!bank.is_live(&refreshed.text("access_token")).await, "round {round}");
            } else {
                assert_eq!(refreshed.refusal(), INVALID_GRANT, "round {round}");
            }
            assert!(!bank.is_live(&held.access).await, "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_161_when_the_store_is_away_a_revocation_is_not_acknowledged() {
    let fresh = fresh_sqlite().await;
    let bank = Bank::over(fresh.store.clone()).await;
    let kakeibo = bank.join(&aoi()).await;
    let held = bank.linked(&kakeibo).await;
    // Another process that writes and does not let go: the store gives up after its time.
    let other = Store::connect(&fresh.config).await.unwrap();
    let writing = other.begin(&aoi()).await.unwrap();
    let answer = kakeibo.revoke(&held.refresh).send().await;
    assert_eq!((answer.refusal(), answer.header("retry-after")), ((503, "temporarily_unavailable"), "5"));
    drop(writing);
    assert!(bank.is_live(&held.access).await);
}

//! Inquiry PINs: kept as long as a linkage serves them, and marked when core banking refuses them.

use renkei_domain::id::{AccountId, LinkageId};
use renkei_domain::linkage::EndedBy;
use renkei_domain::pin::{PinStatus, SealedPin};
use renkei_domain::time::Timestamp;
use renkei_store::{Step, Store, params};
use renkei_testing::seed::{self, Who};
use renkei_testing::{aoi, midori, on_each_engine};

use super::{DAY, NOW, two_institutions};

const ENDS: Timestamp = NOW.plus_seconds(180 * DAY);

fn sealed(mark: u8) -> SealedPin {
    SealedPin(vec![mark; 32])
}

async fn register(store: &Store, who: &Who, account: AccountId, mark: u8) {
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.apply(Step::register_pin(account, &sealed(mark), who.user, NOW)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn mark_stale(store: &Store, account: AccountId, mark: u8) -> bool {
    let mut tx = store.begin(&aoi()).await.unwrap();
    let marked = tx.mark_pin_stale(account, &sealed(mark), NOW).await.unwrap();
    tx.commit().await.unwrap();
    marked
}

/// Ends a linkage and deletes what nothing uses any more; tells how many PINs went.
async fn end(store: &Store, linkage: LinkageId, now: Timestamp) -> u64 {
    let mut tx = store.begin(&aoi()).await.unwrap();
    assert!(tx.end_linkage(linkage, EndedBy::Customer, now).await.unwrap());
    let gone = tx.delete_unused_pins(linkage, now).await.unwrap();
    tx.commit().await.unwrap();
    gone
}

async fn status(store: &Store, who: &Who, account: AccountId) -> PinStatus {
    store.read(&aoi()).find_user_account(who.user, account).await.unwrap().unwrap().pin
}

/// Aoi's user with two accounts whose PINs are registered.
async fn two_accounts(store: &Store) -> (Who, AccountId, AccountId) {
    let (who, _) = two_institutions(store).await;
    let first = seed::account(store, &aoi(), &who, "2000001").await;
    let second = seed::account(store, &aoi(), &who, "2000002").await;
    for account in [first, second] {
        assert_eq!(status(store, &who, account).await, PinStatus::Missing);
        register(store, &who, account, 1).await;
    }
    (who, first, second)
}

on_each_engine! {
    async fn r_166_a_linkage_whose_code_was_not_redeemed_in_time_keeps_no_pin(store: Store) {
        let (who, shared, _) = two_accounts(&store).await;
        let lapsing = seed::linkage(&store, &aoi(), &who, &[shared], (NOW, ENDS)).await;
        let first = seed::linkage(&store, &aoi(), &who, &[shared], (NOW, ENDS)).await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        let forget = "UPDATE linkages SET taken_at = NULL WHERE institution = ?1 AND linkage_id = ?2";
        tx.execute(forget, params![lapsing]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(end(&store, first, NOW.plus_seconds(59)).await, 0, "its code may still come");
        register(&store, &who, shared, 2).await;
        let second = seed::linkage(&store, &aoi(), &who, &[shared], (NOW, ENDS)).await;
        assert_eq!(end(&store, second, NOW.plus_seconds(60)).await, 1);
    }

    async fn a_pin_stays_while_another_linkage_uses_its_account(store: Store) {
        let (who, shared, alone) = two_accounts(&store).await;
        let first = seed::linkage(&store, &aoi(), &who, &[shared, alone], (NOW, ENDS)).await;
        let second = seed::linkage(&store, &aoi(), &who, &[shared], (NOW, ENDS)).await;
        assert_eq!(end(&store, first, NOW).await, 1);
        assert_eq!(status(&store, &who, shared).await, PinStatus::Registered);
        assert_eq!(status(&store, &who, alone).await, PinStatus::Missing);
        assert_eq!(end(&store, second, NOW).await, 1);
        assert_eq!(status(&store, &who, shared).await, PinStatus::Missing);
    }

    async fn an_expired_linkage_keeps_no_pin(store: Store) {
        let (who, account, _) = two_accounts(&store).await;
        let first = seed::linkage(&store, &aoi(), &who, &[account], (NOW, ENDS)).await;
        seed::linkage(&store, &aoi(), &who, &[account], (NOW, NOW.plus_seconds(DAY))).await;
        assert_eq!(end(&store, first, NOW.plus_seconds(DAY)).await, 1);
    }

    async fn nothing_is_deleted_for_a_linkage_that_is_in_use(store: Store) {
        let (who, account, _) = two_accounts(&store).await;
        let linkage = seed::linkage(&store, &aoi(), &who, &[account], (NOW, ENDS)).await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        assert_eq!(tx.delete_unused_pins(linkage, NOW).await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(status(&store, &who, account).await, PinStatus::Registered);
    }

    async fn a_refused_pin_is_marked_once_and_a_new_one_is_good_again(store: Store) {
        let (who, account, _) = two_accounts(&store).await;
        assert!(mark_stale(&store, account, 1).await);
        assert!(!mark_stale(&store, account, 1).await, "marked twice");
        assert_eq!(status(&store, &who, account).await, PinStatus::Stale);
        register(&store, &who, account, 2).await;
        assert_eq!(status(&store, &who, account).await, PinStatus::Registered);
        assert!(!mark_stale(&store, account, 1).await, "the word about the old PIN came late");
        let kept = store.read(&aoi()).find_pin(account).await.unwrap().unwrap();
        assert_eq!((kept.sealed, kept.stale_at), (sealed(2), None));
    }

    async fn the_pin_filed_at_the_branch_is_not_the_one_in_force(store: Store) {
        let (who, _) = two_institutions(&store).await;
        let account = seed::account(&store, &aoi(), &who, "2000001").await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.file_pin(account, &sealed(9)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.read(&aoi()).find_filed_pin(account).await.unwrap(), Some(sealed(9)));
        assert_eq!(status(&store, &who, account).await, PinStatus::Missing);
    }

    async fn r_229_a_pin_is_of_one_institution(store: Store) {
        let (who, account, _) = two_accounts(&store).await;
        let linkage = seed::linkage(&store, &aoi(), &who, &[account], (NOW, NOW)).await;
        let mut elsewhere = store.begin(&midori()).await.unwrap();
        assert_eq!(elsewhere.find_pin(account).await.unwrap(), None);
        assert_eq!(elsewhere.find_filed_pin(account).await.unwrap(), None);
        assert!(!elsewhere.mark_pin_stale(account, &sealed(1), NOW).await.unwrap());
        assert_eq!(elsewhere.delete_unused_pins(linkage, NOW).await.unwrap(), 0);
        elsewhere.commit().await.unwrap();
        assert_eq!(status(&store, &who, account).await, PinStatus::Registered);
    }
}

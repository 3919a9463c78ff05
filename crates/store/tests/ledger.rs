//! Entries come into force at once, pages are the same whenever they are read, and nobody reads another's accounts.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

use renkei_domain::id::{AccountId, ImportId, LinkageId};
use renkei_domain::pin::PinStatus;
use renkei_domain::statement::Fingerprint;
use renkei_domain::time::{Day, Timestamp};
use renkei_store::ledger::{LedgerState, PostedEntry, RangePlace, Stretch, Totals};
use renkei_store::ledger_import::{NewEntry, Posting};
use renkei_store::{Step, Store, StoreError, Unit, params};
use renkei_testing::seed::{self, Line, Who};
use renkei_testing::{aoi, midori, on_each_engine};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const IMPORT: ImportId = ImportId(Uuid::nil());

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn line(booked_on: &str, signed_amount: i64) -> Line {
    Line { booked_on: day(booked_on), signed_amount }
}

/// A user of 1001 with one linked account.
async fn linked(store: &Store) -> (Who, AccountId, LinkageId) {
    seed::institution(store, &aoi(), "{}").await;
    let who = seed::customer(store, &aoi(), "user01").await;
    let account = seed::account(store, &aoi(), &who, "2000002").await;
    let linkage = seed::linkage(store, &aoi(), &who, &[account], (NOW, NOW.plus_seconds(1))).await;
    (who, account, linkage)
}

async fn post(store: &Store, account: AccountId, opening: i64, lines: &[Line]) {
    seed::post(store, &aoi(), account, opening, lines, &|seq, _, _| format!("{{\"sequence\":{seq}}}")).await;
}

/// How far the ledger has an account of the linkage.
async fn ledger(store: &Store, linkage: LinkageId, account: AccountId) -> LedgerState {
    let listed = store.read(&aoi()).list_linked_accounts(linkage).await.unwrap();
    listed.into_iter().find(|own| own.id == account).unwrap().ledger
}

fn numbers(entries: &[PostedEntry]) -> Vec<i64> {
    entries.iter().map(|entry| entry.seq).collect()
}

fn entry(seq: i64, booked_on: &str, amount: i64, balance_after: i64) -> NewEntry {
    NewEntry {
        seq,
        booked_on: day(booked_on),
        credit: amount,
        debit: 0,
        balance_after,
        fingerprint: Fingerprint([7; 16]),
        body: "{}".into(),
    }
}

fn posting(account: AccountId, base_seq: i64, last_seq: i64, balance: i64) -> Posting {
    Posting {
        account,
        base_seq,
        last_seq,
        opening_balance: 1_000,
        balance,
        from_on: day("2026-10-01"),
        until_on: day("2026-10-31"),
        made_at: NOW,
    }
}

on_each_engine! {
    async fn entries_are_unseen_until_they_are_posted_and_then_all_are_there(store: Store) {
        let (_, account, linkage) = linked(&store).await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.add_entries(IMPORT, &[(account, vec![entry(1, "2026-10-02", 5, 1_005), entry(2, "2026-10-02", 7, 1_012)])]).await.unwrap();
        tx.commit().await.unwrap();
        let before = ledger(&store, linkage, account).await;
        assert_eq!((before.last_seq, before.days), (0, None));

        let mut tx = store.begin(&aoi()).await.unwrap();
        assert!(tx.post_entries(&posting(account, 0, 2, 1_012)).await.unwrap());
        tx.commit().await.unwrap();
        let after = ledger(&store, linkage, account).await;
        assert_eq!((after.last_seq, after.balance, after.as_of_at), (2, 1_012, Some(NOW)));
        assert_eq!(after.days, Some((day("2026-10-01"), day("2026-10-31"))));
        let start = store.read(&aoi()).find_range_start(account, day("2026-10-01")).await.unwrap().unwrap();
        assert_eq!((start.up_to_seq, start.opening_balance), (2, 1_000));
    }

    async fn a_posting_on_another_base_than_the_accounts_changes_nothing(store: Store) {
        let (_, account, linkage) = linked(&store).await;
        post(&store, account, 1_000, &[line("2026-10-01", 10)]).await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        assert!(!tx.post_entries(&posting(account, 0, 1, 9)).await.unwrap());
        tx.commit().await.unwrap();
        let ledger = ledger(&store, linkage, account).await;
        assert_eq!((ledger.last_seq, ledger.balance), (1, 1_010));
    }

    async fn what_an_interrupted_import_left_behind_is_discarded_and_nothing_else(store: Store) {
        let (_, account, _) = linked(&store).await;
        post(&store, account, 0, &[line("2026-10-01", 10)]).await;
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.add_entries(IMPORT, &[(account, vec![entry(2, "2026-10-02", 5, 15)])]).await.unwrap();
        tx.commit().await.unwrap();
        let mut again = store.begin(&aoi()).await.unwrap();
        let taken = again.add_entries(IMPORT, &[(account, vec![entry(2, "2026-10-02", 5, 15)])]).await;
        assert!(matches!(taken, Err(StoreError::Taken)));
        drop(again);
        let mut tx = store.begin(&aoi()).await.unwrap();
        assert_eq!(tx.discard_pending_entries(account, 10).await.unwrap(), 1);
        assert_eq!(tx.discard_pending_entries(account, 10).await.unwrap(), 0);
        tx.commit().await.unwrap();
        assert_eq!(store.read(&aoi()).find_stretch(account, 1, 9).await.unwrap().totals.count, 1);
    }

    async fn a_stretch_in_posting_order_has_late_bookings_where_they_were_posted(store: Store) {
        let (_, account, _) = linked(&store).await;
        post(&store, account, 5, &[line("2026-10-01", 10), line("2026-10-05", 20)]).await;
        post(&store, account, 5, &[line("2026-10-02", 30), line("2026-10-06", -40), line("2026-10-04", 1)]).await;
        let mut session = store.read(&aoi());
        let stretch = session.find_stretch(account, 2, 4).await.unwrap();
        let totals = Totals { count: 3, credit_count: 2, credit_sum: 50, debit_count: 1, debit_sum: 40 };
        assert_eq!((stretch.totals, stretch.opening_balance, stretch.closing_balance), (totals, Some(15), Some(25)));
        assert_eq!(stretch.bodies, r#"{"sequence":2},{"sequence":3},{"sequence":4}"#);
        assert_eq!(session.find_stretch(account, 4, 9).await.unwrap().totals.count, 2);
        let none = Stretch { totals: Totals::default(), opening_balance: None, closing_balance: None, bodies: String::new() };
        assert_eq!(session.find_stretch(account, 6, 5).await.unwrap(), none);
        assert_eq!(store.read(&midori()).find_stretch(account, 1, 4).await.unwrap(), none);
    }

    async fn a_read_by_days_is_in_booking_order_and_keeps_out_what_was_posted_later(store: Store) {
        let (_, account, _) = linked(&store).await;
        let lines = [line("2026-10-01", 10), line("2026-10-05", 20), line("2026-10-05", 1), line("2026-10-09", 2)];
        post(&store, account, 100, &lines).await;
        let start = store.read(&aoi()).find_range_start(account, day("2026-10-02")).await.unwrap().unwrap();
        assert_eq!((start.up_to_seq, start.opening_balance), (4, 110));
        post(&store, account, 100, &[line("2026-10-01", 1_000), line("2026-10-05", 30)]).await;

        let place = |after| RangePlace { up_to_seq: start.up_to_seq, after, until: day("2026-10-08") };
        let first = store.read(&aoi()).list_entries_by_day(account, &place((day("2026-10-02"), 0)), 1).await.unwrap();
        assert_eq!(numbers(&first), [2]);
        let rest = store.read(&aoi()).list_entries_by_day(account, &place((day("2026-10-05"), 2)), 9).await.unwrap();
        assert_eq!(numbers(&rest), [3]);
        let anew = store.read(&aoi()).find_range_start(account, day("2026-10-02")).await.unwrap().unwrap();
        assert_eq!((anew.up_to_seq, anew.opening_balance), (6, 1_110));
    }

    async fn balances_of_the_day_and_the_month_before_come_from_the_sums_of_days(store: Store) {
        let (_, account, _) = linked(&store).await;
        let lines = [line("2026-09-30", 10), line("2026-10-01", 20), line("2026-10-31", -5), line("2026-10-31", 1)];
        post(&store, account, 100, &lines).await;
        let sheet = store.read(&aoi()).find_balance_sheet(account).await.unwrap().unwrap();
        assert_eq!((sheet.ledger.balance, sheet.previous_day, sheet.previous_month_end), (126, 130, 110));
        post(&store, account, 100, &[line("2026-10-01", 1_000), line("2026-10-31", 7)]).await;
        let sheet = store.read(&aoi()).find_balance_sheet(account).await.unwrap().unwrap();
        assert_eq!((sheet.ledger.balance, sheet.previous_day, sheet.previous_month_end), (1_133, 1_130, 110));
    }

    async fn r_169_an_account_leaves_the_linkage_with_the_right_to_it(store: Store) {
        let (who, account, linkage) = linked(&store).await;
        let unticked = seed::account(&store, &aoi(), &who, "2000003").await;
        let listed = store.read(&aoi()).list_linked_accounts(linkage).await.unwrap();
        assert_eq!(listed.len(), 1, "only what was permitted");
        assert_eq!((listed[0].id, listed[0].pin, listed[0].branch_name.as_str()), (account, PinStatus::Missing, "本店"));
        assert!(listed.iter().all(|own| own.id != unticked));
        assert_eq!(store.read(&midori()).list_linked_accounts(linkage).await.unwrap(), []);

        for change in [
            "UPDATE accounts SET state = 'closed' WHERE institution = ?1 AND account_id = ?2",
            "UPDATE accounts SET customer_id = NULL WHERE institution = ?1 AND account_id = ?2",
            "DELETE FROM user_accounts WHERE institution = ?1 AND account_id = ?2",
        ] {
            let mut tx = store.begin(&aoi()).await.unwrap();
            tx.execute(change, params![account]).await.unwrap();
            assert_eq!(tx.list_linked_accounts(linkage).await.unwrap(), [], "{change}");
        }
    }

    async fn the_last_read_is_noted_once_an_hour(store: Store) {
        let (_, _, linkage) = linked(&store).await;
        for (hour, noted) in [(NOW, NOW), (NOW.plus_seconds(-3600), NOW), (NOW.plus_seconds(3600), NOW.plus_seconds(3600))] {
            let mut unit = Unit::new(&aoi());
            unit.then(Step::note_read(linkage, hour));
            store.leave(unit).await.unwrap();
            let found = store.read(&aoi()).find_linkage(linkage).await.unwrap().unwrap();
            assert_eq!(found.last_read_at, Some(noted));
        }
    }
}

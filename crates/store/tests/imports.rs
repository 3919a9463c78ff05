//! One process at a time holds a lease, and what an interrupted import left behind is found.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

use renkei_domain::audit::Outcome;
use renkei_domain::id::{AccountId, ImportId};
use renkei_domain::statement::Fingerprint;
use renkei_domain::time::{Day, Timestamp};
use renkei_store::Store;
use renkei_store::imports::{ImportKind, NewImport};
use renkei_store::leases::Lease;
use renkei_store::ledger_import::NewEntry;
use renkei_testing::seed::{self, Line};
use renkei_testing::{aoi, midori, on_each_engine};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const IMPORT: ImportId = ImportId(Uuid::nil());

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn lease(holder: &str, seconds: i64) -> Lease {
    Lease { holder: holder.into(), expires_at: NOW.plus_seconds(seconds) }
}

async fn claim(store: &Store, lease: &Lease, now: Timestamp) -> bool {
    let mut tx = store.begin(&aoi()).await.unwrap();
    let claimed = tx.claim_lease("import", lease, now).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

fn entry(seq: i64, booked_on: &str, credit: i64, fingerprint: u8) -> NewEntry {
    let (fingerprint, body) = (Fingerprint([fingerprint; 16]), format!("{{\"sequence\":{seq}}}"));
    NewEntry { seq, booked_on: day(booked_on), credit, debit: 0, balance_after: 0, fingerprint, body }
}

async fn add(store: &Store, account: AccountId, entries: &[NewEntry]) {
    let mut tx = store.begin(&aoi()).await.unwrap();
    tx.add_entries(IMPORT, &[(account, entries.to_vec())]).await.unwrap();
    tx.commit().await.unwrap();
}

on_each_engine! {
    async fn a_lease_is_held_until_it_is_given_back_or_expires(store: Store) {
        assert!(claim(&store, &lease("hanako", 60), NOW).await);
        assert!(!claim(&store, &lease("taro", 119), NOW.plus_seconds(59)).await);
        assert_eq!(store.read(&aoi()).find_lease("import").await.unwrap(), Some(lease("hanako", 60)));
        assert_eq!(store.read(&midori()).find_lease("import").await.unwrap(), None);

        let mut tx = store.begin(&aoi()).await.unwrap();
        assert!(tx.renew_lease("import", &lease("hanako", 70)).await.unwrap());
        assert!(!tx.renew_lease("import", &lease("taro", 70)).await.unwrap());
        tx.commit().await.unwrap();
        assert!(!claim(&store, &lease("taro", 129), NOW.plus_seconds(69)).await);
        assert!(claim(&store, &lease("taro", 130), NOW.plus_seconds(70)).await);

        let mut tx = store.begin(&aoi()).await.unwrap();
        assert!(!tx.renew_lease("import", &lease("hanako", 200)).await.unwrap(), "overtaken");
        assert!(!tx.release_lease("import", "hanako").await.unwrap());
        assert!(tx.release_lease("import", "taro").await.unwrap());
        tx.commit().await.unwrap();
        assert!(claim(&store, &lease("jiro", 60), NOW).await);
    }

    async fn of_many_who_reach_for_a_lease_at_once_one_gets_it(store: Store) {
        let tries = (0..8).map(|number| {
            let store = store.clone();
            tokio::spawn(async move { claim(&store, &lease(&format!("number {number}"), 60), NOW).await })
        });
        let mut won = 0;
        for attempt in tries.collect::<Vec<_>>() {
            won += usize::from(attempt.await.unwrap());
        }
        assert_eq!(won, 1);
    }

    async fn an_import_is_open_until_it_ends(store: Store) {
        let mut tx = store.begin(&aoi()).await.unwrap();
        let (kind, file_name) = (ImportKind::Entries, "03.txt".to_owned());
        let import = NewImport { id: IMPORT, kind, file_name, file_digest: [7; 32], begun_at: NOW };
        tx.begin_import(&import).await.unwrap();
        assert!(tx.has_open_imports(ImportKind::Entries).await.unwrap());
        assert!(!tx.has_open_imports(ImportKind::Customers).await.unwrap());
        assert!(tx.end_import(IMPORT, Outcome::Done, "{}", NOW).await.unwrap());
        assert!(!tx.end_import(IMPORT, Outcome::Refused, "{}", NOW).await.unwrap(), "it ends once");
        assert!(!tx.has_open_imports(ImportKind::Entries).await.unwrap());

        let again = NewImport { id: ImportId(Uuid::now_v7()), ..import };
        tx.begin_import(&again).await.unwrap();
        assert_eq!(tx.end_interrupted_imports(ImportKind::Customers, NOW).await.unwrap(), 0);
        assert_eq!(tx.end_interrupted_imports(ImportKind::Entries, NOW).await.unwrap(), 1);
        assert!(!tx.has_open_imports(ImportKind::Entries).await.unwrap());
    }

    async fn accounts_with_entries_not_in_force_are_found_made_or_not(store: Store) {
        seed::institution(&store, &aoi(), "{}").await;
        let who = seed::customer(&store, &aoi(), "user01").await;
        let settled = seed::account(&store, &aoi(), &who, "2000001").await;
        let begun = seed::account(&store, &aoi(), &who, "2000002").await;
        let unmade = AccountId(Uuid::new_v4());
        let posted = [Line { booked_on: day("2026-10-01"), signed_amount: 5 }];
        for account in [settled, begun] {
            seed::post(&store, &aoi(), account, 0, &posted, &|_, _, _| "{}".into()).await;
        }
        assert_eq!(store.read(&aoi()).list_pending_accounts().await.unwrap(), []);
        add(&store, begun, &[entry(2, "2026-10-02", 1, 1)]).await;
        add(&store, unmade, &[1, 2, 3].map(|seq| entry(seq, "2026-10-02", 1, 1))).await;
        let mut expected = [begun, unmade];
        expected.sort_by_key(ToString::to_string);
        assert_eq!(store.read(&aoi()).list_pending_accounts().await.unwrap(), expected);

        let mut tx = store.begin(&aoi()).await.unwrap();
        let mut removed = Vec::new();
        for account in [settled, begun, unmade, unmade, unmade] {
            removed.push(tx.discard_pending_entries(account, 2).await.unwrap());
        }
        assert_eq!(removed, [0, 1, 2, 1, 0]);
        assert_eq!(tx.list_pending_accounts().await.unwrap(), []);
        assert_eq!(tx.find_stretch(begun, 1, 9).await.unwrap().totals.count, 1);
    }

    async fn a_survey_sees_what_is_in_force_and_what_the_run_has_added(store: Store) {
        seed::institution(&store, &aoi(), "{}").await;
        let who = seed::customer(&store, &aoi(), "user01").await;
        let account = seed::account(&store, &aoi(), &who, "2000002").await;
        let base = store.read(&aoi()).find_ledger_base(account).await.unwrap().unwrap();
        assert_eq!((base.last_seq, base.first_on, base.last_booked_on), (0, None, None));
        let posted =
            ["2026-10-01", "2026-10-05"].map(|on| Line { booked_on: day(on), signed_amount: 5 });
        seed::post(&store, &aoi(), account, 100, &posted, &|_, _, _| "{}".into()).await;
        add(&store, account, &[entry(3, "2026-10-02", 20, 3), entry(4, "2026-10-06", 40, 4)]).await;

        let mut session = store.read(&aoi());
        let base = session.find_ledger_base(account).await.unwrap().unwrap();
        assert_eq!((base.opening_balance, base.balance, base.last_seq), (100, 110, 2));
        assert_eq!((base.first_on, base.last_booked_on), (Some(day("2026-10-01")), Some(day("2026-10-05"))));
        assert_eq!(session.sum_booked_from(account, day("2026-10-02")).await.unwrap(), 5);
        assert_eq!(session.sum_added_before(account, 2, day("2026-10-06")).await.unwrap(), 20);
        let known = session.list_known_entries(account, (day("2026-10-01"), 1), day("2026-10-05"), 9).await.unwrap();
        assert_eq!(known.iter().map(|entry| entry.place.1).collect::<Vec<_>>(), [3, 2], "by day, then number");
        assert_eq!(known[0].fingerprint, Fingerprint([3; 16]));
        let days = (day("2026-10-01"), day("2026-10-31"));
        assert_eq!(session.list_bodies_of_amount(account, 5, days, 0, 9).await.unwrap().len(), 2);
        assert_eq!(session.list_bodies_of_amount(account, 40, days, 3, 9).await.unwrap(), ["{\"sequence\":4}"]);
        assert_eq!(session.list_bodies_of_amount(account, 40, days, 4, 9).await.unwrap(), [""; 0]);
        assert_eq!(store.read(&midori()).find_ledger_base(account).await.unwrap(), None);
    }
}

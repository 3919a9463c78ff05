//! The seam itself: transactions, claims, and what happens when they are dropped or race.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

use std::time::Duration;

use futures_util::future::join_all;
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::institution::InstitutionCode;
use renkei_domain::time::Timestamp;
use renkei_store::{Store, StoreError, params};
use renkei_testing::{SystemRandom, aoi, midori, on_each_engine, seed};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ADD_REPLAY: &str = "INSERT INTO replays (institution, digest, expires_at) VALUES (?1, ?2, ?3)";
const FIND_REPLAY: &str = "SELECT expires_at FROM replays WHERE institution = ?1 AND digest = ?2";
const COUNT_REPLAYS: &str = "SELECT COUNT(*) FROM replays WHERE institution = ?1";

async fn replays(store: &Store) -> i64 {
    store.read(&aoi()).row(COUNT_REPLAYS, &[]).await.unwrap().unwrap().get(0).unwrap()
}

on_each_engine! {
    async fn a_committed_transaction_stands_and_a_dropped_one_never_was(store: Store) {
        let mut kept = store.begin(&aoi()).await.unwrap();
        kept.execute(ADD_REPLAY, params![b"kept", NOW]).await.unwrap();
        kept.commit().await.unwrap();
        let mut dropped = store.begin(&aoi()).await.unwrap();
        dropped.execute(ADD_REPLAY, params![b"dropped", NOW]).await.unwrap();
        drop(dropped);
        assert_eq!(replays(&store).await, 1);
    }

    async fn a_taken_key_is_told_apart_and_spoils_nobody_elses_transaction(store: Store) {
        for (attempt, expected) in [(1, true), (2, false)] {
            let mut tx = store.begin(&aoi()).await.unwrap();
            let added = tx.execute(ADD_REPLAY, params![b"once", NOW]).await;
            assert_eq!(added.is_ok(), expected, "attempt {attempt}");
            match added {
                Ok(_) => tx.commit().await.unwrap(),
                Err(error) => assert!(matches!(error, StoreError::Taken), "{error}"),
            }
        }
        let mut other = store.begin(&midori()).await.unwrap();
        other.execute(ADD_REPLAY, params![b"once", NOW]).await.unwrap();
        other.commit().await.unwrap();
        assert_eq!(replays(&store).await, 1);
    }

    async fn of_many_racing_for_one_key_exactly_one_wins(store: Store) {
        let racers = (0..40).map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut tx = store.begin(&aoi()).await.unwrap();
                match tx.execute(ADD_REPLAY, params![b"prize", NOW]).await {
                    Ok(_) => tx.commit().await.is_ok(),
                    Err(StoreError::Taken) => false,
                    Err(other) => panic!("{other}"),
                }
            })
        });
        let mut winners = 0;
        for racer in racers.collect::<Vec<_>>() {
            winners += u32::from(racer.await.unwrap());
        }
        assert_eq!(winners, 1);
        assert_eq!(replays(&store).await, 1);
    }

    async fn look_ups_at_the_same_time_find_each_its_own(store: Store) {
        for (institution, digests) in [(aoi(), 0..40), (midori(), 30..50)] {
            let mut tx = store.begin(&institution).await.unwrap();
            for digest in digests {
                tx.execute(ADD_REPLAY, params![[digest], NOW.plus_seconds(digest.into())]).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
        let look = async |institution: InstitutionCode, digest: u8| {
            let row = store.read(&institution).row(FIND_REPLAY, params![[digest]]).await.unwrap();
            row.map(|mut row| row.get::<Timestamp>(0).unwrap())
        };
        let all = (0..60u8).flat_map(|digest| [(aoi(), digest), (midori(), digest)]);
        let found = join_all(all.clone().map(|(institution, digest)| look(institution, digest))).await;
        for ((institution, digest), found) in all.zip(found) {
            let there = if institution == aoi() { 0..40 } else { 30..50 };
            let expected = there.contains(&digest).then(|| NOW.plus_seconds(digest.into()));
            assert_eq!(found, expected, "{digest} of {institution}");
        }
    }

    async fn lists_at_the_same_time_find_each_its_own(store: Store) {
        const LIST: &str = "SELECT digest FROM replays WHERE institution = ?1 AND expires_at = ?2";
        for institution in [aoi(), midori()] {
            let mut tx = store.begin(&institution).await.unwrap();
            for digest in 0..60u8 {
                tx.execute(ADD_REPLAY, params![[digest], NOW.plus_seconds((digest % 8).into())]).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
        let list = async |institution: InstitutionCode, at: u8| {
            let rows = store.read(&institution).rows_by_key(LIST, params![NOW.plus_seconds(at.into())]).await.unwrap();
            let mut digests: Vec<Vec<u8>> = rows.into_iter().map(|mut row| row.get(0).unwrap()).collect();
            digests.sort();
            digests
        };
        let all = (0..10u8).flat_map(|at| [(aoi(), at), (midori(), at)]);
        let found = join_all(all.clone().map(|(institution, at)| list(institution, at))).await;
        for ((_, at), found) in all.zip(found) {
            let there: Vec<Vec<u8>> = (0..60u8).filter(|digest| digest % 8 == at).map(|digest| vec![digest]).collect();
            assert_eq!(found, there, "{at}");
        }
    }

    async fn the_engine_takes_note_of_what_its_tables_hold(store: Store) {
        let mut tx = store.begin(&aoi()).await.unwrap();
        let digests: Vec<_> = (0..300_u32).map(|number| params![number.to_be_bytes(), NOW].to_vec()).collect();
        tx.execute_each(ADD_REPLAY, &digests).await.unwrap();
        tx.commit().await.unwrap();
        store.renew_statistics().await.unwrap();
        if store.has_conflicts() {
            let known = "SELECT CAST(reltuples AS BIGINT) FROM pg_class WHERE relname IN ('flows', 'replays') \
                 AND relnamespace = CAST(current_schema() AS regnamespace) ORDER BY relname";
            let known = store.read_all().rows(known, &[]).await.unwrap();
            let known: Vec<i64> = known.into_iter().map(|mut row| row.get(0).unwrap()).collect();
            assert_eq!(known, [-1, 300], "nothing is known of a table in which nothing was written");
        }
    }

    async fn nobody_is_called_by_the_character_zero(store: Store) {
        let (mut session, mut tx) = (store.read(&aoi()), store.begin(&aoi()).await.unwrap());
        assert!(session.find_client("a\0b").await.unwrap().is_none());
        assert!(session.find_resource_server("a\0b").await.unwrap().is_none());
        // PostgreSQL would refuse it, and with it the transaction.
        assert!(tx.find_client("a\0b").await.unwrap().is_none());
        tx.commit().await.unwrap();
    }

    async fn look_ups_by_certificate_go_together(store: Store) {
        let look = async |institution: InstitutionCode| store.read(&institution).find_user_by_certificate("ab").await;
        for found in join_all([aoi(), midori(), aoi(), midori()].map(look)).await {
            assert!(found.unwrap().is_none());
        }
    }

    async fn a_look_up_that_fails_or_is_given_up_takes_no_other_with_it(store: Store) {
        const DIVIDED: &str = "SELECT 6 / CAST(?2 AS BIGINT) FROM institutions WHERE institution = ?1";
        seed::institution(&store, &aoi(), "{}").await;
        let look = async |by: i64| store.read(&aoi()).row(DIVIDED, params![by]).await;
        // SQLite divides by nothing without a word.
        let found = join_all([1, 2, 0, 3].map(look)).await;
        let told = found.into_iter().map(|found| found.map(|row| row.unwrap().get::<Option<i64>>(0).unwrap()));
        let told: Vec<_> = told.collect();
        let [Ok(Some(6)), Ok(Some(3)), nothing, Ok(Some(2))] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(nothing.is_err(), store.has_conflicts());
        for _ in 0..20 {
            let given_up = join_all([1, 2, 3].map(look));
            let _ = tokio::time::timeout(Duration::ZERO, given_up).await;
            assert!(look(6).await.is_ok());
        }
    }

    async fn r_229_a_statement_that_forgets_its_institution_is_refused(store: Store) {
        let forgetful = store.read(&aoi()).rows("SELECT COUNT(*) FROM replays", &[]).await;
        assert!(matches!(forgetful, Err(StoreError::Statement(_))));
    }

    async fn r_237_without_a_table_or_a_column_the_database_is_unusable(store: Store) {
        for change in ["ALTER TABLE replays RENAME COLUMN digest TO digest_away", "ALTER TABLE replays RENAME TO replays_away"] {
            let mut tx = store.begin_all().await.unwrap();
            tx.execute(change, &[]).await.unwrap();
            tx.commit().await.unwrap();
            let mut tx = store.begin(&aoi()).await.unwrap();
            let added = tx.execute(ADD_REPLAY, params![b"x", NOW]).await;
            assert!(matches!(added, Err(StoreError::Unusable(_))), "{change}: {added:?}");
            let select = "SELECT COUNT(digest) FROM replays WHERE institution = ?1";
            let read = store.read(&aoi()).rows(select, &[]).await;
            assert!(matches!(read, Err(StoreError::Unusable(_))), "{change}");
        }
    }

    async fn an_audit_record_stands_exactly_with_its_transaction(store: Store) {
        let record = Record::refused(Actor::Visitor, Action::LoginTried, "wrong").on("flow").in_request("r1");
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.record(&record, NOW, &SystemRandom).await.unwrap();
        tx.commit().await.unwrap();
        let mut lost = store.begin(&aoi()).await.unwrap();
        lost.record(&record, NOW, &SystemRandom).await.unwrap();
        drop(lost);
        let records = store.read(&aoi()).list_audit(10).await.unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].action.as_str(), records[0].outcome.as_str()), ("login_tried", "refused"));
        assert_eq!(store.read(&midori()).list_audit(10).await.unwrap(), []);
    }

    async fn values_of_every_kind_come_back_as_they_went(store: Store) {
        let insert = "INSERT INTO guards (institution, kind, subject, failures, locked_until) VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.execute(insert, params!["login", "ユーザ", 3_u32, None::<Timestamp>]).await.unwrap();
        tx.commit().await.unwrap();
        let select = "SELECT subject, failures, locked_until FROM guards WHERE institution = ?1 AND kind = ?2";
        let mut row = store.read(&aoi()).row(select, params!["login"]).await.unwrap().unwrap();
        assert_eq!(row.get::<String>(0).unwrap(), "ユーザ");
        assert_eq!(row.get::<u32>(1).unwrap(), 3);
        assert_eq!(row.get::<Option<Timestamp>>(2).unwrap(), None);
        assert!(matches!(row.get::<String>(1), Err(StoreError::Corrupt { column: 1, .. })));
    }
}

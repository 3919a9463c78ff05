//! Backups while others write, and taking them in again on either engine.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test file"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use aws_lc_rs::hmac;
use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::time::Timestamp;
use renkei_store::archive::{self, ArchiveError};
use renkei_store::{Store, params};
use renkei_testing::{SystemRandom, aoi, fresh_postgres, fresh_sqlite, midori, on_each_engine, seed};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn key() -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])
}

async fn backup(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    archive::write(store, &key(), None, NOW, &mut file).await.unwrap();
    file
}

async fn restore(store: &Store, file: &[u8]) {
    archive::verify(file, &key()).unwrap();
    let mut tx = store.begin_all().await.unwrap();
    archive::load(&mut tx, file).await.unwrap();
    tx.commit().await.unwrap();
}

/// Lines after the header: the rows, whichever engine they came from.
fn rows(file: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(file).unwrap();
    let lines: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
    lines[..lines.len() - 1].to_vec()
}

/// One act: a row that counts, and its audit record, in one transaction.
async fn act(store: &Store, number: i64) {
    let mut tx = store.begin(&aoi()).await.unwrap();
    let digest = number.to_be_bytes();
    let insert = "INSERT INTO replays (institution, digest, expires_at) VALUES (?1, ?2, ?3)";
    tx.execute(insert, params![&digest, number]).await.unwrap();
    let record = Record::done(Actor::System, Action::AccountsRead).on(number);
    tx.record(&record, NOW, &SystemRandom).await.unwrap();
    tx.commit().await.unwrap();
}

/// How many acts there are, the highest number of one, and how many records of acts.
async fn acts(store: &Store) -> (i64, i64, i64) {
    let select = "SELECT COUNT(*), COALESCE(MAX(expires_at), 0) FROM replays WHERE institution = ?1";
    let mut row = store.read(&aoi()).row(select, &[]).await.unwrap().unwrap();
    let select = "SELECT COUNT(*) FROM audit WHERE institution = ?1 AND action = 'accounts_read'";
    let mut records = store.read(&aoi()).row(select, &[]).await.unwrap().unwrap();
    (row.get(0).unwrap(), row.get(1).unwrap(), records.get(0).unwrap())
}

/// How often a backup is made under load; more by hand.
fn times() -> usize {
    std::env::var("RENKEI_BACKUPS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

on_each_engine! {
    async fn f_09_each_backup_under_load_shows_every_act_up_to_one_and_none_after_it(store: Store) {
        let (done, stop) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
        let writer = {
            let (store, done, stop) = (store.clone(), Arc::clone(&done), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let number = done.load(Ordering::SeqCst) + 1;
                    act(&store, number).await;
                    done.store(number, Ordering::SeqCst);
                }
            })
        };
        for _ in 0..times() {
            let before = done.load(Ordering::SeqCst);
            while done.load(Ordering::SeqCst) < before + 20 {
                tokio::task::yield_now().await;
            }
            let acknowledged = done.load(Ordering::SeqCst);
            let file = backup(&store).await;
            assert!(!writer.is_finished(), "nobody wrote meanwhile");
            let fresh = fresh_sqlite().await;
            restore(&fresh.store, &file).await;
            let (count, highest, records) = acts(&fresh.store).await;
            assert_eq!((count, records), (highest, highest), "a prefix, and each act with its record");
            assert!(highest >= acknowledged, "{highest} of {acknowledged} that were acknowledged");
        }
        stop.store(true, Ordering::SeqCst);
        writer.await.unwrap();
    }

    async fn a_backup_comes_back_as_it_was_on_either_engine_in_place_of_what_was_there(store: Store) {
        seed::institution(&store, &aoi(), "{\"keys\":[]}").await;
        let who = seed::customer(&store, &aoi(), "hanako").await;
        let account = seed::account(&store, &aoi(), &who, "2000002").await;
        seed::linkage(&store, &aoi(), &who, &[account], (NOW, NOW.plus_seconds(60))).await;
        for number in 1..=130 {
            act(&store, number).await;
        }
        let file = backup(&store).await;
        for fresh in [Some(fresh_sqlite().await), fresh_postgres().await].into_iter().flatten() {
            seed::institution(&fresh.store, &midori(), "{\"keys\":[]}").await;
            act(&fresh.store, 999).await;
            restore(&fresh.store, &file).await;
            assert_eq!(rows(&backup(&fresh.store).await), rows(&file));
            act(&fresh.store, 131).await;
        }
    }

    async fn what_is_cut_short_changed_or_of_other_keys_is_not_taken(store: Store) {
        seed::institution(&store, &aoi(), "{\"keys\":[]}").await;
        let file = backup(&store).await;
        let refused = |file: &[u8], key: &hmac::Key| match archive::verify(file, key) {
            Err(ArchiveError::Refused(reason)) => reason,
            other => panic!("{other:?}"),
        };
        let other = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        assert!(refused(&file, &other).contains("another master key"));
        let text = String::from_utf8(file.clone()).unwrap();
        let changed = text.replacen("0120-000-000", "0120-999-999", 1);
        assert_ne!(changed, text);
        assert!(refused(changed.as_bytes(), &key()).contains("was changed"));
        let lines: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        for end in [0, 1, lines[0], lines[3], file.len() - 2] {
            let reason = refused(&file[..end], &key());
            assert!(reason.contains("no archive") || reason.contains("too early"), "{end}: {reason}");
        }
    }

    async fn an_archive_that_does_not_fit_changes_nothing(store: Store) {
        seed::institution(&store, &aoi(), "{\"keys\":[]}").await;
        act(&store, 1).await;
        let file = String::from_utf8(backup(&store).await).unwrap();
        let newer = file.replacen("\"migrations\":[", "\"migrations\":[[\"9999_later\",\"00\"],", 1);
        let columns = file.replacen("\"digest\"", "\"unknown\"", 1);
        let cut = &file[..file.len() * 2 / 3];
        for (wrong, why) in [(newer.as_str(), "does not know"), (&columns, "its version has not"), (cut, "too early")] {
            let mut tx = store.begin_all().await.unwrap();
            let error = archive::load(&mut tx, wrong.as_bytes()).await.unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            drop(tx);
            assert_eq!(acts(&store).await, (1, 1, 1));
        }
    }
}

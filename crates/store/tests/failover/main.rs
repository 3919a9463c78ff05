//! What a commit led to when server or network fail, and how connections come back after it.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod wire;

use std::time::{Duration, Instant};

use renkei_domain::time::Timestamp;
use renkei_store::db::act::watched;
use renkei_store::{Store, StoreConfig, StoreError, params};
use renkei_testing::{FreshStore, aoi, fresh_postgres};
use wire::{AtCommit, Between};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ADD: &str = "INSERT INTO replays (institution, digest, expires_at) VALUES (?1, ?2, ?3)";
const HAS: &str = "SELECT 1 FROM replays WHERE institution = ?1 AND digest = ?2";

/// A store of its own, and another way to it; nothing where no server is named.
async fn two_ways() -> Option<(FreshStore, Store, Between)> {
    let fresh = fresh_postgres().await?;
    let url = url_of(&fresh);
    let address = address_in(&url);
    let between = Between::to(address.clone()).await;
    let store = open(&url.replace(&address, &format!("127.0.0.1:{}", between.port))).await.unwrap();
    Some((fresh, store, between))
}

fn url_of(fresh: &FreshStore) -> String {
    let StoreConfig::Postgres { url, .. } = &fresh.config else { panic!("a PostgreSQL store") };
    url.clone()
}

fn address_in(url: &str) -> String {
    let (_, rest) = url.rsplit_once('@').unwrap_or_else(|| url.split_once("//").unwrap());
    rest.split('/').next().unwrap().to_owned()
}

async fn open(url: &str) -> Result<Store, StoreError> {
    Store::connect(&StoreConfig::Postgres { url: url.to_owned(), connections: 4, ca: None, identity: None }).await
}

async fn add(store: &Store, digest: &[u8]) -> Result<(), StoreError> {
    let mut tx = store.begin(&aoi()).await?;
    tx.execute(ADD, params![digest, NOW]).await?;
    tx.commit().await
}

async fn has(store: &Store, digest: &[u8]) -> bool {
    store.read(&aoi()).row(HAS, params![digest]).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_15_a_commit_of_which_the_server_warns_is_unknown_in_whatever_language_it_warns() {
    let Some((fresh, store, between)) = two_ways().await else { return };
    between.at_commit(AtCommit::Warn);
    let (outcome, seen) = watched(add(&store, b"warned")).await;
    assert!(matches!(outcome, Err(StoreError::Unknown(_))), "{outcome:?}");
    assert_eq!((seen.settled, seen.may_be_repeated()), (1, false));
    assert!(has(&fresh.store, b"warned").await, "it stands on this server");
    // The connection itself is sound, and the warning was about that commit only.
    between.at_commit(AtCommit::Pass);
    add(&store, b"next").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_11_a_connection_that_ends_at_the_commit_leaves_the_outcome_unknown_whatever_it_was() {
    let Some((fresh, store, between)) = two_ways().await else { return };
    for (what, digest, stands) in
        [(AtCommit::CutBefore, &b"before"[..], false), (AtCommit::CutAfter, &b"after"[..], true)]
    {
        between.at_commit(what);
        let outcome = add(&store, digest).await;
        assert!(matches!(outcome, Err(StoreError::Unknown(_))), "{what:?}: {outcome:?}");
        assert_eq!(has(&fresh.store, digest).await, stands, "{what:?}");
    }
    between.at_commit(AtCommit::Pass);
    add(&store, b"next").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_14_a_commit_without_an_answer_ends_at_our_own_deadline_and_is_not_cancelled() {
    let Some((fresh, store, between)) = two_ways().await else { return };
    between.at_commit(AtCommit::Hold);
    let begun = Instant::now();
    let outcome = add(&store, b"held").await;
    assert!(matches!(outcome, Err(StoreError::Unknown(_))), "{outcome:?}");
    assert!(begun.elapsed() < Duration::from_secs(30), "within what a request has");
    assert_eq!(between.cancels(), 0);
    assert!(has(&fresh.store, b"held").await);
    between.at_commit(AtCommit::Pass);
    add(&store, b"next").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_19_after_all_connections_ended_the_store_is_well_within_two_seconds() {
    let Some((_fresh, store, between)) = two_ways().await else { return };
    for round in 0..5_u8 {
        let all = (0..4_u8).map(|n| {
            let store = store.clone();
            tokio::spawn(async move { add(&store, &[round, n]).await })
        });
        for one in all.collect::<Vec<_>>() {
            one.await.unwrap().unwrap();
        }
        between.cut_all();
        let begun = Instant::now();
        while add(&store, &[round, 9]).await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(2), "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_19_f_17_a_server_that_does_not_write_is_no_server_of_ours_and_one_that_hangs_delays_nobody() {
    let Some(fresh) = fresh_postgres().await else { return };
    let url = url_of(&fresh);
    let read_only = url.replace("options=", "options=-cdefault_transaction_read_only%3Don%20");
    let refused = open(&read_only).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{:?}", refused.err());
    // One that takes connections and says nothing, one that is not there, and the one that writes.
    let hanging = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = address_in(&url);
    let three = format!("127.0.0.1:{},127.0.0.1:1,{address}", hanging.local_addr().unwrap().port());
    let begun = Instant::now();
    let store = open(&url.replace(&address, &three)).await.unwrap();
    add(&store, b"written").await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(4), "less than the wait for one that hangs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_19_a_session_that_turned_read_only_is_thrown_away() {
    let Some((_fresh, store, _between)) = two_ways().await else { return };
    let mut tx = store.begin_all().await.unwrap();
    let turned = "SELECT set_config('default_transaction_read_only', 'on', false)";
    tx.row(turned, &[]).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(add(&store, b"lost").await, Err(StoreError::Unavailable(_))));
    add(&store, b"kept").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_14_a_session_waits_for_the_standby_whatever_the_servers_default_is() {
    let Some(fresh) = fresh_postgres().await else { return };
    for (default, expected) in [("off", "on"), ("local", "on"), ("on", "on"), ("remote_apply", "remote_apply")] {
        let options = format!("options=-csynchronous_commit%3D{default}%20");
        let store = open(&url_of(&fresh).replace("options=", &options)).await.unwrap();
        let row = store.read_all().row("SELECT current_setting('synchronous_commit')", &[]).await.unwrap();
        assert_eq!(row.unwrap().get::<String>(0).unwrap(), expected, "{default}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_18_two_that_wait_for_each_other_are_told_apart_from_an_engine_that_is_away() {
    let Some(fresh) = fresh_postgres().await else { return };
    for digest in [&b"one"[..], b"two"] {
        add(&fresh.store, digest).await.unwrap();
    }
    const TOUCH: &str = "UPDATE replays SET expires_at = expires_at + 1 WHERE institution = ?1 AND digest = ?2";
    // Both hold a row before either asks for the other's.
    let both = tokio::sync::Barrier::new(2);
    let crossed = async |first: &'static [u8], second: &'static [u8]| {
        let mut tx = fresh.store.begin(&aoi()).await?;
        tx.execute(TOUCH, params![first]).await?;
        both.wait().await;
        tx.execute(TOUCH, params![second]).await?;
        tx.commit().await
    };
    let (left, right) = tokio::join!(watched(crossed(b"one", b"two")), watched(crossed(b"two", b"one")));
    let lost = [&left, &right].iter().filter(|(_, seen)| seen.may_be_repeated()).count();
    let kept = [&left, &right].iter().filter(|(outcome, _)| outcome.is_ok()).count();
    assert_eq!((lost, kept), (1, 1), "{left:?} {right:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i_12_a_transaction_in_which_a_statement_failed_is_never_reported_as_done() {
    let Some(fresh) = fresh_postgres().await else { return };
    add(&fresh.store, b"taken").await.unwrap();
    let mut tx = fresh.store.begin(&aoi()).await.unwrap();
    tx.execute(ADD, params![b"mine", NOW]).await.unwrap();
    assert!(matches!(tx.execute(ADD, params![b"taken", NOW]).await, Err(StoreError::Taken)));
    // To the server this commit is a rollback, which it carries out without a word.
    assert!(tx.commit().await.is_err());
    assert!(!has(&fresh.store, b"mine").await);
}

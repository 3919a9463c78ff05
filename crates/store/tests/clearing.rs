//! What those who write notice while dead rows are cleared away. The figures are printed; the long run is made by hand,
//! optimised: `RENKEI_TEST_DEAD_ROWS` says how many rows, `RENKEI_TEST_SECONDS` how long each part is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use renkei_domain::audit::{Action, Actor, Record};
use renkei_domain::time::Timestamp;
use renkei_store::retention::{CLASSES, Sweep, rest_after};
use renkei_store::{Random, Store, Unit, params};
use renkei_testing::{SystemRandom, aoi, on_each_engine};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// Who write at the same time.
const WRITERS: usize = 16;
/// Rows written by one statement.
const PIECE: i64 = 10_000;
/// Windows without and with clearing, in turn, so that a busy machine is as busy for both.
const ROUNDS: usize = 4;

fn number(name: &str, otherwise: i64) -> i64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

/// Marks that ran out, all over the keys, so that living ones come between.
async fn fill(store: &Store, rows: i64) {
    let numbers = "WITH RECURSIVE n(i) AS (SELECT CAST(?2 AS BIGINT) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?3)";
    let sqlite = "unhex(printf('%016x%048x', i * ?4, i))";
    let postgresql = "decode(lpad(to_hex(i * ?4), 16, '0') || lpad(to_hex(i), 48, '0'), 'hex')";
    let digest = if store.engine_name() == "SQLite" { sqlite } else { postgresql };
    let insert =
        format!("INSERT INTO replays (institution, digest, expires_at) {numbers} SELECT ?1, {digest}, i FROM n");
    let insert: &'static str = Box::leak(insert.into_boxed_str());
    for first in (0..).map(|piece| piece * PIECE).take_while(|first| *first < rows) {
        let mut tx = store.begin(&aoi()).await.unwrap();
        tx.execute(insert, params![first, rows.min(first + PIECE), i64::MAX / rows]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// What a read leaves: a mark and a record. Tells how long each took.
async fn write(store: Store, until: Instant) -> Vec<Duration> {
    let random: &dyn Random = &SystemRandom;
    let record = Record::done(Actor::Product("kakeibo".into()), Action::TransactionsRead).with("page");
    let mut times = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        let mut unit = Unit::new(&aoi());
        unit.claim_replay(&random.bytes(), NOW.plus_seconds(600), NOW);
        unit.record(&record, NOW, random);
        store.leave(unit).await.unwrap();
        times.push(begun.elapsed());
    }
    times
}

async fn window(store: &Store, lasting: Duration) -> Vec<Duration> {
    let until = Instant::now() + lasting;
    let writers: Vec<_> = (0..WRITERS).map(|_| tokio::spawn(write(store.clone(), until))).collect();
    let mut times = Vec::new();
    for writer in writers {
        times.extend(writer.await.unwrap());
    }
    times
}

/// Clears as a server does while it may.
async fn clear(store: Store, may: Arc<AtomicBool>, cleared: Arc<AtomicU64>) {
    let mut sweep = Sweep::of(CLASSES.iter().find(|class| class.name == "replays").unwrap());
    loop {
        if !may.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        let begun = Instant::now();
        let swept = sweep.step(&store, NOW, &SystemRandom).await.unwrap();
        cleared.fetch_add(swept.deleted, Ordering::SeqCst);
        tokio::time::sleep(rest_after(begun.elapsed())).await;
    }
}

fn tell(what: &str, mut times: Vec<Duration>, lasting: Duration) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let rate = times.len() as f64 / lasting.as_secs_f64();
    eprintln!("  {what:<18}{rate:>8.0} writes/s, half {:.2} ms, 99 of 100 {:.2} ms", at(0.5), at(0.99));
}

on_each_engine! {
    async fn dead_rows_go_while_others_write_and_what_lives_stays(store: Store) {
        let rows = number("RENKEI_TEST_DEAD_ROWS", 20_000);
        let lasting = Duration::from_millis(number("RENKEI_TEST_SECONDS", 0).unsigned_abs() * 1_000 + 200);
        let begun = Instant::now();
        fill(&store, rows).await;
        eprintln!("{}: {rows} dead rows in {:.0} s", store.engine_name(), begun.elapsed().as_secs_f64());
        let (may, cleared) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let clearing = tokio::spawn(clear(store.clone(), Arc::clone(&may), Arc::clone(&cleared)));
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            without.extend(window(&store, lasting).await);
            may.store(true, Ordering::SeqCst);
            with.extend(window(&store, lasting).await);
            may.store(false, Ordering::SeqCst);
        }
        clearing.abort();
        let written = (without.len() + with.len()) as i64;
        let all = lasting * u32::try_from(ROUNDS).unwrap();
        tell("without clearing", without, all);
        tell("while clearing", with, all);
        let gone = i64::try_from(cleared.load(Ordering::SeqCst)).unwrap();
        eprintln!("  {gone} rows cleared, {:.0} a second", gone as f64 / all.as_secs_f64());
        let left = "SELECT COUNT(*) FROM replays WHERE institution = ?1 AND expires_at > ?2";
        let mut row = store.read(&aoi()).row(left, params![rows]).await.unwrap().unwrap();
        assert_eq!(row.get::<i64>(0).unwrap(), written, "nothing that lives was cleared");
        assert!(gone > 0);
    }
}

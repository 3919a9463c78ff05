//! Several nodes on one store: requests that meet at the same rows, and nodes that say whether they want requests.

use renkei_store::Store;
use renkei_testing::{aoi, fresh_postgres};

use crate::support::{Bank, Partner};

/// The first so many records are refused as if others had been at the same rows.
async fn lose(store: &Store, statements: &[&'static str]) {
    for sql in statements {
        let mut tx = store.begin_all().await.unwrap();
        tx.execute(sql, &[]).await.unwrap();
        tx.commit().await.unwrap();
    }
}

const TRIES: &str = "CREATE SEQUENCE tries";
/// Numbers of a sequence stay used up when a transaction is taken back.
const TWICE: &str = "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \
     IF nextval(''tries'') <= 2 THEN RAISE EXCEPTION ''lost'' USING ERRCODE = ''40001''; END IF; RETURN NEW; END'";
const ALWAYS: &str = "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \
     PERFORM nextval(''tries''); RAISE EXCEPTION ''lost'' USING ERRCODE = ''40P01''; END'";
const TRIGGER: &str = "CREATE TRIGGER lose BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION lose()";
const TRIED: &str = "SELECT last_value FROM tries WHERE ?1 = ?1";

async fn tried(bank: &Bank) -> i64 {
    bank.count(&aoi(), TRIED).await
}

async fn kakeibo_at(store: Store) -> (Bank, Partner) {
    let bank = Bank::over(store).await;
    let kakeibo = bank.join(&aoi()).await;
    (bank, kakeibo)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_18_a_request_that_lost_to_others_is_done_again_and_stands_once() {
    let Some(fresh) = fresh_postgres().await else { return };
    let (bank, kakeibo) = kakeibo_at(fresh.store.clone()).await;
    lose(&fresh.store, &[TRIES, TWICE, TRIGGER]).await;
    assert_eq!(kakeibo.push().send().await.status, 201);
    assert_eq!(bank.count(&aoi(), "SELECT COUNT(*) FROM audit WHERE institution = ?1").await, 1);
    assert_eq!(bank.count(&aoi(), "SELECT COUNT(*) FROM requests WHERE institution = ?1").await, 1);
    assert_eq!(tried(&bank).await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_18_i_12_a_request_that_always_loses_gives_up_and_has_done_nothing() {
    let Some(fresh) = fresh_postgres().await else { return };
    let (bank, kakeibo) = kakeibo_at(fresh.store.clone()).await;
    lose(&fresh.store, &[TRIES, ALWAYS, TRIGGER]).await;
    let answer = kakeibo.push().send().await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    assert_eq!(answer.body.get("outcome"), None);
    for table in
        ["SELECT COUNT(*) FROM audit WHERE institution = ?1", "SELECT COUNT(*) FROM requests WHERE institution = ?1"]
    {
        assert_eq!(bank.count(&aoi(), table).await, 0);
    }
    assert_eq!(bank.count(&aoi(), "SELECT COUNT(*) FROM replays WHERE institution = ?1").await, 0);
    assert_eq!(tried(&bank).await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f_24_a_node_that_drains_is_not_ready_and_still_answers() {
    let (bank, kakeibo) = Bank::with_kakeibo().await;
    let ready = bank.get("/ready").await;
    assert_eq!((ready.status, ready.text.as_str()), (200, r#"{"ready":true}"#));
    assert_eq!(bank.get("/health").await.status, 200);
    bank.app.memory.readiness.drain();
    let ready = bank.get("/ready").await;
    assert_eq!((ready.status, ready.text.as_str()), (503, r#"{"ready":false,"reason":"draining"}"#));
    assert_eq!(ready.header("cache-control"), "no-store");
    assert_eq!(bank.get("/health").await.status, 200);
    assert_eq!(kakeibo.push().send().await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_store_takes_no_writes_is_not_ready() {
    let (bank, _) = Bank::with_kakeibo().await;
    let mut tx = bank.app.store.begin_all().await.unwrap();
    let refuse = "CREATE TRIGGER full BEFORE INSERT ON nodes BEGIN SELECT RAISE(ABORT, 'full'); END";
    tx.execute(refuse, &[]).await.unwrap();
    tx.commit().await.unwrap();
    let ready = bank.get("/ready").await;
    assert_eq!((ready.status, ready.text.as_str()), (503, r#"{"ready":false,"reason":"store_not_writable"}"#));
}

//! What the engine does to a group of transactions when the disk is full.

use super::*;

fn engine() -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(&folder.path().join("renkei.db")).unwrap();
    let writer = Arc::clone(&engine.0.writer);
    writer
        .try_lock()
        .unwrap()
        .connection
        .execute_batch("CREATE TABLE notes (institution TEXT, text TEXT) STRICT")
        .unwrap();
    (folder, engine)
}

fn write(write: &Write, sql: &str) -> Result<(), StoreError> {
    run(write.connection()?, sql)
}

fn count(engine: &Engine) -> i64 {
    let count = "SELECT COUNT(*) FROM notes WHERE institution = '1001'";
    engine.reader().query_row(count, [], |row| row.get(0)).unwrap()
}

/// Lets no page be added, so that the next big row finds the disk full.
fn fill_disk(write: &Write) {
    write.connection().unwrap().pragma_update(None, "max_page_count", 1).unwrap();
}

const BIG: &str = "INSERT INTO notes (institution, text) VALUES ('1001', hex(zeroblob(100000)))";

#[tokio::test]
async fn f_05_who_was_in_a_group_that_the_full_disk_took_back_is_not_told_that_it_is_done() {
    let (_folder, engine) = engine();
    let first = engine.begin().await.unwrap();
    write(&first, "INSERT INTO notes (institution, text) VALUES ('1001', 'first')").unwrap();
    let behind = engine.clone();
    let second = tokio::spawn(async move { behind.begin().await });
    tokio::task::yield_now().await;
    let first = tokio::spawn(first.commit());
    let second = second.await.unwrap().unwrap();
    fill_disk(&second);
    assert!(matches!(write(&second, BIG), Err(StoreError::Full(_))));
    assert!(second.connection().is_err(), "a statement now would stand by itself");
    drop(second);
    assert!(matches!(first.await.unwrap(), Err(StoreError::Unavailable(_))));
    assert_eq!(count(&engine), 0);
    // The disk has room again, and nothing has to be started anew.
    let third = engine.begin().await.unwrap();
    third.connection().unwrap().pragma_update(None, "max_page_count", 1_000_000).unwrap();
    write(&third, BIG).unwrap();
    third.commit().await.unwrap();
    assert_eq!(count(&engine), 1);
}

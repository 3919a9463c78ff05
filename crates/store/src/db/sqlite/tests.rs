//! What the engine does to a group of transactions when the disk is full or nothing can be taken back, and in whatever
//! order they come; a look through its file; the lock it holds for its readers.

mod held;
mod orders;
mod units;

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

/// An engine whose table has an index and so many rows, all of them in the file.
async fn filled(rows: i64) -> (tempfile::TempDir, Engine) {
    let (folder, engine) = engine();
    let add = engine.begin().await.unwrap();
    write(&add, "CREATE INDEX by_text ON notes (text)").unwrap();
    let insert = "INSERT INTO notes (institution, text) VALUES ('1001', 'note ' || ?1)";
    let mut insert_row = add.connection().unwrap().prepare(insert).unwrap();
    for row in 0..rows {
        insert_row.execute([row]).unwrap();
    }
    drop(insert_row);
    add.commit().await.unwrap();
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    engine.0.writer.lock().await.connection.query_row(checkpoint, [], |_| Ok(())).unwrap();
    (folder, engine)
}

#[tokio::test]
async fn f_07_a_look_at_a_file_in_use_finds_what_is_damaged() {
    let (folder, engine) = filled(20_000).await;
    assert_eq!(engine.look_through(|| false).unwrap(), Looked::default());
    let path = folder.path().join("renkei.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // In the index or in the table: then they do not agree.
    let at = bytes.windows(10).position(|window| window == b"note 12345").unwrap();
    bytes[at + 5] ^= 0x01;
    std::fs::write(&path, bytes).unwrap();
    let Looked { damage, left_out } = engine.look_through(|| false).unwrap();
    assert!(!damage.is_empty());
    assert_eq!(left_out, [""; 0]);
    // Cut short at the last moment, it has found it already; a quick look alone does not.
    let look_until = |most: usize| {
        let watched = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&watched);
        let looked = look::look_at(open_reader(&path).unwrap(), &|| false, move |how| {
            let watched = Arc::clone(&counted);
            move || how == look::Look::Whole && watched.fetch_add(1, Ordering::Relaxed) >= most
        });
        (looked.unwrap(), watched.load(Ordering::Relaxed))
    };
    let (_, moments) = look_until(usize::MAX);
    assert!(!look_until(moments - 1).0.damage.is_empty());
    assert_eq!(look_until(0).0, Looked::default());
}

#[tokio::test]
async fn a_look_gives_way_and_tells_what_it_has_not_looked_at() {
    let (folder, _engine) = filled(20_000).await;
    let reader = || open_reader(&folder.path().join("renkei.db")).unwrap();
    let at_once = look::look_at(reader(), &|| false, |_| || true).unwrap();
    assert_eq!(at_once, Looked { damage: Vec::new(), left_out: vec!["notes".into()] });
    let quick_alone = look::look_at(reader(), &|| false, |how| move || how == look::Look::Whole).unwrap();
    assert_eq!(quick_alone, Looked::default());
    assert_eq!(look::look_at(reader(), &|| false, |_| || false).unwrap(), Looked::default());
    let stopped = look::look_at(reader(), &|| true, |_| || true).unwrap();
    assert_eq!(stopped, Looked::default(), "what was not begun did not give way");
}

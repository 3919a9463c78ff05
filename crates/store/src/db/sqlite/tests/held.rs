//! The read lock that is held while nobody reads.

use super::super::held::LOOK;
use super::*;

/// An engine that has held the lock since its second look.
async fn holding() -> (tempfile::TempDir, Engine) {
    let (folder, engine) = engine();
    let began = Instant::now();
    let mut writer = engine.0.writer.lock().await;
    // Whoever opened the file before may have written it.
    for looks in 0..2 {
        writer.look(began + LOOK * looks);
    }
    assert!(writer.held.is_held);
    drop(writer);
    (folder, engine)
}

async fn put(engine: &Engine, sql: &str) {
    let one = engine.begin().await.unwrap();
    write(&one, sql).unwrap();
    one.commit().await.unwrap();
}

#[tokio::test]
async fn the_log_begins_anew_although_a_lock_is_held_and_readers_see_each_commit() {
    let (folder, engine) = holding().await;
    let log = writer::log_of(&folder.path().join("renkei.db"));
    // Twenty-five pages each: the log is taken into the file several times.
    for commit in 1..=500 {
        put(&engine, "INSERT INTO notes (institution, text) VALUES ('1001', hex(zeroblob(50000)))").await;
        assert_eq!(count(&engine), commit);
    }
    let pages = log.metadata().unwrap().len() / 4_096;
    assert!((4_000..6_000).contains(&pages), "{pages} pages");
    assert!(engine.0.writer.lock().await.held.is_held);
}

#[tokio::test]
async fn the_lock_is_given_back_as_long_as_another_process_writes() {
    let (folder, engine) = holding().await;
    let other = Connection::open(folder.path().join("renkei.db")).unwrap();
    let empty = || {
        let busy = other.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).unwrap();
        busy == 0
    };
    put(&engine, "INSERT INTO notes (institution, text) VALUES ('1001', 'own')").await;
    // Nobody looks in between.
    let mut writer = engine.0.writer.lock().await;
    other.execute_batch("INSERT INTO notes (institution, text) VALUES ('1001', 'of another')").unwrap();
    assert_eq!(count(&engine), 2, "what others write is seen at once");
    assert!(!empty(), "the lock is held as of before");
    let later = Instant::now() + LOOK;
    writer.look(later);
    assert!(!writer.held.is_held);
    assert!(empty());
    // That the log was emptied looks like a commit.
    for looks in 1..3 {
        writer.look(later + LOOK * looks);
    }
    assert!(writer.held.is_held, "nobody writes any more");
}

#[tokio::test]
async fn what_another_process_wrote_is_taken_into_the_file_soon_after() {
    let (folder, engine) = holding().await;
    let path = folder.path().join("renkei.db");
    put(&engine, "INSERT INTO notes (institution, text) VALUES ('1001', 'own')").await;
    // Nobody looks in between.
    let mut writer = engine.0.writer.lock().await;
    let other = Connection::open(&path).unwrap();
    let length = || path.metadata().unwrap().len();
    other.execute_batch(BIG).unwrap();
    other.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
    let before = length();
    writer.look(Instant::now() + LOOK);
    assert!(length() > before + 200_000, "{before}, then {}", length());
}

#[test]
fn the_log_is_taken_into_the_file_at_the_end_although_a_lock_is_held() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("renkei.db");
    let connection = Connection::open(&path).unwrap();
    configure(&connection).unwrap();
    connection.execute_batch("CREATE TABLE notes (institution TEXT, text TEXT) STRICT").unwrap();
    let (mut writer, _spent) = Writer::new(connection, &path).unwrap();
    let began = Instant::now();
    for looks in 0..2 {
        writer.look(began + LOOK * looks);
    }
    assert!(writer.held.is_held && writer::log_of(&path).exists());
    drop(writer);
    assert!(!writer::log_of(&path).exists());
}

//! Units of which one fails, with and without the means to take it back.

use renkei_testing::aoi;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization, TransactionOperation};

use super::*;
use crate::{Ended, Step, Unit};

const NOTE: &str = "INSERT INTO notes (institution, text) VALUES (?1, 'second')";
const LACKING: &str = "INSERT INTO notes (institution, text) SELECT ?1, n.text FROM nowhere n WHERE n.institution = ?1";
const BIG_NOTE: &str = "INSERT INTO notes (institution, text) VALUES (?1, hex(zeroblob(100000)))";

/// The writer once another transaction has written in the outer one: it has ended and waits for the flush, or was given
/// up and left the outer one open.
async fn writer_after(engine: &Engine, waits_another: bool) -> OwnedMutexGuard<Writer> {
    let mut other = engine.begin().await.unwrap();
    write(&other, "INSERT INTO notes (institution, text) VALUES ('1001', 'other')").unwrap();
    if !waits_another {
        drop(other);
        return Arc::clone(&engine.0.writer).lock_owned().await;
    }
    other.run("RELEASE one").unwrap();
    let mut writer = other.writer.take().unwrap();
    writer.waiting.push(oneshot::channel().0);
    writer
}

/// Leaves a unit that writes `first`, and then what this statement does.
fn ask(units: &Units, second: &'static str) -> oneshot::Receiver<Result<Ended, StoreError>> {
    let mut unit = Unit::new(&aoi());
    for text in ["INSERT INTO notes (institution, text) VALUES (?1, 'first')", second] {
        unit.then(Step::new(text, Vec::new()));
    }
    let (answer, wait) = oneshot::channel();
    units.lock().unwrap().push_back((unit, answer));
    wait
}

#[tokio::test]
async fn f_05_a_unit_that_fails_takes_nothing_with_it_whoever_else_is_in_the_transaction() {
    for waits_another in [false, true] {
        let (_folder, engine) = engine();
        let mut writer = writer_after(&engine, waits_another).await;
        let units = Units::default();
        let answers = [ask(&units, NOTE), ask(&units, LACKING), ask(&units, NOTE)];
        let written = write_units(&mut writer, &units);
        writer.commit().unwrap();
        let ended: Vec<_> = written.into_iter().map(|(ended, _)| ended).collect();
        let [Ok(Ended::Done), Err(StoreError::Unusable(_)), Ok(Ended::Done)] = ended.as_slice() else {
            panic!("{ended:?}")
        };
        assert_eq!(count(&engine), 4 + i64::from(waits_another));
        drop(answers);
    }
}

/// How these ended, each of which first writes one note.
fn ended_of(writer: &mut Writer, seconds: &[&'static str]) -> Vec<Result<Ended, StoreError>> {
    let units = Units::default();
    let answers: Vec<_> = seconds.iter().map(|second| ask(&units, second)).collect();
    let ended = write_units(writer, &units).into_iter().map(|(ended, _)| ended).collect();
    drop(answers);
    ended
}

#[tokio::test]
async fn f_05_every_unit_of_a_group_that_the_full_disk_took_back_is_told_that_it_was_full() {
    for waits_another in [false, true] {
        let (_folder, engine) = engine();
        let mut writer = writer_after(&engine, waits_another).await;
        writer.connection.pragma_update(None, "max_page_count", 1).unwrap();
        let ended = ended_of(&mut writer, &[NOTE, BIG_NOTE, NOTE]);
        let full = |ended: &Result<Ended, StoreError>| matches!(ended, Err(StoreError::Full(_)));
        assert!(ended.len() == 3 && ended.iter().all(full), "{ended:?}");
        assert_eq!(writer.commit().is_err(), waits_another);
        assert_eq!(count(&engine), 0);
    }
}

#[tokio::test]
async fn f_05_a_group_of_which_one_can_not_be_taken_back_is_taken_back_whole() {
    let (_folder, engine) = engine();
    let mut writer = writer_after(&engine, true).await;
    let refuse = |context: AuthContext<'_>| match context.action {
        AuthAction::Savepoint { operation: TransactionOperation::Rollback, .. } => Authorization::Deny,
        _ => Authorization::Allow,
    };
    writer.connection.authorizer(Some(refuse)).unwrap();
    let ended = ended_of(&mut writer, &[NOTE, LACKING, NOTE]);
    assert!(ended.len() == 3 && ended.iter().all(Result::is_err), "{ended:?}");
    assert!(matches!(writer.commit(), Err(StoreError::Unavailable(_))), "the other is not told that it is done");
    assert_eq!(count(&engine), 0);
    writer.waiting.clear();
    assert!(matches!(ended_of(&mut writer, &[NOTE]).as_slice(), [Ok(Ended::Done)]));
    writer.commit().unwrap();
    assert_eq!(count(&engine), 2);
}

#[tokio::test]
async fn f_05_nothing_is_committed_any_more_once_nothing_can_be_taken_back() {
    for waits_another in [false, true] {
        let (folder, engine) = engine();
        let mut writer = writer_after(&engine, waits_another).await;
        let refuse = |context: AuthContext<'_>| match context.action {
            AuthAction::Transaction { operation: TransactionOperation::Rollback }
            | AuthAction::Savepoint { operation: TransactionOperation::Rollback, .. } => Authorization::Deny,
            _ => Authorization::Allow,
        };
        writer.connection.authorizer(Some(refuse)).unwrap();
        let ended = ended_of(&mut writer, &[NOTE, LACKING, NOTE]);
        assert!(ended.len() == 3 && ended.iter().all(Result::is_err), "{ended:?}");
        assert!(matches!(writer.commit(), Err(StoreError::Unavailable(_))));
        let ended = ended_of(&mut writer, &[NOTE]);
        assert!(matches!(ended.as_slice(), [Err(StoreError::Unavailable(_))]), "{ended:?}");
        drop(writer);
        assert!(engine.until_spent().await.contains("taken back"));
        drop(engine);
        let next = Engine::open(&folder.path().join("renkei.db")).unwrap();
        assert_eq!(count(&next), 0);
    }
}

#[tokio::test]
async fn nothing_is_committed_of_a_transaction_that_was_given_up_and_could_not_be_taken_back() {
    let (_folder, engine) = engine();
    let mut given_up = engine.begin().await.unwrap();
    write(&given_up, "INSERT INTO notes (institution, text) VALUES ('1001', 'given up')").unwrap();
    let refuse = |context: AuthContext<'_>| match context.action {
        AuthAction::Savepoint { operation: TransactionOperation::Rollback, .. } => Authorization::Deny,
        _ => Authorization::Allow,
    };
    given_up.writer.as_mut().unwrap().connection.authorizer(Some(refuse)).unwrap();
    drop(given_up);
    let mut writer = engine.0.writer.lock().await;
    assert!(matches!(ended_of(&mut writer, &[NOTE]).as_slice(), [Ok(Ended::Done)]));
    writer.commit().unwrap();
    assert_eq!(count(&engine), 2);
}

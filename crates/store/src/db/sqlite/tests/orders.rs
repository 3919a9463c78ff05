//! Transactions and units that come at the same time, in every order.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Poll, Waker};

use renkei_domain::time::Timestamp;
use renkei_testing::aoi;
use renkei_testing::explore::{Explored, Thread, block_on, explore, step};

use super::*;
use crate::{Ended, Step, Unit};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const TABLES: &str = "CREATE TABLE notes (institution TEXT, text TEXT) STRICT; \
     CREATE TABLE replays (institution TEXT, digest BLOB, expires_at INTEGER, PRIMARY KEY (institution, digest))";
const NOTE: &str = "INSERT INTO notes (institution, text) VALUES (?1, ?2)";

/// An engine whose committing thread is one of those that are explored.
struct World {
    engine: Engine,
    asked: Mutex<mpsc::Receiver<()>>,
    committer: Mutex<Option<Waker>>,
    /// Threads that may ask still.
    asking: AtomicUsize,
    /// How often the mark was given.
    given: AtomicUsize,
    _folder: tempfile::TempDir,
}

impl World {
    fn new(asking: usize) -> World {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("renkei.db");
        let connection = Connection::open(&path).unwrap();
        // What is tested is who sees what; nothing has to come to the disk.
        connection.execute_batch(&format!("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; {TABLES}")).unwrap();
        let readers = vec![Mutex::new(open_reader(&path).unwrap())];
        let (writer, spent) = Writer::new(connection, &path).unwrap();
        let (committer, asked) = mpsc::channel();
        let (writer, units) = (Arc::new(QueueMutex::new(writer)), Arc::default());
        let inner = Inner { path, writer, readers, next_reader: AtomicUsize::new(0), committer, units, spent };
        let (asked, asking, given) = (Mutex::new(asked), AtomicUsize::new(asking), AtomicUsize::new(0));
        World { engine: Engine(Arc::new(inner)), asked, committer: Mutex::default(), asking, given, _folder: folder }
    }

    fn next(&self) -> Option<()> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).try_recv().ok()
    }

    /// The committing thread.
    fn commit(&self) {
        let inner = &self.engine.0;
        commit_whenever(|| self.is_asked(), || while self.next().is_some() {}, &inner.writer, &inner.units);
    }

    /// Waits until somebody asks, or nobody can any more.
    fn is_asked(&self) -> bool {
        block_on(poll_fn(|context| match self.next() {
            Some(()) => Poll::Ready(true),
            None if self.asking.load(SeqCst) == 0 => Poll::Ready(false),
            None => {
                *self.committer.lock().unwrap_or_else(PoisonError::into_inner) = Some(context.waker().clone());
                Poll::Pending
            }
        }))
    }

    /// Whoever commits may have been asked.
    fn wake(&self) {
        let waker = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Waits for what asks for a commit by the way.
    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        block_on(poll_fn(|context| {
            let poll = future.as_mut().poll(context);
            self.wake();
            poll
        }))
    }

    /// This thread asks for nothing more.
    fn end(&self) {
        self.asking.fetch_sub(1, SeqCst);
        self.wake();
    }

    /// Notes as others see them.
    fn noted(&self, text: &str) -> i64 {
        let count = "SELECT COUNT(*) FROM notes WHERE institution = '1001' AND text = ?1";
        self.engine.reader().query_row(count, [text], |row| row.get(0)).unwrap()
    }

    /// Leaves a unit that claims a mark and notes a text, and waits for what came of it.
    fn claim(&self, text: &'static str) {
        let mut unit = Unit::new(&aoi());
        unit.claim_replay(&[7; 32], NOW.plus_seconds(60), NOW);
        unit.then(Step::new(NOTE, vec![Param::from(text)]));
        let (answer, wait) = oneshot::channel();
        self.engine.leave((unit, answer)).unwrap();
        let ended = self.wait(wait).unwrap().unwrap();
        let is_done = ended == Ended::Done;
        assert_eq!(self.noted(text), i64::from(is_done), "told {ended:?} of {text}");
        self.given.fetch_add(usize::from(is_done), SeqCst);
        self.end();
    }

    /// Writes a text in a transaction, and keeps it or not.
    fn write(&self, text: &'static str, is_kept: bool) {
        let write = block_on(self.engine.begin()).unwrap();
        run(write.connection().unwrap(), &format!("INSERT INTO notes (institution, text) VALUES ('1001', '{text}')"))
            .unwrap();
        step();
        match is_kept {
            true => self.wait(write.commit()).unwrap(),
            false => drop(write),
        }
        assert_eq!(self.noted(text), i64::from(is_kept), "{text}");
        self.end();
    }

    fn was_given_once(&self) -> Result<(), String> {
        let given = self.given.load(SeqCst);
        let writer = self.engine.0.writer.try_lock().map_err(|_| "the writer is held still")?;
        let is_clean = writer.waiting.is_empty() && writer.connection.is_autocommit();
        (given == 1 && is_clean).then_some(()).ok_or_else(|| format!("given {given} times, clean: {is_clean}"))
    }
}

/// Two of these at the same time, and whoever commits.
fn meet(interruptions: usize, two: [Thread<'_, World>; 2], commit: Thread<'_, World>) -> Explored {
    explore(interruptions, || World::new(2), &[two[0], two[1], commit], World::was_given_once)
}

fn one(world: &World) {
    world.claim("one");
}

fn other(world: &World) {
    world.claim("other");
}

#[test]
fn f_33_a_mark_is_given_once_and_nobody_is_told_before_others_can_see_it() {
    let (kept, dropped) = (|world: &World| world.write("third", true), |world: &World| world.write("third", false));
    meet(1, [&one, &other], &World::commit).expect_right("two units with one mark");
    meet(1, [&one, &kept], &World::commit).expect_right("a unit beside a transaction");
    meet(1, [&one, &dropped], &World::commit).expect_right("a unit beside a transaction that is taken back");
}

#[test]
fn f_33_control_whoever_asks_while_a_group_is_written_and_is_passed_over_is_found() {
    let forgetful = |world: &World| {
        while world.is_asked() {
            commit_group(&world.engine.0.writer, &world.engine.0.units);
            while world.next().is_some() {}
        }
    };
    meet(1, [&one, &other], &forgetful).expect_wrong("somebody passed over");
}

#[test]
fn f_33_control_units_that_are_told_before_the_commit_are_found() {
    let hasty = |world: &World| {
        let inner = &world.engine.0;
        while world.is_asked() {
            let mut writer = sync::wait(&inner.writer);
            for (ended, answer) in write_units(&mut writer, &inner.units) {
                drop(answer.send(ended));
            }
            step();
            writer.commit().unwrap();
        }
    };
    meet(1, [&one, &other], &hasty).expect_wrong("told before the commit");
}

use std::sync::atomic::{AtomicUsize, Ordering};

use renkei_testing::explore::{Explored, Thread, block_on, explore, step};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const KEYS: [Key; 2] = [[1; 32], [2; 32]];

/// A node, and how many of its requests ask about the certificate at this moment.
#[derive(Default)]
struct World {
    responders: Responders,
    asking: AtomicUsize,
    asked: AtomicUsize,
}

impl World {
    /// What the responder says: good before the revocation, and for five minutes.
    async fn ask(&self, now: Timestamp) -> Said {
        assert_eq!(self.asking.fetch_add(1, Ordering::SeqCst), 0, "two ask about one certificate");
        step();
        self.asking.fetch_sub(1, Ordering::SeqCst);
        self.asked.fetch_add(1, Ordering::SeqCst);
        let status = if now < NOW.plus_seconds(KEPT_SECONDS) { Status::Good } else { Status::Revoked };
        Said { key: KEYS[0], status: Some(status), until: now.plus_seconds(KEPT_SECONDS) }
    }

    async fn with_flights(&self, now: Timestamp) -> Option<Status> {
        self.responders.once(KEYS, now, self.ask(now)).await
    }

    /// Nobody waits for whoever asks already.
    async fn without_flights(&self, now: Timestamp) -> Option<Status> {
        if let Some(said) = self.responders.known(KEYS, now) {
            return said;
        }
        let Said { key, status, until } = self.ask(now).await;
        self.responders.note(key, status, until);
        status
    }
}

/// Three requests: one of now, one of a little later, one after the first answer has run out.
fn three_requests(status: impl Fn(&World, Timestamp) -> Option<Status> + Sync) -> Explored {
    let now = |world: &World| assert!(status(world, NOW).is_some());
    let soon = |world: &World| assert!(status(world, NOW.plus_seconds(1)).is_some());
    let late = |world: &World| {
        let said = status(world, NOW.plus_seconds(KEPT_SECONDS + 1));
        assert_eq!(said, Some(Status::Revoked), "an answer that had run out served");
    };
    let holds = |world: &World| match world.asked.load(Ordering::SeqCst) {
        1 | 2 => Ok(()),
        other => Err(format!("asked {other} times")),
    };
    let threads: [Thread<'_, World>; 3] = [&now, &soon, &late];
    explore(2, World::default, &threads, holds)
}

#[test]
fn f_33_one_asks_about_a_certificate_and_no_answer_serves_longer_than_it_stands() {
    three_requests(|world, now| block_on(world.with_flights(now))).expect_right("answers of a responder");
}

#[test]
fn f_33_control_requests_that_wait_for_nobody_are_found() {
    three_requests(|world, now| block_on(world.without_flights(now))).expect_wrong("nobody waits");
}

#[test]
fn f_33_control_an_answer_that_serves_for_too_long_is_found() {
    let for_ever = |world: &World, now: Timestamp| block_on(world.with_flights(now.min(NOW.plus_seconds(1))));
    three_requests(for_ever).expect_wrong("an answer for too long");
}

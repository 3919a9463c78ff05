use std::sync::atomic::{AtomicBool, Ordering};

use renkei_testing::explore::{Explored, Thread, explore, step};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const KEY: [u8; 32] = [7; 32];

/// A node, and what the authority says meanwhile.
#[derive(Default)]
struct World {
    looks: Looks,
    is_revoked: AtomicBool,
    was_refused: AtomicBool,
}

impl World {
    /// A look; `begin` says when it began, given that and how many were refused by the time it is noted.
    fn look(&self, begin: fn(u64, u64) -> u64) -> bool {
        let begun = self.looks.begin();
        let is_good = !self.is_revoked.load(Ordering::SeqCst);
        step();
        if is_good {
            self.looks.note(KEY, NOW.plus_seconds(LOOK_SECONDS), begin(begun, self.looks.begin()));
        } else {
            self.looks.refuse(&KEY);
        }
        is_good
    }
}

/// Two pages are shown and something is done while the certificate is revoked.
fn two_pages_and_an_act(begin: fn(u64, u64) -> u64) -> Explored {
    let show = |world: &World| {
        for _ in 0..2 {
            let was_refused = world.was_refused.load(Ordering::SeqCst);
            let is_shown = world.looks.serves(&KEY, NOW) || world.look(begin);
            assert!(!(was_refused && is_shown), "shown after it had been refused");
        }
    };
    let act = |world: &World| {
        if !world.look(begin) {
            world.was_refused.store(true, Ordering::SeqCst);
        }
    };
    let revoke = |world: &World| {
        step();
        world.is_revoked.store(true, Ordering::SeqCst);
    };
    let threads: [Thread<'_, World>; 3] = [&show, &act, &revoke];
    explore(3, World::default, &threads, |_| Ok(()))
}

#[test]
fn f_33_after_a_certificate_was_refused_no_look_of_before_serves() {
    two_pages_and_an_act(|begun, _| begun).expect_right("looks at certificates");
}

#[test]
fn f_33_control_a_look_that_is_noted_whenever_it_began_is_found() {
    two_pages_and_an_act(|_, noted| noted).expect_wrong("a look noted late");
}

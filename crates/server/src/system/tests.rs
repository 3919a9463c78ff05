use std::sync::atomic::AtomicI64 as Plain;

use renkei_testing::explore::{Explored, Thread, explore, step};

use super::*;

struct World {
    lead: Lead,
    /// The most that anybody was told.
    seen: Plain,
}

/// Two look at the time, twice each, while another clock is followed that says 5, 3 and 9 microseconds more.
fn two_look(begin: fn() -> World, follow: fn(&Lead, i64)) -> Explored {
    let look = |world: &World| {
        for own in [4, 2] {
            let before = world.seen.load(Ordering::SeqCst);
            let now = world.lead.now(|| {
                step();
                own
            });
            assert!(now >= before, "{now} after {before}: the clock went back");
            world.seen.fetch_max(now, Ordering::SeqCst);
        }
    };
    let keep = |world: &World| [5, 3, 9].into_iter().for_each(|lead| follow(&world.lead, lead));
    let threads: [Thread<'_, World>; 3] = [&look, &look, &keep];
    explore(3, begin, &threads, |_| Ok(()))
}

fn world() -> World {
    World { lead: Lead::new(), seen: Plain::new(i64::MIN) }
}

/// As at each start: it is asked once before anybody else looks.
fn following() -> World {
    let world = world();
    world.lead.follow(1);
    world
}

#[test]
fn f_33_f_20_no_two_looks_at_the_clock_go_back() {
    two_look(following, Lead::follow).expect_right("the clock that all nodes share");
    two_look(world, |_, _| step()).expect_right("the machine's clock");
}

#[test]
fn f_33_control_a_clock_that_is_set_instead_of_put_forward_is_found() {
    two_look(following, |lead, told| lead.most.store(told, Ordering::Release)).expect_wrong("a clock that is set");
}

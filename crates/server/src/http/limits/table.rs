//! A table of fixed size: who has used up how much, for as long as it matters and no longer.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::PoisonError;

use renkei_domain::time::{MICROS_PER_SECOND, Timestamp};

use crate::sync::{Mutex, MutexGuard};

/// Entries that stand or fall together, under one lock.
const WAYS: usize = 8;
/// Such groups. The whole table takes less than a megabyte, whoever comes.
const GROUPS: usize = 4_096;

/// How much earlier than another one a request may have begun that comes to its budget later, in microseconds: more than
/// any request may take.
const LATE_MICROS: i64 = 60 * MICROS_PER_SECOND;

/// How fast a budget refills, and how much it holds, both as time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// What one request uses up.
    pub each_micros: i64,
    /// What a whole budget holds.
    pub room_micros: i64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    /// Who: a keyed digest, so that nobody outside can choose whom to collide with.
    who: u64,
    /// The instant, in microseconds, at which the budget is whole again (generic cell rate algorithm, ITU-T I.371). In
    /// the past: as good as no entry.
    whole_at: i64,
}

type Group = Mutex<[Entry; WAYS]>;

/// What is remembered of many parties. Of more than fit, those who used up least are forgotten.
pub struct Table {
    groups: Box<[Group]>,
    keys: RandomState,
}

impl Default for Table {
    fn default() -> Table {
        let groups = std::iter::repeat_with(Group::default).take(GROUPS).collect();
        Table { groups, keys: RandomState::new() }
    }
}

impl Table {
    /// Takes one request out of a budget; if it is used up, how long until there is room, in microseconds.
    pub fn take(&self, who: &impl Hash, pace: &Pace, now: Timestamp) -> Result<(), i64> {
        let who = self.keys.hash_one(who);
        let Some(mut group) = self.group(who) else { return Err(pace.each_micros) };
        let known = group.iter().position(|entry| entry.who == who);
        let least = group.iter().enumerate().min_by_key(|(_, entry)| entry.whole_at).map(|(at, _)| at);
        let Some(entry) = known.or(least).and_then(|at| group.get_mut(at)) else { return Err(pace.each_micros) };
        if entry.who != who {
            *entry = Entry { who, whole_at: 0 };
        }
        entry.whole_at = pace.whole_at(*entry, now);
        let next = pace.after(*entry, now)?;
        entry.whole_at = next;
        Ok(())
    }

    /// As [`Table::take`], and takes nothing.
    pub fn look(&self, who: &impl Hash, pace: &Pace, now: Timestamp) -> Result<(), i64> {
        let who = self.keys.hash_one(who);
        let group = self.group(who);
        let known = group.and_then(|group| group.iter().find(|entry| entry.who == who).copied());
        known.map_or(Ok(()), |entry| pace.after(entry, now).map(|_| ()))
    }

    fn group(&self, who: u64) -> Option<MutexGuard<'_, [Entry; WAYS]>> {
        let place = usize::try_from(who % GROUPS as u64).ok()?;
        Some(self.groups.get(place)?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Pace {
    /// The latest instant at which a budget may become whole again.
    fn latest(&self, now: Timestamp) -> i64 {
        now.0.saturating_add(self.room_micros)
    }

    /// When a budget is whole again. A clock that was set back must not lock anybody out for longer than a whole budget; a
    /// request that comes late must give nothing back that others used up.
    fn whole_at(&self, entry: Entry, now: Timestamp) -> i64 {
        let latest = self.latest(now);
        if entry.whole_at > latest.saturating_add(LATE_MICROS) { latest } else { entry.whole_at }
    }

    /// When the budget would be whole after one more request, or by how much that is too late.
    fn after(&self, entry: Entry, now: Timestamp) -> Result<i64, i64> {
        let next = self.whole_at(entry, now).max(now.0).saturating_add(self.each_micros);
        let over = next.saturating_sub(self.latest(now));
        if over > 0 { Err(over) } else { Ok(next) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const PACE: Pace = Pace { each_micros: 1_000_000, room_micros: 3_000_000 };

    #[test]
    fn a_budget_is_used_up_and_fills_again() {
        let table = Table::default();
        for _ in 0..3 {
            assert_eq!(table.take(&"kakeibo", &PACE, NOW), Ok(()));
        }
        assert_eq!(table.take(&"kakeibo", &PACE, NOW), Err(1_000_000));
        assert_eq!(table.look(&"kakeibo", &PACE, NOW), Err(1_000_000));
        assert_eq!(table.take(&"chobo", &PACE, NOW), Ok(()));
        assert_eq!(table.look(&"kakeibo", &PACE, NOW.plus_seconds(1)), Ok(()));
        assert_eq!(table.take(&"kakeibo", &PACE, NOW.plus_seconds(1)), Ok(()));
        assert_eq!(table.take(&"kakeibo", &PACE, NOW.plus_seconds(1)), Err(1_000_000));
    }

    #[test]
    fn r_058_a_thousand_times_more_sources_than_fit_take_no_more_memory_and_forgive_no_flood() {
        let table = Table::default();
        for _ in 0..3 {
            assert_eq!(table.take(&"flood", &PACE, NOW), Ok(()));
        }
        for number in 0..(GROUPS * WAYS * 4) {
            assert_eq!(table.take(&number, &PACE, NOW), Ok(()));
        }
        assert_eq!(table.groups.len() * size_of::<Group>(), GROUPS * size_of::<Group>());
        assert!(size_of::<Group>() * GROUPS < 1 << 20, "{}", size_of::<Group>() * GROUPS);
        assert_eq!(table.take(&"flood", &PACE, NOW), Err(1_000_000), "who used up most is remembered longest");
    }

    /// Three threads take as often as they can, the second one with requests that began a second earlier; `take` takes.
    fn three_take(take: impl Fn(&Table, Timestamp) -> Result<(), i64> + Sync) -> renkei_testing::explore::Explored {
        use renkei_testing::explore::{Thread, explore};
        type World = (Table, std::sync::atomic::AtomicI64);
        let times = |world: &World, times: usize, now: Timestamp| {
            let taken = (0..times).filter(|_| take(&world.0, now).is_ok()).count();
            world.1.fetch_add(i64::try_from(taken).unwrap(), std::sync::atomic::Ordering::SeqCst);
        };
        let early = |world: &World| times(world, 2, NOW);
        let late = |world: &World| times(world, 3, NOW.plus_seconds(1));
        let last = |world: &World| times(world, 1, NOW.plus_seconds(1));
        let holds = |world: &World| match world.1.load(std::sync::atomic::Ordering::SeqCst) {
            // Three in a row, and one more for the second between the first and the last of them.
            3 | 4 => Ok(()),
            other => Err(format!("{other} were let in")),
        };
        let threads: [Thread<'_, World>; 3] = [&early, &late, &last];
        explore(3, World::default, &threads, holds)
    }

    #[test]
    fn f_33_a_budget_gives_no_more_than_it_holds_in_whatever_order_requests_come() {
        three_take(|table, now| table.take(&"kakeibo", &PACE, now)).expect_right("a budget");
    }

    #[test]
    fn f_33_control_a_budget_that_is_looked_at_and_taken_from_apart_is_found() {
        let apart = |table: &Table, now| {
            table.look(&"kakeibo", &PACE, now)?;
            let who = table.keys.hash_one("kakeibo");
            let mut group = table.group(who).unwrap();
            group[0] = Entry { who, whole_at: group[0].whole_at.max(now.0) + PACE.each_micros };
            Ok(())
        };
        three_take(apart).expect_wrong("a budget looked at and taken from apart");
    }

    #[test]
    fn requests_that_come_late_give_nothing_back() {
        let table = Table::default();
        let taken = (0..100).filter(|number| table.take(&"kakeibo", &PACE, NOW.plus_seconds(-(number % 2))).is_ok());
        assert_eq!(taken.count(), 3);
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let table = Table::default();
        assert_eq!(table.take(&"kakeibo", &PACE, NOW), Ok(()));
        let earlier = NOW.plus_seconds(-86_400);
        assert_eq!(table.take(&"kakeibo", &PACE, earlier), Err(1_000_000));
        assert_eq!(table.take(&"kakeibo", &PACE, earlier.plus_seconds(1)), Ok(()));
    }
}

//! A table of fixed size: who has used up how much, for as long as it matters and no longer.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use renkei_domain::time::Timestamp;

/// Entries that stand or fall together, under one lock.
const WAYS: usize = 8;
/// Such groups. The whole table takes less than a megabyte, whoever comes.
const GROUPS: usize = 4_096;

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
        // A clock that was set back must not lock anybody out for longer than a whole budget.
        entry.whole_at = entry.whole_at.min(pace.latest(now));
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

    /// When the budget would be whole after one more request, or by how much that is too late.
    fn after(&self, entry: Entry, now: Timestamp) -> Result<i64, i64> {
        let next = entry.whole_at.clamp(now.0, self.latest(now)).saturating_add(self.each_micros);
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

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let table = Table::default();
        assert_eq!(table.take(&"kakeibo", &PACE, NOW), Ok(()));
        let earlier = NOW.plus_seconds(-86_400);
        assert_eq!(table.take(&"kakeibo", &PACE, earlier), Err(1_000_000));
        assert_eq!(table.take(&"kakeibo", &PACE, earlier.plus_seconds(1)), Ok(()));
    }
}

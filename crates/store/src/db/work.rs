//! What a store is asked for, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use renkei_domain::audit::{Action, Outcome};

use super::room::Room;
use crate::histogram::Histogram;

/// What was asked of the store so far.
#[derive(Debug, Default)]
pub struct Work {
    pub(super) look_ups: AtomicU64,
    pub(super) commits: AtomicU64,
    pub(super) waiting: AtomicU64,
    /// From asking for durability to having it.
    pub commit_time: Histogram,
    pub(crate) records: Records,
    pub(crate) room: Room,
}

/// Audit records written, by action and outcome.
#[derive(Debug)]
pub(crate) struct Records([[AtomicU64; 2]; Action::ALL.len()]);

impl Default for Records {
    fn default() -> Records {
        Records([const { [const { AtomicU64::new(0) }; 2] }; Action::ALL.len()])
    }
}

impl Records {
    pub(crate) fn count(&self, action: Action, outcome: Outcome) {
        if let Some([done, refused]) = self.0.get(action as usize) {
            let count = if outcome == Outcome::Done { done } else { refused };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A transaction that waits to begin; no longer when dropped.
pub(super) struct Waiting<'a>(pub(super) &'a AtomicU64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Connections to a PostgreSQL server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    /// Open.
    pub open: usize,
    /// Of them, those that nobody uses.
    pub idle: usize,
    /// Requests that wait for one.
    pub wanted: usize,
}

impl Work {
    /// Statements run outside of transactions, and transactions made durable.
    #[must_use]
    pub fn done(&self) -> (u64, u64) {
        (self.look_ups.load(Ordering::Relaxed), self.commits.load(Ordering::Relaxed))
    }

    /// Transactions that wait for the writer, or for a connection, to begin.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Audit records of an action that were written so far: of what was done, and of what was refused.
    #[must_use]
    pub fn records(&self, action: Action) -> [u64; 2] {
        let counts = self.records.0.get(action as usize);
        counts.map_or([0; 2], |counts| counts.each_ref().map(|count| count.load(Ordering::Relaxed)))
    }
}

//! Linearizability of the operations on one key (Herlihy and Wing; the search is that of Wing and Gong with Lowe's
//! memory): is there an order of all operations, each at some instant between its begin and its end, in which a single
//! object would have answered as was answered?
//!
//! An operation without an answer may take effect at any instant after its begin, or never.

use std::collections::HashSet;
use std::hash::Hash;

/// An object as it would behave alone.
pub trait Model {
    /// What it is in.
    type State: Clone + Eq + Hash;
    /// What is asked of it, with the answer.
    type Op;

    /// How it begins.
    fn initial(&self) -> Self::State;

    /// The states it may be in after this operation with this answer; none: it would not have answered so.
    fn after(&self, state: &Self::State, op: &Self::Op) -> Vec<Self::State>;
}

/// An operation in time.
#[derive(Debug, Clone)]
pub struct Timed<Op> {
    /// When it went out.
    pub begin: u64,
    /// When its answer was there; `None`: never.
    pub end: Option<u64>,
    /// What it was.
    pub op: Op,
}

/// Whether such an order exists.
#[must_use]
pub fn is_linearizable<M: Model>(model: &M, ops: &[Timed<M::Op>]) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![(vec![false; ops.len()], model.initial())];
    while let Some((placed, state)) = open.pop() {
        let is_complete = ops.iter().zip(&placed).all(|(op, placed)| *placed || op.end.is_none());
        if is_complete {
            return true;
        }
        if !seen.insert((placed.clone(), state.clone())) {
            continue;
        }
        // Whatever comes next must have begun before the first end of those not placed yet.
        let unplaced = || ops.iter().zip(&placed).filter(|(_, placed)| !**placed).map(|(op, _)| op);
        let first_end = unplaced().filter_map(|op| op.end).min().unwrap_or(u64::MAX);
        for (index, op) in ops.iter().enumerate() {
            if placed.get(index).copied().unwrap_or(true) || op.begin > first_end {
                continue;
            }
            for next in model.after(&state, &op.op) {
                let mut placed = placed.clone();
                if let Some(place) = placed.get_mut(index) {
                    *place = true;
                }
                open.push((placed, next));
            }
        }
    }
    false
}

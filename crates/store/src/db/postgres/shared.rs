//! Connections that many read over at the same time.
//!
//! A question is sent without waiting for the answers to those before it, so a node that is busy sends and receives
//! several at once, and the server works on them in one go. Only for statements on their own: a transaction has a
//! connection to itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use deadpool::managed::{Object, Pool};

use super::super::StoreError;
use super::{available, wire::Wire, wire::Wires};

/// How many there are, beside those of the pool. More than one, so that a longer answer does not hold up all.
const CONNECTIONS: usize = 2;

/// The connections; each is made when it is needed first, and anew when it can't be used any more.
#[derive(Default)]
pub(super) struct Shared {
    wires: [RwLock<Option<Arc<Wire>>>; CONNECTIONS],
    turn: AtomicUsize,
}

impl Shared {
    /// The connection whose turn it is.
    pub(super) async fn wire(&self, pool: &Pool<Wires>) -> Result<Arc<Wire>, StoreError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
        let [first, ..] = &self.wires;
        let place = self.wires.get(turn).unwrap_or(first);
        if let Some(wire) = usable(place) {
            return Ok(wire);
        }
        // Out of the pool, which may make another one instead.
        let wire = Arc::new(Object::take(pool.get().await.map_err(available)?));
        let mut place = place.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever was first is used by all; the others' connections end.
        match place.as_ref().filter(|other| other.is_current()) {
            Some(other) => Ok(Arc::clone(other)),
            None => Ok(Arc::clone(place.insert(wire))),
        }
    }

    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.wires.iter().filter(|place| usable(place).is_some()).count()
    }
}

fn usable(place: &RwLock<Option<Arc<Wire>>>) -> Option<Arc<Wire>> {
    let wire = place.read().unwrap_or_else(PoisonError::into_inner);
    wire.as_ref().filter(|wire| wire.is_current()).map(Arc::clone)
}

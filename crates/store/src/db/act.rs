//! What the store did within one act: whether doing it again from the beginning is safe.

use std::cell::Cell;

use super::StoreError;

tokio::task_local! {
    static SEEN: Cell<Seen>;
}

/// What the store did while somebody looked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Transactions that stand, or may stand.
    pub settled: u32,
    /// Transactions that the engine took back because of others at the same time.
    pub conflicts: u32,
}

impl Seen {
    /// Whether the act lost to others and nothing of it stands: done again from its beginning, it is done once.
    #[must_use]
    pub fn may_be_repeated(self) -> bool {
        self.conflicts > 0 && self.settled == 0
    }
}

/// Does this, and tells what the store did meanwhile, in this task.
pub async fn watched<T>(act: impl Future<Output = T>) -> (T, Seen) {
    SEEN.scope(Cell::default(), async move {
        let done = act.await;
        (done, SEEN.with(Cell::get))
    })
    .await
}

/// Notes what a statement led to.
pub(super) fn note_statement<T>(outcome: &Result<T, StoreError>) {
    if matches!(outcome, Err(StoreError::Conflict(_))) {
        change(|seen| seen.conflicts += 1);
    }
}

/// Notes what a commit led to.
pub(super) fn note_commit(outcome: &Result<(), StoreError>) {
    note_statement(outcome);
    if matches!(outcome, Ok(()) | Err(StoreError::Unknown(_))) {
        change(|seen| seen.settled += 1);
    }
}

fn change(change: impl FnOnce(&mut Seen)) {
    // Outside of an act nobody looks.
    let _ = SEEN.try_with(|cell| {
        let mut seen = cell.get();
        change(&mut seen);
        cell.set(seen);
    });
}

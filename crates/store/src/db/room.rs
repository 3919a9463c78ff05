//! What is still written once the disk was found full: the little that has to go on from the room that was kept for it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

use super::{Store, StoreError};

tokio::task_local! {
    static NEEDED: ();
}

/// Whether the disk has room.
#[derive(Debug, Default)]
pub(crate) struct Room {
    is_short: AtomicBool,
    found_full: Notify,
}

impl Room {
    /// Lets a transaction begin.
    pub(super) fn admit(&self) -> Result<(), StoreError> {
        if self.is_short.load(Ordering::Acquire) && NEEDED.try_with(|()| ()).is_err() {
            return Err(StoreError::Unavailable("the disk is full, and what room is left is kept".into()));
        }
        Ok(())
    }

    /// Notes what became of a write.
    pub(super) fn note<T>(&self, outcome: &Result<T, StoreError>) {
        if matches!(outcome, Err(StoreError::Full(_))) {
            self.found_full.notify_one();
        }
    }
}

/// Does this as something that has to go on, also while room is short.
pub async fn needed<T>(act: impl Future<Output = T>) -> T {
    NEEDED.scope((), act).await
}

impl Store {
    /// Returns when a write found the disk full; at once if one did since this returned last.
    pub async fn until_full(&self) {
        self.work.room.found_full.notified().await;
    }

    /// Says whether room is short: then only what is [`needed`] may be written.
    pub fn set_short(&self, is_short: bool) {
        self.work.room.is_short.store(is_short, Ordering::Release);
    }

    /// Whether room is short.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.work.room.is_short.load(Ordering::Acquire)
    }
}

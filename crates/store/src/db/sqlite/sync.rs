//! The locks of the group commit, named in one place: in this crate's own tests every order is gone through in which
//! transactions and units can come to them.

#[cfg(test)]
use renkei_testing::explore::{block_on, is_explored};
use tokio::sync::{Mutex as QueueMutex, MutexGuard};

#[cfg(test)]
pub use renkei_testing::explore::Mutex;
#[cfg(not(test))]
pub use std::sync::Mutex;

/// Waits for a queue's lock on a thread that does nothing else.
pub fn wait<T>(queue: &QueueMutex<T>) -> MutexGuard<'_, T> {
    #[cfg(test)]
    if is_explored() {
        return block_on(queue.lock());
    }
    queue.blocking_lock()
}

//! The locks and atomics of what a node remembers, named in one place: in this crate's own tests they are others, with which
//! every order is gone through in which requests can come to them.

#[cfg(test)]
pub use renkei_testing::explore::{AtomicI64, Mutex, MutexGuard, RwLock};
#[cfg(not(test))]
pub use std::sync::atomic::AtomicI64;
#[cfg(not(test))]
pub use std::sync::{Mutex, MutexGuard, RwLock};

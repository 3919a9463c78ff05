//! What threads share: as in the standard library, with a step before and after each use.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering;
use std::sync::{self, LockResult, PoisonError, TryLockError, TryLockResult};

use super::{schedule, step};

/// Takes a lock once it is free.
fn take<G>(
    what: usize,
    mut look: impl FnMut() -> TryLockResult<G>,
    wait: impl FnOnce() -> LockResult<G>,
) -> LockResult<G> {
    let Some((schedule, number)) = schedule::current().filter(|_| !std::thread::panicking()) else { return wait() };
    schedule.step(number);
    loop {
        match look() {
            Ok(guard) => return Ok(guard),
            Err(TryLockError::Poisoned(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => schedule.wait(number, what),
        }
    }
}

fn given_back(what: usize) {
    schedule::with(|schedule, number| {
        schedule.release(what);
        schedule.step(number);
    });
}

/// The number of a lock: where it is.
fn number_of<T>(lock: &T) -> usize {
    std::ptr::from_ref(lock).addr()
}

macro_rules! guard {
    ($(#[$doc:meta])* $name:ident, $of:ident) => {
        $(#[$doc])*
        pub struct $name<'a, T> {
            guard: Option<sync::$of<'a, T>>,
            what: usize,
        }

        impl<'a, T> $name<'a, T> {
            fn of(taken: LockResult<sync::$of<'a, T>>, what: usize) -> LockResult<$name<'a, T>> {
                let own = |guard| $name { guard: Some(guard), what };
                taken.map(own).map_err(|error| PoisonError::new(own(error.into_inner())))
            }
        }

        impl<T> Deref for $name<'_, T> {
            type Target = T;

            fn deref(&self) -> &T {
                self.guard.as_deref().expect("held until dropped")
            }
        }

        impl<T> Drop for $name<'_, T> {
            fn drop(&mut self) {
                self.guard = None;
                given_back(self.what);
            }
        }
    };
}

guard! {
    /// A [`Mutex`] that is held.
    MutexGuard, MutexGuard
}
guard! {
    /// An [`RwLock`] that is held for reading.
    RwLockReadGuard, RwLockReadGuard
}
guard! {
    /// An [`RwLock`] that is held for writing.
    RwLockWriteGuard, RwLockWriteGuard
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_deref_mut().expect("held until dropped")
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_deref_mut().expect("held until dropped")
    }
}

/// As [`std::sync::Mutex`].
#[derive(Debug, Default)]
pub struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    /// One that nobody holds.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex(sync::Mutex::new(value))
    }

    /// As [`std::sync::Mutex::lock`].
    ///
    /// # Errors
    /// When somebody panicked who held it.
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let what = number_of(&self.0);
        MutexGuard::of(take(what, || self.0.try_lock(), || self.0.lock()), what)
    }
}

/// As [`std::sync::RwLock`].
#[derive(Debug, Default)]
pub struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    /// As [`std::sync::RwLock::read`].
    ///
    /// # Errors
    /// When somebody panicked who wrote.
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let what = number_of(&self.0);
        RwLockReadGuard::of(take(what, || self.0.try_read(), || self.0.read()), what)
    }

    /// As [`std::sync::RwLock::write`].
    ///
    /// # Errors
    /// When somebody panicked who wrote.
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let what = number_of(&self.0);
        RwLockWriteGuard::of(take(what, || self.0.try_write(), || self.0.write()), what)
    }
}

/// As [`std::sync::atomic::AtomicI64`].
#[derive(Debug, Default)]
pub struct AtomicI64(sync::atomic::AtomicI64);

impl AtomicI64 {
    /// As [`std::sync::atomic::AtomicI64::new`].
    pub const fn new(value: i64) -> AtomicI64 {
        AtomicI64(sync::atomic::AtomicI64::new(value))
    }

    /// As [`std::sync::atomic::AtomicI64::load`].
    pub fn load(&self, ordering: Ordering) -> i64 {
        step();
        self.0.load(ordering)
    }

    /// As [`std::sync::atomic::AtomicI64::store`].
    pub fn store(&self, value: i64, ordering: Ordering) {
        step();
        self.0.store(value, ordering);
    }

    /// As [`std::sync::atomic::AtomicI64::swap`].
    pub fn swap(&self, value: i64, ordering: Ordering) -> i64 {
        step();
        self.0.swap(value, ordering)
    }

    /// As [`std::sync::atomic::AtomicI64::fetch_max`].
    pub fn fetch_max(&self, value: i64, ordering: Ordering) -> i64 {
        step();
        self.0.fetch_max(value, ordering)
    }
}

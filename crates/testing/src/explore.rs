//! Every order in which threads can reach what they share.
//!
//! [`explore`] runs the same few threads again and again, one at a time, and lets another go on wherever one of them takes
//! or gives back a lock, or touches an atomic, of this module: depth first through all the orders there are. The locks are
//! those of the standard library otherwise, so a crate names them in one place and has these in its tests alone.
//!
//! What is explored are orders of steps, each seen at once by everybody: nothing is said about weaker memory.

mod schedule;
mod shared;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

pub use schedule::Given;
use schedule::{Schedule, Stopped};
pub use shared::{AtomicI64, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// What one thread does in a world.
pub type Thread<'a, W> = &'a (dyn Fn(&W) + Sync);

/// What came of exploring.
#[derive(Debug)]
pub struct Explored {
    /// Orders that were gone through.
    pub orders: usize,
    /// The first thing that was wrong, with the order that led there.
    pub wrong: Option<String>,
}

impl Explored {
    /// Prints how many orders there were.
    ///
    /// # Panics
    /// When anything was wrong.
    pub fn expect_right(&self, what: &str) {
        assert!(self.wrong.is_none(), "{what}, after {} orders: {}", self.orders, self.wrong.as_deref().unwrap_or(""));
        println!("{what}: {} orders, nothing wrong", self.orders);
    }

    /// Prints what was found.
    ///
    /// # Panics
    /// When nothing was.
    pub fn expect_wrong(&self, what: &str) {
        let wrong = self.wrong.as_ref();
        println!("{what}: found in the order number {}", self.orders);
        assert!(wrong.is_some(), "{what}: {} orders, and nothing was found", self.orders);
    }
}

/// Goes through all orders of the steps of these threads in which no thread is interrupted, while it could go on, more often
/// than `interruptions` times over all; each order in a world of its own, which must hold what `holds` asks in the end. A
/// thread that panics is wrong, as are threads that wait for each other.
pub fn explore<W: Sync>(
    interruptions: usize,
    world: impl Fn() -> W,
    threads: &[Thread<'_, W>],
    holds: impl Fn(&W) -> Result<(), String>,
) -> Explored {
    let mut given = Given::default();
    let mut orders = 0;
    loop {
        orders += 1;
        let schedule = Arc::new(Schedule::new(threads.len(), interruptions, given));
        let world = world();
        run(&schedule, &world, threads);
        let wrong = schedule.wrong().or_else(|| holds(&world).err());
        let (next, order) = schedule.next();
        if let Some(wrong) = wrong {
            return Explored { orders, wrong: Some(format!("{wrong}; in the order {order:?}")) };
        }
        match next {
            Some(next) => given = next,
            None => return Explored { orders, wrong: None },
        }
    }
}

fn run<W: Sync>(schedule: &Arc<Schedule>, world: &W, threads: &[Thread<'_, W>]) {
    std::thread::scope(|scope| {
        for (number, body) in threads.iter().enumerate() {
            scope.spawn(move || {
                schedule::enter(schedule, number);
                let done = catch_unwind(AssertUnwindSafe(|| {
                    schedule.await_turn(number);
                    body(world);
                }));
                schedule::leave();
                let panic = done.err().filter(|panic| !panic.is::<Stopped>());
                schedule.end(number, panic.map(|panic| said(&*panic)));
            });
        }
    });
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a thread panicked").to_owned()
}

/// Another thread may go on here.
pub fn step() {
    schedule::with(|schedule, number| schedule.step(number));
}

/// Whether this thread is explored.
#[must_use]
pub fn is_explored() -> bool {
    schedule::current().is_some()
}

struct Alarm {
    schedule: Arc<Schedule>,
    number: usize,
}

impl Wake for Alarm {
    fn wake(self: Arc<Alarm>) {
        self.schedule.wake(self.number);
    }
}

/// Waits for a future on a thread that is explored.
///
/// # Panics
/// On any other thread.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let (schedule, number) = schedule::current().expect("a thread that is explored");
    let waker = Waker::from(Arc::new(Alarm { schedule: Arc::clone(&schedule), number }));
    let mut future = pin!(future);
    loop {
        step();
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => schedule.wait(number, schedule::WAKER),
        }
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stop() -> ! {
    // Unwinds without a word: what is wrong has been said.
    resume_unwind(Box::new(Stopped))
}

#[cfg(test)]
mod tests;

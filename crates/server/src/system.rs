//! The real clock and the real source of randomness: the only place where either is asked.

use std::process;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use renkei_domain::time::{Clock, Timestamp};
use renkei_store::Random;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::sync::AtomicI64;

/// Lets nobody read the memory of this process but the administrator of the machine: it leaves no core dump when it crashes,
/// and no debugger of the same user can attach. Passwords and PINs pass through buffers of libraries, which nobody
/// overwrites.
///
/// # Errors
/// When the operating system refuses.
pub fn keep_memory_private() -> std::io::Result<()> {
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What this machine is called: the node's name in the audit trail.
#[must_use]
pub fn node_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The clock of this process. It begins with the operating system's, or with the one that all nodes share
/// ([`SystemClock::follow`]), and differs from it in two things: it never goes back, and it never goes slower than time
/// does. What is over stays over, and nothing gets more time, whatever a clock is set to.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// When this process first looked, by the clock that cannot be set.
static FIRST: OnceLock<Instant> = OnceLock::new();
static LEAD: Lead = Lead::new();

/// How far other clocks are ahead of the one that cannot be set, in microseconds.
struct Lead {
    /// The most that the one it goes by ever was.
    most: AtomicI64,
    /// The shared one when it was last asked; the least number: nobody told.
    told: AtomicI64,
}

impl Lead {
    const fn new() -> Lead {
        Lead { most: AtomicI64::new(i64::MIN), told: AtomicI64::new(i64::MIN) }
    }

    /// Goes by the shared clock from now on, which is so far ahead.
    fn follow(&self, lead: i64) {
        if self.told.swap(lead, Ordering::AcqRel) == i64::MIN {
            // Nothing was served yet, so nothing was over by the machine's own clock.
            self.most.store(lead, Ordering::Release);
        } else {
            self.most.fetch_max(lead, Ordering::AcqRel);
        }
    }

    /// How far ahead it is now; `own`: how far the machine's clock is, asked where there is no other.
    fn now(&self, own: impl FnOnce() -> i64) -> i64 {
        if self.told.load(Ordering::Acquire) != i64::MIN {
            return self.most.load(Ordering::Acquire);
        }
        let own = own();
        self.most.fetch_max(own, Ordering::AcqRel).max(own)
    }
}

impl SystemClock {
    /// Goes from now on by the clock that all nodes of the installation share, which says that it was at least this late a
    /// moment ago. Otherwise what one node issued would live longer at another that is behind it.
    pub fn follow(told: Timestamp) {
        LEAD.follow(told.0.saturating_sub(gone()));
    }

    /// How far it is ahead of the clock it goes by, because that one was set back.
    #[must_use]
    pub fn ahead() -> Duration {
        let now = SystemClock.now();
        let there = match LEAD.told.load(Ordering::Acquire) {
            i64::MIN => time_of_day(),
            told => gone().saturating_add(told),
        };
        Duration::from_micros(u64::try_from(now.0.saturating_sub(there)).unwrap_or_default())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let lead = LEAD.now(|| {
            // The day's time first: whoever is held up between the two looks must not put the clock forward.
            let day = time_of_day();
            day.saturating_sub(gone())
        });
        Timestamp(gone().saturating_add(lead))
    }
}

/// Since this process first looked, by the clock that cannot be set, in microseconds.
fn gone() -> i64 {
    i64::try_from(FIRST.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(i64::MAX)
}

/// The machine's clock, in microseconds.
fn time_of_day() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

/// The operating system's generator, through the cryptographic library.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if aws_lc_rs::rand::fill(bytes).is_err() {
            // Going on would mean guessable tickets; there is nobody to report to and nothing to try instead.
            tracing::error!("the operating system gives no random bytes");
            process::abort();
        }
    }
}

#[cfg(test)]
mod tests;

//! The real clock and the real source of randomness: the only place where either is asked.

use std::process;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use renkei_domain::time::{Clock, Timestamp};
use renkei_store::Random;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

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

/// The operating system's clock, but for two things: within a process it never goes back, and it never goes slower than
/// time does. What is over stays over, and nothing gets more time, whatever the machine's clock is set to.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// When this process first looked, by the clock that cannot be set.
static FIRST: OnceLock<Instant> = OnceLock::new();
/// The most that the day's time was ever ahead of that clock, in microseconds.
static LEAD: AtomicI64 = AtomicI64::new(i64::MIN);

impl SystemClock {
    /// How far it is ahead of the machine's clock, because that one was set back.
    #[must_use]
    pub fn ahead() -> Duration {
        let (now, day) = (SystemClock.now(), time_of_day());
        Duration::from_micros(u64::try_from(now.0 - day).unwrap_or_default())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // The day's time first: whoever is held up between the two looks must not put the clock forward.
        let day = time_of_day();
        let gone = i64::try_from(FIRST.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(i64::MAX);
        let lead = day.saturating_sub(gone);
        Timestamp(gone.saturating_add(LEAD.fetch_max(lead, Ordering::AcqRel).max(lead)))
    }
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

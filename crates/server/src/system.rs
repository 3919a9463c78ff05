//! The real clock and the real source of randomness: the only place where either is asked.

use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

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

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }
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

//! The real clock and the real source of randomness: the only place where either is asked.

use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use renkei_domain::time::{Clock, Timestamp};
use renkei_store::Random;

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

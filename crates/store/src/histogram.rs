//! Counting how long things took, without a lock: one atomic addition for each.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the buckets, in microseconds; one more bucket has what took longer.
pub const BOUNDS_MICROS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];
/// Buckets with the last, open one.
pub const BUCKETS: usize = BOUNDS_MICROS.len() + 1;

/// How often something took how long.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_micros: AtomicU64,
}

/// A histogram as it stood at an instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many fell into each bucket.
    pub buckets: [u64; BUCKETS],
    /// All durations together.
    pub sum_micros: u64,
}

impl Histogram {
    /// Counts one.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let place = BOUNDS_MICROS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let buckets =
            std::array::from_fn(|place| self.buckets.get(place).map_or(0, |bucket| bucket.load(Ordering::Relaxed)));
        Counts { buckets, sum_micros: self.sum_micros.load(Ordering::Relaxed) }
    }
}

impl Counts {
    /// How many in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The duration that this part (0.95: 95 of 100) did not exceed, in microseconds: exact to its bucket, within which the
    /// durations are taken to be spread evenly. `None`: nothing was counted.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    pub fn quantile(&self, part: f64) -> Option<u64> {
        let wanted = self.total() as f64 * part;
        let (mut below, mut start) = (0.0, 0);
        for (place, count) in self.buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
            start = if place == 0 { 0 } else { BOUNDS_MICROS.get(place - 1).copied().unwrap_or(start) };
            let end = BOUNDS_MICROS.get(place).copied().unwrap_or(start);
            if below + *count as f64 >= wanted {
                return Some(start + ((end - start) as f64 * (wanted - below) / *count as f64) as u64);
            }
            below += *count as f64;
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_the_bucket_that_ends_with_them() {
        let histogram = Histogram::default();
        for micros in [0, 100, 101, 10_000_000, 10_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let counts = histogram.counts();
        assert_eq!((counts.buckets[0], counts.buckets[1], counts.buckets[15], counts.buckets[16]), (2, 1, 1, 1));
        assert_eq!((counts.total(), counts.sum_micros), (5, 20_000_202));
    }

    #[test]
    fn quantiles_lie_in_their_bucket_and_nothing_has_none() {
        assert_eq!(Counts::default().quantile(0.95), None);
        let histogram = Histogram::default();
        for _ in 0..95 {
            histogram.observe(Duration::from_micros(800));
        }
        for _ in 0..5 {
            histogram.observe(Duration::from_millis(80));
        }
        let counts = histogram.counts();
        assert_eq!(counts.quantile(0.95), Some(1_000));
        assert_eq!(counts.quantile(0.99).unwrap(), 90_000);
    }
}

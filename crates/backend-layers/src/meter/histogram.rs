//! How long calls take, in buckets that grow: what an average hides.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of all buckets but the last, which has none, in milliseconds.
pub const BOUNDS_MS: [u64; 14] = [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000];

/// Buckets, the last one for whatever is longer.
pub(super) const BUCKETS: usize = BOUNDS_MS.len() + 1;

/// In which bucket a duration falls.
pub(super) fn place(took: Duration) -> usize {
    BOUNDS_MS.iter().position(|bound| took <= Duration::from_millis(*bound)).unwrap_or(BOUNDS_MS.len())
}

/// The bound below which `part` of all lie; the last bound stands for whatever is above it. `None` of nothing.
pub(super) fn quantile(counts: &[u64; BUCKETS], part: f64) -> Option<Duration> {
    let all: u64 = counts.iter().sum();
    let wanted = (all as f64 * part).ceil() as u64;
    let mut seen = 0;
    for (n, count) in counts.iter().enumerate() {
        seen += count;
        if 0 < all && wanted.max(1) <= seen {
            return Some(Duration::from_millis(BOUNDS_MS[n.min(BOUNDS_MS.len() - 1)]));
        }
    }
    None
}

/// What was counted since the meter began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram {
    /// Calls in each bucket; the last one has no bound.
    pub counts: [u64; BUCKETS],
    /// All durations together.
    pub sum: Duration,
}

impl Histogram {
    /// The bound below which `part` of all calls lie.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        quantile(&self.counts, part)
    }
}

#[derive(Debug, Default)]
pub(super) struct Buckets {
    counts: [AtomicU64; BUCKETS],
    nanos: AtomicU64,
}

impl Buckets {
    pub(super) fn add(&self, took: Duration) {
        self.counts[place(took)].fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Histogram {
        let counts = std::array::from_fn(|n| self.counts[n].load(Ordering::Relaxed));
        Histogram { counts, sum: Duration::from_nanos(self.nanos.load(Ordering::Relaxed)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let buckets = Buckets::default();
        assert_eq!(buckets.read().quantile(0.5), None);
        for millis in [1, 2, 3, 4, 90, 100_000] {
            buckets.add(Duration::from_millis(millis));
        }
        let read = buckets.read();
        let cases = [(0.0, 1), (0.5, 5), (0.8, 100), (1.0, 60_000)];
        for (part, bound) in cases {
            assert_eq!(read.quantile(part), Some(Duration::from_millis(bound)), "{part}");
        }
        assert_eq!(read.sum, Duration::from_millis(100_100));
    }
}

//! How fast bodies come: bytes by the time that somebody waited for them, an average in which each body weighs one eighth.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A shorter body says more of its first byte than of the bytes behind it.
const ENOUGH: u64 = 256 << 10;
/// Less than this nobody measures.
const LEAST: Duration = Duration::from_millis(1);

/// Bytes a second; 0: nothing was measured yet.
#[derive(Debug, Default)]
pub(super) struct Rate(AtomicU64);

impl Rate {
    /// A body of `bytes` has ended, for which its reader waited so long. Time in which nobody asked for more does not count.
    pub(super) fn add(&self, bytes: u64, waited: Duration) {
        if bytes < ENOUGH {
            return;
        }
        let nanos = waited.max(LEAST).as_nanos();
        let sample = u64::try_from(u128::from(bytes) * 1_000_000_000 / nanos).unwrap_or(u64::MAX).max(1);
        let mean = match self.0.load(Ordering::Relaxed) {
            0 => sample,
            old => old - old / 8 + sample / 8,
        };
        self.0.store(mean.max(1), Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|it| *it != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_bodies_count_and_each_weighs_an_eighth() {
        let rate = Rate::default();
        rate.add(1000, Duration::from_secs(1));
        assert_eq!(rate.read(), None);
        rate.add(8 << 20, Duration::from_secs(1));
        assert_eq!(rate.read(), Some(8 << 20));
        rate.add(16 << 20, Duration::from_secs(1));
        assert_eq!(rate.read(), Some(9 << 20));
        let fast = Rate::default();
        fast.add(1 << 20, Duration::ZERO);
        assert_eq!(fast.read(), Some(1000 << 20), "no time is the least that can be measured");
    }
}

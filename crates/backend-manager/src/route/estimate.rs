//! What reading from a backend takes and costs, and what of it makes a difference. Pure.

use std::time::Duration;

use backend_core::{Grade, Traits};

/// By what copies are weighed that could all be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Criterion {
    /// By time and cost of the whole content, one weighed against the other: four times slower is as bad as four times dearer.
    #[default]
    Balanced,
    /// By how soon the first byte comes.
    Latency,
    /// By how soon the last byte comes.
    Throughput,
    /// By what a gigabyte costs.
    Cost,
}

impl Criterion {
    /// All, the default first.
    pub const ALL: [Criterion; 4] = [Self::Balanced, Self::Latency, Self::Throughput, Self::Cost];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Latency => "latency",
            Self::Throughput => "throughput",
            Self::Cost => "cost",
        }
    }
}

/// What is known of reading there. What was neither measured nor stated is what its type, or the user, expects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Until the first byte comes.
    pub latency: Duration,
    /// Whether that was measured, by this process or an earlier one.
    pub latency_is_measured: bool,
    /// Bytes a second.
    pub throughput: u64,
    /// Whether that was measured.
    pub throughput_is_measured: bool,
    /// What reading a gigabyte costs (or keeping it, of new content), in the user's currency.
    pub price: f64,
    /// Whether the user has stated it.
    pub price_is_stated: bool,
}

/// Which price counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Price {
    /// What the service and the way ask for reading a gigabyte.
    OfReading,
    /// What keeping a gigabyte for a month costs.
    OfKeeping,
}

/// The lower, the better. Each place is a class of things that differ too little to be told apart.
pub(crate) type Key = [u32; 3];

/// Below this many milliseconds nobody waits: a busy machine takes as long.
const AT_ONCE: f64 = 15.0;
/// Below this price of one reading, in the user's currency, and of a gigabyte, nobody pays attention.
const TRIFLE: f64 = 0.0001;
const CHEAP: f64 = 0.001;
const GIBIBYTE: f64 = (1u64 << 30) as f64;
const MIB: u64 = 1 << 20;

impl Estimate {
    pub(crate) fn of(latency: Option<Duration>, throughput: Option<u64>, price: Option<f64>, traits: Traits) -> Self {
        let (soon, fast) = match traits.latency {
            Grade::Low => (Duration::ZERO, 200 * MIB),
            Grade::Medium => (Duration::from_millis(100), 25 * MIB),
            Grade::High => (Duration::from_secs(2), 4 * MIB),
        };
        let dear = match traits.cost {
            Grade::Low => 0.0,
            Grade::Medium => 0.02,
            Grade::High => 0.1,
        };
        Self {
            latency: latency.unwrap_or(soon),
            latency_is_measured: latency.is_some(),
            throughput: throughput.unwrap_or(fast),
            throughput_is_measured: throughput.is_some(),
            price: price.unwrap_or(dear),
            price_is_stated: price.is_some(),
        }
    }

    /// Until the last of so many bytes has come.
    pub fn time(&self, size: u64) -> Duration {
        let seconds = size as f64 / self.throughput.max(1) as f64;
        self.latency.saturating_add(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }

    /// What so many bytes cost.
    pub fn cost(&self, size: u64) -> f64 {
        self.price * size as f64 / GIBIBYTE
    }

    /// How it compares with others.
    pub(crate) fn key(&self, size: u64, by: Criterion) -> Key {
        let (latency, time) = (magnitude(millis(self.latency), AT_ONCE), magnitude(millis(self.time(size)), AT_ONCE));
        let price = self.price_class();
        match by {
            Criterion::Balanced => [time + magnitude(self.cost(size), TRIFLE), time, latency],
            Criterion::Latency => [latency, price, time],
            Criterion::Throughput => [time, price, latency],
            Criterion::Cost => [price, time, latency],
        }
    }

    /// Prices of a class differ by less than four times.
    pub(crate) fn price_class(&self) -> u32 {
        magnitude(self.price, CHEAP)
    }
}

fn millis(it: Duration) -> f64 {
    it.as_secs_f64() * 1000.0
}

/// 0 up to `least`, 1 up to four times as much, and so on. What differs by less than four times is the same: otherwise the order would change with every
/// read.
fn magnitude(value: f64, least: f64) -> u32 {
    let (mut class, mut bound) = (0, least);
    while bound < value && class < 64 {
        class += 1;
        bound *= 4.0;
    }
    class
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(millis: u64, mib: u64, price: f64) -> Estimate {
        let traits = Traits { latency: Grade::Low, durability: Grade::Low, cost: Grade::Low };
        Estimate::of(Some(Duration::from_millis(millis)), Some(mib * MIB), Some(price), traits)
    }

    #[test]
    fn only_what_is_four_times_slower_is_slower() {
        let check = |millis, wanted| assert_eq!(magnitude(millis, AT_ONCE), wanted, "{millis} ms");
        check(0.0, 0);
        check(15.0, 0);
        check(16.0, 1);
        check(60.0, 1);
        check(100.0, 2);
        check(2000.0, 4);
        check(f64::INFINITY, 64);
    }

    #[test]
    fn each_criterion_prefers_what_it_names() {
        let (near, wide, free) = (estimate(5, 1, 0.05), estimate(400, 200, 0.05), estimate(900, 2, 0.0));
        let best = |size: u64, by: Criterion| {
            let all = [("near", near), ("wide", wide), ("free", free)];
            all.into_iter().min_by_key(|(_, it)| it.key(size, by)).unwrap().0
        };
        assert_eq!((best(1000, Criterion::Latency), best(1 << 30, Criterion::Latency)), ("near", "near"));
        assert_eq!((best(1000, Criterion::Throughput), best(1 << 30, Criterion::Throughput)), ("near", "wide"));
        assert_eq!((best(1000, Criterion::Cost), best(1 << 30, Criterion::Cost)), ("free", "free"));
        assert_eq!(best(1000, Criterion::Balanced), "near", "what so little costs is no reason to wait");
        let slow = estimate(5, 1, 0.0);
        assert!(slow.key(1 << 30, Criterion::Balanced) < near.key(1 << 30, Criterion::Balanced), "as fast, and free");
    }

    #[test]
    fn what_nobody_measured_is_what_is_expected() {
        let traits = Traits { latency: Grade::High, durability: Grade::Low, cost: Grade::High };
        let it = Estimate::of(None, None, None, traits);
        assert!(!it.latency_is_measured && !it.throughput_is_measured && !it.price_is_stated);
        assert_eq!((it.latency, it.time(8 * MIB)), (Duration::from_secs(2), Duration::from_secs(4)));
        assert!((it.cost(1 << 29) - 0.05).abs() < 1e-9);
        assert_eq!(Estimate { throughput: 0, ..it }.time(u64::MAX), Duration::MAX, "what would never end, is bounded");
    }
}

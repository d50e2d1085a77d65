//! In which order copies are asked: those whose backend works, then by what reading there takes and costs, then by what is known of the copy.

use std::time::Duration;

use backend_layers::Side;

use super::breaker::Circuit;
use crate::catalog::health::Pace;
use crate::fleet::{Fleet, Member};
use crate::route::{Criterion, Estimate, Key, Price};

/// What stands before everything else: a backend that works is asked before one that may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Nothing is known against it.
    Works,
    /// Its last act failed.
    Failed,
    /// Its breaker is open, or it is being tried again.
    Shut,
    /// What may move in this month is used up.
    UsedUp,
}

impl Standing {
    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Works => "works",
            Self::Failed => "failed",
            Self::Shut => "shut",
            Self::UsedUp => "used_up",
        }
    }
}

impl Fleet {
    /// The lower, the earlier. Nothing is left out: a backend that is shut is asked last.
    pub(crate) fn rank(&self, member: &Member, size: u64, by: Criterion) -> (Standing, Key) {
        (self.standing(member), self.estimate(member, Price::OfReading).key(size, by))
    }

    /// How a backend stands for whoever wants to read.
    pub(crate) fn standing(&self, member: &Member) -> Standing {
        let (breaker, now) = (&member.watch.breaker, member.watch.now());
        match breaker.circuit(Side::Reads, now) {
            _ if member.meter.left() == Some(0) => Standing::UsedUp,
            Circuit::Open(_) | Circuit::HalfOpen(_) => Standing::Shut,
            Circuit::Closed if 0 < breaker.streak(Side::Reads) => Standing::Failed,
            Circuit::Closed => Standing::Works,
        }
    }

    /// What reading there takes, and what reading or keeping costs: as measured and stated, else as the user or the descriptor expects.
    pub(crate) fn estimate(&self, member: &Member, price: Price) -> Estimate {
        let Pace { latency, throughput } = member.watch.settled(&member.meter);
        let routing = &member.config().routing;
        let stated = match price {
            Price::OfReading => routing.read_price(),
            Price::OfKeeping => routing.storage_cost_per_gb,
        };
        Estimate::of(latency, throughput, stated, member.traits)
    }

    /// Whether a backend that cannot be read may be tried again, by whoever is told so: the pause is over, and nobody else is told.
    pub(crate) fn is_to_be_probed(&self, member: &Member) -> bool {
        let (breaker, now) = (&member.watch.breaker, member.watch.now());
        match breaker.circuit(Side::Reads, now) {
            Circuit::HalfOpen(shut) if shut.retry_at <= now => breaker.admit(Side::Reads, now).is_ok(),
            _ => false,
        }
    }
}

/// `before`, unless what was measured differs from it by half or more: a measure that trembles changes no order.
pub(super) fn settled(before: Pace, now: Pace) -> Pace {
    let latency = match (before.latency, now.latency) {
        (Some(before), Some(now)) if is_near(before.as_secs_f64(), now.as_secs_f64()) => Some(before),
        (before, now) => now.or(before),
    };
    let throughput = match (before.throughput, now.throughput) {
        (Some(before), Some(now)) if is_near(before as f64, now as f64) => Some(before),
        (before, now) => now.or(before),
    };
    Pace { latency, throughput }
}

fn is_near(before: f64, now: f64) -> bool {
    before.max(now) < 1.5 * before.min(now).max(Duration::from_millis(1).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(millis: u64, throughput: u64) -> Pace {
        Pace { latency: Some(Duration::from_millis(millis)), throughput: Some(throughput) }
    }

    #[test]
    fn a_measure_that_trembles_is_held_still() {
        let first = settled(Pace::default(), pace(60, 1000));
        assert_eq!(first, pace(60, 1000), "the first measure counts at once");
        for (millis, throughput) in [(64, 1100), (70, 900), (50, 1300), (63, 700), (89, 1499)] {
            assert_eq!(settled(first, pace(millis, throughput)), first, "{millis} ms, {throughput}");
        }
        assert_eq!(settled(first, pace(90, 1000)), pace(90, 1000));
        assert_eq!(settled(first, pace(60, 1500)), pace(60, 1500));
        assert_eq!(settled(first, Pace::default()), first, "what was known is not forgotten");
    }
}

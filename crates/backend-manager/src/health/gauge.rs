//! How a backend is at this moment, for a read that goes on for long: how much silence is usual, and whether more may be asked of it.

use std::sync::Arc;
use std::time::Duration;

use backend_layers::{Meter, Side, Verb};

use super::Watch;
use super::breaker::Circuit;
use crate::config::Routing;
use crate::fleet::{Fleet, Member};
use crate::route::Price;

/// What is quicker is noise of this machine.
const FLOOR: Duration = Duration::from_millis(100);
/// Nobody waits longer before another copy is asked: time-outs are longer than this.
const CEILING: Duration = Duration::from_secs(5);
/// Fewer answers than this say nothing about the slowest of them.
const ENOUGH: u64 = 20;
/// Of which all but one in twenty come within the delay.
const PART: f64 = 0.95;
/// Where only an average is known, or expected, this many times as much is still usual.
const TIMES: u32 = 3;

/// Looks at one backend.
#[derive(Debug, Clone)]
pub(crate) struct Gauge {
    meter: Arc<Meter>,
    watch: Arc<Watch>,
    routing: Routing,
    expected: Duration,
    price_class: u32,
}

impl Fleet {
    pub(crate) fn gauge(&self, member: &Member) -> Gauge {
        let estimate = self.estimate(member, Price::OfReading);
        Gauge {
            meter: member.meter.clone(),
            watch: member.watch.clone(),
            routing: member.config().routing,
            expected: estimate.latency,
            price_class: estimate.price_class(),
        }
    }
}

impl Gauge {
    /// After how much silence another copy may be asked; `None`: never.
    pub(crate) fn delay(&self) -> Option<Duration> {
        if self.routing.hedge == Some(false) {
            return None;
        }
        if let Some(millis) = self.routing.hedge_delay_ms {
            return Some(Duration::from_millis(millis));
        }
        let answers = self.meter.latencies(Verb::Get);
        let usual = match answers.counts.iter().sum::<u64>() {
            n if n < ENOUGH => self.expected.saturating_mul(TIMES),
            _ => answers.quantile(PART).unwrap_or(CEILING),
        };
        Some(usual.clamp(FLOOR, CEILING))
    }

    /// Whether it works, and has traffic left.
    pub(crate) fn may_help(&self) -> bool {
        let breaker = &self.watch.breaker;
        let works = matches!(breaker.circuit(Side::Reads, self.watch.now()), Circuit::Closed);
        works && breaker.streak(Side::Reads) == 0 && self.meter.left() != Some(0)
    }

    pub(crate) fn price_class(&self) -> u32 {
        self.price_class
    }
}

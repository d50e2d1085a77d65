//! What is the same for every service: limits, time-outs, retries, checks and measurements, as wrappers around a [`Backend`].
//!
//! A layer is a struct that holds the backend it wraps and is a backend itself; there is no layer trait and no builder. The order is written once, in
//! [`stacks`]: *budget > observe > guard > retry > limit > timeout > leaf*.
//!
//! | layer | what it does | why it stands there |
//! |---|---|---|
//! | budget | refuses what the month's traffic does not allow | such a refusal says nothing of the service |
//! | observe | span, counters, context of errors, what writes have taught | sees the final outcome, once |
//! | guard | refuses what makes no sense or is not offered; holds answers to what was asked | leaves are given only what they offer |
//! | retry | repeats by the error's own advice | a pause holds no permit |
//! | limit | permits, rate limits, the gate that a rate limit closes | each attempt counts |
//! | timeout | first byte, idle, finish; never total | dropped attempts are the innermost ones, a retry is never cut off |
//!
//! Only references travel through the layers; bytes are never copied. All waiting goes through a [`Clock`]. Nothing here spawns.
#![warn(missing_docs)]
#![deny(clippy::missing_trait_methods)] // no layer may forget a verb: the default body would answer `Unsupported`

mod budget;
mod clock;
mod guard;
mod limit;
mod meter;
mod observe;
mod operational;
mod retry;
mod timeout;

use std::sync::Arc;

use backend_core::{Backend, Clock};

pub use clock::SystemClock;
pub use limit::Gates;
pub use meter::{BOUNDS_MS, Count, Histogram, Lately, Learnt, Listen, Meter, Observed, Side, Verb};
pub use operational::Operational;

/// `leaf` behind all layers. Values of `how` that [`Operational::validate`] would refuse are taken as the nearest allowed ones.
///
/// Everybody who shares `gates` shares one `clock` too: a gate keeps times of it.
pub fn stack(leaf: Arc<dyn Backend>, how: &Operational, gates: &Gates, clock: Arc<dyn Clock>) -> Arc<dyn Backend> {
    metered(leaf, how, gates, clock, Arc::default())
}

/// As [`stack`], counting in `meter`, which the caller keeps to look at. A meter may outlive its stack and be given to the next one.
pub fn metered(
    leaf: Arc<dyn Backend>,
    how: &Operational,
    gates: &Gates,
    clock: Arc<dyn Clock>,
    meter: Arc<Meter>,
) -> Arc<dyn Backend> {
    stacks(leaf, how, gates, clock, meter).patient
}

/// One leaf behind its layers, for those who can wait and for those who can go elsewhere.
#[derive(Debug, Clone)]
pub struct Stacks {
    /// Repeats what failed.
    pub patient: Arc<dyn Backend>,
    /// Repeats nothing: for whoever has another copy to turn to. It shares permits, gate, time-outs and meter with the other.
    pub hasty: Arc<dyn Backend>,
}

/// As [`metered`], twice: the layers below the retries are the same ones.
pub fn stacks(
    leaf: Arc<dyn Backend>,
    how: &Operational,
    gates: &Gates,
    clock: Arc<dyn Clock>,
    meter: Arc<Meter>,
) -> Stacks {
    let timed = Arc::new(timeout::Timeout::new(leaf, how, clock.clone()));
    let limited: Arc<dyn Backend> = Arc::new(limit::Limit::new(timed, how, gates, clock.clone()));
    let retried = Arc::new(retry::Retry::new(limited.clone(), how, clock.clone()));
    let above = |below: Arc<dyn Backend>| -> Arc<dyn Backend> {
        let guarded = Arc::new(guard::Guard::new(below));
        let observed = Arc::new(observe::Observe::new(guarded, clock.clone(), meter.clone()));
        Arc::new(budget::Budget::new(observed, meter.clone()))
    };
    Stacks { patient: above(retried), hasty: above(limited) }
}

//! In which order copies are asked: those whose backend works, then by how fast it answers, then by what is known of the copy.

use std::time::Duration;

use backend_core::Grade;
use backend_layers::Side;

use super::breaker::Circuit;
use crate::fleet::{Fleet, Member};

impl Fleet {
    /// The lower, the earlier. Nothing is left out: a backend that is shut is asked last.
    pub(crate) fn rank(&self, member: &Member) -> (u8, u32) {
        let (breaker, now) = (&member.watch.breaker, member.watch.now());
        let trouble = match breaker.circuit(Side::Reads, now) {
            _ if member.meter.left() == Some(0) => 3,
            Circuit::Open(_) | Circuit::HalfOpen(_) => 2,
            Circuit::Closed => u8::from(0 < breaker.streak(Side::Reads)),
        };
        let latency = member.watch.latency(&member.meter).unwrap_or_else(|| expected(member));
        (trouble, magnitude(latency))
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

/// Below this many milliseconds nobody waits: a busy machine takes as long.
const AT_ONCE: u64 = 15;

/// What was measured and differs by less than four times is the same: otherwise the order would change with every read.
fn magnitude(latency: Duration) -> u32 {
    let millis = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX).max(AT_ONCE);
    (u64::BITS - millis.leading_zeros()).div_ceil(2)
}

/// Before anything was measured: what the descriptor or the user says.
fn expected(member: &Member) -> Duration {
    let kind = member.backend.info().kind.as_str();
    let expected = backend_core::find(kind).ok().map(|it| member.config().traits.over(it.traits).latency);
    match expected {
        Some(Grade::Low) => Duration::ZERO,
        Some(Grade::High) => Duration::from_secs(2),
        _ => Duration::from_millis(100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_four_times_slower_is_slower() {
        let check = |millis, wanted| assert_eq!(magnitude(Duration::from_millis(millis)), wanted, "{millis} ms");
        check(0, 2);
        check(15, 2);
        check(16, 3);
        check(100, 4);
        check(2000, 6);
    }
}

//! How the last minute was: what worked, what failed, and how long it took.

use std::time::Duration;

use backend_core::ErrorKind;

use super::histogram::{BUCKETS, place, quantile};

/// A window is so many slots long, each of so many seconds.
const SLOTS: usize = 6;
const SLOT_SECONDS: u64 = 10;

/// What a sliding minute holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lately {
    /// Acts that worked.
    pub worked: u64,
    /// Acts that failed in a way that speaks of the service.
    pub failed: u64,
    /// Half of the answers came within this.
    pub median: Option<Duration>,
    /// All but one in a hundred came within this.
    pub slowest: Option<Duration>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    number: u64,
    worked: u64,
    failed: u64,
    took: [u64; BUCKETS],
}

#[derive(Debug, Default)]
pub(super) struct Window([Slot; SLOTS]);

impl Window {
    /// `None`: it worked.
    pub(super) fn outcome(&mut self, now: Duration, failure: Option<ErrorKind>) {
        let slot = self.slot(now);
        match failure {
            None => slot.worked += 1,
            Some(_) => slot.failed += 1,
        }
    }

    pub(super) fn took(&mut self, now: Duration, took: Duration) {
        self.slot(now).took[place(took)] += 1;
    }

    pub(super) fn lately(&self, now: Duration) -> Lately {
        let last = number(now);
        let mut sum = Lately::default();
        let mut took = [0; BUCKETS];
        for slot in self.0.iter().filter(|it| it.number <= last && last < it.number + SLOTS as u64) {
            sum.worked += slot.worked;
            sum.failed += slot.failed;
            took.iter_mut().zip(slot.took).for_each(|(all, more)| *all += more);
        }
        Lately { median: quantile(&took, 0.5), slowest: quantile(&took, 0.99), ..sum }
    }

    fn slot(&mut self, now: Duration) -> &mut Slot {
        let number = number(now);
        let slot = &mut self.0[number as usize % SLOTS];
        if slot.number != number {
            *slot = Slot { number, ..Slot::default() };
        }
        slot
    }
}

fn number(now: Duration) -> u64 {
    now.as_secs() / SLOT_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_later_nothing_is_left() {
        let mut window = Window::default();
        let (at, failed) = (Duration::from_secs, Some(ErrorKind::Timeout));
        window.outcome(at(0), None);
        window.outcome(at(9), failed);
        window.took(at(9), Duration::from_millis(7));
        window.outcome(at(30), failed);
        let check = |window: &Window, now, wanted| {
            let lately = window.lately(at(now));
            assert_eq!((lately.worked, lately.failed), wanted, "{now} s");
        };
        check(&window, 30, (1, 2));
        assert_eq!(window.lately(at(30)).median, Some(Duration::from_millis(10)));
        check(&window, 59, (1, 2));
        check(&window, 60, (0, 1));
        check(&window, 90, (0, 0));
        window.outcome(at(120), None);
        check(&window, 120, (1, 0));
    }
}

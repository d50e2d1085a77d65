//! So many requests in any stretch of so much time.

use std::collections::VecDeque;
use std::time::Duration;

use backend_core::{Rate, RateClass};

/// Keeps when the last requests go out. A bucket that fills again steadily would let twice the number through within the first stretch, and some services
/// punish that; this never lets more than `n` through within any stretch of `per`.
#[derive(Debug)]
struct Window {
    class: RateClass,
    n: usize,
    per: Duration,
    /// In order; also those that are promised for later.
    out: VecDeque<Duration>,
}

impl Window {
    /// When the next request may go out.
    fn next(&mut self, now: Duration) -> Duration {
        while self.out.front().is_some_and(|oldest| oldest.saturating_add(self.per) <= now) {
            self.out.pop_front();
        }
        match self.out.len().checked_sub(self.n).and_then(|nth| self.out.get(nth)) {
            Some(nth) => now.max(nth.saturating_add(self.per)),
            None => now,
        }
    }
}

/// Every rate that the users of one gate know of.
#[derive(Debug, Default)]
pub(super) struct Windows(Vec<Window>);

impl Windows {
    /// Two backends that share a gate and state different numbers for the same stretch are held to the smaller one.
    pub(super) fn learn(&mut self, rates: &[Rate]) {
        for rate in rates.iter().filter(|rate| !rate.per.is_zero()) {
            let n = (rate.n as usize).max(1);
            match self.0.iter_mut().find(|it| it.class == rate.class && it.per == rate.per) {
                Some(known) => known.n = known.n.min(n),
                None => self.0.push(Window { class: rate.class, n, per: rate.per, out: VecDeque::new() }),
            }
        }
    }

    /// Promises a place in every window of `class`: how long to wait for it. `Err` says how long it would be, if that is more than `most`; nothing is
    /// promised then. A promise that is not used is lost.
    pub(super) fn promise(&mut self, class: RateClass, now: Duration, most: Duration) -> Result<Duration, Duration> {
        let mine = || |it: &&mut Window| it.class == class;
        let at = self.0.iter_mut().filter(mine()).map(|it| it.next(now)).max().unwrap_or(now);
        let wait = at.saturating_sub(now);
        if most < wait {
            return Err(wait);
        }
        self.0.iter_mut().filter(mine()).for_each(|it| it.out.push_back(at));
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_secs(1000);

    fn rate(n: u32, seconds: u64) -> Rate {
        Rate { class: RateClass::Read, n, per: Duration::from_secs(seconds) }
    }

    /// When requests go out that are all made at second 0.
    fn check(rates: &[Rate], requests: usize) -> Vec<u64> {
        let mut windows = Windows::default();
        windows.learn(rates);
        (0..requests)
            .filter_map(|_| windows.promise(RateClass::Read, Duration::ZERO, MOST).ok())
            .map(|it| it.as_secs())
            .collect()
    }

    #[test]
    fn no_stretch_sees_more_than_its_number() {
        assert_eq!(check(&[], 3), [0, 0, 0]);
        assert_eq!(check(&[rate(2, 10)], 5), [0, 0, 10, 10, 20]);
        assert_eq!(check(&[rate(2, 10), rate(3, 60)], 6), [0, 0, 10, 60, 60, 70]);
        assert_eq!(check(&[rate(2, 10), rate(1, 10)], 3), [0, 10, 20], "the smaller one holds");
        assert_eq!(check(&[rate(1, 10), rate(2, 10)], 3), [0, 10, 20], "whoever said it");
        assert_eq!(check(&[rate(0, 10)], 2), [0, 10], "none at all is read as one");
        assert_eq!(check(&[rate(1, 600)], 4), [0, 600], "what would wait too long is not promised");
        let never_again = Rate { per: Duration::MAX, ..rate(1, 1) };
        assert_eq!(check(&[never_again], 2), [0]);
    }

    #[test]
    fn classes_do_not_share() {
        let mut windows = Windows::default();
        windows.learn(&[rate(1, 10)]);
        let ask = |windows: &mut Windows, class| windows.promise(class, Duration::ZERO, MOST);
        assert_eq!(ask(&mut windows, RateClass::Read), Ok(Duration::ZERO));
        assert_eq!(ask(&mut windows, RateClass::Write), Ok(Duration::ZERO));
        assert_eq!(ask(&mut windows, RateClass::Read), Ok(Duration::from_secs(10)));
    }

    #[test]
    fn time_passes_and_memory_is_given_back() {
        let mut windows = Windows::default();
        windows.learn(&[rate(2, 10)]);
        for second in 0..1000 {
            let now = Duration::from_secs(second * 5);
            assert_eq!(windows.promise(RateClass::Read, now, MOST), Ok(Duration::ZERO));
        }
        assert!(windows.0[0].out.len() <= 2);
    }
}

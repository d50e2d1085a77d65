//! A clock that stands still until the test moves it.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use backend_core::Clock;

/// Time as the test says. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub struct TestClock {
    hands: Arc<Mutex<Hands>>,
}

#[derive(Debug, Default)]
struct Hands {
    now: Duration,
    last: u64,
    /// Who sleeps: until when, and how to wake them.
    sleepers: BTreeMap<u64, (Duration, Option<Waker>)>,
}

/// Takes its sleeper off the clock, also when a sleep is dropped.
struct Sleeper<'a> {
    clock: &'a TestClock,
    number: u64,
}

impl TestClock {
    /// A clock at zero, which is 1970.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Moves time on and wakes everybody whose time has come.
    pub fn advance(&self, by: Duration) {
        let wakers: Vec<Waker> = {
            let mut hands = self.lock();
            hands.now = hands.now.saturating_add(by);
            let now = hands.now;
            let due = hands.sleepers.values_mut().filter(|(until, _)| *until <= now);
            due.filter_map(|(_, waker)| waker.take()).collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How many are asleep.
    pub fn sleepers(&self) -> usize {
        let hands = self.lock();
        hands.sleepers.values().filter(|(until, _)| hands.now < *until).count()
    }

    /// How long the first sleeper still has to sleep.
    pub fn next(&self) -> Option<Duration> {
        let hands = self.lock();
        hands.sleepers.values().filter_map(|(until, _)| until.checked_sub(hands.now)).filter(|it| !it.is_zero()).min()
    }

    fn lock(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fall_asleep(&self, wait: Duration) -> Sleeper<'_> {
        let mut hands = self.lock();
        hands.last += 1;
        let (number, until) = (hands.last, hands.now.saturating_add(wait));
        hands.sleepers.insert(number, (until, None));
        Sleeper { clock: self, number }
    }
}

impl Sleeper<'_> {
    fn poll(&self, waker: &Waker) -> Poll<()> {
        let mut hands = self.clock.lock();
        let now = hands.now;
        match hands.sleepers.get_mut(&self.number) {
            Some((until, kept)) if now < *until => {
                *kept = Some(waker.clone());
                Poll::Pending
            }
            _ => Poll::Ready(()),
        }
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        self.clock.lock().sleepers.remove(&self.number);
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        self.lock().now
    }

    async fn sleep(&self, wait: Duration) {
        let sleeper = self.fall_asleep(wait);
        poll_fn(|context| sleeper.poll(context.waker())).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::future::{join, poll_immediate};

    use super::*;

    #[test]
    fn sleepers_wake_when_their_time_has_come() {
        let clock = TestClock::new();
        let (mut short, mut long) = (clock.sleep(Duration::from_secs(1)), clock.sleep(Duration::from_secs(3)));
        block_on(async {
            assert!(poll_immediate(&mut short).await.is_none() && poll_immediate(&mut long).await.is_none());
            assert_eq!((clock.sleepers(), clock.next()), (2, Some(Duration::from_secs(1))));
            clock.advance(Duration::from_secs(1));
            assert!(poll_immediate(&mut short).await.is_some() && poll_immediate(&mut long).await.is_none());
            drop(long);
            assert_eq!(clock.sleepers(), 0);
        });
    }

    #[test]
    fn advancing_wakes_a_task_that_waits() {
        let clock = TestClock::new();
        let mover = clock.clone();
        let sleep = clock.sleep(Duration::from_secs(5));
        let thread = std::thread::spawn(move || {
            while mover.sleepers() == 0 {
                std::thread::yield_now();
            }
            mover.advance(Duration::from_secs(5));
        });
        block_on(join(sleep, async {}));
        thread.join().unwrap();
        assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(5));
    }

    #[test]
    fn no_time_at_all_is_no_sleep() {
        assert!(block_on(poll_immediate(TestClock::new().sleep(Duration::ZERO))).is_some());
    }
}

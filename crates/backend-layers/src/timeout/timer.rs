//! Waiting for whichever comes first, life or a deadline, at no cost for what answers at once.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use backend_core::Clock;
use futures::FutureExt;
use futures::future::BoxFuture;

/// A deadline that only ever moves later. A sleep is begun when somebody first has to wait, and serves until it ends: a body of many frames that come in
/// time costs one sleep an idle time, not one a frame.
pub(crate) struct Timer {
    clock: Arc<dyn Clock>,
    sleep: Option<(Duration, BoxFuture<'static, ()>)>,
}

impl Timer {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, sleep: None }
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Ready when `deadline` is reached. A sleep that ends before it is followed by one for the rest; the end of one that was to last so long counts
    /// even on a clock that stands still.
    pub(crate) fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Duration) -> Poll<()> {
        loop {
            let (until, sleep) = self.sleep.get_or_insert_with(|| begin(&self.clock, deadline));
            ready!(sleep.poll_unpin(cx));
            let over = deadline <= *until;
            self.sleep = None;
            if over {
                return Poll::Ready(());
            }
        }
    }
}

fn begin(clock: &Arc<dyn Clock>, deadline: Duration) -> (Duration, BoxFuture<'static, ()>) {
    let clock = clock.clone();
    let rest = deadline.saturating_sub(clock.monotonic());
    (deadline, async move { clock.sleep(rest).await }.boxed())
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("until", &self.sleep.as_ref().map(|(until, _)| until)).finish_non_exhaustive()
    }
}

/// Drives `act` to its end, or answers for how long nothing happened. `look` tells a number that changes whenever something happens, and how long it may
/// stay the same. A change that wakes nobody is seen when the time would be over; so nothing is ended before its time, and nothing later than after
/// twice the time.
pub(crate) async fn until_idle<T>(
    mut timer: Timer,
    act: impl Future<Output = T>,
    look: impl Fn() -> (u64, Duration),
) -> Result<T, Duration> {
    let mut act = pin!(act);
    let mut seen = None;
    poll_fn(|cx| {
        if let Poll::Ready(answer) = act.as_mut().poll(cx) {
            return Poll::Ready(Ok(answer));
        }
        let (ticks, allowed) = look();
        let since = match seen {
            Some((before, since)) if before == ticks => since,
            _ => timer.now(),
        };
        seen = Some((ticks, since));
        timer.poll_until(cx, since.saturating_add(allowed)).map(|()| Err(allowed))
    })
    .await
}

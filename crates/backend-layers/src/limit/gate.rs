//! The gate before a service: shared by every backend that uses the same host with the same credential, closed for all when the service asks for quiet.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend_core::{Clock, Error, ErrorKind, Info, RateClass, Result, RetryAdvice};

use super::window::Windows;

/// The longest that one answer of a service closes its gate. It may ask for more; then it says so again.
const LONGEST: Duration = Duration::from_secs(3600);

/// The longest wait for a place within a rate. Waiters hold a permit, so there are only so many of them; what would take longer is said at once.
const PATIENCE: Duration = Duration::from_secs(300);

/// All gates of one program, by name. Cheap to clone; clones are the same gates. A name that was once seen is kept: there are as many as there are
/// configured accounts.
#[derive(Debug, Clone, Default)]
pub struct Gates {
    by_name: Arc<Mutex<HashMap<String, Arc<Gate>>>>,
}

impl Gates {
    /// The gate that `info` names, or one of its own; it knows the rates of `info`.
    pub(super) fn of(&self, info: &Info) -> Arc<Gate> {
        let gate = match &info.gate {
            Some(name) => lock(&self.by_name).entry(name.clone()).or_default().clone(),
            None => Arc::default(),
        };
        lock(&gate.windows).learn(&info.limits.rates);
        gate.rated.fetch_or(!info.limits.rates.is_empty(), Ordering::Relaxed);
        gate
    }
}

#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Until when it is closed, in nanoseconds of the clock's monotonic time.
    closed_until: AtomicU64,
    /// Whether there is any rate: most gates have none and then need no lock.
    rated: AtomicBool,
    windows: Mutex<Windows>,
}

impl Gate {
    fn closed_for(&self, now: Duration) -> Duration {
        Duration::from_nanos(self.closed_until.load(Ordering::Relaxed)).saturating_sub(now)
    }

    /// Only ever later: an answer that overtook another does not open the gate.
    fn close_until(&self, until: Duration) {
        let nanos = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.closed_until.fetch_max(nanos, Ordering::Relaxed);
    }
}

/// One backend's way through its gate.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    patience: Duration,
}

impl Pass {
    pub(super) fn new(gate: Arc<Gate>, clock: Arc<dyn Clock>, patience: Duration) -> Self {
        Self { gate, clock, patience }
    }

    /// Returns when a request of `class` may go out.
    ///
    /// # Errors
    /// `RateLimited` with `After`, at once, when that would take longer than the time-out (a closed gate) or five minutes (a rate).
    pub(super) async fn enter(&self, class: RateClass) -> Result<()> {
        self.opened().await?;
        if self.gate.rated.load(Ordering::Relaxed) {
            self.placed(class).await?;
            self.opened().await?;
        }
        Ok(())
    }

    /// Looks again after each wait, for somebody may have closed it for longer; all waits together are bounded.
    async fn opened(&self) -> Result<()> {
        let mut patience = self.patience;
        loop {
            // The word is 0 before anybody closes it: no look at the clock then.
            if self.gate.closed_until.load(Ordering::Relaxed) == 0 {
                return Ok(());
            }
            let closed = self.gate.closed_for(self.clock.monotonic());
            if closed.is_zero() {
                return Ok(());
            }
            patience = patience.checked_sub(closed).ok_or_else(|| quiet("the service asked for quiet", closed))?;
            self.clock.sleep(closed).await;
        }
    }

    async fn placed(&self, class: RateClass) -> Result<()> {
        let promised = lock(&self.gate.windows).promise(class, self.clock.monotonic(), PATIENCE);
        match promised {
            Ok(wait) if wait.is_zero() => {}
            Ok(wait) => self.clock.sleep(wait).await,
            Err(wait) => return Err(quiet("the service's rate is used up", wait)),
        }
        Ok(())
    }

    /// Passes an outcome on. A rate limit that says how long closes the gate.
    pub(super) fn told<T>(&self, outcome: Result<T>) -> Result<T> {
        if let Err(err) = &outcome
            && err.kind() == ErrorKind::RateLimited
            && let RetryAdvice::After(wait) = err.advice()
        {
            self.gate.close_until(self.clock.monotonic().saturating_add(wait.min(LONGEST)));
        }
        outcome
    }
}

fn quiet(why: &str, wait: Duration) -> Error {
    let message = format!("{why}, for another {} s", wait.as_secs_f64().ceil());
    Error::new(ErrorKind::RateLimited, message).with_advice(RetryAdvice::After(wait))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

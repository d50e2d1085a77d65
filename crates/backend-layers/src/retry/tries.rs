//! How often, after which pause, and when not at all.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use backend_core::{Clock, ContentId, Effect, Error, Metadata, Result, RetryAdvice};

/// The longest wait that a service may ask for and still be waited for here; behind it, the caller plans anew.
const LONGEST: Duration = Duration::from_secs(300);
/// The first pause, and the most that doubling makes of it.
const BASE: Duration = Duration::from_millis(200);
const CAP: Duration = Duration::from_secs(20);

/// What every retry of one backend has in common.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    retries: u32,
    clock: Arc<dyn Clock>,
}

impl Policy {
    pub(super) fn new(name: String, retries: u32, clock: Arc<dyn Clock>) -> Self {
        Self { shared: Arc::new(Shared { name, retries, clock }) }
    }
}

/// What to do when an act may have happened although it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Repeating it changes nothing that the first did not.
    Repeat,
    /// Look before repeating: that is the caller's.
    Stop,
}

/// The tries of one act.
#[derive(Debug)]
pub(super) struct Tries {
    policy: Policy,
    seed: Option<ContentId>,
    doubt: Doubt,
    attempt: u32,
    /// Whether an earlier try may have happened.
    doubtful: bool,
}

impl Tries {
    pub(super) fn new(policy: &Policy, id: Option<&ContentId>, doubt: Doubt) -> Self {
        Self { policy: policy.clone(), seed: id.cloned(), doubt, attempt: 0, doubtful: false }
    }

    pub(super) fn set_doubt(&mut self, doubt: Doubt) {
        self.doubt = doubt;
    }

    /// All tries are there again: something has moved since.
    pub(super) fn renew(&mut self) {
        self.attempt = 0;
    }

    /// Returns when it is time for the next try.
    ///
    /// # Errors
    /// The failure itself when there is none. Its advice is then `Exhausted` if the tries are used up, and its effect is `Unknown` if an earlier try may
    /// have happened.
    pub(super) async fn again(&mut self, err: Error) -> Result<()> {
        self.doubtful |= err.effect() == Effect::Unknown;
        let err = if self.doubtful { err.with_effect(Effect::Unknown) } else { err };
        let pause = match err.advice() {
            RetryAdvice::Backoff => self.pause(),
            RetryAdvice::After(wait) if wait <= LONGEST => wait,
            _ => return Err(err),
        };
        if self.doubtful && self.doubt == Doubt::Stop {
            return Err(err);
        }
        if self.attempt == self.policy.shared.retries {
            return Err(self.exhausted(err));
        }
        self.attempt += 1;
        self.policy.shared.clock.sleep(pause).await;
        Ok(())
    }

    /// With no retries allowed none were used up: the advice stays what it was.
    fn exhausted(&self, err: Error) -> Error {
        match self.policy.shared.retries {
            0 => err,
            _ => err.with_advice(RetryAdvice::Exhausted),
        }
    }

    /// Doubles up to a cap. Between half and all of it, by a hash of who waits: many that failed together do not come back together, and a test that
    /// runs twice sees the same.
    fn pause(&self) -> Duration {
        let whole = BASE.saturating_mul(1 << self.attempt.min(16)).min(CAP);
        let mut hasher = DefaultHasher::new();
        (&self.policy.shared.name, &self.seed, self.attempt).hash(&mut hasher);
        let spread = u32::try_from(hasher.finish() % 1024).unwrap_or_default();
        whole / 2 + whole / 2 * spread / 1024
    }

    /// When an earlier try may have stored it, that something was there says no longer that somebody else put it there.
    pub(super) fn honest(&self, mut meta: Metadata) -> Metadata {
        meta.existed = meta.existed.filter(|existed| !(*existed && self.doubtful));
        meta
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    fn check(name: &str, attempt: u32) -> Duration {
        let policy = Policy::new(name.into(), 20, Arc::new(SystemClock));
        Tries { attempt, ..Tries::new(&policy, None, Doubt::Repeat) }.pause()
    }

    #[test]
    fn pauses_double_up_to_the_cap_and_are_never_below_half() {
        let wanted = [200, 400, 800, 1600, 3200, 6400, 12_800, 20_000, 20_000];
        for (attempt, whole) in wanted.into_iter().enumerate() {
            let pause = check("archive", attempt as u32);
            let whole = Duration::from_millis(whole);
            assert!(whole / 2 <= pause && pause <= whole, "attempt {attempt}: {pause:?}");
        }
        assert!(check("archive", 4_000_000) <= CAP);
    }

    #[test]
    fn pauses_of_one_name_repeat_and_of_many_spread() {
        let pauses: std::collections::BTreeSet<_> = (0..50).map(|n| check(&n.to_string(), 3)).collect();
        assert!(40 < pauses.len(), "{}", pauses.len());
        assert_eq!(check("a", 3), check("a", 3));
    }
}

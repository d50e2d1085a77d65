//! What a stack has seen: counters, latencies, and what real traffic taught about reading and writing. A few atomic words; looking costs nobody anything.

mod budget;
mod histogram;
mod rate;
mod verb;
mod window;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend_core::{ErrorKind, Power};

pub(crate) use budget::Promise;
pub use histogram::{BOUNDS_MS, Histogram};
pub use verb::{Side, Verb};
pub use window::Lately;

use budget::Budget;
use histogram::Buckets;
use rate::Rate;
use window::Window;

/// How many kinds of errors are counted apart.
const KINDS: usize = ErrorKind::ALL.len();
/// After so many bytes the listener is told that more have moved.
const TELL_EVERY: u64 = 64 << 20;

/// Who is told what real traffic shows, as it happens. Called by whoever moves bytes: it must neither wait nor call the backend.
pub trait Listen: fmt::Debug + Send + Sync {
    /// An act of this side has worked (`None`), or failed in a way that speaks of the service.
    fn outcome(&self, side: Side, failure: Option<ErrorKind>);

    /// Another 64 MiB have moved: so many bytes went to the service and came from it since the meter began.
    fn moved(&self, sent: u64, received: u64);
}

/// What was counted of one verb since the meter began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Calls begun, refused and dropped ones included.
    pub calls: u64,
    /// Failures: of the call, of its body or of its entries.
    pub errors: u64,
    /// Bytes of content that moved: received in bodies of `get`, sent by `add` and `pin` as their leaf ticked them (a repeated part counts again).
    pub bytes: u64,
    /// How long a successful call takes until it answers (of a listing: until its first entry): an average in which each call weighs one eighth.
    /// Absent before the first success.
    pub latency: Option<Duration>,
}

/// What real traffic taught about one power of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learnt {
    /// `Unknown` before anything was tried. Failures that are about the request and not about the service teach nothing.
    pub power: Power,
    /// When, on the stack's clock (`Clock::monotonic`), to the millisecond.
    pub at: Duration,
}

/// Everything a meter knows, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    counts: [Count; Verb::ALL.len()],
    /// What `get` and `stat` taught.
    pub reads: Learnt,
    /// What `add` and `pin` taught: a probe that changes nothing can never know.
    pub writes: Learnt,
}

impl Observed {
    /// What was counted of one verb.
    pub fn count(&self, verb: Verb) -> Count {
        self.counts[verb as usize]
    }
}

/// Counts for one backend. Numbers of one call may be seen a moment apart.
#[derive(Debug, Default)]
pub struct Meter {
    counters: [Counters; Verb::ALL.len()],
    reads: Lesson,
    writes: Lesson,
    windows: [Mutex<Window>; 2],
    budget: Budget,
    rate: Rate,
    listener: Option<Arc<dyn Listen>>,
    told: AtomicU64,
}

impl Meter {
    /// A meter that tells what it sees.
    pub fn telling(listener: Arc<dyn Listen>) -> Self {
        Self { listener: Some(listener), ..Self::default() }
    }

    /// How the last minute was, for one power. `now` is of the stack's clock (`Clock::monotonic`).
    pub fn lately(&self, side: Side, now: Duration) -> Lately {
        lock(&self.windows[side as usize]).lately(now)
    }

    /// Failures of a verb, by kind, in the order of [`ErrorKind::ALL`].
    pub fn failures(&self, verb: Verb) -> [u64; KINDS] {
        std::array::from_fn(|n| self.counters(verb).failures[n].load(Ordering::Relaxed))
    }

    /// How long successful calls of a verb took until they answered.
    pub fn latencies(&self, verb: Verb) -> Histogram {
        self.counters(verb).latencies.read()
    }

    /// Bytes of content that went to the service.
    pub fn sent(&self) -> u64 {
        [Verb::Add, Verb::Pin].into_iter().map(|verb| self.counters(verb).bytes.load(Ordering::Relaxed)).sum()
    }

    /// Bytes of content that came from it.
    pub fn received(&self) -> u64 {
        self.counters(Verb::Get).bytes.load(Ordering::Relaxed)
    }

    /// From now on no more than `limit` bytes may move (`None`: any number), and `before` have moved besides those that this meter counts from here on
    /// with `counted` already on it.
    pub fn allow(&self, limit: Option<u64>, before: u64, counted: u64) {
        self.budget.set(limit, before, counted);
    }

    /// What the budget leaves; `None` without one.
    pub fn left(&self) -> Option<u64> {
        self.budget.left(self.sent().saturating_add(self.received()))
    }

    /// Calls that were refused because the budget was used up.
    pub fn refused(&self) -> u64 {
        self.budget.refused()
    }

    /// Takes `len` bytes of the budget until the promise is dropped; by then they are counted.
    pub(crate) fn promise(&self, len: u64) -> Option<Promise<'_>> {
        self.budget.promise(self.sent().saturating_add(self.received()), len)
    }

    /// Bytes a second that bodies of `get` came with, as long as somebody waited for them: an average in which each body of at least 256 KiB weighs one
    /// eighth. Absent before the first.
    pub fn throughput(&self) -> Option<u64> {
        self.rate.read()
    }

    /// Everything, now.
    pub fn observed(&self) -> Observed {
        Observed {
            counts: Verb::ALL.map(|verb| self.counters(verb).read()),
            reads: self.reads.read(),
            writes: self.writes.read(),
        }
    }

    pub(crate) fn begun(&self, verb: Verb) {
        self.counters(verb).calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn moved(&self, verb: Verb, bytes: u64) {
        self.counters(verb).bytes.fetch_add(bytes, Ordering::Relaxed);
        let before = self.told.fetch_add(bytes, Ordering::Relaxed);
        if before / TELL_EVERY < before.saturating_add(bytes) / TELL_EVERY
            && let Some(listener) = &self.listener
        {
            listener.moved(self.sent(), self.received());
        }
    }

    /// A body has ended, or was dropped.
    pub(crate) fn flowed(&self, bytes: u64, waited: Duration) {
        self.rate.add(bytes, waited);
    }

    /// A call has answered. A `get` has only opened: whether it works shows with its first bytes, see [`Meter::works`].
    pub(crate) fn answered(&self, verb: Verb, now: Duration, took: Duration) {
        self.counters(verb).took(took);
        self.teach(verb, 1, now);
        if let Some(side) = Side::of(verb) {
            lock(&self.windows[side as usize]).took(now, took);
        }
        if verb != Verb::Get {
            self.works(verb, now);
        }
    }

    /// The service has done what was asked.
    pub(crate) fn works(&self, verb: Verb, now: Duration) {
        self.outcome(verb, now, None);
    }

    pub(crate) fn failed(&self, verb: Verb, now: Duration, kind: ErrorKind) {
        let place = ErrorKind::ALL.iter().position(|it| *it == kind).unwrap_or_default();
        self.counters(verb).errors.fetch_add(1, Ordering::Relaxed);
        self.counters(verb).failures[place].fetch_add(1, Ordering::Relaxed);
        match kind {
            kind if speaks_of_the_service(kind) => {
                self.teach(verb, place as u64 + 2, now);
                self.outcome(verb, now, Some(kind));
            }
            // The store was reached and recognised.
            ErrorKind::NotFound => self.works(verb, now),
            _ => {}
        }
    }

    fn outcome(&self, verb: Verb, now: Duration, failure: Option<ErrorKind>) {
        let Some(side) = Side::of(verb) else { return };
        lock(&self.windows[side as usize]).outcome(now, failure);
        if let Some(listener) = &self.listener {
            listener.outcome(side, failure);
        }
    }

    /// What writes taught, and nothing else.
    pub(crate) fn writes(&self) -> Learnt {
        self.writes.read()
    }

    fn teach(&self, verb: Verb, code: u64, now: Duration) {
        match Side::of(verb) {
            Some(Side::Reads) => self.reads.write(code, now),
            Some(Side::Writes) => self.writes.write(code, now),
            None => {}
        }
    }

    fn counters(&self, verb: Verb) -> &Counters {
        &self.counters[verb as usize]
    }
}

/// Whether a failure says something about the service, and not only about this request.
fn speaks_of_the_service(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unavailable
            | ErrorKind::Timeout
            | ErrorKind::RateLimited
            | ErrorKind::Unauthenticated
            | ErrorKind::Denied
            | ErrorKind::QuotaExceeded
            | ErrorKind::Disabled
            | ErrorKind::Internal
            | ErrorKind::InvalidConfig
    )
}

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    errors: AtomicU64,
    bytes: AtomicU64,
    failures: [AtomicU64; KINDS],
    latencies: Buckets,
    /// Nanoseconds; 0: none yet.
    latency: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Counters {
    /// Two calls that end at the same moment may lose one of the two samples: an average bears that, a lock would be paid by all.
    fn took(&self, took: Duration) {
        self.latencies.add(took);
        let sample = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1);
        let mean = match self.latency.load(Ordering::Relaxed) {
            0 => sample,
            old => old - old / 8 + sample / 8,
        };
        self.latency.store(mean.max(1), Ordering::Relaxed);
    }

    fn read(&self) -> Count {
        let latency = self.latency.load(Ordering::Relaxed);
        Count {
            calls: self.calls.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            latency: (latency != 0).then(|| Duration::from_nanos(latency)),
        }
    }
}

/// Power and time in one word, so that they are never read apart: milliseconds in the upper 56 bits, below them 0 for unknown, 1 for works, 2 + n for a
/// failure of the nth kind.
#[derive(Debug, Default)]
struct Lesson(AtomicU64);

impl Lesson {
    fn write(&self, code: u64, now: Duration) {
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.0.store((millis << 8) | code, Ordering::Relaxed);
    }

    fn read(&self) -> Learnt {
        let word = self.0.load(Ordering::Relaxed);
        let power = match word & 0xff {
            0 => Power::Unknown,
            1 => Power::Works,
            code => ErrorKind::ALL.get(code as usize - 2).map_or(Power::Unknown, |kind| Power::Fails(*kind)),
        };
        Learnt { power, at: Duration::from_millis(word >> 8) }
    }
}

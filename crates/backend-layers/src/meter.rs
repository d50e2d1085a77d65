//! What a stack has seen: counters, latencies, and what real traffic taught about reading and writing. A few atomic words; looking costs nobody anything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backend_core::{ErrorKind, Power};

/// A verb that can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Verb {
    /// `health`.
    Health,
    /// `stat`.
    Stat,
    /// `get`, with its body.
    Get,
    /// `add`.
    Add,
    /// `discard`.
    Discard,
    /// `remove`.
    Remove,
    /// `list`, with its entries.
    List,
    /// `pin`.
    Pin,
    /// `probe`.
    Probe,
    /// `usage`.
    Usage,
}

impl Verb {
    /// Every verb that is counted, in the order of the contract.
    pub const ALL: [Verb; 10] = [
        Verb::Health,
        Verb::Stat,
        Verb::Get,
        Verb::Add,
        Verb::Discard,
        Verb::Remove,
        Verb::List,
        Verb::Pin,
        Verb::Probe,
        Verb::Usage,
    ];

    /// Its name in the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Health => "health",
            Verb::Stat => "stat",
            Verb::Get => "get",
            Verb::Add => "add",
            Verb::Discard => "discard",
            Verb::Remove => "remove",
            Verb::List => "list",
            Verb::Pin => "pin",
            Verb::Probe => "probe",
            Verb::Usage => "usage",
        }
    }
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
}

impl Meter {
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
    }

    pub(crate) fn answered(&self, verb: Verb, now: Duration, took: Duration) {
        self.counters(verb).took(took);
        self.teach(verb, 1, now);
    }

    pub(crate) fn failed(&self, verb: Verb, now: Duration, kind: ErrorKind) {
        self.counters(verb).errors.fetch_add(1, Ordering::Relaxed);
        if speaks_of_the_service(kind) {
            let place = ErrorKind::ALL.iter().position(|it| *it == kind).unwrap_or_default();
            self.teach(verb, place as u64 + 2, now);
        }
    }

    /// What writes taught, and nothing else.
    pub(crate) fn writes(&self) -> Learnt {
        self.writes.read()
    }

    fn teach(&self, verb: Verb, code: u64, now: Duration) {
        match verb {
            Verb::Get | Verb::Stat => self.reads.write(code, now),
            Verb::Add | Verb::Pin => self.writes.write(code, now),
            _ => {}
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
    /// Nanoseconds; 0: none yet.
    latency: AtomicU64,
}

impl Counters {
    /// Two calls that end at the same moment may lose one of the two samples: an average bears that, a lock would be paid by all.
    fn took(&self, took: Duration) {
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

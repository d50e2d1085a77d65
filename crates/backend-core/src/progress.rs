//! How far a transfer has come. Whoever moves bytes ticks; the time-out layer and the user's display look.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter shared by everybody who looks at one transfer. Cheap to clone; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    bytes: AtomicU64,
    ticks: AtomicU64,
    parent: Option<Progress>,
    tell: Option<Tell>,
}

/// Who is told of bytes as they move.
struct Tell(Box<dyn Fn(u64) + Send + Sync>);

impl fmt::Debug for Tell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tell")
    }
}

impl Progress {
    /// A new counter at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// A counter of its own whose bytes and ticks also count here.
    #[must_use]
    pub fn child(&self) -> Self {
        let counters = Counters { parent: Some(self.clone()), ..Counters::default() };
        Self { counters: Arc::new(counters) }
    }

    /// As [`Progress::child`]; `tell` is also told of its bytes, as they move. It is called by whoever moves them, so it must not wait.
    #[must_use]
    pub fn telling(&self, tell: impl Fn(u64) + Send + Sync + 'static) -> Self {
        let tell = Some(Tell(Box::new(tell)));
        Self { counters: Arc::new(Counters { parent: Some(self.clone()), tell, ..Counters::default() }) }
    }

    /// `n` more bytes have moved.
    pub fn moved(&self, n: u64) {
        self.counters.bytes.fetch_add(n, Ordering::Relaxed);
        self.counters.ticks.fetch_add(1, Ordering::Relaxed);
        if let Some(Tell(tell)) = &self.counters.tell {
            tell(n);
        }
        if let Some(parent) = &self.counters.parent {
            parent.moved(n);
        }
    }

    /// Something is going on, although no byte moves: a server is assembling parts, a batch is filling.
    pub fn alive(&self) {
        self.moved(0);
    }

    /// Bytes moved so far. A repeated part counts again.
    pub fn bytes(&self) -> u64 {
        self.counters.bytes.load(Ordering::Relaxed)
    }

    /// A number that changes whenever anything happens: an unchanged number for the idle time is a time-out.
    pub fn ticks(&self) -> u64 {
        self.counters.ticks.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_count_for_their_parent() {
        let parent = Progress::new();
        let (one, two) = (parent.child(), parent.child());
        one.moved(3);
        two.alive();
        assert_eq!((one.bytes(), two.bytes(), parent.bytes()), (3, 0, 3));
        assert_eq!((one.ticks(), two.ticks(), parent.ticks()), (1, 1, 2));
    }

    #[test]
    fn who_is_told_hears_of_bytes_as_they_move() {
        let (parent, heard) = (Progress::new(), Arc::new(AtomicU64::new(0)));
        let ear = heard.clone();
        let telling = parent.telling(move |n| {
            ear.fetch_add(n, Ordering::Relaxed);
        });
        telling.child().moved(5);
        assert_eq!((telling.bytes(), parent.bytes(), heard.load(Ordering::Relaxed)), (5, 5, 5));
        parent.moved(1);
        assert_eq!(heard.load(Ordering::Relaxed), 5, "only its own");
    }
}

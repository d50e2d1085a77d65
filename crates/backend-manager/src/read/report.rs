//! What a read met on its way.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backend_core::ErrorKind;

use super::{Hedged, Replica};

/// No more troubles than this are kept of one read; the rest is counted.
const KEPT: usize = 1000;

/// A replica failed where another one, or a second try, gave the right bytes; or where none did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Which backend.
    pub backend: String,
    /// Where the chunk begins in the content, bytes.
    pub offset: u64,
    /// How long the chunk is, bytes.
    pub len: u64,
    /// What went wrong; `Integrity` means that the bytes are not what their name says.
    pub kind: ErrorKind,
    /// In words.
    pub message: String,
}

type Listener = Arc<dyn Fn(&Replica, &Trouble) + Send + Sync>;

/// What a read met, and who served how much. Cheap to clone: clones share.
#[derive(Clone, Default)]
pub struct ReadReport {
    inner: Arc<Mutex<Inner>>,
    listener: Option<Listener>,
}

#[derive(Debug, Default)]
struct Inner {
    troubles: Vec<Trouble>,
    more: u64,
    served: Vec<(String, u64)>,
    hedged: Hedged,
}

impl ReadReport {
    pub(crate) fn telling(self, listener: impl Fn(&Replica, &Trouble) + Send + Sync + 'static) -> Self {
        Self { inner: self.inner, listener: Some(Arc::new(listener)) }
    }

    pub(crate) fn trouble(&self, replica: &Replica, offset: u64, len: u64, err: &backend_core::Error) {
        let trouble =
            Trouble { backend: replica.name.clone(), offset, len, kind: err.kind(), message: err.message().to_owned() };
        if let Some(listener) = &self.listener {
            listener(replica, &trouble);
        }
        let mut inner = self.lock();
        match inner.troubles.len() < KEPT {
            true => inner.troubles.push(trouble),
            false => inner.more += 1,
        }
    }

    pub(crate) fn served(&self, replica: &Replica, bytes: u64) {
        let mut inner = self.lock();
        match inner.served.iter_mut().find(|(name, _)| *name == replica.name) {
            Some((_, served)) => *served += bytes,
            None => inner.served.push((replica.name.clone(), bytes)),
        }
    }

    /// What was met so far, in the order in which it was met; at most 1000.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.lock().troubles.clone()
    }

    /// How many more there were.
    pub fn more(&self) -> u64 {
        self.lock().more
    }

    /// Which backends served how many verified bytes.
    pub fn by_backend(&self) -> Vec<(String, u64)> {
        self.lock().served.clone()
    }

    pub(crate) fn hedged(&self, change: impl FnOnce(&mut Hedged)) {
        change(&mut self.lock().hedged);
    }

    /// How often a second copy was asked because the first one was silent.
    pub fn hedges(&self) -> Hedged {
        self.lock().hedged
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ReadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().fmt(f)
    }
}

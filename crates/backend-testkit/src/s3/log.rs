//! What was asked, so that a test can tell what went over the wire.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;

use super::operation::Operation;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// What was asked for.
    pub operation: Operation,
    /// The method.
    pub method: String,
    /// The bucket; empty if none was named.
    pub bucket: String,
    /// The key; empty if none was named.
    pub key: String,
    /// The path as it was sent.
    pub path: String,
    /// The query, decoded, in the order of the request.
    pub query: Vec<(String, String)>,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// How much of its body was received, in bytes.
    pub received: u64,
    /// The status of the answer, also of one that is kept back for ever; none while there was none, or when the connection was cut instead.
    pub status: Option<u16>,
}

impl Request {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first value of this name in the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }
}

/// All requests.
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: Mutex<Vec<Arc<Entry>>>,
    received: AtomicU64,
}

/// One request, while it is served.
#[derive(Debug)]
pub(super) struct Entry {
    head: Request,
    received: AtomicU64,
    /// Zero while there is no answer.
    status: AtomicU64,
}

impl Entry {
    pub(super) fn answered(&self, status: u16) {
        self.status.store(u64::from(status), Ordering::Relaxed);
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, head: Request) -> Arc<Entry> {
        let entry = Arc::new(Entry { head, received: AtomicU64::new(0), status: AtomicU64::new(0) });
        self.lock().push(entry.clone());
        entry
    }

    pub(super) fn count(&self, entry: &Entry, n_bytes: u64) {
        entry.received.fetch_add(n_bytes, Ordering::Relaxed);
        self.received.fetch_add(n_bytes, Ordering::Relaxed);
    }

    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
        self.received.store(0, Ordering::Relaxed);
    }

    pub(super) fn all(&self) -> Vec<Request> {
        self.lock().iter().map(|entry| entry.told()).collect()
    }
}

impl Entry {
    fn told(&self) -> Request {
        let status = u16::try_from(self.status.load(Ordering::Relaxed)).ok().filter(|status| 0 < *status);
        Request { received: self.received.load(Ordering::Relaxed), status, ..self.head.clone() }
    }
}

/// The headers as text, names in lower case.
pub(super) fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    map.iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

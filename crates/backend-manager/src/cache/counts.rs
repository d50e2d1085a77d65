//! What caches did, counted by this process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How a cache does. What is kept is counted by the catalog, over all processes; the rest by this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheView {
    /// Readings that began with it.
    pub hits: u64,
    /// Readings of what it did not have.
    pub misses: u64,
    /// Contents taken in.
    pub filled: u64,
    /// Contents that were to be taken in, and were not: the reader was too fast or stopped, or the store did not take them.
    pub given_up: u64,
    /// Contents that left: for room, for their age, or because they were wrong.
    pub evicted: u64,
    /// Bytes that are there.
    pub bytes: u64,
    /// Contents that are there.
    pub contents: u64,
    /// Bytes that may be there.
    pub limit: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<BTreeMap<String, CacheView>>);

impl Counts {
    pub(super) fn of(&self, name: &str) -> CacheView {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or_default()
    }

    pub(super) fn count(&self, name: &str, change: impl FnOnce(&mut CacheView)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(name.to_owned()).or_default());
    }
}

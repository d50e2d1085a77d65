//! What the chores did, for whoever looks: metrics, tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::catalog::replicas::ReplicaState;

/// The most standings that are kept apart.
const STANDINGS: usize = 32;

/// How a chore fares in this process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChoreState {
    /// How often it was done.
    pub runs: u64,
    /// How often that failed.
    pub failures: u64,
    /// When it last ended.
    pub ended_at: Option<SystemTime>,
    /// How long that took.
    pub took: Duration,
    /// What went wrong the last time.
    pub trouble: Option<String>,
}

/// Cheap to look at; nobody waits for it.
#[derive(Debug, Default)]
pub struct Board(Mutex<Written>);

#[derive(Debug, Default)]
struct Written {
    chores: BTreeMap<&'static str, ChoreState>,
    contents: BTreeMap<&'static str, u64>,
    replicas: Vec<(String, ReplicaState, u64)>,
}

impl Board {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many contents stand how, by the names of the standings: written by whoever plans them all.
    pub fn standings(&self, counts: impl IntoIterator<Item = (&'static str, u64)>) {
        self.lock().contents = counts.into_iter().take(STANDINGS).collect();
    }

    /// What every chore did in this process, by name.
    pub fn chores(&self) -> BTreeMap<&'static str, ChoreState> {
        self.lock().chores.clone()
    }

    pub(super) fn ended(&self, name: &'static str, at: SystemTime, took: Duration, trouble: Option<String>) {
        let mut written = self.lock();
        let state = written.chores.entry(name).or_default();
        state.runs += 1;
        state.failures += u64::from(trouble.is_some());
        (state.ended_at, state.took, state.trouble) = (Some(at), took, trouble);
    }

    pub(super) fn count(&self, replicas: Vec<(String, ReplicaState, u64)>) {
        self.lock().replicas = replicas;
    }

    pub(super) fn contents(&self) -> BTreeMap<&'static str, u64> {
        self.lock().contents.clone()
    }

    pub(super) fn replicas(&self) -> Vec<(String, ReplicaState, u64)> {
        self.lock().replicas.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

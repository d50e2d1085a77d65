//! What the catalog says of a content, as the planner is told it.

use std::collections::HashMap;

use planner::{Content, Copy, State, Wish};

use super::places::{Places, seconds};
use crate::catalog::process::{Process, Worker};
use crate::catalog::replicas::ReplicaState;
use crate::catalog::survey::{Surveyed, SurveyedCopy, SurveyedWish};
use crate::catalog::{ContentNumber, Timestamp};
use crate::desired::Policies;

/// A content, ready to be planned, and which rows its copies are.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) number: ContentNumber,
    size: u64,
    since: u64,
    is_near: bool,
    pub(crate) wishes: Vec<Wish>,
    pub(crate) copies: Vec<Copy>,
    /// The keys of the copies' rows.
    pub(crate) keys: Vec<String>,
}

impl Case {
    pub(crate) fn content(&self) -> Content<'_> {
        Content {
            size: self.size,
            since: self.since,
            wishes: &self.wishes,
            copies: &self.copies,
            is_near: self.is_near,
        }
    }
}

/// Tells cases from rows, and remembers which processes are alive.
#[derive(Debug)]
pub(crate) struct Cases<'a> {
    pub(crate) places: &'a Places,
    pub(crate) policies: &'a Policies,
    pub(crate) process: Process,
    pub(crate) now: Timestamp,
    alive: HashMap<Worker, bool>,
}

impl<'a> Cases<'a> {
    pub(crate) fn new(places: &'a Places, policies: &'a Policies, process: &Process, now: Timestamp) -> Self {
        Self { places, policies, process: process.clone(), now, alive: HashMap::new() }
    }

    /// `None`: somebody is adding it at this moment, and sees to it himself.
    pub(crate) fn case(&mut self, surveyed: Surveyed) -> Option<Case> {
        if surveyed.wishes.iter().any(|wish| wish.is_being_added) {
            return None;
        }
        let (mut copies, mut keys) = (Vec::new(), Vec::new());
        for it in surveyed.copies {
            if let Some(copy) = self.copy(&it) {
                copies.push(copy);
                keys.push(it.key);
            }
        }
        let mut wishes: Vec<Wish> = surveyed.wishes.iter().filter_map(|wish| self.wish(wish)).collect();
        if surveyed.wishes.iter().any(|wish| wish.until.is_none_or(|until| self.now < until)) {
            wishes.extend(self.of_places(&copies));
        }
        let (number, size, is_near) = (surveyed.number, surveyed.size.unwrap_or(0), surveyed.is_near);
        Some(Case { number, size, since: seconds(surveyed.since), is_near, wishes, copies, keys })
    }

    fn wish(&self, wish: &SurveyedWish) -> Option<Wish> {
        let policy = self.policies.position(wish.policy)?;
        Some(Wish { policy, until: wish.until.map(seconds) })
    }

    /// What is wanted of content because it has a copy on a backend that asks for more of them. Their policies stand behind the named ones.
    fn of_places<'c>(&'c self, copies: &'c [Copy]) -> impl Iterator<Item = Wish> + 'c {
        let is_there = |place: usize| copies.iter().any(|copy| copy.place == place && copy.state == State::Present);
        let asking = self.places.min_replicas.iter().enumerate().filter(|(_, asks)| asks.is_some());
        let first = self.policies.views().len();
        asking
            .enumerate()
            .filter(move |(_, (place, _))| is_there(*place))
            .map(move |(n, _)| Wish { policy: first + n, until: None })
    }

    fn copy(&mut self, it: &SurveyedCopy) -> Option<Copy> {
        let place = self.places.position(it.backend)?;
        Some(Copy {
            place,
            state: self.state(it),
            evidence: it.evidence,
            proved_at: it.proved_at.map(seconds),
            until: it.until.map(seconds),
            owned: it.owned,
        })
    }

    fn state(&mut self, it: &SurveyedCopy) -> State {
        match it.state {
            // Nobody sends it any more: whoever takes it looks first what is there.
            ReplicaState::Uploading if !self.is_alive(it.worker.as_ref()) => match it.origin {
                ReplicaState::Corrupt => State::Corrupt,
                ReplicaState::Missing => State::Missing,
                _ => State::Planned,
            },
            ReplicaState::Planned => State::Planned,
            ReplicaState::Uploading => State::Uploading,
            ReplicaState::Accepted => State::Accepted,
            ReplicaState::Present => State::Present,
            ReplicaState::Suspect => State::Suspect,
            ReplicaState::Removing => State::Removing,
            ReplicaState::Missing => State::Missing,
            ReplicaState::Corrupt => State::Corrupt,
            ReplicaState::Lingering => State::Lingering,
        }
    }

    fn is_alive(&mut self, worker: Option<&Worker>) -> bool {
        let Some(worker) = worker else { return false };
        let process = &self.process;
        *self.alive.entry(worker.clone()).or_insert_with(|| process.alive(worker))
    }
}

/// The policies, named ones first, then those of backends that ask for copies beside their own.
///
/// # Errors
/// `InvalidConfig` for one that is wrong.
pub(crate) fn compiled(policies: &Policies, places: &Places) -> backend_core::Result<Vec<planner::Policy>> {
    let mut all = policies.compiled()?;
    let asked = places.min_replicas.iter().flatten();
    all.extend(asked.map(|n| planner::Policy { replicas: *n, private: true, ..planner::Policy::default() }));
    Ok(all)
}

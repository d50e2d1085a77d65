//! Policies held against the places once, so that planning a content looks up and compares no text.

use crate::place::Place;
use crate::policy::Policy;

/// A policy, compiled for these places.
#[derive(Debug)]
pub(crate) struct Goal {
    pub(crate) replicas: u32,
    pub(crate) legal_hold: bool,
    pub(crate) verify_every_s: Option<u64>,
    wants: Vec<bool>,
    forbids: Vec<bool>,
    ranks: Vec<usize>,
    /// The places where new copies of it go, best first.
    pub(crate) order: Vec<usize>,
}

impl Goal {
    pub(crate) fn new(policy: &Policy, places: &[Place]) -> Self {
        let wants: Vec<bool> = places.iter().map(|place| policy.wants(place)).collect();
        let takes = |n: &usize| places.get(*n).is_some_and(|place| policy.wants(place) && policy.places(place));
        let mut order: Vec<usize> = (0..places.len()).filter(takes).collect();
        // Stable: among equals the order of the configuration holds.
        order.sort_by_key(|n| places.get(*n).map(|place| policy.rank(place)));
        Self {
            replicas: policy.replicas,
            legal_hold: policy.legal_hold,
            verify_every_s: policy.verify_every_s,
            wants,
            forbids: places.iter().map(|place| policy.forbids(place)).collect(),
            ranks: places.iter().map(|place| policy.rank(place)).collect(),
            order,
        }
    }

    pub(crate) fn wants(&self, place: usize) -> bool {
        self.wants.get(place).copied().unwrap_or(false)
    }

    /// How much a place is preferred: the lower, the more.
    pub(crate) fn rank(&self, place: usize) -> usize {
        self.ranks.get(place).copied().unwrap_or(usize::MAX)
    }

    /// What nobody knows is forbidden.
    pub(crate) fn forbids(&self, place: usize) -> bool {
        self.forbids.get(place).copied().unwrap_or(true)
    }
}

/// What a policy wants of content, by its age.
#[derive(Debug)]
pub(crate) struct Stages {
    first: Goal,
    /// From which age on what else is wanted, the youngest first.
    later: Vec<(u64, Goal)>,
}

impl Stages {
    pub(crate) fn new(policy: &Policy, places: &[Place]) -> Self {
        let mut later: Vec<(u64, Goal)> =
            policy.tiers.iter().map(|tier| (tier.after_s, Goal::new(&policy.at(tier), places))).collect();
        later.sort_by_key(|(after, _)| *after);
        Self { first: Goal::new(policy, places), later }
    }

    pub(crate) fn at(&self, age: u64) -> &Goal {
        let due = self.later.iter().take_while(|(after, _)| *after <= age).last();
        due.map_or(&self.first, |(_, goal)| goal)
    }
}

/// Failure domains by number.
#[derive(Debug)]
pub(crate) struct Domains(Vec<usize>);

impl Domains {
    pub(crate) fn of(places: &[Place]) -> Self {
        let first = |place: &Place| places.iter().position(|it| it.domain == place.domain).unwrap_or_default();
        Self(places.iter().map(first).collect())
    }

    pub(crate) fn get(&self, place: usize) -> Option<usize> {
        self.0.get(place).copied()
    }

    /// Those of the places that the goal wants, each once.
    pub(crate) fn counted(&self, goal: &Goal, at: impl Iterator<Item = usize>) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        for domain in at.filter(|place| goal.wants(*place)).filter_map(|place| self.get(place)) {
            if !found.contains(&domain) {
                found.push(domain);
            }
        }
        found
    }

    pub(crate) fn is_met(&self, goal: &Goal, at: impl Iterator<Item = usize>) -> bool {
        goal.replicas as usize <= self.counted(goal, at).len()
    }
}

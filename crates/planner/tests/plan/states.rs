//! Places, copies, and what becomes of them when a plan is carried out.

use backend_core::{Capabilities, Evidence, Grade, Traits};
use planner::{Content, Copy, Outcome, Place, Planner, Policy, Serving, State, Step, Terms, Wish};

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const DAY: u64 = 24 * 60 * 60;

/// A private store that does everything, in a domain of its own.
pub(crate) fn place(name: &str) -> Place {
    let offers = Capabilities {
        get: true,
        stat: true,
        add: true,
        remove: true,
        range: true,
        list: true,
        pin: true,
        ..Capabilities::default()
    };
    Place {
        name: name.to_owned(),
        kind: "local".to_owned(),
        tier: None,
        domain: name.to_owned(),
        keeps: true,
        proves: true,
        is_private: true,
        offers,
        traits: Traits { latency: Grade::Low, durability: Grade::Medium, cost: Grade::Low },
        min_size: 0,
        max_size: None,
        retention_s: None,
        free: None,
        reads: Serving::Up,
        writes: Serving::Up,
    }
}

pub(crate) fn copy(place: usize, state: State) -> Copy {
    Copy { place, state, evidence: Evidence::Attested, proved_at: Some(NOW - 30 * DAY), until: None, owned: true }
}

pub(crate) fn policy(replicas: u32) -> Policy {
    Policy { replicas, ..Policy::default() }
}

pub(crate) const WISH: Wish = Wish { policy: 0, until: None };

/// One content, so that a plan can be carried out on it.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) size: u64,
    pub(crate) since: u64,
    pub(crate) wishes: Vec<Wish>,
    pub(crate) copies: Vec<Copy>,
    pub(crate) is_near: bool,
}

impl Held {
    pub(crate) fn new(copies: Vec<Copy>) -> Self {
        Self { size: 100, since: NOW - DAY, wishes: vec![WISH], copies, is_near: false }
    }

    pub(crate) fn view(&self) -> Content<'_> {
        Content {
            size: self.size,
            since: self.since,
            wishes: &self.wishes,
            copies: &self.copies,
            is_near: self.is_near,
        }
    }

    pub(crate) fn planned(&self, places: &[Place], policies: &[Policy]) -> Outcome {
        Planner::new(places, policies, Terms::at(NOW)).plan(&self.view())
    }

    /// As if every step of the plan had succeeded, up to `n` of them.
    pub(crate) fn carry_out(&mut self, steps: &[Step], n: usize) {
        let mut gone = Vec::new();
        let stored = |read_back: bool| if read_back { Evidence::Verified } else { Evidence::Attested };
        for step in steps.iter().take(n) {
            match *step {
                Step::Copy { to, read_back } => {
                    let new = Copy { evidence: stored(read_back), proved_at: Some(NOW), ..copy(to, State::Present) };
                    match self.copies.iter_mut().find(|it| it.place == to && it.state == State::Planned) {
                        Some(row) => *row = new,
                        None => self.copies.push(new),
                    }
                }
                Step::Repair { copy: at, read_back } => {
                    let until = self.copies[at].until;
                    self.copies[at] = Copy {
                        state: State::Present,
                        evidence: stored(read_back),
                        proved_at: Some(NOW),
                        until: until.filter(|until| NOW + 30 * DAY < *until),
                        ..self.copies[at]
                    };
                }
                Step::Verify { copy: at } => {
                    self.copies[at] = Copy {
                        state: State::Present,
                        evidence: Evidence::Verified,
                        proved_at: Some(NOW),
                        ..self.copies[at]
                    };
                }
                Step::Renew { copy: at } => self.copies[at].until = Some(NOW + 365 * DAY),
                Step::Remove { copy: at } | Step::Forget { copy: at } => gone.push(at),
                Step::Wait(_) | Step::Unsatisfiable(_) => {}
            }
        }
        let mut n = 0;
        self.copies.retain(|_| {
            n += 1;
            !gone.contains(&(n - 1))
        });
    }
}

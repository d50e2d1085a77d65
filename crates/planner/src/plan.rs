//! The planner: one content after the other.

use crate::brake::Totals;
use crate::choose::Nowhere;
use crate::content::{Content, Copy, State};
use crate::goal::{Domains, Goal, Stages};
use crate::place::{Place, Serving};
use crate::policy::Policy;
use crate::step::{Outcome, Standing, Step, Terms, Why};

/// Why content that is private is not put somewhere.
const SHOWN: &str = "others could read it there, and no policy names it";

/// Plans content after content. What its steps take of a quota is not free for the next content.
#[derive(Debug)]
pub struct Planner<'a> {
    pub(crate) places: &'a [Place],
    pub(crate) domains: Domains,
    pub(crate) free: Vec<Option<u64>>,
    pub(crate) terms: Terms,
    goals: Vec<Stages>,
    totals: Totals,
}

/// What there is of a content, while it is planned.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) steps: Vec<Step>,
    /// Places of copies that count.
    pub(crate) have: Vec<usize>,
    /// Places of copies that are on their way, and of those that this plan makes or looks at again.
    under_way: Vec<usize>,
    pub(crate) made: Vec<usize>,
    /// Rows of missing copies that may come back, and copies that may not be where they are.
    spare: Vec<usize>,
    pub(crate) outside: Vec<usize>,
}

impl Tally {
    fn all(&self) -> impl Iterator<Item = usize> + '_ {
        self.have.iter().chain(&self.under_way).chain(&self.made).copied()
    }
}

impl<'a> Planner<'a> {
    /// Nothing is looked at twice: `policies` are held against `places` here.
    pub fn new(places: &'a [Place], policies: &[Policy], terms: Terms) -> Self {
        Self {
            places,
            domains: Domains::of(places),
            free: places.iter().map(|place| place.free).collect(),
            terms,
            goals: policies.iter().map(|policy| Stages::new(policy, places)).collect(),
            totals: Totals { copies: vec![(0, 0); places.len()], ..Totals::default() },
        }
    }

    /// What was counted so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// For each place, why content may not be there, or is not put there; `None`: it may be, and is.
    pub fn explain(&self, content: &Content<'_>) -> Vec<Option<Why>> {
        let goals = self.live(content);
        let shown = |place: usize| match goals.iter().any(|goal| goal.order.contains(&place)) {
            true => None,
            false => Some(Why::Place(place, SHOWN)),
        };
        (0..self.places.len()).map(|place| self.refusal(&goals, place, content).or_else(|| shown(place))).collect()
    }

    /// Whether a policy of this content forbids that any of its bytes are there, copy or not.
    pub fn forbids(&self, content: &Content<'_>, place: usize) -> bool {
        self.live(content).iter().any(|goal| goal.forbids(place))
    }

    /// Where new content under `policy` goes: a place for each copy, best first; and why there are not more, if there are fewer than the policy asks for.
    pub fn targets(&self, policy: usize, size: u64) -> (Vec<usize>, Option<Why>) {
        let Some(goal) = self.goals.get(policy).map(|it| it.at(0)) else {
            return (Vec::new(), Some(Why::TooFewDomains));
        };
        let content = Content { size, since: self.terms.now, wishes: &[], copies: &[], is_near: false };
        let (mut places, mut taken) = (Vec::new(), Vec::new());
        while places.len() < goal.replicas as usize {
            match self.choose(goal, &[goal], &content, &taken) {
                Ok(to) => {
                    places.push(to);
                    taken.extend(self.domains.get(to));
                }
                Err(Nowhere::Wait(why) | Nowhere::Never(why)) => return (places, Some(why)),
            }
        }
        (places, None)
    }

    /// For each place, how much `policy` prefers it for new content of `size` bytes (0 most of all), or why nothing of it is put there now.
    pub fn candidates(&self, policy: usize, size: u64) -> Vec<Result<usize, Why>> {
        let Some(goal) = self.goals.get(policy).map(|it| it.at(0)) else { return Vec::new() };
        let content = Content { size, since: self.terms.now, wishes: &[], copies: &[], is_near: false };
        let standing = |place: usize| {
            let refused = self.refusal(&[goal], place, &content).or_else(|| self.closed(place));
            let is_full = self.free.get(place).copied().flatten().is_some_and(|free| free < size);
            match refused {
                Some(why) => Err(why),
                None if is_full => Err(Why::Place(place, "its quota leaves no room")),
                None if !goal.order.contains(&place) => Err(Why::Place(place, SHOWN)),
                None => Ok(goal.rank(place)),
            }
        };
        (0..self.places.len()).map(standing).collect()
    }

    /// What must be done so that `content` is kept as it is wished.
    pub fn plan(&mut self, content: &Content<'_>) -> Outcome {
        self.count(content);
        let live = self.live(content).len();
        let outcome = match live {
            0 => Outcome { standing: Standing::Unwanted, steps: self.unwanted(content) },
            _ => self.kept(content),
        };
        self.totals.removals += u64::from(outcome.steps.iter().any(|step| matches!(step, Step::Remove { .. })));
        outcome
    }

    fn count(&mut self, content: &Content<'_>) {
        self.totals.contents += 1;
        for copy in content.copies {
            if let Some((all, missing)) = self.totals.copies.get_mut(copy.place) {
                *all += 1;
                *missing += u64::from(copy.state == State::Missing);
            }
        }
    }

    /// A hold outlives the pin that brought it.
    fn live(&self, content: &Content<'_>) -> Vec<&Goal> {
        let age = self.terms.now.saturating_sub(content.since);
        let live = content.wishes.iter().filter_map(|wish| Some((wish, self.goals.get(wish.policy)?.at(age))));
        live.filter(|(wish, goal)| wish.is_live(self.terms.now) || goal.legal_hold).map(|(_, goal)| goal).collect()
    }

    fn kept(&mut self, content: &Content<'_>) -> Outcome {
        let goals = self.live(content);
        let mut tally = Tally::default();
        for (n, copy) in content.copies.iter().enumerate() {
            self.look(&goals, content, n, copy, &mut tally);
        }
        let is_safe = goals.iter().all(|goal| self.domains.is_met(goal, tally.have.iter().copied()));
        let taken = match self.source(content) {
            Ok(()) => self.fill(&goals, content, &mut tally),
            Err(why) => {
                tally.steps.retain(|step| !matches!(step, Step::Copy { .. } | Step::Repair { .. }));
                tally.steps.push(why);
                tally.made.clear();
                Vec::new()
            }
        };
        self.clear(&goals, content, &mut tally);
        let standing = match is_safe {
            true => Standing::Safe,
            false if tally.steps.contains(&Step::Unsatisfiable(Why::Lost)) => Standing::Lost,
            false if tally.steps.iter().any(|step| matches!(step, Step::Unsatisfiable(_))) => Standing::Unsatisfiable,
            false => Standing::Short,
        };
        for place in taken {
            if let Some(Some(free)) = self.free.get_mut(place) {
                *free = free.saturating_sub(content.size);
            }
        }
        Outcome { standing, steps: tally.steps }
    }

    /// Sorts a copy by what it is good for.
    fn look(&self, goals: &[&Goal], content: &Content<'_>, n: usize, copy: &Copy, tally: &mut Tally) {
        let may = self.refusal(goals, copy.place, content).is_none();
        match copy.state {
            State::Removing | State::Lingering => {}
            State::Uploading | State::Accepted => {
                tally.under_way.extend(may.then_some(copy.place));
                tally.steps.push(Step::Wait(Why::UnderWay));
            }
            State::Planned | State::Missing if !may => tally.steps.push(Step::Forget { copy: n }),
            State::Missing => tally.spare.push(n),
            State::Planned => match self.closed(copy.place) {
                Some(why) => tally.steps.push(Step::Wait(why)),
                None => {
                    tally.steps.push(Step::Copy { to: copy.place, read_back: false });
                    tally.made.push(copy.place);
                }
            },
            State::Present | State::Corrupt | State::Suspect if !may => tally.outside.push(n),
            State::Suspect => self.suspect(n, copy, tally),
            State::Corrupt => match self.closed(copy.place) {
                Some(why) => tally.steps.push(Step::Wait(why)),
                None => {
                    tally.steps.push(Step::Repair { copy: n, read_back: false });
                    tally.made.push(copy.place);
                }
            },
            State::Present => self.present(goals, n, copy, tally),
        }
    }

    fn present(&self, goals: &[&Goal], n: usize, copy: &Copy, tally: &mut Tally) {
        let Some(place) = self.places.get(copy.place) else { return };
        if let Serving::Down(since) = place.reads
            && since.saturating_add(self.terms.grace_s) < self.terms.now
        {
            return tally.steps.push(Step::Wait(Why::Place(copy.place, "it has been down for long")));
        }
        if !self.lasts(n, copy, tally) {
            return;
        }
        tally.have.push(copy.place);
        let every = goals.iter().filter_map(|goal| goal.verify_every_s).min();
        let is_due = |every: u64| copy.proved_at.unwrap_or(0).saturating_add(every) <= self.terms.now;
        if every.is_some_and(is_due) && place.is_readable() && place.proves {
            tally.steps.push(Step::Verify { copy: n });
        }
    }

    /// A second look decides before anything is sent anywhere; whatever depends on it comes behind it.
    fn suspect(&self, n: usize, copy: &Copy, tally: &mut Tally) {
        if !self.places.get(copy.place).is_some_and(Place::is_readable) {
            return tally.steps.push(Step::Wait(Why::Place(copy.place, "it cannot be read at present")));
        }
        tally.steps.push(Step::Verify { copy: n });
        if self.lasts(n, copy, tally) {
            tally.made.push(copy.place);
        }
    }

    /// Whether a copy will stay, if need be because the service is asked to keep it.
    fn lasts(&self, n: usize, copy: &Copy, tally: &mut Tally) -> bool {
        if copy.until.is_none_or(|until| self.terms.now.saturating_add(self.terms.ahead_s) < until) {
            return true;
        }
        let can_renew = self.places.get(copy.place).is_some_and(|it| it.offers.pin && it.writes == Serving::Up);
        tally.steps.push(match can_renew {
            true => Step::Renew { copy: n },
            false => Step::Wait(Why::Place(copy.place, "its copy ends, and cannot be renewed")),
        });
        can_renew
    }

    /// Whether there is anything that bytes can be taken from.
    fn source(&self, content: &Content<'_>) -> Result<(), Step> {
        if content.is_near {
            return Ok(());
        }
        let mut readable = content.copies.iter().filter(|copy| copy.state.is_readable()).peekable();
        if readable.peek().is_none() {
            let is_coming = content.copies.iter().any(|copy| matches!(copy.state, State::Uploading | State::Accepted));
            return Err(match is_coming {
                true => Step::Wait(Why::UnderWay),
                false => Step::Unsatisfiable(Why::Lost),
            });
        }
        match readable.any(|copy| self.places.get(copy.place).is_some_and(Place::is_readable)) {
            true => Ok(()),
            false => Err(Step::Wait(Why::NoneAnswers)),
        }
    }

    /// More copies, until every wish is met; answers where room was taken.
    fn fill(&self, goals: &[&Goal], content: &Content<'_>, tally: &mut Tally) -> Vec<usize> {
        let mut taken = Vec::new();
        for goal in goals {
            loop {
                let counted = self.domains.counted(goal, tally.all());
                if goal.replicas as usize <= counted.len() {
                    break;
                }
                if let Some(n) = self.spare(goal, content, &counted, tally) {
                    tally.spare.retain(|it| *it != n);
                    tally.steps.push(Step::Repair { copy: n, read_back: false });
                    tally.made.extend(content.copies.get(n).map(|copy| copy.place));
                    continue;
                }
                match self.choose(goal, goals, content, &counted) {
                    Ok(to) => {
                        tally.steps.push(Step::Copy { to, read_back: false });
                        tally.made.push(to);
                        taken.push(to);
                    }
                    Err(none) => {
                        tally.steps.push(match none {
                            Nowhere::Wait(why) => Step::Wait(why),
                            Nowhere::Never(why) => Step::Unsatisfiable(why),
                        });
                        break;
                    }
                }
            }
        }
        let is_met = goals.iter().all(|goal| self.domains.is_met(goal, tally.all()));
        // What is missing and not needed is only a row.
        for copy in std::mem::take(&mut tally.spare).into_iter().filter(|_| is_met) {
            tally.steps.push(Step::Forget { copy });
        }
        taken
    }

    /// A missing copy that may come back where it was.
    fn spare(&self, goal: &Goal, content: &Content<'_>, counted: &[usize], tally: &Tally) -> Option<usize> {
        let is_meant = |n: &usize| {
            let place = content.copies.get(*n).map(|copy| copy.place);
            place.is_some_and(|place| {
                goal.wants(place)
                    && self.closed(place).is_none()
                    && self.domains.get(place).is_some_and(|domain| !counted.contains(&domain))
            })
        };
        tally.spare.iter().copied().find(is_meant)
    }
}

//! What goes: copies that may not be where they are, and what nobody wants any longer. A removal comes last, and only behind proof of the others.

use backend_core::Evidence;

use crate::content::{Content, Copy, State};
use crate::goal::Goal;
use crate::place::Serving;
use crate::plan::{Planner, Tally};
use crate::step::{Step, Why};

impl Planner<'_> {
    /// Copies that may not be where they are go, once enough others are proved.
    pub(crate) fn clear(&self, goals: &[&Goal], content: &Content<'_>, tally: &mut Tally) {
        let is_ours = |n: &usize| content.copies.get(*n).is_some_and(|copy| copy.owned);
        let outside: Vec<usize> = std::mem::take(&mut tally.outside).into_iter().filter(is_ours).collect();
        if outside.is_empty() {
            return;
        }
        if goals.iter().any(|goal| goal.legal_hold) {
            return tally.steps.push(Step::Wait(Why::Hold));
        }
        let can_prove = |place: usize| self.places.get(place).is_some_and(|it| it.proves && it.is_readable());
        let licence: Vec<usize> =
            tally.have.iter().chain(&tally.made).copied().filter(|place| can_prove(*place)).collect();
        if !goals.iter().all(|goal| self.domains.is_met(goal, licence.iter().copied())) {
            return tally.steps.push(Step::Wait(Why::NotProved));
        }
        let removals: Vec<Step> = outside.into_iter().map(|n| self.removal(content, n)).collect();
        if removals.iter().any(Step::is_act) {
            self.prove(content, &licence, &mut tally.steps);
        }
        tally.steps.extend(removals);
    }

    /// Every copy that a removal depends on is read back before it, unless it was lately.
    fn prove(&self, content: &Content<'_>, licence: &[usize], steps: &mut Vec<Step>) {
        for step in steps.iter_mut() {
            if let Step::Copy { read_back, .. } | Step::Repair { read_back, .. } = step {
                *read_back = true;
            }
        }
        let is_fresh = |copy: &Copy| {
            let lately = copy.proved_at.is_some_and(|at| self.terms.now <= at.saturating_add(self.terms.fresh_s));
            lately && copy.evidence == Evidence::Verified
        };
        for (n, copy) in content.copies.iter().enumerate() {
            let is_needed = copy.state == State::Present && licence.contains(&copy.place) && !is_fresh(copy);
            if is_needed && !steps.contains(&Step::Verify { copy: n }) {
                steps.push(Step::Verify { copy: n });
            }
        }
    }

    fn removal(&self, content: &Content<'_>, n: usize) -> Step {
        let place = content.copies.get(n).map_or(usize::MAX, |copy| copy.place);
        match self.places.get(place) {
            _ if !self.terms.is_armed => Step::Wait(Why::Unarmed),
            Some(it) if it.offers.remove && it.writes == Serving::Up => Step::Remove { copy: n },
            _ => Step::Wait(Why::Place(place, "nothing can be removed there at present")),
        }
    }

    /// What nobody wants goes, as far as it is ours.
    pub(crate) fn unwanted(&self, content: &Content<'_>) -> Vec<Step> {
        let mut steps = Vec::new();
        for (n, copy) in content.copies.iter().enumerate().filter(|(_, copy)| copy.owned) {
            match copy.state {
                State::Removing | State::Lingering => {}
                State::Planned | State::Missing => steps.push(Step::Forget { copy: n }),
                State::Uploading | State::Accepted => steps.push(Step::Wait(Why::UnderWay)),
                State::Present | State::Suspect | State::Corrupt => steps.push(self.removal(content, n)),
            }
        }
        steps
    }
}

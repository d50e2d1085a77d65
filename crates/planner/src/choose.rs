//! Where another copy goes.

use crate::content::Content;
use crate::goal::Goal;
use crate::place::Serving;
use crate::plan::Planner;
use crate::step::Why;

/// Why no place takes another copy.
pub(crate) enum Nowhere {
    /// Something has to happen first.
    Wait(Why),
    /// Nothing that is to be expected will change it.
    Never(Why),
}

impl Planner<'_> {
    /// Why content may not be there as far as its wishes and the place itself go.
    pub(crate) fn refusal(&self, goals: &[&Goal], place: usize, content: &Content<'_>) -> Option<Why> {
        let Some(at) = self.places.get(place) else { return Some(Why::Place(place, "it is not configured")) };
        if goals.iter().any(|goal| goal.forbids(place)) {
            return Some(Why::Place(place, "a policy forbids it"));
        }
        if !goals.iter().any(|goal| goal.wants(place)) {
            return Some(Why::Place(place, "no policy wants it"));
        }
        let age = self.terms.now.saturating_sub(content.since);
        at.fits(content.size, age).map(|why| Why::Place(place, why))
    }

    /// The best place for another copy for `goal`, in none of the domains `taken`.
    pub(crate) fn choose(
        &self,
        goal: &Goal,
        goals: &[&Goal],
        content: &Content<'_>,
        taken: &[usize],
    ) -> Result<usize, Nowhere> {
        let (mut wait, mut never) = (None, None);
        for place in goal.order.iter().copied() {
            if self.domains.get(place).is_none_or(|domain| taken.contains(&domain)) {
                continue;
            }
            if let Some(why) = self.refusal(goals, place, content) {
                never = never.or(Some(why));
            } else if content.copies.iter().any(|copy| copy.place == place) {
                wait = wait.or(Some(Why::Place(place, "another copy there is not settled yet")));
            } else if let Some(why) = self.closed(place) {
                wait = wait.or(Some(why));
            } else if self.free.get(place).copied().flatten().is_some_and(|free| free < content.size) {
                wait = wait.or(Some(Why::Place(place, "its quota leaves no room")));
            } else {
                return Ok(place);
            }
        }
        match wait {
            Some(why) => Err(Nowhere::Wait(why)),
            None => Err(Nowhere::Never(never.unwrap_or(Why::TooFewDomains))),
        }
    }

    /// Why no copy can be made there at present. One that could not be read would not count for long.
    pub(crate) fn closed(&self, place: usize) -> Option<Why> {
        let Some(at) = self.places.get(place) else { return Some(Why::Place(place, "it is not configured")) };
        match (at.writes, at.reads) {
            _ if !at.offers.add => Some(Why::Place(place, "it takes no content")),
            (Serving::Up, Serving::Up) => None,
            (Serving::Down(_), _) | (_, Serving::Down(_)) => Some(Why::Place(place, "it is down")),
            (Serving::Closed, _) | (_, Serving::Closed) => Some(Why::Place(place, "it takes nothing at present")),
        }
    }
}

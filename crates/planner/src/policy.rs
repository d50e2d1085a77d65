//! What somebody wants of content: how many copies, where, and where never.

use serde::{Deserialize, Serialize};

use crate::place::Place;
use crate::rule::Rule;

/// A named wish, as it stands in a policy file. Everything may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Copies, each in another failure domain.
    pub replicas: u32,
    /// Where rather than elsewhere: the first rule counts most. What no rule means comes last.
    pub prefer: Vec<Rule>,
    /// Where alone; empty: anywhere.
    pub only: Vec<Rule>,
    /// Where never, whatever other wishes say.
    pub never: Vec<Rule>,
    /// New copies are put only where nobody without credentials can read them. A place that `prefer` or `only` names is meant all the same, and a copy that
    /// somebody put elsewhere stays.
    pub private: bool,
    /// Nothing of it is removed, whatever else is said.
    pub legal_hold: bool,
    /// After so many seconds a copy is read back again.
    pub verify_every_s: Option<u64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            replicas: 1,
            prefer: Vec::new(),
            only: Vec::new(),
            never: Vec::new(),
            private: false,
            legal_hold: false,
            verify_every_s: None,
        }
    }
}

impl Policy {
    /// Whether a copy there would count for this wish.
    pub(crate) fn wants(&self, place: &Place) -> bool {
        self.only.is_empty() || self.only.iter().any(|rule| rule.matches(place))
    }

    /// Whether a new copy may be put there, as far as its privacy goes.
    pub(crate) fn places(&self, place: &Place) -> bool {
        let names = |rule: &Rule| matches!(rule, Rule::Name(name) if *name == place.name);
        !self.private || place.is_private || self.prefer.iter().chain(&self.only).any(names)
    }

    /// Whether a copy may not be there, whatever other wishes say.
    pub(crate) fn forbids(&self, place: &Place) -> bool {
        self.never.iter().any(|rule| rule.matches(place))
    }

    /// How much it is preferred: the lower, the more.
    pub(crate) fn rank(&self, place: &Place) -> usize {
        self.prefer.iter().position(|rule| rule.matches(place)).unwrap_or(self.prefer.len())
    }
}

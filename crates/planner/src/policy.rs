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
    /// What is wanted in place of that when content has grown older: of those whose time has come, the one that begins last.
    pub tiers: Vec<Tier>,
}

/// What is wanted of content from some age on. The rest is as the policy says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tier {
    /// In seconds, from when the content came to us.
    pub after_s: u64,
    /// Copies; `None`: as before.
    pub replicas: Option<u32>,
    /// Where alone.
    pub only: Vec<Rule>,
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
            tiers: Vec::new(),
        }
    }
}

impl Policy {
    /// Whether a copy there would count for this wish.
    pub(crate) fn wants(&self, place: &Place) -> bool {
        self.only.is_empty() || self.only.iter().any(|rule| rule.matches(place))
    }

    /// How many copies it wants of content of this age, in seconds.
    pub fn replicas_at(&self, age: u64) -> u32 {
        // Of two that begin at the same moment, the one that is written last.
        let due = self.tiers.iter().filter(|tier| tier.after_s <= age).max_by_key(|tier| tier.after_s);
        due.and_then(|tier| tier.replicas).unwrap_or(self.replicas)
    }

    /// As it is from a tier on.
    pub(crate) fn at(&self, tier: &Tier) -> Self {
        Self {
            replicas: tier.replicas.unwrap_or(self.replicas),
            only: tier.only.clone(),
            tiers: Vec::new(),
            ..self.clone()
        }
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

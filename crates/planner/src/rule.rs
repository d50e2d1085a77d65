//! One word of a policy about backends: `type:s3`, `can:range`, `domain:home`, `tier:cold`, `durability>=high`, or a backend's name.

use std::fmt;
use std::str::FromStr;

use backend_core::Grade;
use serde::{Deserialize, Serialize};

use crate::place::Place;

/// Which backends are meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Rule {
    /// The one of this name.
    Name(String),
    /// Those of a service: `type:s3`.
    Kind(String),
    /// Those that offer something: `can:range`.
    Can(String),
    /// Those that fail together: `domain:home`.
    Domain(String),
    /// Those of a tier: `tier:cold`.
    Tier(String),
    /// Those of which something is to be expected: `durability>=high`, `cost<=low`, `latency<=medium`.
    Trait(Trait, Bound, Grade),
}

/// What may be expected of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trait {
    /// How likely content is still there in a year.
    Durability,
    /// What a gigabyte costs.
    Cost,
    /// How long the first byte takes.
    Latency,
}

/// On which side of the grade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bound {
    /// `>=`
    AtLeast,
    /// `<=`
    AtMost,
}

/// A word that is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names no backends: expected a name, type:…, can:…, domain:…, tier:…, or one of durability, cost, latency with >= or <= and low, medium or high"
)]
pub struct Malformed(String);

/// The most characters of a rule.
const MAX_LEN: usize = 255;
const TRAITS: [(&str, Trait); 3] =
    [("durability", Trait::Durability), ("cost", Trait::Cost), ("latency", Trait::Latency)];
/// What a backend's file may say under `tier`.
const TIERS: [&str; 5] = ["hot", "standard", "warm", "cold", "archive"];
const GRADES: [(&str, Grade); 3] = [("low", Grade::Low), ("medium", Grade::Medium), ("high", Grade::High)];
const BOUNDS: [(&str, Bound); 2] = [(">=", Bound::AtLeast), ("<=", Bound::AtMost)];

impl Rule {
    /// Whether it means this backend.
    pub fn matches(&self, place: &Place) -> bool {
        match self {
            Rule::Name(name) => place.name == *name,
            Rule::Kind(kind) => place.kind == *kind,
            Rule::Can(what) => place.offers.rows().iter().any(|(name, offered)| name == what && *offered),
            Rule::Domain(domain) => place.domain == *domain,
            Rule::Tier(tier) => place.tier.as_ref() == Some(tier),
            Rule::Trait(of, bound, grade) => {
                let is = match of {
                    Trait::Durability => place.traits.durability,
                    Trait::Cost => place.traits.cost,
                    Trait::Latency => place.traits.latency,
                };
                match bound {
                    Bound::AtLeast => *grade <= is,
                    Bound::AtMost => is <= *grade,
                }
            }
        }
    }

    fn comparison(text: &str) -> Option<Self> {
        let (sign, bound) = BOUNDS.iter().find(|(sign, _)| text.contains(sign))?;
        let (of, grade) = text.split_once(sign)?;
        let (_, of) = TRAITS.iter().find(|(name, _)| *name == of.trim())?;
        let (_, grade) = GRADES.iter().find(|(name, _)| *name == grade.trim())?;
        Some(Rule::Trait(*of, *bound, *grade))
    }

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || MAX_LEN < text.len() || text.chars().any(char::is_control) {
            return None;
        }
        if text.contains(['<', '>', '=']) {
            return Self::comparison(text);
        }
        let Some((class, what)) = text.split_once(':') else { return Some(Rule::Name(text.to_owned())) };
        let offered = |it: &str| backend_core::Capabilities::default().rows().iter().any(|(name, _)| *name == it);
        match class {
            _ if what.is_empty() => None,
            "type" => Some(Rule::Kind(what.to_owned())),
            "domain" => Some(Rule::Domain(what.to_owned())),
            "tier" => TIERS.contains(&what).then(|| Rule::Tier(what.to_owned())),
            "can" => offered(what).then(|| Rule::Can(what.to_owned())),
            _ => None,
        }
    }
}

impl FromStr for Rule {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::parse(text.trim()).ok_or_else(|| Malformed(text.chars().take(MAX_LEN).collect()))
    }
}

impl TryFrom<String> for Rule {
    type Error = Malformed;

    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<Rule> for String {
    fn from(rule: Rule) -> String {
        rule.to_string()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Name(name) => f.write_str(name),
            Rule::Kind(kind) => write!(f, "type:{kind}"),
            Rule::Can(what) => write!(f, "can:{what}"),
            Rule::Domain(domain) => write!(f, "domain:{domain}"),
            Rule::Tier(tier) => write!(f, "tier:{tier}"),
            Rule::Trait(of, bound, grade) => {
                let of = TRAITS.iter().find(|it| it.1 == *of).map_or("", |it| it.0);
                let sign = BOUNDS.iter().find(|it| it.1 == *bound).map_or("", |it| it.0);
                let grade = GRADES.iter().find(|it| it.1 == *grade).map_or("", |it| it.0);
                write!(f, "{of}{sign}{grade}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: Option<Rule>) {
        assert_eq!(text.parse().ok(), wanted, "{text}");
        if let Some(rule) = wanted {
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
    }

    #[test]
    fn a_rule_is_one_word() {
        check("home", Some(Rule::Name("home".to_owned())));
        check(" type:s3 ", Some(Rule::Kind("s3".to_owned())));
        check("can:range", Some(Rule::Can("range".to_owned())));
        check("tier:cold", Some(Rule::Tier("cold".to_owned())));
        check("domain:attic", Some(Rule::Domain("attic".to_owned())));
        check("durability>=high", Some(Rule::Trait(Trait::Durability, Bound::AtLeast, Grade::High)));
        check("cost <= low", Some(Rule::Trait(Trait::Cost, Bound::AtMost, Grade::Low)));
        for text in [
            "",
            "type:",
            "can:fly",
            "colour:red",
            "tier:lukewarm",
            "cost<low",
            "cost>=cheap",
            "beauty>=high",
            "a\nb",
            &"x".repeat(256),
        ] {
            check(text, None);
        }
    }
}

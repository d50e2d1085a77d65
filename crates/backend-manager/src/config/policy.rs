//! A named policy, as its file in `<home>/policies/` says it: what is wanted of content, and which content it is for.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use backend_core::{Error, ErrorKind, Result};
use bytesize::ByteSize;
use jiff::{Span, SpanRelativeTo, Unit};
use planner::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::envelope::check_name;
use super::tiers::TierFile;

pub(super) const MAX_REPLICAS: u32 = 64;
/// Rules about backends, and rules about content, of one policy.
const MAX_RULES: usize = 64;
const MAX_TEXT: usize = 1024;

/// A named policy. What is left out is not asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyFile {
    /// For people. At most 1024 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Copies, each in another failure domain: 1 to 64.
    pub replicas: u32,
    /// Where rather than elsewhere, the first most of all: a backend's name, `type:…`, `can:…`, `domain:…`, `tier:…`, or `durability>=high`, `cost<=low`, `latency<=medium`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefer: Vec<String>,
    /// Where alone; copies elsewhere are removed once these are proved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Where never, whatever other policies say; not even in a cache.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub never: Vec<String>,
    /// Whether new copies are put only where nobody without credentials can read them. A backend that `prefer` or `only` names is meant all the same.
    pub private: bool,
    /// Whether nothing of it is removed, whatever else is said.
    #[serde(skip_serializing_if = "is_false")]
    pub legal_hold: bool,
    /// After this time a copy is read back again, such as `30d`. Where nothing is said only `verify` and `scrub` do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify_every: Option<Period>,
    /// After this time content that was added under it is not wanted any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<Period>,
    /// What is wanted in place of `replicas` and `only` when content has grown older. Its copies move: what is new is proved before what is old goes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<TierFile>,
    /// Which content it is for, if nobody names a policy: whatever one of these rules fits.
    #[serde(rename = "match", skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<Match>,
    /// Of several policies that fit, the one of the highest; among equals the first by name.
    #[serde(skip_serializing_if = "is_zero")]
    pub priority: i32,
}

/// Fits content for which all of this is true. What is not known of content, such as the size of a folder before it is read, fits nothing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// A pattern for its name: `*.iso`, `photos/**`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A pattern for its media type, which is guessed by its name: `video/*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// At least so large, such as `100MiB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_size: Option<Size>,
    /// At most so large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Size>,
    /// Labels that it has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Default for PolicyFile {
    fn default() -> Self {
        Self {
            description: None,
            replicas: 1,
            prefer: Vec::new(),
            only: Vec::new(),
            never: Vec::new(),
            private: true,
            legal_hold: false,
            verify_every: None,
            expire_after: None,
            tiers: Vec::new(),
            matches: Vec::new(),
            priority: 0,
        }
    }
}

impl PolicyFile {
    /// As the planner knows it.
    ///
    /// # Errors
    /// `InvalidConfig` that names the key.
    pub fn policy(&self) -> Result<planner::Policy> {
        self.check().map_err(|(key, what)| Error::new(ErrorKind::InvalidConfig, format!("{key}: {what}")))?;
        let rules = |texts: &[String]| texts.iter().filter_map(|text| text.parse().ok()).collect::<Vec<Rule>>();
        Ok(planner::Policy {
            replicas: self.replicas,
            prefer: rules(&self.prefer),
            only: rules(&self.only),
            never: rules(&self.never),
            private: self.private,
            legal_hold: self.legal_hold,
            verify_every_s: self.verify_every.map(|it| it.0),
            tiers: self
                .tiers
                .iter()
                .map(|it| planner::Tier { after_s: it.after.seconds(), replicas: it.replicas, only: rules(&it.only) })
                .collect(),
        })
    }

    /// The key that is wrong, and why.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if !(1..=MAX_REPLICAS).contains(&self.replicas) {
            return Err(("replicas", format!("must be 1 to {MAX_REPLICAS}")));
        }
        if self.description.as_ref().is_some_and(|it| MAX_TEXT < it.len()) {
            return Err(("description", format!("is longer than {MAX_TEXT} bytes")));
        }
        for (key, rules) in [("prefer", &self.prefer), ("only", &self.only), ("never", &self.never)] {
            check_rules(rules).map_err(|what| (key, what))?;
        }
        if MAX_RULES < self.tiers.len() {
            return Err(("tiers", format!("has more than {MAX_RULES} tiers")));
        }
        self.tiers.iter().try_for_each(TierFile::check).map_err(|what| ("tiers", what))?;
        if MAX_RULES < self.matches.len() {
            return Err(("match", format!("has more than {MAX_RULES} rules")));
        }
        self.matches.iter().try_for_each(Match::check).map_err(|what| ("match", what))
    }
}

pub(super) fn check_rules(rules: &[String]) -> Result<(), String> {
    if MAX_RULES < rules.len() {
        return Err(format!("has more than {MAX_RULES} rules"));
    }
    rules.iter().try_for_each(|text| match text.parse::<Rule>() {
        Ok(Rule::Name(name)) => check_name(&name).map_err(|err| err.message().to_owned()),
        Ok(_) => Ok(()),
        Err(err) => Err(err.to_string()),
    })
}

impl Match {
    fn check(&self) -> Result<(), String> {
        if *self == Self::default() {
            return Err("an empty rule would fit everything; that is what the policy `default` is for".to_owned());
        }
        for pattern in [&self.name, &self.media_type].into_iter().flatten() {
            if MAX_TEXT < pattern.len() || globset::Glob::new(pattern).is_err() {
                return Err(format!("{:?} is no pattern", pattern.chars().take(80).collect::<String>()));
            }
        }
        match (self.min_size, self.max_size) {
            (Some(least), Some(most)) if most < least => Err("min_size is above max_size".to_owned()),
            _ => Ok(()),
        }
    }
}

/// A length of time: `30d`, `12h`, `1w`; a day has 24 hours. At least a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Period(u64);

impl Period {
    /// In seconds.
    pub fn seconds(self) -> u64 {
        self.0
    }
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{:?} is no length of time: 30d, 12h, 90m", text.chars().take(40).collect::<String>());
        let span: Span = text.trim().parse().map_err(|_| wrong())?;
        let seconds = span.total((Unit::Second, SpanRelativeTo::days_are_24_hours())).map_err(|_| wrong())?;
        // 1,000 years: beyond that it is a slip of the finger.
        if (1.0..=31_556_952_000.0).contains(&seconds) { Ok(Self(seconds as u64)) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> String {
        period.to_string()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(86_400, "d"), (3600, "h"), (60, "m")];
        match units.iter().find(|(unit, _)| self.0.is_multiple_of(*unit)) {
            Some((unit, word)) => write!(f, "{}{word}", self.0 / unit),
            None => write!(f, "{}s", self.0),
        }
    }
}

/// A number of bytes: `100MiB`, `4kB`, `512`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written", into = "String")]
#[schemars(with = "String")]
pub struct Size(u64);

impl Size {
    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Bytes(u64),
    Text(String),
}

impl TryFrom<Written> for Size {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Bytes(bytes) => Ok(Self(bytes)),
            Written::Text(text) => text.parse(),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{:?} is no size: 100MiB, 4kB, 512", text.chars().take(40).collect::<String>());
        text.trim().parse::<ByteSize>().map(|it| Self(it.as_u64())).map_err(|_| wrong())
    }
}

impl From<Size> for String {
    fn from(size: Size) -> String {
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        match units.iter().find(|(unit, _)| size.0.is_multiple_of(*unit) && size.0 != 0) {
            Some((unit, word)) => format!("{}{word}", size.0 / unit),
            None => size.0.to_string(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(it: &bool) -> bool {
    !it
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(it: &i32) -> bool {
    *it == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_and_sizes_are_read_and_written() {
        let period = |text: &str| text.parse::<Period>().map(|it| (it.seconds(), it.to_string()));
        for (text, seconds, written) in
            [("30d", 2_592_000, "30d"), ("1w", 604_800, "7d"), ("90m", 5400, "90m"), ("1h 1s", 3601, "3601s")]
        {
            assert_eq!(period(text), Ok((seconds, written.to_owned())), "{text}");
        }
        for text in ["", "0s", "-1d", "soon", "99999999999d"] {
            assert!(period(text).is_err(), "{text}");
        }
        let size = |text: &str| text.parse::<Size>().map(|it| (it.bytes(), String::from(it)));
        for (text, bytes, written) in [("100MiB", 100 << 20, "100MiB"), ("4kB", 4000, "4000"), ("512", 512, "512")] {
            assert_eq!(size(text), Ok((bytes, written.to_owned())), "{text}");
        }
        assert!(size("much").is_err() && size("-1").is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let check = |change: &dyn Fn(&mut PolicyFile), key: &str| {
            let mut file = PolicyFile::default();
            change(&mut file);
            assert!(file.policy().unwrap_err().message().starts_with(key), "{key}");
        };
        check(&|it| it.replicas = 0, "replicas: ");
        check(&|it| it.prefer = vec!["beauty>=high".to_owned()], "prefer: ");
        check(&|it| it.only = vec!["Not A Name".to_owned()], "only: ");
        check(&|it| it.matches = vec![Match::default()], "match: ");
        let tier = |replicas, only: &[&str]| TierFile {
            after: "30d".parse().unwrap(),
            replicas,
            only: only.iter().map(|it| (*it).to_owned()).collect(),
        };
        check(&|it| it.tiers = vec![tier(None, &[])], "tiers: ");
        check(&|it| it.tiers = vec![tier(Some(0), &["tier:cold"])], "tiers: ");
        check(&|it| it.tiers = vec![tier(None, &["tier:lukewarm"])], "tiers: ");
        check(&|it| it.matches = vec![Match { name: Some("[".to_owned()), ..Match::default() }], "match: ");
        assert!(PolicyFile::default().policy().is_ok());
    }
}

//! The configuration of one backend: the part that all of them share.

use std::fmt;
use std::path::Path;

use backend_core::{Error, ErrorKind, Grade, Result, StorageType, Traits};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::caching::{self, CacheSettings, Duty};
use super::key_path::KeyPath;
use super::mask;
use super::policies::Policies;
use super::routing::Routing;
use super::substitute;

/// How long the name of a backend may be.
pub const MAX_NAME: usize = 64;
const MAX_DOMAIN: usize = 128;
const MAX_DESCRIPTION: usize = 1024;

/// The configuration of one backend, either as written (`${VAR}` and references stand in it) or resolved.
///
/// `Debug` and `Serialize` print credentials, and what is called like one, as `***`; only the store writes them out. So what is serialised cannot be read back
/// as the same configuration.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackendConfig {
    /// What the user calls it: `^[a-z0-9][a-z0-9_-]{0,63}$`, and the name of its file.
    pub name: String,
    /// Which backend it is, by canonical name or alias.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it is used.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// For people. At most 1024 bytes.
    #[serde(default)]
    pub description: Option<String>,
    /// The failure domain: replicas count once in each. The store itself, if it is not said. At most 128 bytes.
    #[serde(default)]
    pub domain: Option<String>,
    /// How often the content is expected to be wanted.
    #[serde(default)]
    pub tier: Option<Tier>,
    /// What to expect of this instance, where the descriptor's expectation is wrong.
    #[serde(default)]
    pub traits: TraitOverrides,
    /// Where it is, in the words of its type.
    #[serde(default, deserialize_with = "section")]
    pub connection: Map<String, Value>,
    /// Who we are, in the words of its type.
    #[serde(default, deserialize_with = "section")]
    pub credentials: Map<String, Value>,
    /// Time-outs, retries and connections.
    #[serde(default, deserialize_with = "section")]
    pub operational: Map<String, Value>,
    /// What may be kept there, and for how long.
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub policies: Policies,
    /// What reading and keeping costs there, and when another copy is asked in its place.
    #[serde(default, deserialize_with = "nothing_is_default")]
    pub routing: Routing,
    /// Whether it keeps copies that count, or what was read lately.
    #[serde(default)]
    pub role: Duty,
    /// How it works as a cache.
    #[serde(default)]
    pub cache: Option<CacheSettings>,
}

/// How often content is expected to be wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// All the time.
    Hot,
    /// As usual.
    Standard,
    /// Now and then.
    Warm,
    /// Seldom.
    Cold,
    /// Hardly ever.
    Archive,
}

impl Tier {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Standard => "standard",
            Self::Warm => "warm",
            Self::Cold => "cold",
            Self::Archive => "archive",
        }
    }
}

/// A coarse measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

/// What the user knows better than the descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraitOverrides {
    /// How long the first byte takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Level>,
    /// How likely content is still there in a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<Level>,
    /// What a gigabyte costs in a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Level>,
}

impl TraitOverrides {
    /// `expected`, with what the user says in its place.
    pub fn over(&self, expected: Traits) -> Traits {
        let grade = |level: Option<Level>, otherwise: Grade| level.map_or(otherwise, Level::grade);
        Traits {
            latency: grade(self.latency, expected.latency),
            durability: grade(self.durability, expected.durability),
            cost: grade(self.cost, expected.cost),
        }
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Level {
    fn grade(self) -> Grade {
        match self {
            Level::Low => Grade::Low,
            Level::Medium => Grade::Medium,
            Level::High => Grade::High,
        }
    }
}

/// What is wrong with a configuration, and at which key.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) path: KeyPath,
    pub(super) what: String,
}

impl Problem {
    pub(super) fn at(names: &[&str], what: impl Into<String>) -> Self {
        Self { path: KeyPath::of(names), what: what.into() }
    }
}

impl BackendConfig {
    /// A configuration of that name and type, all else as by default: also of a backend that was opened without any.
    pub fn registered(name: impl Into<String>, kind: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: kind.into(),
            enabled: true,
            description: None,
            domain: None,
            tier: None,
            traits: TraitOverrides::default(),
            connection: Map::new(),
            credentials: Map::new(),
            operational: Map::new(),
            policies: Policies::default(),
            routing: Routing::default(),
            role: Duty::default(),
            cache: None,
        }
    }

    /// A folder of this machine that is made when it is missing: the store that works without a service.
    pub fn embedded(name: impl Into<String>, folder: &Path) -> Self {
        let mut config = Self::registered(name, StorageType::Local.as_str());
        config.connection.insert("path".to_owned(), substitute::escape(&folder.to_string_lossy()).into());
        config.connection.insert("create".to_owned(), true.into());
        config
    }

    /// The storage quota in bytes, if there is one.
    pub fn quota_bytes(&self) -> Option<u64> {
        self.policies.storage_quota()
    }

    /// What the types do not already say.
    pub(super) fn check(&self) -> Result<(), Problem> {
        check_name(&self.name).map_err(|err| Problem::at(&["name"], err.message()))?;
        let texts = [("type", Some(&self.kind), MAX_NAME), ("domain", self.domain.as_ref(), MAX_DOMAIN)];
        for (key, text, most) in texts.into_iter().chain([("description", self.description.as_ref(), MAX_DESCRIPTION)])
        {
            check_text(text, most).map_err(|what| Problem::at(&[key], what))?;
        }
        self.policies.check().map_err(|(key, what)| Problem::at(&["policies", key], what))?;
        caching::check(self.role, self.cache.as_ref()).map_err(|(keys, what)| Problem::at(keys, what))?;
        self.routing.check().map_err(|(key, what)| Problem::at(&["routing", key], what))
    }

    /// Everything, in the order in which people read it, with the secrets in it.
    pub(super) fn written(&self) -> impl Serialize + '_ {
        Written::of(self)
    }
}

/// Whether `name` may be the name of a backend.
///
/// # Errors
/// `InvalidInput` that says what a name is.
pub fn check_name(name: &str) -> Result<()> {
    let plain = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit();
    let ok = name.bytes().next().is_some_and(plain)
        && name.len() <= MAX_NAME
        && name.bytes().all(|it| plain(it) || it == b'_' || it == b'-');
    if ok {
        return Ok(());
    }
    let what = "a name is 1 to 64 of a-z, 0-9, _ and -, and begins with a letter or a digit";
    Err(Error::new(ErrorKind::InvalidInput, what))
}

fn check_text(text: Option<&String>, most: usize) -> Result<(), String> {
    match text {
        Some(text) if text.is_empty() => Err("is empty".to_owned()),
        Some(text) if most < text.len() => Err(format!("is longer than {most} bytes")),
        Some(text) if text.chars().any(char::is_control) => Err("holds control characters".to_owned()),
        _ => Ok(()),
    }
}

fn enabled() -> bool {
    true
}

/// `connection:` with nothing behind it is the empty section.
fn section<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn nothing_is_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[derive(Serialize)]
struct Written<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<Tier>,
    #[serde(skip_serializing_if = "TraitOverrides::is_empty")]
    traits: TraitOverrides,
    connection: &'a Map<String, Value>,
    credentials: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    operational: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Policies::is_empty")]
    policies: &'a Policies,
    #[serde(skip_serializing_if = "Routing::is_empty")]
    routing: &'a Routing,
    #[serde(skip_serializing_if = "caching::is_store")]
    role: Duty,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<&'a CacheSettings>,
}

impl<'a> Written<'a> {
    fn of(config: &'a BackendConfig) -> Self {
        Self {
            name: &config.name,
            kind: &config.kind,
            enabled: config.enabled,
            description: config.description.as_deref(),
            domain: config.domain.as_deref(),
            tier: config.tier,
            traits: config.traits,
            connection: &config.connection,
            credentials: &config.credentials,
            operational: &config.operational,
            policies: &config.policies,
            routing: &config.routing,
            role: config.role,
            cache: config.cache.as_ref(),
        }
    }
}

impl Serialize for BackendConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written::of(&mask::masked(self)).serialize(serializer)
    }
}

impl fmt::Debug for BackendConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = mask::masked(self);
        f.debug_struct("BackendConfig")
            .field("name", &shown.name)
            .field("type", &shown.kind)
            .field("enabled", &shown.enabled)
            .field("connection", &shown.connection)
            .field("credentials", &shown.credentials)
            .finish_non_exhaustive()
    }
}

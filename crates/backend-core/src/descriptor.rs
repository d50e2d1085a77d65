//! Everything that is known of a backend before one is opened: the plugin.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::backend::Backend;
use crate::capability::{Capabilities, Role};
use crate::error::{Error, ErrorKind, Result};
use crate::id::Addressing;
use crate::settings::Settings;
use crate::storage_type::StorageType;

/// A coarse expectation: a prior that measurement and the user's configuration override.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Little.
    Low,
    /// Some.
    Medium,
    /// Much.
    High,
}

/// What to expect of a service before anything was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Traits {
    /// How long the first byte takes: low is below 10 ms, high is above 1 s.
    pub latency: Grade,
    /// How likely content is still there in a year.
    pub durability: Grade,
    /// What a gigabyte costs in a year, traffic included.
    pub cost: Grade,
}

/// One plugin. A leaf submits at least one by [`inventory::submit!`]; kinds are unique.
pub struct Descriptor {
    /// Which service.
    pub kind: StorageType,
    /// Other names under which users know it.
    pub aliases: &'static [&'static str],
    /// One line for tables and help.
    pub summary: &'static str,
    /// What the manager names content with, unless the configuration says otherwise.
    pub addressing: Addressing,
    /// Whether copies there are replicas.
    pub role: Role,
    /// The most that an instance may offer.
    pub offers: Capabilities,
    /// What to expect before anything was measured.
    pub traits: Traits,
    /// The JSON schema of `connection` and `credentials`: an object with these two properties.
    pub schema: fn() -> schemars::Schema,
    /// A configuration file that opens.
    pub example: &'static str,
    /// Opens a backend: no network, no file; fails only by `InvalidConfig`.
    pub open: fn(Settings) -> Result<Arc<dyn Backend>>,
}

inventory::collect!(Descriptor);

impl fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Descriptor").field("kind", &self.kind).field("offers", &self.offers).finish_non_exhaustive()
    }
}

impl Descriptor {
    /// Whether `text` names this plugin: its canonical name or an alias; `-` and `_` are the same, case does not matter.
    pub fn answers_to(&self, text: &str) -> bool {
        let wanted = plain(text);
        plain(self.kind.as_str()) == wanted || self.aliases.iter().any(|alias| plain(alias) == wanted)
    }
}

fn plain(text: &str) -> String {
    text.trim().to_ascii_lowercase().replace('-', "_")
}

/// Every linked plugin, sorted by name.
///
/// # Errors
/// `Internal` if two plugins claim the same name: `inventory` does not notice.
pub fn descriptors() -> Result<Vec<&'static Descriptor>> {
    let mut all: Vec<&'static Descriptor> = inventory::iter::<Descriptor>.into_iter().collect();
    all.sort_by_key(|it| it.kind.as_str());
    let names = all.iter().flat_map(|it| it.aliases.iter().copied().chain([it.kind.as_str()]).map(plain));
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name.clone()) {
            return Err(Error::new(ErrorKind::Internal, format!("two linked backends claim the name {name}")));
        }
    }
    Ok(all)
}

/// The linked plugin that `text` names.
///
/// # Errors
/// `InvalidConfig` that says what is linked, the nearest name, and, for a service of this workspace, which feature would add it.
pub fn find(text: &str) -> Result<&'static Descriptor> {
    let linked = descriptors()?;
    if let Some(found) = linked.iter().find(|it| it.answers_to(text)) {
        return Ok(found);
    }
    let names: Vec<&str> = linked.iter().map(|it| it.kind.as_str()).collect();
    let wanted = plain(text);
    let hint = match StorageType::ALL.iter().find(|kind| kind.as_str() == wanted) {
        Some(kind) => format!("; this build is without the feature `{kind}`"),
        None => nearest(&wanted, names.iter().copied()).map(|it| format!("; did you mean {it}?")).unwrap_or_default(),
    };
    let shown: String = text.chars().take(64).flat_map(char::escape_debug).collect();
    Err(Error::new(
        ErrorKind::InvalidConfig,
        format!("no backend of type \"{shown}\"; linked: {}{hint}", names.join(", ")),
    ))
}

/// The name nearest to `wanted`, if one is near enough to be a typing error.
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = names.into_iter().map(|name| (strsim::damerau_levenshtein(wanted, name), name));
    scored.filter(|(distance, name)| *distance <= 1 + name.len() / 3).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_or_none() {
        let names = ["endpoint_url", "bucket_name", "region"];
        assert_eq!(nearest("bukcet_name", names), Some("bucket_name"));
        assert_eq!(nearest("regoin", names), Some("region"));
        assert_eq!(nearest("zzzzzz", names), None);
    }

    #[test]
    fn an_unknown_type_says_which_feature_is_missing() {
        let err = find("ipfs-cluster").unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidConfig);
        assert!(err.message().contains("feature `ipfs_cluster`"), "{err}");
    }
}

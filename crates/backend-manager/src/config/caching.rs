//! What a backend is for: keeping copies, or being near. And how one keeps what is near.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::{Period, Size};

/// What a backend is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Duty {
    /// It keeps copies that count.
    #[default]
    Store,
    /// It keeps what was read lately, so that it is asked first. What is there never counts as a copy, and may go at any time.
    Cache,
}

/// When content is taken into a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Admission {
    /// When it is read for the second time within `window`.
    #[default]
    SecondRead,
    /// When it is read.
    Always,
}

/// How a cache works. Whole contents are kept, as they were read and verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheSettings {
    /// How much is kept at the most, such as `10GiB`; held before anything is written.
    pub max_size: Size,
    /// After this time content is fetched anew, such as `7d`. What is named by its CID never becomes stale; this is for what should not lie about for long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Period>,
    /// When content is taken in. Default: `second_read`.
    #[serde(default)]
    pub admission: Admission,
    /// How far apart two readings may be for `second_read`. Default: `1d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Period>,
    /// Larger contents are not taken in. Default: a quarter of `max_size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_content: Option<Size>,
}

const DAY: u64 = 24 * 60 * 60;

impl CacheSettings {
    /// The largest content that is taken in, bytes.
    pub fn largest(&self) -> u64 {
        let all = self.max_size.bytes();
        self.max_content.map_or(all / 4, Size::bytes).min(all)
    }

    /// How far apart two readings may be, seconds.
    pub fn window_s(&self) -> u64 {
        self.window.map_or(DAY, Period::seconds)
    }
}

/// Whether both keys fit together.
pub(super) fn check(duty: Duty, cache: Option<&CacheSettings>) -> Result<(), (&'static [&'static str], String)> {
    match (duty, cache) {
        (Duty::Store, None) => Ok(()),
        (Duty::Store, Some(_)) => Err((&["cache"], "is for a backend with `role: cache`".to_owned())),
        (Duty::Cache, None) => Err((&["cache"], "is missing: a cache needs at least cache.max_size".to_owned())),
        (Duty::Cache, Some(it)) if it.max_size.bytes() == 0 => {
            Err((&["cache", "max_size"], "must be above 0".to_owned()))
        }
        (Duty::Cache, Some(_)) => Ok(()),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
pub(super) fn is_store(duty: &Duty) -> bool {
    *duty == Duty::Store
}

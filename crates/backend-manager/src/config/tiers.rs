//! What a policy wants of content that has grown older.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::{MAX_REPLICAS, Period, check_rules};

/// What is wanted of content from some age on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TierFile {
    /// From this age on, such as `30d`.
    pub after: Period,
    /// Copies: 1 to 64. As before, if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// Where alone, such as `tier:cold`.
    pub only: Vec<String>,
}

impl TierFile {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.only.is_empty() {
            return Err("a tier without `only` changes nothing".to_owned());
        }
        if self.replicas.is_some_and(|it| !(1..=MAX_REPLICAS).contains(&it)) {
            return Err(format!("replicas must be 1 to {MAX_REPLICAS}"));
        }
        check_rules(&self.only)
    }
}

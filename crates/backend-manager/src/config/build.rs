//! A new configuration from what a person typed.

use backend_core::Result;
use serde_json::json;

use super::change::Change;
use super::envelope::BackendConfig;
use super::parse::{Format, parse};

/// The configuration of a backend that does not exist yet: its name, its type, and keys as `--set` gives them.
///
/// # Errors
/// `InvalidInput` for a path that leads nowhere; `InvalidConfig` for unknown keys and values of the wrong kind, none of them shown.
pub fn build(name: &str, kind: &str, changes: &[Change]) -> Result<BackendConfig> {
    let mut value = json!({ "name": name, "type": kind });
    for change in changes {
        change.apply(&mut value)?;
    }
    // JSON is YAML, so one parser sees everything that ever becomes a configuration.
    parse(name, &value.to_string(), Format::Yaml)
}

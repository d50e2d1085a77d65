//! Policies of ipfs_kit_py (`policies/<name>_policy.json`): what of them becomes a policy of ours, and what nobody enforces.

use serde_json::{Map, Value};

use crate::config::policies::{GIBIBYTE, Policies};

/// What a policy file says, in our words.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Translated {
    pub(super) policies: Policies,
    /// Keys that have no counterpart, or were switched off.
    pub(super) left: Vec<String>,
}

/// Translates one file. Every field may be missing, and units are read in any case: its own generator writes `GB` where its own reader wants `gb`.
pub(super) fn translate(source: &Map<String, Value>) -> Translated {
    let mut result = Translated::default();
    for (section, value) in source {
        let Value::Object(fields) = value else {
            continue;
        };
        let used: &[&str] = match section.as_str() {
            _ if fields.get("enabled") == Some(&Value::Bool(false)) => &[],
            "storage_quota" => storage(fields, &mut result.policies),
            "retention" => retention(fields, &mut result.policies),
            "replication" => replication(fields, &mut result.policies),
            _ => &[],
        };
        if used.is_empty() {
            result.left.push(section.clone());
            continue;
        }
        let left = fields.iter().filter(|(key, value)| !used.contains(&key.as_str()) && !value.is_null());
        result.left.extend(left.filter(|(key, _)| *key != "enabled").map(|(key, _)| format!("{section}.{key}")));
    }
    result
}

/// Lays what stands in the backend's own file over what its policy file says; keys that are not acceptable are answered.
pub(super) fn overlay(policies: &mut Policies, own: &Map<String, Value>) -> Vec<String> {
    let mut refused = Vec::new();
    for (key, value) in own {
        let mut changed = serde_json::to_value(*policies).unwrap_or_default();
        if let Some(fields) = changed.as_object_mut() {
            fields.insert(key.clone(), value.clone());
        }
        match serde_json::from_value::<Policies>(changed) {
            Ok(changed) if changed.check().is_ok() => *policies = changed,
            _ => refused.push(format!("policies.{key}")),
        }
    }
    refused
}

fn storage(fields: &Map<String, Value>, policies: &mut Policies) -> &'static [&'static str] {
    let unit = fields.get("max_size_unit").and_then(Value::as_str).unwrap_or("gb");
    let size = fields.get("max_size").and_then(Value::as_f64);
    let quota = size.zip(gigabytes(unit)).map(|(size, unit)| size * unit);
    let with_quota = Policies { storage_quota_gb: quota, ..*policies };
    if quota.is_none() || with_quota.check().is_err() {
        return &[];
    }
    *policies = with_quota;
    &["max_size", "max_size_unit"]
}

fn retention(fields: &Map<String, Value>, policies: &mut Policies) -> &'static [&'static str] {
    let days = fields.get("default_retention_days").and_then(Value::as_u64).and_then(|it| u32::try_from(it).ok());
    let with_days = Policies { retention_days: days, ..*policies };
    if days.is_none() || with_days.check().is_err() {
        return &[];
    }
    *policies = with_days;
    // Its default is to archive. Only who asked for removal gets removal.
    if fields.get("action_on_expiry").and_then(Value::as_str) == Some("delete") {
        policies.auto_cleanup = Some(true);
        return &["default_retention_days", "action_on_expiry"];
    }
    &["default_retention_days"]
}

/// Its largest number was never more than a number: what is there already stays.
fn replication(fields: &Map<String, Value>, policies: &mut Policies) -> &'static [&'static str] {
    let least = fields.get("min_redundancy").and_then(Value::as_u64).and_then(|it| u32::try_from(it).ok());
    let with_least = Policies { min_replicas: least, ..*policies };
    if least.is_none() || with_least.check().is_err() {
        return &[];
    }
    *policies = with_least;
    &["min_redundancy"]
}

/// A unit in gigabytes; all of them are powers of 1024.
fn gigabytes(unit: &str) -> Option<f64> {
    let bytes = match unit.to_ascii_lowercase().as_str() {
        "bytes" => 1,
        "kb" => 1 << 10,
        "mb" => 1 << 20,
        "gb" => GIBIBYTE,
        "tb" => GIBIBYTE << 10,
        _ => return None,
    };
    Some(bytes as f64 / GIBIBYTE as f64)
}

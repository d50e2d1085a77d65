//! One backend as ipfs_kit_py describes it, whichever generation wrote it.
//!
//! | generation | where the fields are | how it is told |
//! |---|---|---|
//! | 1, 2025-07 | `config` | `metadata`, `created_at` |
//! | 2, 2025-08 | beside `name` and `type` | |
//! | 3 | `config` | `status`, `tier` |
//! | 4, in documents only | `connection` and `credentials` | these sections: our own shape |
//! | 5, 2026-08 | as 2 | |
//!
//! The places do not contradict each other, so one reading serves all: what is nearest to the name of the field wins.

use serde_json::{Map, Value};

use crate::config::envelope::Tier;

/// Sections whose content is fields.
const HOLDERS: [&str; 5] = ["config", "resources", "s3cfg", "connection", "credentials"];
/// Keys that describe the backend and are no fields of it.
const DESCRIBING: [&str; 10] =
    ["name", "type", "enabled", "status", "tier", "description", "domain", "created_at", "updated_at", "metadata"];
/// Sections of which nothing is taken over.
const FOREIGN: [&str; 4] = ["sync_policy", "health_check", "sync", "schema_version"];
/// Keys of `policies`, which some files have at the top.
const POLICIES: [(&str, &str); 6] = [
    ("storage_quota_gb", "storage_quota_gb"),
    ("quota_gb", "storage_quota_gb"),
    ("traffic_quota_gb_monthly", "traffic_quota_gb_monthly"),
    ("monthly_gb", "traffic_quota_gb_monthly"),
    ("retention_days", "retention_days"),
    ("auto_cleanup", "auto_cleanup"),
];

/// What is said of a backend.
#[derive(Default)]
pub(super) struct Record {
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) enabled: bool,
    pub(super) description: Option<String>,
    pub(super) tier: Option<Tier>,
    /// What its type understands.
    pub(super) fields: Map<String, Value>,
    pub(super) operational: Map<String, Value>,
    pub(super) policies: Map<String, Value>,
    /// Keys of which nothing is taken over.
    pub(super) left: Vec<String>,
}

impl Record {
    /// Reads the keys of one backend.
    pub(super) fn of(source: &Map<String, Value>) -> Self {
        let text = |key: &str| source.get(key).and_then(Value::as_str).filter(|it| !it.is_empty()).map(str::to_owned);
        let off = source.get("enabled") == Some(&Value::Bool(false)) || text("status").as_deref() == Some("disabled");
        let metadata = source.get("metadata").and_then(Value::as_object);
        let told = metadata.and_then(|it| it.get("description")).and_then(Value::as_str).map(str::to_owned);
        let mut record = Self {
            name: text("name"),
            kind: text("type"),
            enabled: !off,
            description: text("description").or(told).map(|it| plain(&it)).filter(|it| !it.is_empty()),
            tier: text("tier").and_then(|it| serde_json::from_value(it.into()).ok()),
            ..Self::default()
        };
        record.take_sections(source);
        record
    }

    fn take_sections(&mut self, source: &Map<String, Value>) {
        for (key, value) in source {
            match (key.as_str(), value) {
                (holder, Value::Object(fields)) if HOLDERS.contains(&holder) => self.take_fields(fields),
                ("operational", Value::Object(fields)) => self.operational.clone_from(fields),
                ("policies", Value::Object(fields)) => {
                    fields.iter().for_each(|(key, value)| self.take_policy(key, value))
                }
                (foreign, _) if FOREIGN.contains(&foreign) => self.left.push(key.clone()),
                _ if DESCRIBING.contains(&key.as_str()) => {}
                _ => self.take_field(key, value),
            }
        }
    }

    fn take_fields(&mut self, fields: &Map<String, Value>) {
        for (key, value) in fields {
            match value {
                Value::Object(inner) if HOLDERS.contains(&key.as_str()) => self.take_fields(inner),
                _ => self.take_field(key, value),
            }
        }
    }

    fn take_field(&mut self, key: &str, value: &Value) {
        if POLICIES.iter().any(|(name, _)| *name == key) {
            self.take_policy(key, value);
        } else if !value.is_null() {
            self.fields.insert(key.to_owned(), value.clone());
        }
    }

    fn take_policy(&mut self, key: &str, value: &Value) {
        match POLICIES.iter().find(|(name, _)| *name == key) {
            Some((_, ours)) if !value.is_null() => {
                self.policies.insert((*ours).to_owned(), value.clone());
            }
            Some(_) => {}
            None => self.left.push(format!("policies.{key}")),
        }
    }
}

/// One line of at most 1000 bytes.
fn plain(text: &str) -> String {
    let line: String = text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    let end = (0..=line.len().min(1000)).rev().find(|end| line.is_char_boundary(*end)).unwrap_or_default();
    line.get(..end).unwrap_or_default().trim().to_owned()
}

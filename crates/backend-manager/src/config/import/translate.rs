//! A record of ipfs_kit_py as a configuration of ours.

use std::sync::Arc;

use backend_core::{Clock, StorageType, find};
use backend_layers::Operational;
use serde_json::{Map, Value, json};

use super::fields::{COMMON, Field, PRETENDING, SYNAPSE_SDK, Section};
use super::kinds::{self, Kind};
use super::policy;
use super::record::Record;
use super::text;
use super::{Outcome, samples};
use crate::config::envelope::BackendConfig;
use crate::config::key_path::shown;
use crate::config::policies::Policies;
use crate::config::validate::validate;

/// The three sections, in our words.
#[derive(Default)]
struct Sections {
    connection: Map<String, Value>,
    credentials: Map<String, Value>,
    operational: Map<String, Value>,
    /// A secret is out of reach.
    incomplete: bool,
}

/// What becomes of `record` under the name `name`.
pub(super) fn translate(
    record: &Record,
    name: &str,
    policies: Policies,
    clock: &Arc<dyn Clock>,
    warnings: &mut Vec<String>,
) -> Outcome {
    let Some(kind) = record.kind.as_deref() else {
        return Outcome::Skipped { why: "it names no type".to_owned() };
    };
    let unsupported = |why: String| Outcome::Unsupported { kind: shown(kind).to_owned(), why };
    let (canonical, fields) = match kinds::of(kind, |field| record.fields.contains_key(field)) {
        None => return unsupported("neither we nor ipfs_kit_py have such a backend".to_owned()),
        Some(Kind::Never { why }) => return unsupported(why.to_owned()),
        Some(Kind::SynapseSdk) => return unsupported(synapse_sdk(record, warnings)),
        Some(Kind::Ours { canonical, fields }) => (canonical, fields),
    };
    let mut sections = sections(record, canonical, fields, warnings);
    if find(canonical.as_str()).is_err() {
        return unsupported(format!("this build has no backend of type {canonical}{}", needs(&sections)));
    }
    let mut config = BackendConfig::registered(name, canonical.as_str());
    let (pretence, sample) = (is_pretence(record, warnings), is_sample(record, warnings));
    config.enabled = record.enabled && !pretence && !sample && !sections.incomplete;
    config.description.clone_from(&record.description);
    config.tier = record.tier;
    config.connection = std::mem::take(&mut sections.connection);
    config.credentials = std::mem::take(&mut sections.credentials);
    config.operational = std::mem::take(&mut sections.operational);
    config.policies = policies;
    let refused = policy::overlay(&mut config.policies, &record.policies);
    not_taken(warnings, refused.iter().chain(&record.left));
    match config.check().map_err(|problem| format!("{}: {}", problem.path, problem.what)) {
        Err(what) => Outcome::Failed(backend_core::Error::new(backend_core::ErrorKind::InvalidConfig, what)),
        Ok(()) => match validate(&config, clock.clone()) {
            Ok(_) => Outcome::Config(Box::new(config)),
            Err(err) => Outcome::Failed(err),
        },
    }
}

fn sections(record: &Record, kind: StorageType, fields: &[Field], warnings: &mut Vec<String>) -> Sections {
    let mut sections = Sections { operational: record.operational.clone(), ..Sections::default() };
    let mut rest = record.fields.clone();
    prepare(kind, &mut rest);
    for field in fields.iter().chain(COMMON) {
        for name in field.names {
            if let Some(value) = rest.remove(*name) {
                put(&mut sections, field, name, &value, warnings);
            }
        }
    }
    drop_bad_operational(&mut sections.operational, warnings);
    let pretending = |key: &String| !PRETENDING.contains(&key.as_str());
    not_taken(warnings, rest.keys().filter(|key| pretending(key)));
    sections
}

/// Fields that are two of theirs and one of ours.
fn prepare(kind: StorageType, fields: &mut Map<String, Value>) {
    let text = |fields: &Map<String, Value>, key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
    match kind {
        StorageType::Ipfs => {
            if let Some(host) = text(fields, "ipfs_host") {
                let port = fields.get("ipfs_port").and_then(Value::as_u64).unwrap_or(5001);
                fields.remove("ipfs_host");
                fields.remove("ipfs_port");
                fields.entry("api_url").or_insert_with(|| format!("http://{host}:{port}").into());
            }
        }
        StorageType::Github => {
            if let (Some(owner), Some(repo)) = (text(fields, "owner"), text(fields, "repo"))
                && !repo.contains('/')
            {
                fields.remove("owner");
                fields.insert("repo".to_owned(), format!("{owner}/{repo}").into());
            }
        }
        _ => {}
    }
}

fn put(sections: &mut Sections, field: &Field, name: &str, value: &Value, warnings: &mut Vec<String>) {
    let (section, value) = match field.section {
        Section::Connection => (&mut sections.connection, Ok(text::translated(value))),
        Section::Credentials => (&mut sections.credentials, text::secret(value)),
        Section::Operational => (&mut sections.operational, Ok(value.clone())),
    };
    match value {
        Err(why) => {
            sections.incomplete = true;
            warnings.push(format!("switched off until credentials.{} is set: {name} {why}", field.key));
        }
        Ok(value) => match section.get(field.key) {
            Some(taken) if *taken != value => {
                warnings.push(format!("not taken over: {name}, because {} is said already", field.key));
            }
            _ => {
                section.insert(field.key.to_owned(), value);
            }
        },
    }
}

/// Leaves out what the layers would refuse. Seconds may have been written as `30.0`.
fn drop_bad_operational(operational: &mut Map<String, Value>, warnings: &mut Vec<String>) {
    let mut refused = Vec::new();
    operational.retain(|key, value| {
        if let Some(whole) = value.as_f64().filter(|it| value.is_f64() && it.fract() == 0.0 && (0.0..1e9).contains(it))
        {
            *value = (whole as u64).into();
        }
        let alone = serde_json::from_value::<Operational>(json!({ key.as_str(): value }));
        let keep = alone.is_ok_and(|it| it.validate().is_ok());
        if !keep {
            refused.push(format!("operational.{}", shown(key)));
        }
        keep
    });
    not_taken(warnings, refused.iter());
}

fn is_pretence(record: &Record, warnings: &mut Vec<String>) -> bool {
    let found = PRETENDING.iter().find(|key| record.fields.get(**key) == Some(&Value::Bool(true)));
    if let Some(key) = found {
        warnings.push(format!("switched off: {key} was on, so nothing was ever stored there"));
    }
    found.is_some()
}

fn is_sample(record: &Record, warnings: &mut Vec<String>) -> bool {
    let sample = samples::is_sample(record);
    if sample {
        warnings.push("switched off: ipfs_kit_py made this sample by itself when it found no backends".to_owned());
    }
    sample
}

fn synapse_sdk(record: &Record, warnings: &mut Vec<String>) -> String {
    let sections = sections(record, StorageType::Filecoin, SYNAPSE_SDK, warnings);
    format!(
        "in ipfs_kit_py `synapse` means Filecoin's Synapse SDK, which is part of type filecoin here (our synapse is a Matrix server){}",
        needs(&sections)
    )
}

/// What a configuration for a backend that is not linked would hold: keys only.
fn needs(sections: &Sections) -> String {
    let of = |section: &str, fields: &Map<String, Value>| {
        fields.keys().map(|key| format!("{section}.{key}")).collect::<Vec<_>>()
    };
    let mut keys = of("connection", &sections.connection);
    keys.extend(of("credentials", &sections.credentials));
    if keys.is_empty() { String::new() } else { format!("; its file would say {}", keys.join(", ")) }
}

pub(super) fn not_taken<'k>(warnings: &mut Vec<String>, keys: impl IntoIterator<Item = &'k String>) {
    let keys = joined(keys);
    if !keys.is_empty() {
        warnings.push(format!("not taken over: {keys}"));
    }
}

/// Keys as they may be printed.
pub(super) fn joined<'k>(keys: impl IntoIterator<Item = &'k String>) -> String {
    let plain = |key: &String| key.split('.').map(shown).collect::<Vec<_>>().join(".");
    keys.into_iter().map(plain).collect::<Vec<_>>().join(", ")
}

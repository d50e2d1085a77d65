//! What of a configuration may be seen: secrets as `***`, references to them as they are.
//!
//! Everything under `credentials` is secret by its place; elsewhere a value is secret if its key is called like one. The words are those of ipfs_kit_py's
//! redaction (`secret|token|ticket|password|…`).

use serde_json::{Map, Value};

use super::envelope::BackendConfig;
use super::reference;
use super::substitute::without_defaults;

const HIDDEN: &str = "***";

const SECRET_WORDS: [&str; 13] = [
    "secret",
    "token",
    "ticket",
    "password",
    "passwd",
    "passphrase",
    "privatekey",
    "nodekey",
    "writecapability",
    "credential",
    "authorization",
    "apikey",
    "accesskey",
];

/// A copy that may be shown.
pub(super) fn masked(config: &BackendConfig) -> BackendConfig {
    let mut shown = config.clone();
    for value in shown.credentials.values_mut() {
        hide(value);
    }
    hide_by_name(&mut shown.connection);
    hide_by_name(&mut shown.operational);
    shown
}

/// Whether a key is called like a secret.
pub(super) fn is_secret_name(key: &str) -> bool {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect();
    SECRET_WORDS.iter().any(|word| plain.contains(word))
}

fn hide(value: &mut Value) {
    match value {
        Value::Null => {}
        Value::String(text) => *text = hidden(text),
        Value::Bool(_) | Value::Number(_) => *value = HIDDEN.into(),
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(fields) => fields.values_mut().for_each(hide),
    }
}

fn hide_by_name(fields: &mut Map<String, Value>) {
    for (key, value) in fields.iter_mut() {
        if is_secret_name(key) { hide(value) } else { look_into(value) }
    }
}

fn look_into(value: &mut Value) {
    match value {
        Value::Object(fields) => hide_by_name(fields),
        Value::Array(items) => items.iter_mut().for_each(look_into),
        Value::String(text) => *text = without_password(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A secret text: a reference, or variables and nothing else, stay as they are; of a default only that there is one.
fn hidden(text: &str) -> String {
    if text.is_empty() || reference::is_reference(text) {
        return text.to_owned();
    }
    without_defaults(text, HIDDEN).unwrap_or_else(|| HIDDEN.to_owned())
}

/// An URL without the password and the query it may carry: `https://user:***@host/?***`.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{HIDDEN}@{host}"),
            None => format!("{HIDDEN}@{host}"),
        },
        None => authority.to_owned(),
    };
    let path = match path.split_once('?') {
        Some((path, _)) => format!("{path}?{HIDDEN}"),
        None => path.to_owned(),
    };
    format!("{scheme}://{authority}{path}")
}

//! From what a file says to what a backend is opened with: variables replaced, references resolved, overrides laid over it.

use std::path::PathBuf;

use backend_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::change::typed;
use super::document::Document;
use super::envelope::BackendConfig;
use super::home::expand;
use super::key_path::{KeyPath, map_texts};
use super::layer::Override;
use super::reference::{self, Resolved};
use super::substitute::substitute;
use super::variables::{OVERRIDE_PREFIX, Variables};

/// How many variables may override one backend.
const MAX_OVERRIDES: usize = 256;

/// A configuration, resolved: its secrets are in it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: BackendConfig,
    /// The file it comes from.
    pub file: PathBuf,
    /// What the user should be told: secrets that others can read, texts that were left as they are.
    pub warnings: Vec<String>,
}

/// Resolves `document`, the file of the backend `name`.
pub(super) fn resolve(document: &Document, name: &str, file: PathBuf, variables: &Variables) -> Result<Loaded> {
    let mut warnings = Vec::new();
    let mut value = document.value.clone();
    let replaced: Result<()> = map_texts(&mut value, &mut KeyPath::default(), &mut |path, text| {
        let text = substitute_in(path, text, variables);
        let resolved = text.map_err(|what| document.error(path, what))?;
        warnings.extend(resolved.warning);
        Ok(resolved.text)
    });
    replaced?;
    let overrides = overrides(name, variables, &mut warnings)?;
    let mut config = document.layered(name, &value, &overrides)?;
    if let Some(Value::String(path)) = config.connection.get_mut("path") {
        *path = expand(path, variables);
    }
    Ok(Loaded { config, file, warnings })
}

/// References are looked for in what the file says, not in what a variable holds: a password that happens to begin with `file:` is a password.
fn substitute_in(path: &KeyPath, text: &str, variables: &Variables) -> Result<Resolved, String> {
    let replaced = substitute(text, variables)?;
    if path.is_within("credentials") && !text.starts_with('$') {
        return reference::resolve(&replaced, variables);
    }
    Ok(Resolved { text: replaced, warning: None })
}

fn overrides<'v>(name: &str, variables: &'v Variables, warnings: &mut Vec<String>) -> Result<Vec<Override<'v>>> {
    let prefix = format!("{OVERRIDE_PREFIX}{}__", variable_part(name));
    let mut found = Vec::new();
    for (variable, text) in variables.beginning_with(OVERRIDE_PREFIX) {
        let Some(rest) = variable.strip_prefix(&prefix) else {
            continue;
        };
        found.push(one_override(variable, rest, text, variables, warnings)?);
        if MAX_OVERRIDES < found.len() {
            return Err(Error::new(ErrorKind::InvalidConfig, format!("more than {MAX_OVERRIDES} variables {prefix}…")));
        }
    }
    Ok(found)
}

fn one_override<'v>(
    variable: &'v str,
    rest: &str,
    text: &str,
    variables: &Variables,
    warnings: &mut Vec<String>,
) -> Result<Override<'v>> {
    let refused = |what: &str| Error::new(ErrorKind::InvalidConfig, format!("environment variable {variable}: {what}"));
    let path: Vec<String> = rest.split("__").map(str::to_ascii_lowercase).collect();
    if path.len() < 2 && matches!(path.first().map(String::as_str), Some("name" | "type")) {
        return Err(refused("name and type are not overridden"));
    }
    if path.iter().any(String::is_empty) || super::bounded::MAX_DEPTH < path.len() {
        return Err(refused("names no key; keys are joined by __"));
    }
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    let mut value = typed(&keys, text);
    if let (Some(&"credentials"), Value::String(text)) = (keys.first(), &mut value) {
        let resolved = reference::resolve(text, variables).map_err(|what| refused(&what))?;
        warnings.extend(resolved.warning);
        *text = resolved.text;
    }
    Ok(Override { variable, path, value })
}

/// The name as it stands in a variable: `my-s3` is `MY_S3`.
pub(super) fn variable_part(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

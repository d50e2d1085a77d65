//! A foreign file as a tree, within the same bounds as our own; and foreign texts as texts of ours.

use std::path::Path;

use backend_core::{Error, ErrorKind, Result};
use serde::de::DeserializeSeed as _;
use serde_json::Value;

use crate::config::bounded::{Bounds, Tree};
use crate::config::file;
use crate::config::parse::Format;
use crate::config::substitute::{self, is_variable_name};

/// The tree of a `.yaml`, `.yml`, `.toml` or `.json` file.
pub(super) fn read(path: &Path) -> Result<Value> {
    let (text, _) = file::read_text(path)?;
    if path.extension().is_some_and(|it| it == "json") {
        return json(path, &text);
    }
    let format = Format::of(path).unwrap_or(Format::Yaml);
    format.parse(&text).map_err(|refusal| refused(path, refusal.line, &refusal.what))
}

fn json(path: &Path, text: &str) -> Result<Value> {
    let bounds = Bounds::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let tree = Tree::new(&bounds).deserialize(&mut deserializer).and_then(|tree| deserializer.end().map(|()| tree));
    tree.map_err(|err| {
        let what = bounds.into_reason().unwrap_or_else(|| "not valid JSON".to_owned());
        refused(path, Some(err.line()), &what)
    })
}

fn refused(path: &Path, line: Option<usize>, what: &str) -> Error {
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    Error::new(ErrorKind::InvalidConfig, format!("{}{line}: {what}", file::shown(path)))
}

/// What a foreign value is in a file of ours: `$` doubled where it is not a variable.
pub(super) fn translated(value: &Value) -> Value {
    match value {
        Value::String(text) => substitute::escape(text).into(),
        Value::Array(items) => items.iter().map(translated).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), translated(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// What a foreign secret is in a file of ours, or where it is kept if that is out of reach.
///
/// Understood are `secretref:environment:NAME`, `environment:NAME` and `{environment: NAME}`; the other references lead into keyrings of ipfs_kit_py.
pub(super) fn secret(value: &Value) -> Result<Value, &'static str> {
    let text = match value {
        Value::Object(fields) => {
            return match (fields.get("environment").and_then(Value::as_str), fields.len()) {
                (Some(name), 1) if is_variable_name(name) => Ok(format!("env:{name}").into()),
                _ => Ok(translated(value)),
            };
        }
        Value::String(text) => text,
        _ => return Ok(translated(value)),
    };
    let name = text.strip_prefix("secretref:environment:").or_else(|| text.strip_prefix("environment:"));
    if let Some(name) = name.filter(|name| is_variable_name(name)) {
        return Ok(format!("env:{name}").into());
    }
    if text.starts_with("secretref:") || text.starts_with("credential://") {
        return Err("is kept in a keyring of ipfs_kit_py");
    }
    Ok(crate::config::reference::escape(&substitute::escape(text)).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_references_where_they_can_be() {
        let cases = [
            (json!("secretref:environment:KEY"), Ok(json!("env:KEY"))),
            (json!("environment:KEY"), Ok(json!("env:KEY"))),
            (json!({"environment": "KEY"}), Ok(json!("env:KEY"))),
            (json!("${KEY}"), Ok(json!("${KEY}"))),
            (json!("plain"), Ok(json!("plain"))),
            (json!("pa$$word"), Ok(json!("pa$$$$word"))),
            (json!("env:literal"), Ok(json!("text:env:literal"))),
            (json!("environment:not a name"), Ok(json!("environment:not a name"))),
            (json!(12), Ok(json!(12))),
            (json!("secretref:secure-config:x"), Err("is kept in a keyring of ipfs_kit_py")),
            (json!("credential://iroh/x"), Err("is kept in a keyring of ipfs_kit_py")),
        ];
        for (theirs, ours) in cases {
            assert_eq!(secret(&theirs), ours, "{theirs}");
        }
    }
}

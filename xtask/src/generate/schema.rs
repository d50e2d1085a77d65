//! JSON schemas of the configuration, one file a backend type: for editors, and the rows of the configuration tables.

use serde_json::{Map, Value, json};

use super::{Backend, Described, Output};
use crate::failure::{Failure, Result};

pub(super) fn outputs(described: &Described) -> Result<Vec<Output>> {
    let schemas = described.backends.iter().map(|backend| {
        let text = serde_json::to_string_pretty(&backend.schema);
        let text = text.map_err(|err| Failure::new(format!("schema of {}: {err}", backend.kind)))?;
        Ok(Output { name: format!("docs/generated/schema/{}.json", backend.kind), text: format!("{text}\n") })
    });
    schemas.collect()
}

/// One setting of a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Where it stands: `connection.path`.
    pub(super) key: String,
    /// Its type, as a user would say it.
    pub(super) kind: String,
    /// Its default, or `required`.
    pub(super) default: String,
    /// Its description, on one line.
    pub(super) about: String,
}

/// The settings of `connection` and `credentials`, in the order of the alphabet, the required ones first.
pub(super) fn rows(backend: &Backend) -> Vec<Row> {
    let sections = ["connection", "credentials"].into_iter();
    sections.flat_map(|section| section_rows(&backend.schema, section)).collect()
}

fn section_rows(schema: &Value, section: &str) -> Vec<Row> {
    let Some(part) = schema.get("properties").and_then(|it| it.get(section)) else { return Vec::new() };
    let part = resolve(schema, part);
    let empty = Map::new();
    let properties = part.get("properties").and_then(Value::as_object).unwrap_or(&empty);
    let required: Vec<&str> =
        part.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut rows: Vec<Row> = properties
        .iter()
        .map(|(name, property)| row(schema, &format!("{section}.{name}"), property, required.contains(&name.as_str())))
        .collect();
    rows.sort_by(|left, right| (left.default != "required", &left.key).cmp(&(right.default != "required", &right.key)));
    rows
}

fn row(schema: &Value, key: &str, property: &Value, is_required: bool) -> Row {
    let whole = resolve(schema, property);
    let about = property.get("description").or_else(|| whole.get("description")).and_then(Value::as_str);
    let default = match property.get("default").filter(|it| !it.is_null()) {
        _ if is_required => "required".to_owned(),
        Some(value) => format!("`{}`", value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
        None if may_be_absent(schema, property) => "none".to_owned(),
        // There is one, and the schema does not say which: the description should.
        None => "optional".to_owned(),
    };
    let about = about.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    Row { key: key.to_owned(), kind: kind(schema, property), default, about }
}

/// Whether `null` is a value: then nothing is set unless the user sets it.
fn may_be_absent(schema: &Value, property: &Value) -> bool {
    let null = json!("null");
    let property = resolve(schema, property);
    let in_types = property.get("type").and_then(Value::as_array).is_some_and(|it| it.contains(&null));
    let choices = property.get("anyOf").and_then(Value::as_array);
    in_types || choices.is_some_and(|it| it.iter().any(|it| it.get("type") == Some(&null)))
}

/// Follows `$ref`, at most eight times: a schema is made by a plugin, and may go in circles.
fn resolve<'a>(schema: &'a Value, part: &'a Value) -> &'a Value {
    let mut part = part;
    for _ in 0..8 {
        let pointer = part.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#'));
        match pointer.and_then(|it| schema.pointer(it)) {
            Some(target) => part = target,
            None => break,
        }
    }
    part
}

fn kind(schema: &Value, property: &Value) -> String {
    let property = resolve(schema, property);
    if let Some(words) = words(property) {
        return words;
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(choices) = property.get(key).and_then(Value::as_array) {
            let kinds = choices.iter().filter(|it| it.get("type") != Some(&json!("null")));
            let kinds: Vec<String> = kinds.map(|it| one_kind(schema, it)).collect();
            return kinds.join(" or ");
        }
    }
    one_kind(schema, property)
}

fn one_kind(schema: &Value, property: &Value) -> String {
    let property = resolve(schema, property);
    if let Some(words) = words(property) {
        return words;
    }
    match property.get("type") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str).filter(|it| *it != "null");
            names.collect::<Vec<_>>().join(" or ")
        }
        _ => "any".to_owned(),
    }
}

/// The words of an enumeration, whichever way the schema writes one.
fn words(property: &Value) -> Option<String> {
    let quoted = |it: &Value| it.as_str().map(|it| format!("`{it}`"));
    if let Some(only) = property.get("const") {
        return quoted(only);
    }
    if let Some(listed) = property.get("enum").and_then(Value::as_array) {
        return Some(listed.iter().filter_map(quoted).collect::<Vec<_>>().join(", "));
    }
    let choices = property.get("oneOf").and_then(Value::as_array)?;
    let each: Option<Vec<String>> = choices.iter().map(words).collect();
    each.map(|it| it.join(", "))
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;

//! Defaults < file < environment, and where each value came from.
//!
//! figment lays the layers over each other and remembers the origin of every value. Its own errors are never printed: they quote values.

use backend_core::{Error, ErrorKind, Result, nearest};
use figment::error::Kind;
use figment::value::{Dict, Map, Value as Figure};
use figment::{Figment, Metadata, Profile, Provider};
use serde_json::{Value, json};

use super::document::Document;
use super::envelope::{BackendConfig, Problem};
use super::key_path::{KeyPath, shown};

/// One environment variable that replaces one value of a file.
#[derive(Debug)]
pub(super) struct Override<'v> {
    /// The variable.
    pub(super) variable: &'v str,
    /// The keys it names, lower case.
    pub(super) path: Vec<String>,
    /// What it says, typed.
    pub(super) value: Value,
}

/// A tree, and what its origin is called. The empty name is the file.
struct Layer {
    origin: String,
    value: Value,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.origin.clone())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        let dict = Figure::serialize(&self.value)?.into_dict();
        Ok(Profile::Default.collect(dict.unwrap_or_default()))
    }
}

/// The configuration that the layers make.
///
/// # Errors
/// `InvalidConfig` that names the origin, the key, and the nearest known one if it is unknown.
pub(super) fn compose(
    document: &Document,
    name: &str,
    value: &Value,
    overrides: &[Override<'_>],
) -> Result<BackendConfig> {
    if !value.is_object() {
        return Err(document.error(&KeyPath::default(), "expected keys and values, such as name, type and connection"));
    }
    let defaults = Layer { origin: "the defaults".to_owned(), value: json!({ "name": name }) };
    let mut figment = Figment::from(defaults).merge(Layer { origin: String::new(), value: value.clone() });
    for it in overrides {
        let origin = format!("environment variable {}", it.variable);
        figment = figment.merge(Layer { origin, value: nested(&it.path, it.value.clone()) });
    }
    let config: BackendConfig = figment.extract().map_err(|err| explain(document, value, &figment, err))?;
    match config.check() {
        Ok(()) => Ok(config),
        Err(Problem { path, what }) => Err(at_origin(document, &figment, &path, &what)),
    }
}

/// A file that is not layered, as a type.
///
/// # Errors
/// As [`compose`].
pub(super) fn typed<T: serde::de::DeserializeOwned>(document: &Document) -> Result<T> {
    // A file in which nothing stands asks for nothing.
    let value = if document.value.is_null() { json!({}) } else { document.value.clone() };
    if !value.is_object() {
        return Err(document.error(&KeyPath::default(), "expected keys and values"));
    }
    let figment = Figment::from(Layer { origin: String::new(), value: value.clone() });
    figment.extract().map_err(|err| explain(document, &value, &figment, err))
}

fn nested(path: &[String], value: Value) -> Value {
    path.iter().rev().fold(value, |inner, key| json!({ key.as_str(): inner }))
}

fn explain(document: &Document, root: &Value, figment: &Figment, err: figment::Error) -> Error {
    let Some(first) = err.into_iter().next() else {
        return document.error(&KeyPath::default(), "is not acceptable");
    };
    // The path of an unknown field ends with the field.
    let path = KeyPath::from_names(&first.path, root);
    let what = match first.kind {
        Kind::UnknownField(field, known) => {
            unknown_field(&field, known, path.0.len() == 1 && root.get("connection").is_none())
        }
        Kind::MissingField(field) => format!("missing field {field}"),
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => format!("expected {expected}"),
        Kind::InvalidLength(_, expected) => format!("expected {expected}"),
        Kind::UnknownVariant(_, known) => format!("expected one of {}", known.join(", ")),
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "the number is out of range".to_owned(),
        _ => "the value is not acceptable".to_owned(),
    };
    at_origin(document, figment, &path, &what)
}

fn unknown_field(field: &str, known: &[&str], looks_foreign: bool) -> String {
    let field = shown(field);
    if let Some(near) = nearest(field, known.iter().copied()) {
        return format!("unknown field, did you mean {near}?");
    }
    let foreign = if looks_foreign { "; a file of ipfs_kit_py is brought in by `ipfs-kit import`" } else { "" };
    format!("unknown field (known: {}){foreign}", known.join(", "))
}

fn at_origin(document: &Document, figment: &Figment, path: &KeyPath, what: &str) -> Error {
    let origin = figment.find_metadata(&path.to_string()).map(|it| it.name.as_ref()).unwrap_or_default();
    if origin.starts_with("environment variable") {
        return Error::new(ErrorKind::InvalidConfig, format!("{origin}: {path}: {what}"));
    }
    document.error(path, what)
}

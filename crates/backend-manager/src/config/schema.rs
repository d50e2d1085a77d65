//! The configuration as JSON schema, for documents and editors.

use backend_core::Descriptor;
use backend_layers::Operational;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::envelope::BackendConfig;

/// The schema of a configuration file of any type.
pub fn schema() -> Schema {
    let settings = SchemaSettings::default().with(|it| it.inline_subschemas = true);
    let operational = settings.clone().into_generator().into_root_schema_for::<Operational>();
    let mut schema = settings.into_generator().into_root_schema_for::<BackendConfig>();
    for (key, value) in operational.as_object().into_iter().flatten().filter(|(key, _)| *key != "$schema") {
        set(&mut schema, "operational", key, value.clone());
    }
    set(&mut schema, "name", "pattern", json!("^[a-z0-9][a-z0-9_-]{0,63}$"));
    schema
}

/// The schema of a configuration file of the type that `descriptor` describes: its `connection` and `credentials` in place of any.
pub fn schema_of(descriptor: &Descriptor) -> Schema {
    let mut schema = schema();
    let names: Vec<&str> = descriptor.aliases.iter().copied().chain([descriptor.kind.as_str()]).collect();
    set(&mut schema, "type", "enum", json!(names));
    let own = (descriptor.schema)();
    for section in ["connection", "credentials"] {
        if let Some(part) = own.get("properties").and_then(|it| it.get(section))
            && let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut)
        {
            properties.insert(section.to_owned(), part.clone());
        }
    }
    // What the sections refer to; the envelope is inlined and has no definitions of its own to meet.
    if let Some(definitions) = own.get("$defs") {
        schema.insert("$defs".to_owned(), definitions.clone());
    }
    schema
}

fn set(schema: &mut Schema, property: &str, key: &str, value: Value) {
    let found = schema.get_mut("properties").and_then(|it| it.get_mut(property)).and_then(Value::as_object_mut);
    if let Some(found) = found {
        found.insert(key.to_owned(), value);
    }
}

//! TOML, and the only module that names the crate which reads it.

use serde::de::DeserializeSeed as _;
use serde_json::Value;

use super::bounded::{Bounds, Tree};
use super::key_path::KeyPath;
use super::locate::Locate;
use super::parse::Refusal;

/// Reads one document.
///
/// # Errors
/// What is wrong and on which line, without any text of the file.
pub(super) fn parse(text: &str) -> Result<Value, Refusal> {
    // The messages of this stage are the grammar's own constants; those of the next are ours, kept in `bounds`.
    let deserializer = toml::Deserializer::parse(text)
        .map_err(|err| Refusal { what: format!("not valid TOML: {}", err.message()), line: line(text, &err) })?;
    let bounds = Bounds::default();
    Tree::new(&bounds).deserialize(deserializer).map_err(|err| {
        let what = bounds.into_reason().unwrap_or_else(|| "not valid TOML".to_owned());
        Refusal { what, line: line(text, &err) }
    })
}

/// On which line the key is that `path` leads to.
pub(super) fn line_of(text: &str, path: &KeyPath) -> Option<usize> {
    let deserializer = toml::Deserializer::parse(text).ok()?;
    Locate::new(path).deserialize(deserializer).err().and_then(|err| line(text, &err))
}

/// Writes a document. TOML has no null: the caller has left those out.
///
/// # Errors
/// The document holds what TOML cannot say; nothing of its text is in the message.
pub(super) fn render(document: &impl serde::Serialize) -> Result<String, &'static str> {
    toml::to_string(document).map_err(|_| "cannot be written as TOML")
}

fn line(text: &str, err: &toml::de::Error) -> Option<usize> {
    let start = err.span()?.start;
    text.as_bytes().get(..start).map(|before| before.iter().filter(|byte| **byte == b'\n').count() + 1)
}

//! Text to a tree: the two formats behind one door.

use std::path::Path;

use backend_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::envelope::BackendConfig;
use super::key_path::KeyPath;
use super::{document, toml, yaml};

/// How large a configuration file may be, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// How a configuration file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `.yaml`, `.yml`. JSON is read as YAML, of which it is a part.
    Yaml,
    /// `.toml`.
    Toml,
}

/// Why a text is no document, and where. Never holds text of the file.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) what: String,
    pub(super) line: Option<usize>,
}

impl Format {
    /// The format that the ending of a file's name says, if it is a configuration at all.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "yaml" | "yml" => Some(Format::Yaml),
            "toml" => Some(Format::Toml),
            _ => None,
        }
    }

    pub(super) fn parse(self, text: &str) -> Result<Value, Refusal> {
        if MAX_FILE < text.len() as u64 {
            return Err(Refusal { what: "larger than 1 MiB".to_owned(), line: None });
        }
        match self {
            Format::Yaml => yaml::parse(text),
            Format::Toml => toml::parse(text),
        }
    }

    pub(super) fn line_of(self, text: &str, path: &KeyPath) -> Option<usize> {
        match self {
            Format::Yaml => yaml::line_of(text, path),
            Format::Toml => toml::line_of(text, path),
        }
    }

    pub(super) fn render(self, document: &impl serde::Serialize) -> Result<String> {
        let text = match self {
            Format::Yaml => yaml::render(document),
            Format::Toml => toml::render(document),
        };
        text.map_err(|what| Error::new(ErrorKind::InvalidConfig, format!("the configuration {what}")))
    }
}

/// Reads a configuration from text, as it is written: no variable is replaced, no reference resolved. `name` is what the backend is called if the text does not
/// say so.
///
/// # Errors
/// `InvalidConfig` that names line and key and shows no value.
pub fn parse(name: &str, text: &str, format: Format) -> Result<BackendConfig> {
    document::Document::from_text(name.to_owned(), format, text.to_owned())?.as_written(name)
}

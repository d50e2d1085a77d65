//! One file, read: its tree, and how an error about it is said.

use std::fmt;
use std::path::Path;

use backend_core::{Error, ErrorKind, Result};
use serde_json::Value;

use super::envelope::BackendConfig;
use super::file;
use super::key_path::KeyPath;
use super::layer::{self, Override};
use super::parse::Format;

/// A file as it is written: nothing replaced, nothing resolved.
pub(super) struct Document {
    /// What an error calls it.
    origin: String,
    format: Format,
    text: String,
    pub(super) value: Value,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Document {
    /// Reads the file at `path`; also answers who may read it, as the mode bits say.
    pub(super) fn read(path: &Path) -> Result<(Self, u32)> {
        let Some(format) = Format::of(path) else {
            return Err(file::invalid(path, "is neither .yaml nor .toml"));
        };
        let (text, mode) = file::read_text(path)?;
        Ok((Self::from_text(file::shown(path), format, text)?, mode))
    }

    /// Reads a text that is called `origin` in errors.
    pub(super) fn from_text(origin: String, format: Format, text: String) -> Result<Self> {
        match format.parse(&text) {
            Ok(value) => Ok(Self { origin, format, text, value }),
            Err(refusal) => {
                let line = refusal.line.map(|line| format!(":{line}")).unwrap_or_default();
                Err(Error::new(ErrorKind::InvalidConfig, format!("{origin}{line}: {}", refusal.what)))
            }
        }
    }

    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// `InvalidConfig` about the key at `path`: `file:line: key: what`.
    pub(super) fn error(&self, path: &KeyPath, what: impl fmt::Display) -> Error {
        let line = if path.0.is_empty() { None } else { self.format.line_of(&self.text, path) };
        let line = line.map(|line| format!(":{line}")).unwrap_or_default();
        let key = if path.0.is_empty() { String::new() } else { format!("{path}: ") };
        Error::new(ErrorKind::InvalidConfig, format!("{}{line}: {key}{what}", self.origin))
    }

    /// The configuration as it is written.
    pub(super) fn as_written(&self, name: &str) -> Result<BackendConfig> {
        self.layered(name, &self.value, &[])
    }

    /// The configuration with `value` in place of what is written, and the environment's overrides on top.
    pub(super) fn layered(&self, name: &str, value: &Value, overrides: &[Override<'_>]) -> Result<BackendConfig> {
        layer::compose(self, name, value, overrides)
    }
}

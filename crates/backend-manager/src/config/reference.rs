//! Where a secret is kept, in place of the secret: `env:NAME`, `file:/path`, and `text:…` for a secret that begins like one of these.

use std::path::Path;

use super::file;
use super::home::expand;
use super::substitute::is_variable_name;
use super::variables::Variables;

/// How large a file with a secret may be, in bytes.
const MAX_SECRET: u64 = 64 << 10;

/// A secret, and what the user should be told about where it lies.
#[derive(Default)]
pub(super) struct Resolved {
    pub(super) text: String,
    pub(super) warning: Option<String>,
}

/// Whether a text is a reference: it may be shown then.
pub(super) fn is_reference(text: &str) -> bool {
    match text.split_once(':') {
        Some(("env", name)) => is_variable_name(name),
        Some(("file", path)) => path.starts_with('/') || path.starts_with("~/") || path.starts_with("${"),
        _ => false,
    }
}

/// What `text` stands for: itself, unless it begins like a reference.
///
/// # Errors
/// What is wrong with the reference, never with more of the text than a name or a path.
pub(super) fn resolve(text: &str, variables: &Variables) -> Result<Resolved, String> {
    match text.split_once(':') {
        Some(("env", name)) => from_variable(name, variables),
        Some(("file", path)) => from_file(path, variables),
        Some(("text", rest)) => Ok(Resolved { text: rest.to_owned(), warning: None }),
        _ => Ok(Resolved { text: text.to_owned(), warning: None }),
    }
}

/// A text that [`resolve`] turns into `text` again.
pub(super) fn escape(text: &str) -> String {
    match text.split_once(':') {
        Some(("env" | "file" | "text", _)) => format!("text:{text}"),
        _ => text.to_owned(),
    }
}

fn from_variable(name: &str, variables: &Variables) -> Result<Resolved, String> {
    if !is_variable_name(name) {
        return Err(
            "begins with env: but no name of a variable follows; a secret that begins so is written text:env:…"
                .to_owned(),
        );
    }
    let text = variables.get(name).ok_or_else(|| format!("environment variable {name} is not set"))?;
    Ok(Resolved { text: text.to_owned(), warning: None })
}

fn from_file(path: &str, variables: &Variables) -> Result<Resolved, String> {
    let path = expand(path, variables);
    let path = Path::new(&path);
    if !path.is_absolute() {
        return Err(
            "begins with file: but no absolute path follows; a secret that begins so is written text:file:…".to_owned()
        );
    }
    let (text, mode) = file::read_bounded(path, MAX_SECRET).map_err(|err| err.message().to_owned())?;
    let text = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text);
    if text.is_empty() {
        return Err(format!("file {} is empty", file::shown(path)));
    }
    let exposed = mode & 0o004 != 0;
    let warning = exposed.then(|| format!("file {} can be read by everybody; chmod 600 it", file::shown(path)));
    Ok(Resolved { text: text.to_owned(), warning })
}

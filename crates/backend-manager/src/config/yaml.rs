//! YAML, and the only module that names the crate which reads it.
//!
//! The parser's messages may quote the file, so none is passed on: what is shown is a phrase of the list below, and the line.

use serde::de::DeserializeSeed as _;
use serde_json::Value;

use super::bounded::{Bounds, Tree};
use super::key_path::KeyPath;
use super::locate::Locate;
use super::parse::Refusal;

/// What libyaml says, as far as it helps a person. Its texts are constants; a phrase is shown only if it is one of these.
const PHRASES: [&str; 20] = [
    "could not find expected ':'",
    "did not find expected ',' or '}'",
    "did not find expected ',' or ']'",
    "did not find expected '-' indicator",
    "did not find expected <document start>",
    "did not find expected comment or line break",
    "did not find expected key",
    "did not find expected node content",
    "did not find expected alphabetic or numeric character",
    "found a tab character that violates indentation",
    "found a tab character where an indentation space is expected",
    "found character that cannot start any token",
    "found undefined tag handle",
    "found unexpected document indicator",
    "found unexpected end of stream",
    "found unknown escape character",
    "mapping keys are not allowed in this context",
    "mapping values are not allowed in this context",
    "recursion limit exceeded",
    "repetition limit exceeded",
];

/// libyaml takes quadratic time for brackets within brackets and for directives, so more of them than this are refused before it sees them.
const MAX_BRACKETS: usize = 256;
const MAX_DIRECTIVES: usize = 16;

/// Reads one document.
///
/// # Errors
/// What is wrong and on which line, without any text of the file.
pub(super) fn parse(text: &str) -> Result<Value, Refusal> {
    refuse_costly(text)?;
    let bounds = Bounds::default();
    let result = Tree::new(&bounds).deserialize(serde_yaml::Deserializer::from_str(text));
    result.map_err(|err| {
        let line = err.location().map(|at| at.line());
        let what = bounds.into_reason().unwrap_or_else(|| phrase(&err));
        Refusal { what, line }
    })
}

/// On which line the key is that `path` leads to.
pub(super) fn line_of(text: &str, path: &KeyPath) -> Option<usize> {
    let result = Locate::new(path).deserialize(serde_yaml::Deserializer::from_str(text));
    result.err().and_then(|err| err.location()).map(|at| at.line())
}

/// Writes a document.
///
/// # Errors
/// The document holds what YAML cannot say; `None` of its text is in the message.
pub(super) fn render(document: &impl serde::Serialize) -> Result<String, &'static str> {
    serde_yaml::to_string(document).map_err(|_| "cannot be written as YAML")
}

fn phrase(err: &serde_yaml::Error) -> String {
    let text = err.to_string();
    let known = PHRASES.iter().find(|phrase| text.starts_with(**phrase));
    if text.contains("more than one document") {
        return "more than one document".to_owned();
    }
    known.map_or_else(|| "not valid YAML".to_owned(), |phrase| format!("not valid YAML: {phrase}"))
}

/// Brackets and percent signs within texts count as well: no honest file comes near.
fn refuse_costly(text: &str) -> Result<(), Refusal> {
    let (mut open, mut directives) = (0usize, 0usize);
    for (number, line) in text.lines().enumerate() {
        directives += usize::from(line.starts_with('%'));
        for byte in line.bytes() {
            match byte {
                b'[' | b'{' => open += 1,
                b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            }
            if MAX_BRACKETS < open {
                return Err(Refusal {
                    what: format!("more than {MAX_BRACKETS} open brackets"),
                    line: Some(number + 1),
                });
            }
        }
        if MAX_DIRECTIVES < directives {
            return Err(Refusal { what: format!("more than {MAX_DIRECTIVES} directives"), line: Some(number + 1) });
        }
    }
    Ok(())
}

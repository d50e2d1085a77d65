//! One line of a state: what it says, as what it is kept while segments are put together, and how it is read from hostile bytes.

use std::collections::BTreeMap;

use backend_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::catalog::contents::ContentKind;
use crate::catalog::state::Merged;

/// The longest line, bytes: labels of 64 KiB, each byte escaped, and the rest.
pub(crate) const LINE_MAX: usize = 512 << 10;

/// The first line of a segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Head {
    /// `state`, or `backup`.
    pub(crate) ipfs_kit: String,
    pub(crate) version: u32,
    pub(crate) catalog: String,
    /// Of a backup.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) id: String,
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// When it was written, milliseconds since 1970 UTC.
    pub(crate) at: i64,
    /// Of which catalogs it has taken the place, and up to which of their changes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) supersedes: BTreeMap<String, i64>,
}

/// A line between the first and the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum Line {
    Policy {
        name: String,
        /// `None`: it was taken away.
        spec: Option<serde_json::Value>,
    },
    Content(ContentLine),
    Pin {
        cid: String,
        owner: String,
        policy: String,
        since: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<i64>,
    },
    Unpin {
        cid: String,
        owner: String,
    },
    Name {
        name: String,
        revision: u32,
        cid: String,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        labels: BTreeMap<String, String>,
        at: i64,
    },
    Unname {
        name: String,
    },
    /// A copy under a user's key, on the store of this identity.
    Copy {
        cid: String,
        store: String,
        key: String,
        owned: bool,
        sidecar: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        handle: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        etag: Option<String>,
    },
    Uncopy {
        cid: String,
        store: String,
        key: String,
    },
    /// A backend's configuration with its secrets masked. In backups alone.
    Config {
        name: String,
        document: serde_json::Value,
    },
}

/// What content is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContentLine {
    pub(crate) cid: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    pub(crate) kind: String,
    pub(crate) profile: u16,
}

/// The last line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tail {
    pub(crate) end: u64,
    /// Of everything before this line.
    pub(crate) sha256: String,
}

pub(crate) fn kind_word(kind: ContentKind) -> &'static str {
    match kind {
        ContentKind::Raw => "raw",
        ContentKind::File => "file",
        ContentKind::Directory => "directory",
        ContentKind::Dag => "dag",
    }
}

/// What a word stands for; a newer one for the least that can be said.
pub(crate) fn kind_of(word: &str) -> ContentKind {
    match word {
        "raw" => ContentKind::Raw,
        "file" => ContentKind::File,
        "directory" => ContentKind::Directory,
        _ => ContentKind::Dag,
    }
}

/// # Errors
/// `Internal` when it is no JSON, which cannot be.
pub(crate) fn written<T: Serialize>(line: &T) -> Result<String> {
    serde_json::to_string(line)
        .map_err(|err| Error::new(ErrorKind::Internal, "a line of the state cannot be written").with_source(err))
}

impl Line {
    /// Reads a line; `None` for one that a newer program wrote.
    ///
    /// # Errors
    /// `Integrity` for what is no JSON object.
    pub(crate) fn read(text: &str) -> Result<Option<Self>> {
        let broken = |err| Error::new(ErrorKind::Integrity, "a line of the state is broken").with_source(err);
        let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).map_err(broken)?;
        Ok(serde_json::from_value(value.into()).ok())
    }

    /// Puts what it says in place of what was said before of the same thing.
    ///
    /// # Errors
    /// What the file of lines answers.
    pub(crate) fn merge(&self, into: &Merged) -> Result<()> {
        let text = written(self)?;
        match self {
            Line::Config { name, .. } => into.put(&format!("0\u{0}{name}"), &text),
            Line::Policy { name, .. } => into.put(&format!("1\u{0}{name}"), &text),
            Line::Content(it) => into.put(&format!("2\u{0}{}", it.cid), &text),
            Line::Pin { cid, owner, .. } => into.put(&format!("3\u{0}{cid}\u{0}{owner}"), &text),
            Line::Unpin { cid, owner } => {
                into.clear(&format!("3\u{0}{cid}\u{0}{owner}"), &format!("3\u{0}{cid}\u{0}{owner}\u{0}"))
            }
            Line::Name { name, revision, .. } => into.put(&format!("4\u{0}{name}\u{0}{revision:010}"), &text),
            Line::Unname { name } => into.clear(&format!("4\u{0}{name}\u{0}"), &format!("4\u{0}{name}\u{1}")),
            Line::Copy { store, key, .. } => into.put(&format!("5\u{0}{store}\u{0}{key}"), &text),
            Line::Uncopy { cid, store, key } => {
                let at = format!("5\u{0}{store}\u{0}{key}");
                let held = into.get(&at)?.and_then(|text| Line::read(&text).ok().flatten());
                match held {
                    Some(Line::Copy { cid: held, .. }) if held == *cid => into.clear(&at, &format!("{at}\u{0}")),
                    _ => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(lines: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let merged = Merged::new(folder.path()).unwrap();
        lines.iter().for_each(|text| Line::read(text).unwrap().unwrap().merge(&merged).unwrap());
        merged.page("", 100).unwrap().into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn the_last_word_on_a_thing_is_the_one_that_counts() {
        let pin = r#"{"is":"pin","cid":"c","owner":"user","policy":"default","since":1}"#;
        let first = r#"{"is":"name","name":"x","revision":1,"cid":"c","at":1}"#;
        let second = r#"{"is":"name","name":"x","revision":2,"cid":"d","at":2}"#;
        let longer = r#"{"is":"name","name":"x/y","revision":1,"cid":"c","at":1}"#;
        assert_eq!(merged(&[second, first, pin]), [pin, first, second], "sorted");
        assert_eq!(merged(&[first, longer, r#"{"is":"unname","name":"x"}"#]), [longer], "and nothing else goes");
        assert_eq!(merged(&[pin, r#"{"is":"unpin","cid":"c","owner":"use"}"#]), [pin]);
        assert_eq!(merged(&[pin, r#"{"is":"unpin","cid":"c","owner":"user"}"#]), [""; 0]);
        let copy = r#"{"is":"copy","cid":"c","store":"s","key":"k","owned":true,"sidecar":false}"#;
        assert_eq!(merged(&[copy, r#"{"is":"uncopy","cid":"b","store":"s","key":"k"}"#]), [copy], "another's key");
        assert_eq!(merged(&[copy, r#"{"is":"uncopy","cid":"c","store":"s","key":"k"}"#]), [""; 0]);
    }

    #[test]
    fn what_is_no_line_of_ours_is_refused_or_passed_over() {
        assert_eq!(Line::read(r#"{"is":"newer","x":1}"#).unwrap(), None);
        for broken in ["", "[]", "1", "{", r#"{"is":"pin"} x"#] {
            assert_eq!(Line::read(broken).unwrap_err().kind(), ErrorKind::Integrity, "{broken}");
        }
    }
}

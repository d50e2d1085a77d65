//! What content is called: its hash, or a name; and where a backend keeps it.

use std::fmt;
use std::str::FromStr;

use cid::Cid;

use crate::error::{Error, ErrorKind, Result};

/// The folder of this program on every store whose names we choose. User keys never begin with it.
pub const OWN_PREFIX: &str = ".ipfs-kit/";

/// The most bytes a key may have, on any backend.
pub const MAX_KEY: usize = 1024;

/// A name that a user or this program gave to content on a store that speaks names: `photos/2026/a.jpg`.
///
/// Refused: the empty name, more than 1024 bytes, control characters (U+0000 to U+001F, U+007F to U+009F, and the line and paragraph separators
/// U+2028 and U+2029, which some protocols take for a line's end), a leading or trailing `/`, an empty segment, and the segments `.` and `..`.
/// [`Key::new`] also refuses our own prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// A user's key.
    ///
    /// # Errors
    /// `InvalidInput` for what the type's documentation lists, and for a name under [`OWN_PREFIX`].
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let key = Self::parse(name.into())?;
        match key.is_own() {
            true => Err(refused(&key.0, "it lies under the prefix that ipfs-kit keeps for itself")),
            false => Ok(key),
        }
    }

    /// A key of this program's own, under [`OWN_PREFIX`]; also what `list` answers with. Only the manager and leaves that list call this.
    ///
    /// # Errors
    /// `InvalidInput`, as for [`Key::new`], but for the prefix.
    pub fn parse(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        match fault(&name) {
            Some(why) => Err(refused(&name, why)),
            None => Ok(Self(name)),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it lies under [`OWN_PREFIX`] (or is that folder itself), in any case: a case-insensitive store makes no difference.
    pub fn is_own(&self) -> bool {
        let folder = OWN_PREFIX.trim_end_matches('/');
        let first = self.0.split('/').next().unwrap_or_default();
        first.eq_ignore_ascii_case(folder)
    }
}

fn fault(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        _ if name.len() > MAX_KEY => Some("it is longer than 1024 bytes"),
        _ if name.chars().any(breaks_lines) => Some("it has a control character"),
        _ if name.split('/').any(str::is_empty) => Some("it begins or ends with a slash, or has two in a row"),
        _ if name.split('/').any(|segment| segment == "." || segment == "..") => Some("it has a segment . or .."),
        _ => None,
    }
}

fn breaks_lines(it: char) -> bool {
    it.is_control() || matches!(it, '\u{2028}' | '\u{2029}')
}

fn refused(name: &str, why: &str) -> Error {
    let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    Error::new(ErrorKind::InvalidInput, format!("\"{shown}\" cannot be a key: {why}"))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

/// What content is called where it is kept. A piece commitment, an LFS oid or a service's own number is never one: those are handles or digests.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ContentId {
    /// Its hash. Always version 1: a version 0 CID is turned into the equal version 1 when it enters the program.
    Cid(Cid),
    /// A name.
    Key(Key),
}

impl ContentId {
    /// The CID, if it is one.
    pub fn cid(&self) -> Option<&Cid> {
        match self {
            ContentId::Cid(cid) => Some(cid),
            ContentId::Key(_) => None,
        }
    }

    /// The key, if it is one.
    pub fn key(&self) -> Option<&Key> {
        match self {
            ContentId::Key(key) => Some(key),
            ContentId::Cid(_) => None,
        }
    }
}

impl From<Cid> for ContentId {
    fn from(cid: Cid) -> Self {
        let code = cid.codec();
        match cid.version() {
            cid::Version::V0 => ContentId::Cid(Cid::new_v1(code, *cid.hash())),
            cid::Version::V1 => ContentId::Cid(cid),
        }
    }
}

impl From<Key> for ContentId {
    fn from(key: Key) -> Self {
        ContentId::Key(key)
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ContentId::Cid(cid) => cid.fmt(f),
            ContentId::Key(key) => key.fmt(f),
        }
    }
}

/// What the *manager* names content with on a backend. A store of keys may all the same answer a handle, and is then given it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Addressing {
    /// By its hash.
    Cid,
    /// By a name of ours or of the user's.
    Key,
    /// Not at all: the service assigns the name, and `add` answers it as the locator's handle.
    Assigned,
}

/// Where a backend keeps content. What `add` answered is what `get`, `stat`, `remove` and `pin` are given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Locator {
    /// What it is called.
    pub id: ContentId,
    /// The service's own word for it: a file id, a request id, an `mxc://` address. It may be absent wherever the service can look the id up.
    pub handle: Option<String>,
    /// Set only when exactly this version is meant, not the newest.
    pub version: Option<String>,
}

impl Locator {
    /// The newest version of `id`, without a handle.
    pub fn new(id: impl Into<ContentId>) -> Self {
        Self { id: id.into(), handle: None, version: None }
    }

    /// With the service's own word for it.
    #[must_use]
    pub fn with_handle(mut self, handle: Option<String>) -> Self {
        self.handle = handle;
        self
    }

    /// Exactly this version.
    #[must_use]
    pub fn with_version(mut self, version: Option<String>) -> Self {
        self.version = version;
        self
    }
}

impl From<ContentId> for Locator {
    fn from(id: ContentId) -> Self {
        Self::new(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str) -> bool {
        Key::new(name).is_ok()
    }

    #[test]
    fn legal_names_pass() {
        for name in ["a", "a/b", "ä ö/ü", "..a", "a..", "...", " ", "a\\b", &"x".repeat(1024), "ipfs-kit/x"] {
            assert!(check(name), "{name:?}");
        }
    }

    #[test]
    fn names_that_leave_the_store_or_break_lines_are_refused() {
        let long = "x".repeat(1025);
        let bad = [
            "",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            "a/.",
            "a\nb",
            "a\0",
            "\u{7f}",
            "a\u{85}b",
            "a\u{2028}b",
            &long,
        ];
        for name in bad.into_iter().chain([".ipfs-kit/c/x", ".ipfs-kit", ".IPFS-Kit/x"]) {
            assert!(!check(name), "{name:?}");
        }
    }

    #[test]
    fn a_refusal_shows_no_raw_control_character() {
        let err = Key::new("a\u{1b}[2J\nb").unwrap_err();
        assert!(!err.message().contains(['\u{1b}', '\n']), "{err}");
    }

    #[test]
    fn version_zero_is_stored_as_version_one() {
        let old: Cid = "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH".parse().unwrap();
        let ContentId::Cid(new) = ContentId::from(old) else { panic!("a cid stays a cid") };
        assert_eq!((new.version(), new.hash(), new.codec()), (cid::Version::V1, old.hash(), 0x70));
    }
}

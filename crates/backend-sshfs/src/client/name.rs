//! From a key to a path and back, and the names that this backend keeps for itself.

use backend_core::{ContentId, Error, ErrorKind, Key, Locator, OWN_PREFIX, Result};

/// Where copies are written before they get their name.
pub(crate) const TEMPS: &str = ".ipfs-kit/tmp";
/// The most bytes that one segment of a path may have, on any Unix file system.
const MAX_SEGMENT: usize = 255;

/// A key as a path beneath the root: its segments are the path's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target(String);

impl Target {
    /// The path of what `at` names.
    ///
    /// # Errors
    /// `InvalidInput` for a CID, a segment of more than 255 bytes, and the names this backend keeps for itself; `Unsupported` for a version.
    pub(crate) fn of(at: &Locator) -> Result<Self> {
        match at.version {
            None => Self::from_id(&at.id),
            Some(_) => Err(Error::unsupported("versions", "a folder of a server")),
        }
    }

    pub(crate) fn from_id(id: &ContentId) -> Result<Self> {
        match id {
            ContentId::Key(key) => Self::from_key(key),
            ContentId::Cid(_) => Err(Error::new(ErrorKind::InvalidInput, "a folder speaks keys, not cids")),
        }
    }

    fn from_key(key: &Key) -> Result<Self> {
        let text = key.as_str();
        if text.split('/').any(|segment| MAX_SEGMENT < segment.len()) {
            return Err(Error::new(ErrorKind::InvalidInput, "a part of the key is longer than 255 bytes"));
        }
        if key.is_own() && (is_reserved(text) || !text.contains('/')) {
            return Err(Error::new(ErrorKind::InvalidInput, "the key lies where this backend keeps its own files"));
        }
        Ok(Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder it lies in, without a slash at the end; empty for the root.
    pub(crate) fn parent(&self) -> &str {
        parent(&self.0)
    }

    /// Whether it is named by a hash, so that the same length means the same content as far as names can tell.
    pub(crate) fn is_hashed(&self) -> bool {
        self.0.strip_prefix(OWN_PREFIX).is_some_and(|rest| rest.starts_with("c/") || rest.starts_with("d/"))
    }
}

/// The folder that `path` lies in; empty for the root.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Whether `path` (with or without a slash at the end) is, or lies in, a folder of this backend's own. Case does not matter, as on some file systems.
pub(crate) fn is_reserved(path: &str) -> bool {
    let (Some(head), rest) = (path.get(..TEMPS.len()), path.get(TEMPS.len()..).unwrap_or_default()) else {
        return false;
    };
    head.eq_ignore_ascii_case(TEMPS) && (rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str) -> Result<Target> {
        Target::from_id(&Key::parse(key).unwrap().into())
    }

    #[test]
    fn a_key_is_its_path() {
        for (key, parent) in [("a", ""), ("a/b c", "a"), (".ipfs-kit/c/xy/bafy", ".ipfs-kit/c/xy")] {
            let target = check(key).unwrap();
            assert_eq!((target.as_str(), target.parent()), (key, parent));
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let long = format!("a/{}", "x".repeat(256));
        for key in [long.as_str(), ".ipfs-kit", ".IPFS-kit/TMP/x", ".ipfs-kit/tmp"] {
            assert_eq!(check(key).unwrap_err().kind(), ErrorKind::InvalidInput, "{key}");
        }
        for key in [&long[..257], ".ipfs-kit/tmpx", ".ipfs-kit/store", ".ipfs-kit/d/xy/z.car", "tmp/x"] {
            assert!(check(key).is_ok(), "{key}");
        }
    }
}

//! From a key to a path and back, and the folders that a leaf keeps for itself.

use backend_core::{ContentId, Error, ErrorKind, OWN_PREFIX, Result};

/// The most bytes that one segment of a path may have, on any Unix file system (NAME_MAX of limits.h).
pub const MAX_SEGMENT: usize = 255;

/// The folders of the store that are the leaf's own: unfinished uploads, labels. Nothing in them is content. Without slashes at their ends.
#[derive(Debug, Clone, Copy)]
pub struct Own(pub &'static [&'static str]);

impl Own {
    /// Whether `path` (with or without a slash at its end) is, or lies in, one of them. Case does not matter, as on some file systems.
    pub fn holds(self, path: &str) -> bool {
        self.0.iter().any(|own| {
            let (Some(head), rest) = (path.get(..own.len()), path.get(own.len()..).unwrap_or_default()) else {
                return false;
            };
            head.eq_ignore_ascii_case(own) && (rest.is_empty() || rest.starts_with('/'))
        })
    }
}

/// A key as a path beneath the root: its segments are the path's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(String);

impl Target {
    /// The path of what is called `id`.
    ///
    /// # Errors
    /// `InvalidInput` for a CID, for a segment of more than 255 bytes, and for the names that the leaf keeps for itself.
    pub fn of(id: &ContentId, own: Own) -> Result<Self> {
        let key = id.as_key()?;
        let text = key.as_str();
        let refused = |why: &str| Err(Error::new(ErrorKind::InvalidInput, why));
        if text.split('/').any(|segment| MAX_SEGMENT < segment.len()) {
            return refused("a part of the key is longer than 255 bytes");
        }
        if key.is_own() && (own.holds(text) || !text.contains('/')) {
            return refused("the key lies where this backend keeps its own files");
        }
        Ok(Self(text.to_owned()))
    }

    /// The path, without a slash at its beginning.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder it lies in, without a slash at the end; empty for the root.
    pub fn parent(&self) -> &str {
        parent(&self.0)
    }

    /// The last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// Whether it is named by a hash, so that the same length means the same content as far as names can tell.
    pub fn is_hashed(&self) -> bool {
        self.0.strip_prefix(OWN_PREFIX).is_some_and(|rest| rest.starts_with("c/") || rest.starts_with("d/"))
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.0
    }
}

/// The folder that `path` lies in; empty for the root.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use backend_core::Key;

    use super::*;

    const OWN: Own = Own(&[".ipfs-kit/tmp", ".ipfs-kit/labels"]);

    fn check(key: &str) -> Result<Target> {
        Target::of(&Key::parse(key).unwrap().into(), OWN)
    }

    #[test]
    fn a_key_is_its_path() {
        for (key, parent, name) in
            [("a", "", "a"), ("a/b c", "a", "b c"), (".ipfs-kit/c/xy/bafy", ".ipfs-kit/c/xy", "bafy")]
        {
            let target = check(key).unwrap();
            assert_eq!((target.as_str(), target.parent(), target.name()), (key, parent, name));
            assert_eq!(target.is_hashed(), key.starts_with(".ipfs-kit/c/"));
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let long = format!("a/{}", "x".repeat(256));
        for key in [long.as_str(), ".ipfs-kit", ".IPFS-kit/TMP/x", ".ipfs-kit/tmp", ".ipfs-kit/labels/x"] {
            assert_eq!(check(key).unwrap_err().kind(), ErrorKind::InvalidInput, "{key}");
        }
        for key in [&long[..257], ".ipfs-kit/tmpx", ".ipfs-kit/store", ".ipfs-kit/d/xy/z.car", "tmp/x"] {
            assert!(check(key).is_ok(), "{key}");
        }
    }
}

//! Where a transfer comes from and goes to, as users of rclone write it.

use std::fmt;
use std::path::{Path, PathBuf};

use backend_core::{Error, ErrorKind, Result};

/// The word before the colon that means the names of the catalog.
const NAMES: &str = "catalog";

/// One end of a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine; as a source also a single file.
    Folder(PathBuf),
    /// What lies under a prefix on a backend whose names we choose. The prefix is empty, or ends with a slash.
    Backend {
        /// Which.
        name: String,
        /// What the keys begin with.
        prefix: String,
    },
    /// The names of the catalog. The prefix is empty, or ends with a slash.
    Names {
        /// What the names begin with.
        prefix: String,
    },
}

impl Location {
    /// `PATH`, `BACKEND:PREFIX` or `catalog:PREFIX`. What begins with `/`, `.` or `~`, has no colon, or has a slash before it, is a path.
    ///
    /// # Errors
    /// `InvalidInput` for the empty text, and for a colon with nothing before it.
    pub fn parse(text: &str) -> Result<Self> {
        let is_path = text.starts_with(['/', '.', '~']);
        match text.split_once(':') {
            _ if text.is_empty() => Err(Error::new(ErrorKind::InvalidInput, "a place cannot be empty")),
            _ if is_path => Ok(Self::Folder(text.into())),
            None => Ok(Self::Folder(text.into())),
            Some(("", _)) => Err(Error::new(ErrorKind::InvalidInput, "before the colon stands a backend, or catalog")),
            Some((before, _)) if before.contains('/') => Ok(Self::Folder(text.into())),
            Some((NAMES, prefix)) => Ok(Self::Names { prefix: folder(prefix) }),
            Some((name, prefix)) => Ok(Self::Backend { name: name.to_owned(), prefix: folder(prefix) }),
        }
    }

    /// # Errors
    /// `InvalidInput` when one lies within the other: what is written would be read again, or what is read be deleted.
    pub(super) fn apart(&self, other: &Self) -> Result<()> {
        let within = |one: &str, two: &str| one.starts_with(two) || two.starts_with(one);
        let overlap = match (self, other) {
            (Self::Folder(one), Self::Folder(two)) => {
                let (one, two) = (real(one), real(two));
                one.starts_with(&two) || two.starts_with(&one)
            }
            (Self::Backend { name, prefix }, Self::Backend { name: other, prefix: two }) => {
                name == other && within(prefix, two)
            }
            (Self::Names { prefix }, Self::Names { prefix: two }) => within(prefix, two),
            _ => false,
        };
        match overlap {
            true => Err(Error::new(ErrorKind::InvalidInput, format!("{self} and {other} overlap"))),
            false => Ok(()),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => f.write_str(&crate::trouble::shown(path)),
            Self::Backend { name, prefix } => write!(f, "{name}:{prefix}"),
            Self::Names { prefix } => write!(f, "{NAMES}:{prefix}"),
        }
    }
}

/// A prefix is a folder: `photos` does not mean `photos-old/` too.
fn folder(prefix: &str) -> String {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() { String::new() } else { format!("{prefix}/") }
}

/// The path with its links followed, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut rest = PathBuf::new();
    for above in path.ancestors() {
        if let Ok(real) = std::fs::canonicalize(above) {
            return real.join(path.strip_prefix(above).unwrap_or(&rest));
        }
        rest = path.strip_prefix(above).unwrap_or(&rest).to_owned();
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &str) {
        let found = match Location::parse(text) {
            Ok(Location::Folder(path)) => format!("folder {}", path.display()),
            Ok(it) => it.to_string(),
            Err(err) => err.kind().as_str().to_owned(),
        };
        assert_eq!(found, wanted, "{text}");
    }

    #[test]
    fn the_words_are_those_of_rclone() {
        check("photos", "folder photos");
        check("./a:b", "folder ./a:b");
        check("/a:b", "folder /a:b");
        check("a/b:c", "folder a/b:c");
        check("usb:", "usb:");
        check("usb:photos", "usb:photos/");
        check("usb:/photos/2026/", "usb:photos/2026/");
        check("catalog:x", "catalog:x/");
        check(":x", "invalid_input");
        check("", "invalid_input");
    }

    #[test]
    fn ends_that_overlap_are_refused() {
        let apart = |one: &str, two: &str| Location::parse(one).unwrap().apart(&Location::parse(two).unwrap()).is_ok();
        assert!(apart("usb:a", "usb:ab") && apart("usb:a", "disk:a") && apart("/tmp/x1", "/tmp/x2"));
        assert!(!apart("usb:a", "usb:a/b") && !apart("usb:", "usb:a") && !apart("/tmp/x", "/tmp/x/y"));
        assert!(!apart("/tmp/x/../y", "/tmp/y/none") || !std::path::Path::new("/tmp/x").exists());
        assert!(!apart("catalog:", "catalog:x"));
    }
}

//! From keys to paths on the server. What a server could misread is refused before anything is sent.

use backend_core::{ContentId, Error, ErrorKind, Key, Locator, Result};

/// Where uploads lie until they are whole.
pub(crate) const TEMPS: &str = ".ipfs-kit/tmp";
/// The most bytes that a file system takes for one name (NAME_MAX of limits.h).
const MAX_SEGMENT: usize = 255;

/// Which names the server takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    utf8: bool,
}

impl Names {
    pub(crate) fn new(utf8: bool) -> Self {
        Self { utf8 }
    }

    /// The path beneath the root of what `at` names.
    ///
    /// # Errors
    /// `InvalidInput` for a CID and for keys that cannot be kept; `Unsupported` for a version.
    pub(crate) fn path_of(self, at: &Locator) -> Result<String> {
        match (&at.version, &at.id) {
            (Some(_), _) => Err(Error::unsupported("versions", "an FTP server")),
            (None, ContentId::Cid(_)) => Err(refused("an FTP server speaks keys, not cids")),
            (None, ContentId::Key(key)) => self.path(key),
        }
    }

    fn path(self, key: &Key) -> Result<String> {
        let text = key.as_str();
        match () {
            () if text.split('/').any(|segment| MAX_SEGMENT < segment.len()) => {
                Err(refused("a part of the key is longer than 255 bytes"))
            }
            () if key.is_own() && (is_reserved(text) || !text.contains('/')) => {
                Err(refused("the key lies where this backend keeps its own files"))
            }
            () if !self.utf8 && !text.is_ascii() => Err(refused("the server takes only names of ASCII")),
            () if text.split('/').any(|segment| segment.starts_with(' ') || segment.ends_with(' ')) => {
                Err(refused("a part of the key begins or ends with a space, which servers cut off"))
            }
            () => Ok(text.to_owned()),
        }
    }
}

fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, why)
}

/// Whether `path` (with or without a slash at its end) is, or lies in, the folder of unfinished uploads. Case does not matter, as on some servers.
pub(crate) fn is_reserved(path: &str) -> bool {
    let (Some(head), rest) = (path.get(..TEMPS.len()), path.get(TEMPS.len()..).unwrap_or_default()) else {
        return false;
    };
    head.eq_ignore_ascii_case(TEMPS) && (rest.is_empty() || rest.starts_with('/'))
}

/// The folder that `path` lies in; empty for the root.
pub(crate) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// A name in the folder of unfinished uploads that nobody else has.
pub(crate) fn new_temp() -> Result<String> {
    let random =
        || getrandom::u64().map_err(|err| Error::new(ErrorKind::Internal, "no random numbers").with_source(err));
    Ok(format!("{TEMPS}/{:016x}{:016x}", random()?, random()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(utf8: bool, key: &str) -> bool {
        Names::new(utf8).path_of(&Locator::new(Key::parse(key).unwrap())).is_ok()
    }

    #[test]
    fn what_a_server_could_misread_is_refused() {
        let long = "x".repeat(256);
        for key in [long.as_str(), ".ipfs-kit", ".IPFS-kit/TMP/x", ".ipfs-kit/tmp", " a", "a /b", "a/b "] {
            assert!(!check(true, key), "{key}");
        }
        for key in [&long[..255], ".ipfs-kit/tmpx", ".ipfs-kit/store", "tmp/x", "a b", "-rf", "~", "ä"] {
            assert!(check(true, key), "{key}");
        }
        assert!(check(false, "a b") && !check(false, "ä"));
    }

    #[test]
    fn temporary_names_differ() {
        assert_ne!(new_temp().unwrap(), new_temp().unwrap());
    }
}

//! From keys to paths on the server. What a server could misread is refused before anything is sent.

use backend_core::{Error, ErrorKind, Locator, Result};
use backend_folders::{Own, Target};

/// Where uploads lie until they are whole.
pub(crate) const TEMPS: &str = ".ipfs-kit/tmp";
/// What is no content.
pub(crate) const OWN: Own = Own(&[TEMPS]);

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
    /// `InvalidInput` for a CID and for keys that cannot be kept.
    pub(crate) fn path_of(self, at: &Locator) -> Result<String> {
        let target = Target::of(&at.id, OWN)?;
        let refused = |why: &str| Err(Error::new(ErrorKind::InvalidInput, why));
        match target.as_str() {
            text if !self.utf8 && !text.is_ascii() => refused("the server takes only names of ASCII"),
            text if text.split('/').any(|segment| segment.starts_with(' ') || segment.ends_with(' ')) => {
                refused("a part of the key begins or ends with a space, which servers cut off")
            }
            _ => Ok(target.into()),
        }
    }
}

/// A name in the folder of unfinished uploads that nobody else has.
pub(crate) fn new_temp() -> Result<String> {
    let random =
        || getrandom::u64().map_err(|err| Error::new(ErrorKind::Internal, "no random numbers").with_source(err));
    Ok(format!("{TEMPS}/{:016x}{:016x}", random()?, random()?))
}

#[cfg(test)]
mod tests {
    use backend_core::Key;

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

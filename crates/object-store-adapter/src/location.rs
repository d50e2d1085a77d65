//! Paths and keys: the same text, within the rules of both.

use backend_core::{Error, ErrorKind, Key};
use object_store::path::Path;

use crate::error::to_object_store;

/// The key that `path` reads. What cannot be a user's key is not there.
pub(crate) fn readable(path: &Path) -> object_store::Result<Key> {
    Key::new(path.as_ref()).map_err(|err| {
        let absent = Error::new(ErrorKind::NotFound, "no object can have this name").with_source(err);
        to_object_store(absent, path)
    })
}

/// The key that `path` writes.
pub(crate) fn writable(path: &Path) -> object_store::Result<Key> {
    let refused = |err| to_object_store(err, path);
    let key = Key::parse(path.as_ref()).map_err(refused)?;
    match key.is_own() {
        true => Err(refused(Error::new(ErrorKind::Denied, "ipfs-kit keeps this prefix for itself"))),
        false => Ok(key),
    }
}

/// The path of a name to the letter; `None` if there is none.
pub(crate) fn path(name: &str) -> Option<Path> {
    Path::parse(name).ok().filter(|path| path.as_ref() == name)
}

/// What everything below `prefix` begins with.
pub(crate) fn below(prefix: Option<&Path>) -> String {
    match prefix.map(Path::as_ref) {
        None | Some("") => String::new(),
        Some(prefix) => format!("{prefix}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_prefix_is_invisible_and_closed() {
        for name in [".ipfs-kit/store", ".IPFS-Kit/x", ".ipfs-kit"] {
            let path = Path::parse(name).unwrap();
            assert!(matches!(readable(&path), Err(object_store::Error::NotFound { .. })), "{name}");
            assert!(matches!(writable(&path), Err(object_store::Error::PermissionDenied { .. })), "{name}");
        }
    }

    #[test]
    fn what_is_no_key_is_absent_and_cannot_be_written() {
        for name in ["", "a\u{85}b", "a\u{2028}b", &"x".repeat(1025)] {
            let path = Path::parse(name).unwrap();
            assert!(matches!(readable(&path), Err(object_store::Error::NotFound { .. })), "{name:?}");
            assert!(matches!(writable(&path), Err(object_store::Error::Generic { .. })), "{name:?}");
        }
    }

    #[test]
    fn every_key_is_a_path_to_the_letter() {
        for name in ["a", "a b/ü", "%41", "a%2Fb", "🙀/😀.parquet", "..a", "a\\b", "a#?*"] {
            assert_eq!(path(name).map(|it| it.to_string()).as_deref(), Some(name));
            assert_eq!(readable(&path(name).unwrap()).unwrap().as_str(), name);
        }
        assert_eq!((path("/a"), path("a/"), path("a//b"), path("a/../b")), (None, None, None, None));
    }
}

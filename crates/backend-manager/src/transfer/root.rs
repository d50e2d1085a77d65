//! A folder that is written to, one handle below the other: no symbolic link is ever followed on the way, and nothing outside is reached.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use backend_core::{Error, ErrorKind, OWN_PREFIX, Result};
use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, unlinkat};
use rustix::io::Errno;

use super::entry::shown;
use super::spot::{PARTIAL, Spot};
use crate::trouble;

/// Folders inside of one another.
pub(super) const DEPTH: usize = 1024;
/// The longest name of one file, bytes; of Linux's file systems.
const NAME_MAX: usize = 255;

const LOOK: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The folder. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Root {
    fd: Arc<OwnedFd>,
}

impl Root {
    /// Opens `path`, which is made when it is missing. The links in it are the user's own, and followed.
    ///
    /// # Errors
    /// What the file system answers.
    pub(super) fn open(path: &Path) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(|err| trouble::file("make the folder", path, err))?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| trouble::file("open the folder", path, errno.into()))?;
        Ok(Self { fd: Arc::new(fd) })
    }

    /// The place of the file `path`; the folders on the way are made.
    ///
    /// # Errors
    /// `InvalidInput` for a name that no file here may have, and when a link or a file is in the way.
    pub(super) fn make(&self, path: &[u8]) -> Result<Spot> {
        self.spot(path, |at, name| match mkdirat(at, OsStr::from_bytes(name), Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno),
        })
    }

    /// The place of the file `path`.
    ///
    /// # Errors
    /// As [`Root::make`]; `NotFound` when its folder is not there.
    pub(super) fn find(&self, path: &[u8]) -> Result<Spot> {
        self.spot(path, |_, _| Ok(()))
    }

    fn spot(&self, path: &[u8], each: impl Fn(&OwnedFd, &[u8]) -> std::result::Result<(), Errno>) -> Result<Spot> {
        admit(path)?;
        let failed = |errno: Errno| match errno {
            Errno::LOOP | Errno::NOTDIR => {
                let text = format!("a link or a file is in the way of {}", shown(path));
                Error::new(ErrorKind::InvalidInput, text).with_source(std::io::Error::from(errno))
            }
            errno => trouble::file("open the folder of", Path::new(OsStr::from_bytes(path)), errno.into()),
        };
        let mut folder = openat(&*self.fd, ".", LOOK, Mode::empty()).map_err(failed)?;
        let mut segments = path.split(|byte| *byte == b'/').peekable();
        while let Some(segment) = segments.next() {
            if segments.peek().is_none() {
                return Ok(Spot { folder, name: segment.to_vec(), path: path.to_vec() });
            }
            each(&folder, segment).map_err(failed)?;
            folder = openat(&folder, OsStr::from_bytes(segment), LOOK, Mode::empty()).map_err(failed)?;
        }
        Err(Error::new(ErrorKind::InvalidInput, "an empty name"))
    }

    /// Removes the folders above `path` that are empty now, from the innermost outwards.
    pub(super) fn prune(&self, path: &[u8]) {
        let mut path = path;
        while let Some(slash) = path.iter().rposition(|byte| *byte == b'/') {
            path = &path[..slash];
            let Ok(spot) = self.find(path) else { return };
            if unlinkat(&spot.folder, OsStr::from_bytes(&spot.name), AtFlags::REMOVEDIR).is_err() {
                return;
            }
        }
    }
}

/// Whether a file of this folder may be called so.
///
/// # Errors
/// `InvalidInput` for what would leave the folder, and for what this program keeps for itself.
pub(super) fn admit(path: &[u8]) -> Result<()> {
    let segments = || path.split(|byte| *byte == b'/');
    let own = OWN_PREFIX.trim_end_matches('/').as_bytes();
    let why = if path.is_empty() || segments().any(<[u8]>::is_empty) {
        "it is empty, begins or ends with a slash, or has two in a row"
    } else if segments().any(|it| it == b"." || it == b"..") {
        "it has a segment . or .."
    } else if path.contains(&0) {
        "it has a NUL"
    } else if segments().any(|it| NAME_MAX < it.len()) {
        "a part of it is longer than 255 bytes"
    } else if segments().any(|it| it.starts_with(PARTIAL))
        || segments().next().is_some_and(|it| it.eq_ignore_ascii_case(own))
    {
        "ipfs-kit keeps it for itself"
    } else if DEPTH < segments().count() {
        "it lies too deep"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidInput, format!("\"{}\" cannot be the name of a file here: {why}", shown(path))))
}

#[cfg(test)]
mod tests {
    use super::super::spot::Before;
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::symlink;

    fn put(root: &Root, path: &[u8], before: Before) -> Result<()> {
        let spot = root.make(path)?;
        let mut partial = spot.begin()?;
        partial.file.as_mut().unwrap().write_all(b"new").unwrap();
        spot.appear(partial, before, Some(1_500_000_000_123_456_789))
    }

    #[test]
    fn nothing_leaves_the_folder() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = Root::open(inside.path()).unwrap();
        std::fs::write(outside.path().join("file"), "secret").unwrap();
        symlink(outside.path(), inside.path().join("out")).unwrap();
        symlink(outside.path().join("file"), inside.path().join("link")).unwrap();
        let long = vec![b'x'; 256];
        let bad: [&[u8]; 12] = [
            b"",
            b"/a",
            b"a/",
            b"a//b",
            b"..",
            b"../a",
            b"a/../b",
            b"a\0b",
            b".ipfs-kit/store",
            b".IPFS-Kit/x",
            b"a/.ipfs-kit-partial-1",
            &long,
        ];
        for path in bad {
            assert_eq!(put(&root, path, Before::File).unwrap_err().kind(), ErrorKind::InvalidInput, "{}", shown(path));
        }
        assert_eq!(put(&root, b"out/file", Before::File).unwrap_err().kind(), ErrorKind::InvalidInput);
        for before in [Before::File, Before::Nothing] {
            assert_eq!(put(&root, b"link", before).unwrap_err().kind(), ErrorKind::AlreadyExists);
        }
        assert_eq!(std::fs::read(outside.path().join("file")).unwrap(), b"secret");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
        let left: Vec<_> = std::fs::read_dir(inside.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "nothing half-written is left: {left:?}");
    }

    #[test]
    fn a_file_that_was_not_listed_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        put(&root, b"a/b", Before::Nothing).unwrap();
        assert_eq!(put(&root, b"a/b", Before::Nothing).unwrap_err().kind(), ErrorKind::AlreadyExists);
        put(&root, b"a/b", Before::File).unwrap();
        let spot = root.find(b"a/b").unwrap();
        assert_eq!(spot.remove(Some(4), None).unwrap_err().kind(), ErrorKind::SourceChanged);
        spot.remove(Some(3), Some(1_500_000_000_123_456_789)).unwrap();
        root.prune(b"a/b");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

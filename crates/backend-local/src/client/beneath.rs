//! Opening what lies beneath the root, without ever following a symbolic link on the way.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, fchmod, mkdirat, openat, openat2};
use rustix::io::{Errno, Result};

/// How a folder is opened when files in it are looked at, and when it is to be synced or read.
pub(crate) const LOOK: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
pub(crate) const READ: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Opens `path`, which is relative and has no `.` and `..`; the empty path is the root itself. `ELOOP` or `ENOTDIR`: a link is in the way.
pub(crate) fn open(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd> {
    let path = if path.is_empty() { "." } else { path };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(root, path, flags | OFlags::NOFOLLOW, Mode::empty(), resolve) {
        // Kernels before 5.6 do not have it, and some sandboxes refuse what they do not know.
        Err(Errno::NOSYS | Errno::PERM) => walk(root, path, flags),
        other => other,
    }
}

/// The same, one segment after the other.
fn walk(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd> {
    let (folders, name) = path.rsplit_once('/').map_or((None, path), |(folders, name)| (Some(folders), name));
    let mut at = None;
    for segment in folders.into_iter().flat_map(|it| it.split('/')) {
        let from = at.as_ref().map_or(root, AsFd::as_fd);
        at = Some(openat(from, segment, LOOK | OFlags::NOFOLLOW, Mode::empty())?);
    }
    openat(at.as_ref().map_or(root, AsFd::as_fd), name, flags | OFlags::NOFOLLOW, Mode::empty())
}

/// Opens the folder `path` for reading and makes what is missing of it.
pub(crate) fn make(root: BorrowedFd<'_>, path: &str, mode: Mode) -> Result<OwnedFd> {
    match open(root, path, READ) {
        Err(Errno::NOENT) => {}
        other => return other,
    }
    let mut at = openat(root, ".", READ, Mode::empty())?;
    for segment in path.split('/') {
        at = make_one(&at, segment, mode)?;
    }
    Ok(at)
}

fn make_one(at: &OwnedFd, name: &str, mode: Mode) -> Result<OwnedFd> {
    let made = match mkdirat(at, name, mode) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(errno) => return Err(errno),
    };
    let folder = openat(at, name, READ | OFlags::NOFOLLOW, Mode::empty())?;
    if made {
        // The umask took its share of the mode.
        fchmod(&folder, mode)?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str) -> [Result<()>; 2] {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("a/b")).unwrap();
        std::fs::write(folder.path().join("a/b/file"), "x").unwrap();
        std::fs::write(outside.path().join("file"), "secret").unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("a/out")).unwrap();
        std::os::unix::fs::symlink("b", folder.path().join("a/in")).unwrap();
        std::os::unix::fs::symlink("b/file", folder.path().join("a/link")).unwrap();
        let root = std::fs::File::open(folder.path()).unwrap();
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        [open(root.as_fd(), path, flags).map(drop), walk(root.as_fd(), path, flags).map(drop)]
    }

    #[test]
    fn both_ways_open_what_is_beneath() {
        for path in ["a", "a/b", "a/b/file"] {
            assert_eq!(check(path), [Ok(()), Ok(())], "{path}");
        }
        assert_eq!(check("a/c"), [Err(Errno::NOENT), Err(Errno::NOENT)]);
    }

    #[test]
    fn neither_way_follows_a_link() {
        for path in ["a/out", "a/out/file", "a/in/file", "a/link"] {
            for answer in check(path) {
                assert!(matches!(answer, Err(Errno::LOOP | Errno::NOTDIR)), "{path}: {answer:?}");
            }
        }
    }

    #[test]
    fn no_folder_is_made_behind_a_link() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).unwrap();
        let root = std::fs::File::open(folder.path()).unwrap();
        let mode = Mode::from_raw_mode(0o700);
        assert!(make(root.as_fd(), "a/b", mode).is_ok());
        // Not even when the link appears after the first look.
        for made in [make(root.as_fd(), "out/x", mode), make_one(&OwnedFd::from(root), "out", mode)] {
            assert!(matches!(made, Err(Errno::LOOP | Errno::NOTDIR)), "{made:?}");
        }
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}

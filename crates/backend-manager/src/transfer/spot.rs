//! The place of one file in a folder that is written to: a file appears there whole, or not at all.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use backend_core::{Error, ErrorKind, Result};
use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, flock, futimens, openat,
    renameat, renameat_with, statat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::entry::shown;
use crate::trouble;

/// How the names of files that are not whole yet begin.
pub(super) const PARTIAL: &[u8] = b".ipfs-kit-partial-";

/// Where one file lies: its folder, opened, and its name there.
#[derive(Debug)]
pub(super) struct Spot {
    pub(super) folder: OwnedFd,
    pub(super) name: Vec<u8>,
    pub(super) path: Vec<u8>,
}

/// A file that is being written. Dropped before it is whole, it goes.
#[derive(Debug)]
pub(super) struct Partial {
    folder: OwnedFd,
    name: Vec<u8>,
    pub(super) file: Option<File>,
    is_whole: bool,
}

/// Whether other bytes may lie there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing lay there when the folder was listed: what is there all the same differs in case alone, or came meanwhile.
    Nothing,
    /// A file lay there, and may be replaced.
    File,
}

impl Spot {
    /// Begins to write. The file has a lock of this process, which the kernel frees when it dies.
    ///
    /// # Errors
    /// What the file system answers.
    pub(super) fn begin(&self) -> Result<Partial> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|err| Error::new(ErrorKind::Internal, "no random numbers").with_source(err))?;
        let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = [PARTIAL, random.as_bytes()].concat();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(&self.folder, OsStr::from_bytes(&name), flags, Mode::from_raw_mode(0o666));
        let file = File::from(made.map_err(|errno| self.failed("make", errno))?);
        // Where there are no locks, what a killed process leaves behind is not taken away.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        let folder = self.folder.try_clone().map_err(|err| trouble::file("open", &self.shown(), err))?;
        Ok(Partial { folder, name, file: Some(file), is_whole: false })
    }

    /// What lies there, without following it.
    pub(super) fn look(&self) -> Result<Option<Stat>> {
        match statat(&self.folder, OsStr::from_bytes(&self.name), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.failed("look at", errno)),
        }
    }

    /// The whole file appears under its name, with the time that it shall have.
    ///
    /// # Errors
    /// `AlreadyExists` when something other than a file to be replaced is there.
    pub(super) fn appear(&self, mut partial: Partial, before: Before, modified: Option<i64>) -> Result<()> {
        if let (Some(file), Some(modified)) = (&partial.file, modified) {
            let time = timespec(modified);
            futimens(file, &Timestamps { last_access: time, last_modification: time })
                .map_err(|errno| self.failed("set the time of", errno))?;
        }
        let (from, to) = (OsStr::from_bytes(&partial.name), OsStr::from_bytes(&self.name));
        let moved = match before {
            Before::File => {
                if self.look()?.is_some_and(|it| FileType::from_raw_mode(it.st_mode) != FileType::RegularFile) {
                    return Err(self.taken("it is no file"));
                }
                renameat(&partial.folder, from, &self.folder, to)
            }
            Before::Nothing => match renameat_with(&partial.folder, from, &self.folder, to, RenameFlags::NOREPLACE) {
                // Not every file system knows the flag: there, what is seen now is what counts.
                Err(Errno::INVAL | Errno::NOSYS) if self.look()?.is_some() => Err(Errno::EXIST),
                Err(Errno::INVAL | Errno::NOSYS) => renameat(&partial.folder, from, &self.folder, to),
                other => other,
            },
        };
        match moved {
            Ok(()) => {
                partial.is_whole = true;
                Ok(())
            }
            Err(Errno::EXIST) => Err(self.taken("its name differs in case alone, or it came meanwhile")),
            Err(errno) => Err(self.failed("move it to", errno)),
        }
    }

    /// Removes the file, if it is still what was listed.
    ///
    /// # Errors
    /// `SourceChanged` when it is not; what the file system answers.
    pub(super) fn remove(&self, size: Option<u64>, modified: Option<i64>) -> Result<()> {
        let Some(now) = self.look()? else { return Ok(()) };
        let is_file = FileType::from_raw_mode(now.st_mode) == FileType::RegularFile;
        let same = size.is_none_or(|size| u64::try_from(now.st_size) == Ok(size))
            && modified.is_none_or(|at| nanos(now.st_mtime, now.st_mtime_nsec.cast_signed()) == Some(at));
        if !is_file || !same {
            let text = format!("{} changed after it was listed, and stays", shown(&self.path));
            return Err(Error::new(ErrorKind::SourceChanged, text));
        }
        unlinkat(&self.folder, OsStr::from_bytes(&self.name), AtFlags::empty())
            .map_err(|errno| self.failed("remove", errno))
    }

    /// Opens what lies there for reading.
    ///
    /// # Errors
    /// What the file system answers.
    pub(super) fn read(&self) -> Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = openat(&self.folder, OsStr::from_bytes(&self.name), flags, Mode::empty());
        opened.map(File::from).map_err(|errno| self.failed("open", errno))
    }

    /// Gives what lies there another time.
    ///
    /// # Errors
    /// What the file system answers.
    pub(super) fn touch(&self, modified: i64) -> Result<()> {
        let time = timespec(modified);
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(&self.folder, OsStr::from_bytes(&self.name), &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| self.failed("set the time of", errno))
    }

    pub(super) fn shown(&self) -> PathBuf {
        PathBuf::from(shown(&self.path))
    }

    fn taken(&self, why: &str) -> Error {
        Error::new(ErrorKind::AlreadyExists, format!("something lies at {} already: {why}", shown(&self.path)))
    }

    fn failed(&self, what: &str, errno: Errno) -> Error {
        trouble::file(what, &self.shown(), errno.into())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_whole {
            // What cannot be removed keeps a name that says what it is.
            let _ = unlinkat(self.folder.as_fd(), OsStr::from_bytes(&self.name), AtFlags::empty());
        }
    }
}

/// Removes a partial file that nobody writes any more: its lock is free.
pub(super) fn sweep(path: &Path) {
    let Ok(file) = crate::naming::open(path) else { return };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        drop(std::fs::remove_file(path));
    }
}

/// Nanoseconds since 1970 UTC. `None`: before 1677, or after 2262.
pub(super) fn nanos(seconds: i64, nanoseconds: i64) -> Option<i64> {
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

fn timespec(nanos: i64) -> Timespec {
    Timespec { tv_sec: nanos.div_euclid(1_000_000_000), tv_nsec: nanos.rem_euclid(1_000_000_000) }
}

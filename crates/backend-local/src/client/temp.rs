//! Files that are being written: invisible, locked by whoever writes them, and swept when their writer is dead.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use backend_core::{Error, ErrorKind, Result};
use rustix::fs::{
    AtFlags, Dir, FlockOperation, Mode, OFlags, Stat, Timespec, Timestamps, fchmod, flock, fstat, futimens, openat,
    unlinkat,
};
use rustix::io::Errno;

use super::beneath;
use super::look::size;
use super::name::TEMPS;
use super::root::Opened;
use crate::error::failed;

/// The lock of those who give names; it is never swept.
pub(crate) const LOCK: &str = "lock";
/// How many names one sweep looks at.
const MAX_SWEEP: usize = 4096;
/// How often another name is tried.
const TRIES: usize = 16;
/// Freeing a file larger than this is left to a blocking thread.
const LARGE: u64 = 16 << 20;

/// A file that has no name of its own yet. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Temp {
    folder: Arc<OwnedFd>,
    name: String,
    file: Arc<File>,
    is_placed: bool,
}

impl Temp {
    /// A new empty file that belongs to this process until it is placed or dropped.
    pub(crate) fn new(opened: &Opened, mode: u32) -> Result<Self> {
        let mut last = Errno::AGAIN;
        for _ in 0..TRIES {
            match Self::try_new(opened, random()?, Mode::from_raw_mode(mode)) {
                Ok(Some(temp)) => return Ok(temp),
                Ok(None) => {}
                Err(errno @ Errno::NOENT) => {
                    opened.forget_temps();
                    last = errno;
                }
                Err(errno) => return Err(failed("begin a copy", errno)),
            }
        }
        Err(failed("begin a copy", last))
    }

    /// `None`: a sweeper was faster than our lock.
    fn try_new(opened: &Opened, number: u64, mode: Mode) -> rustix::io::Result<Option<Self>> {
        let folder = opened.temps()?;
        let name = format!("{number:016x}");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match openat(&*folder, &name, flags, mode) {
            Err(Errno::EXIST) => return Ok(None),
            other => File::from(other?),
        };
        let temp = Self { folder, name, file: Arc::new(file), is_placed: false };
        // The umask took its share of the mode.
        fchmod(temp.file(), mode)?;
        Ok(temp.lock()?.then_some(temp))
    }

    /// Whether the file is ours now. Where a file system has no locks, nothing is swept either.
    fn lock(&self) -> rustix::io::Result<bool> {
        match flock(self.file(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(fstat(self.file())?.st_nlink != 0),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(_) => Ok(true),
        }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The same file, for a blocking thread.
    pub(crate) fn share(&self) -> Arc<File> {
        self.file.clone()
    }

    pub(crate) fn folder(&self) -> &OwnedFd {
        &self.folder
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How it stands on the disk.
    pub(crate) fn stat(&self) -> Result<Stat> {
        fstat(self.file()).map_err(|errno| failed("look at the copy", errno))
    }

    /// Gives it the present time to the nanosecond. File systems count in coarser steps, and a file that took the place and the number of one removed
    /// in the same step would else look the same.
    pub(crate) fn stamp(&self) -> Result<()> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let at = Timespec {
            tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: since.subsec_nanos().into(),
        };
        let times = Timestamps { last_access: at, last_modification: at };
        futimens(self.file(), &times).map_err(|errno| failed("date the copy", errno))
    }

    /// It has a name now, and is no longer ours to remove.
    pub(crate) fn placed(&mut self) {
        self.is_placed = true;
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if self.is_placed {
            return;
        }
        // What cannot be removed now is swept by a later add.
        let _ = unlinkat(&*self.folder, &self.name, AtFlags::empty());
        let is_large = fstat(self.file()).is_ok_and(|it| LARGE < size(&it));
        if let (true, Ok(runtime)) = (is_large, tokio::runtime::Handle::try_current()) {
            let file = self.file.clone();
            runtime.spawn_blocking(move || drop(file));
        }
    }
}

fn random() -> Result<u64> {
    getrandom::u64().map_err(|err| Error::new(ErrorKind::Internal, "no random numbers").with_source(err))
}

/// Removes what dead processes left. Bounded; `false`: there may be more.
pub(crate) fn sweep(opened: &Opened) -> Result<bool> {
    let reading = |errno| failed("clean up", errno);
    let folder = opened.temps().map_err(reading)?;
    let names = beneath::open(opened.folder(), TEMPS, beneath::READ).and_then(Dir::new).map_err(reading)?;
    let mut n_seen = 0;
    for entry in names {
        let entry = entry.map_err(reading)?;
        n_seen += 1;
        if MAX_SWEEP < n_seen {
            return Ok(false);
        }
        if entry.file_name().to_bytes() != LOCK.as_bytes() {
            // A file that another process removes at the same time is none of our worries.
            let _ = sweep_one(&folder, entry.file_name());
        }
    }
    Ok(true)
}

/// The writer holds the lock for as long as it lives. Whoever gets it knows that the writer is dead, and holds it until the name is gone.
fn sweep_one(folder: &OwnedFd, name: &std::ffi::CStr) -> rustix::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(folder, name, flags, Mode::empty())?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    unlinkat(folder, name, AtFlags::empty())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::look::modified;
    use super::super::root::Root;
    use super::*;

    fn check() -> (tempfile::TempDir, Temp) {
        let folder = tempfile::tempdir().unwrap();
        let opened = Root::new(folder.path().to_owned(), false, 0o700).open().unwrap();
        (folder, Temp::new(&opened, 0o600).unwrap())
    }

    #[test]
    fn a_copy_that_was_swept_before_it_was_locked_is_not_ours() {
        let (folder, temp) = check();
        assert!(temp.lock().unwrap());
        fs::remove_file(folder.path().join(TEMPS).join(temp.name())).unwrap();
        assert!(!temp.lock().unwrap());
    }

    #[test]
    fn a_copy_bears_the_time_to_the_nanosecond() {
        let (_folder, temp) = check();
        let before = SystemTime::now();
        temp.stamp().unwrap();
        let written = modified(&temp.stat().unwrap()).unwrap();
        assert!(before <= written && written <= SystemTime::now());
    }
}

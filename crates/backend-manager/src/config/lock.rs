//! One process at a time changes the configuration.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use backend_core::{Error, ErrorKind, Result};

use super::file::io_error;

const FILE: &str = ".lock";
/// A change takes milliseconds; who holds the lock for longer is stopped or stuck.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// The lock of a folder. Dropping it gives it back, and so does the end of the process, however it ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not used: closing the file is what unlocks")] File);

impl Lock {
    /// Takes the lock of `folder`, waiting a few seconds for another process.
    ///
    /// # Errors
    /// `Unavailable` if another process keeps it.
    pub(super) fn of(folder: &Path) -> Result<Self> {
        Self::within(folder, PATIENCE)
    }

    fn within(folder: &Path, patience: Duration) -> Result<Self> {
        let path = folder.join(FILE);
        let failed = |err| io_error("file", &path, "cannot be locked", err);
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(failed)?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::Error(err)) => return Err(failed(err)),
                Err(TryLockError::WouldBlock) if patience <= began.elapsed() => {
                    let what = "another process is changing the configuration";
                    return Err(Error::new(ErrorKind::Unavailable, what));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_waits_and_then_gives_up() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::of(folder.path()).unwrap();
        let second = Lock::within(folder.path(), Duration::ZERO).unwrap_err();
        assert_eq!(second.kind(), ErrorKind::Unavailable);
        drop(first);
        Lock::within(folder.path(), Duration::ZERO).unwrap();
    }
}

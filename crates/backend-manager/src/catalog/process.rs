//! Who is alive on this machine: each process holds a lock on a file of its own, which the kernel frees at kill -9. No heartbeat and no clock.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use backend_core::{Error, ErrorKind, Result};
use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// The most stale files that one start clears away.
const SWEEP_MAX: usize = 1000;
/// How often a new name is tried when another process swept ours away before it was locked.
const TRIES: usize = 8;

/// The name of a process: thirty-two hexadecimal digits, never used twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Worker(String);

impl Worker {
    /// Reads a name. Anything but thirty-two lower-case hexadecimal digits is none: it becomes part of a path.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 32 && text.bytes().all(digit)).then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ToSql for Worker {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_str().into())
    }
}

impl FromSql for Worker {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

/// This process, alive for as long as a clone of this exists. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Process(Arc<Alive>);

#[derive(Debug)]
struct Alive {
    folder: PathBuf,
    worker: Worker,
    /// Holds the lock. Closed at exec, so no child keeps a dead parent alive.
    _lock: File,
}

impl Process {
    /// Takes a name under `<home>/run` and clears away those of the dead. Blocks, briefly.
    ///
    /// # Errors
    /// `InvalidConfig` or `Denied` when the folder cannot be made or written.
    pub fn start(home: &Path) -> Result<Self> {
        let folder = home.join("run");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(|err| cannot("make the folder of running processes", &folder, err))?;
        for _ in 0..TRIES {
            if let Some((worker, lock)) = take_name(&folder)? {
                let process = Self(Arc::new(Alive { folder, worker, _lock: lock }));
                process.sweep();
                return Ok(process);
            }
        }
        Err(Error::new(ErrorKind::Unavailable, format!("cannot keep a name under {}", folder.display())))
    }

    /// The name of this process.
    pub fn worker(&self) -> &Worker {
        &self.0.worker
    }

    /// Whether the process of that name lives. When nobody can tell, it does: a lease is never taken on a guess.
    pub fn alive(&self, worker: &Worker) -> bool {
        *worker == self.0.worker || locked(&self.0.folder.join(worker.as_str()))
    }

    /// Removes the files of dead processes. What cannot be removed is left for the next one.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.0.folder) else { return };
        for entry in entries.flatten().take(SWEEP_MAX) {
            let name = entry.file_name();
            if name.to_str().and_then(Worker::parse).is_some_and(|worker| worker != self.0.worker) {
                locked(&entry.path());
            }
        }
    }
}

/// Makes a file and locks it. `None`: another process took the file for a stale one before it was locked.
fn take_name(folder: &Path) -> Result<Option<(Worker, File)>> {
    let worker = Worker(super::random_name()?);
    let path = folder.join(worker.as_str());
    let made = OpenOptions::new().create_new(true).read(true).write(true).mode(0o600).open(&path);
    let file = made.map_err(|err| cannot("make the file of this process", &path, err))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(None),
        Err(err) => return Err(cannot("lock the file of this process", &path, err.into())),
    }
    let inode = file.metadata().map_err(|err| cannot("look at the file of this process", &path, err))?.ino();
    let kept = fs::metadata(&path).is_ok_and(|there| there.ino() == inode);
    Ok(kept.then_some((worker, file)))
}

/// Whether somebody holds the lock. A file that nobody holds is removed, under the lock that was just got.
fn locked(path: &Path) -> bool {
    let file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(err) => return err.kind() != io::ErrorKind::NotFound,
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            // Its name is never used again, so a file that stays is only untidy.
            drop(fs::remove_file(path));
            false
        }
        Err(_) => true,
    }
}

fn cannot(what: &str, path: &Path, err: io::Error) -> Error {
    let kind = match err.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::QuotaExceeded,
        _ => ErrorKind::InvalidConfig,
    };
    Error::new(kind, format!("cannot {what}: {}", path.display())).with_source(err)
}

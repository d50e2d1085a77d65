//! Making things durable, and counting how often that was paid for.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use backend_folders::parent;
use rustix::fs::{fdatasync, fsync, syncfs};
use rustix::io::{Errno, Result};

use super::beneath;
use super::root::Opened;
use crate::config::Sync;

/// So many folders are remembered as durable; then the memory begins anew, which costs a few syncs and nothing else.
const MAX_DURABLE: usize = 4096;

/// How this store makes things durable.
#[derive(Debug)]
pub(crate) struct Syncs {
    policy: Sync,
    files: AtomicU64,
    systems: AtomicU64,
    /// Folders whose own names are known to be on the disk.
    durable: Mutex<HashSet<String>>,
}

impl Syncs {
    pub(crate) fn new(policy: Sync) -> Self {
        Self { policy, files: AtomicU64::new(0), systems: AtomicU64::new(0), durable: Mutex::default() }
    }

    /// One file or folder.
    pub(crate) fn file(&self, file: impl AsFd) -> Result<()> {
        match self.policy {
            Sync::Off => Ok(()),
            Sync::Full => {
                self.files.fetch_add(1, Ordering::Relaxed);
                fsync(file)
            }
        }
    }

    /// The bytes of one file that is still being written.
    pub(crate) fn data(&self, file: impl AsFd) -> Result<()> {
        match self.policy {
            Sync::Off => Ok(()),
            Sync::Full => fdatasync(file),
        }
    }

    /// Everything on the file system of `folder`. It reports what failed since `folder` was opened, so that must have been before the writes.
    pub(crate) fn system(&self, folder: BorrowedFd<'_>) -> Result<()> {
        match self.policy {
            Sync::Off => Ok(()),
            Sync::Full => {
                self.systems.fetch_add(1, Ordering::Relaxed);
                syncfs(folder)
            }
        }
    }

    /// The names in the folder `path`, and the names of the folders above it as far as they are not known to be durable.
    pub(crate) fn folder(&self, opened: &Opened, path: &str) -> Result<()> {
        if self.policy == Sync::Off {
            return Ok(());
        }
        let mut above = Vec::new();
        let mut path = path;
        // A folder that somebody has pruned meanwhile had nothing in it: its absence is what the folder above is to remember.
        let folder = loop {
            match beneath::open(opened.folder(), path, beneath::READ) {
                Err(Errno::NOENT) if !path.is_empty() => path = parent(path),
                other => break other?,
            }
        };
        self.file(folder)?;
        while !path.is_empty() && !self.durable().contains(path) {
            self.file(beneath::open(opened.folder(), parent(path), beneath::READ)?)?;
            above.push(path.to_owned());
            path = parent(path);
        }
        self.remember(above);
        Ok(())
    }

    /// All of these folders and what is above them were made durable by a sync of the whole system.
    pub(crate) fn remember_all<'a>(&self, paths: impl Iterator<Item = &'a str>) {
        let above =
            |path: &'a str| std::iter::successors(Some(path), |it| Some(parent(it))).take_while(|it| !it.is_empty());
        self.remember(paths.flat_map(above).map(str::to_owned).collect());
    }

    /// A folder was removed; when it comes back it is a new one.
    pub(crate) fn forget(&self, path: &str) {
        self.durable().remove(path);
    }

    /// Syncs of single files and folders, and of whole systems.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.files.load(Ordering::Relaxed), self.systems.load(Ordering::Relaxed))
    }

    fn remember(&self, paths: Vec<String>) {
        let mut durable = self.durable();
        if MAX_DURABLE < durable.len() + paths.len() {
            durable.clear();
        }
        durable.extend(paths);
    }

    fn durable(&self) -> MutexGuard<'_, HashSet<String>> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

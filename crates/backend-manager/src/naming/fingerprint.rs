//! What tells that a file is still the one that was named.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use backend_core::{Error, ErrorKind, Result};

use crate::trouble;

/// Device, inode, length, and the times of the last change of contents and of the inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    dev: u64,
    ino: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Fingerprint {
    pub(crate) fn of(meta: &Metadata) -> Self {
        Self {
            dev: meta.dev(),
            ino: meta.ino(),
            len: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// # Errors
    /// `SourceChanged` when the file at `path` is another one, or was written to.
    pub(crate) fn check(&self, path: &Path) -> Result<()> {
        let meta = std::fs::metadata(path).map_err(|err| changed(path).with_source(err))?;
        match Fingerprint::of(&meta) == *self {
            true => Ok(()),
            false => Err(changed(path)),
        }
    }
}

pub(crate) fn changed(path: &Path) -> Error {
    Error::new(ErrorKind::SourceChanged, format!("{} changed while it was being added", trouble::shown(path)))
}

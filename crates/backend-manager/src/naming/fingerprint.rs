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
    /// How long [`Fingerprint::to_bytes`] is.
    pub(super) const BYTES: usize = 56;

    /// For keeping it aside while this process lives.
    pub(super) fn to_bytes(self) -> [u8; Self::BYTES] {
        let (modified, changed) = (self.modified, self.changed);
        let signed = [modified.0, modified.1, changed.0, changed.1].map(i64::cast_unsigned);
        let numbers = [self.dev, self.ino, self.len].into_iter().chain(signed);
        let mut bytes = [0; Self::BYTES];
        bytes.as_chunks_mut::<8>().0.iter_mut().zip(numbers).for_each(|(to, number)| *to = number.to_le_bytes());
        bytes
    }

    /// What [`Fingerprint::to_bytes`] has kept.
    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let number = |n: usize| u64::from_le_bytes(bytes.as_chunks::<8>().0[n]);
        let time = |n: usize| (number(n).cast_signed(), number(n + 1).cast_signed());
        Self { dev: number(0), ino: number(1), len: number(2), modified: time(3), changed: time(5) }
    }

    pub(crate) fn of(meta: &Metadata) -> Self {
        Self {
            dev: meta.dev(),
            ino: meta.ino(),
            len: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    /// When the bytes were last written, nanoseconds since 1970 UTC.
    pub(crate) fn modified(&self) -> Option<i64> {
        self.modified.0.checked_mul(1_000_000_000)?.checked_add(self.modified.1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_aside_is_the_same() {
        let it = Fingerprint { dev: 1, ino: u64::MAX, len: 3, modified: (-4, 5), changed: (6, i64::MIN) };
        assert_eq!(Fingerprint::from_bytes(&it.to_bytes()), it);
    }
}

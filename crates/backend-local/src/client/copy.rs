//! From bytes or a file into a file that has no name yet.

use std::fs::File;
use std::io::{ErrorKind as Io, Read, Write};
use std::path::Path;

use backend_core::{Content, Error, ErrorKind, Progress, Result};
use bytes::Bytes;
use rustix::fs::{Advice, FallocateFlags, copy_file_range, fadvise, fallocate, ioctl_ficlone};
use rustix::io::Errno;

use super::cancel::Cancel;
use super::sync::Syncs;
use crate::error::{failed, failed_io};

/// Bytes read and written at a time.
pub(crate) const BLOCK: usize = 1 << 20;
/// Bytes the kernel copies at a time, before we look whether anybody still waits.
pub(super) const KERNEL_BLOCK: u64 = 16 << 20;
/// So many bytes are written before the disk is waited for, so that progress is true and the last wait is short.
const UNSYNCED: u64 = 128 << 20;

/// One copy under way.
#[derive(Debug)]
pub(crate) struct Copying<'a> {
    pub(crate) file: &'a File,
    pub(crate) len: u64,
    pub(crate) cancel: &'a Cancel,
    pub(crate) progress: &'a Progress,
    pub(crate) syncs: &'a Syncs,
}

impl Copying<'_> {
    /// Asks for the room before the first byte, where the file system can promise it. The file's length stays what was written to it: that is how a
    /// source that ends early is found.
    pub(crate) fn reserve(&self) -> Result<()> {
        if self.len <= BLOCK as u64 {
            return Ok(());
        }
        match fallocate(self.file, FallocateFlags::KEEP_SIZE, 0, self.len) {
            Err(errno @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(failed("reserve room for the copy", errno)),
            _ => Ok(()),
        }
    }

    /// Writes frames that belong at `offset`; answers where the next ones belong.
    pub(crate) fn write(&self, frames: &[Bytes], offset: u64) -> Result<u64> {
        let n_bytes: u64 = frames.iter().map(|it| it.len() as u64).sum();
        if self.len < offset + n_bytes {
            return Err(changed("delivers more bytes than it was said to have"));
        }
        let mut file = self.file;
        for frame in frames {
            self.cancel.check()?;
            file.write_all(frame).map_err(|err| failed_io("write the copy", err))?;
        }
        self.moved(offset, n_bytes)
    }

    /// Copies the whole file at `path`: as a clone that shares its blocks, else inside of the kernel, else block by block.
    pub(crate) fn whole(&self, path: &Path, content: &Content) -> Result<()> {
        let source = File::open(path).map_err(|err| source_failed("open the source", err))?;
        let seen = source.metadata().map_err(|err| source_failed("look at the source", err))?;
        if !seen.is_file() || seen.len() != self.len {
            return Err(changed("is no longer the file it was"));
        }
        if 0 < self.len {
            self.fill(&source)?;
        }
        content.source().unchanged()
    }

    fn fill(&self, source: &File) -> Result<()> {
        if ioctl_ficlone(self.file, source).is_ok() {
            self.progress.moved(self.len);
            return Ok(());
        }
        self.reserve()?;
        // A hint: where it is not taken, reading is as it always is.
        let _ = fadvise(source, 0, None, Advice::Sequential);
        match self.in_kernel(source)? {
            0 => self.in_blocks(source),
            _ => Ok(()),
        }
    }

    /// Answers how many bytes were copied: all, or none if the kernel does not do it between these two files.
    fn in_kernel(&self, source: &File) -> Result<u64> {
        let (mut from, mut to) = (0, 0);
        while to < self.len {
            self.cancel.check()?;
            let wanted = usize::try_from(KERNEL_BLOCK.min(self.len - to)).unwrap_or(BLOCK);
            match copy_file_range(source, Some(&mut from), self.file, Some(&mut to), wanted) {
                Ok(0) if to == 0 => return Ok(0),
                Ok(0) => return Err(changed("became shorter while it was read")),
                Ok(n) => self.moved(to - n as u64, n as u64)?,
                Err(Errno::INTR) => continue,
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) if to == 0 => {
                    return Ok(0);
                }
                Err(errno) => return Err(failed("copy the file", errno)),
            };
        }
        Ok(to)
    }

    fn in_blocks(&self, mut source: &File) -> Result<()> {
        let mut block = vec![0; BLOCK];
        let mut file = self.file;
        let mut at = 0;
        while at < self.len {
            self.cancel.check()?;
            let n = match source.read(&mut block) {
                Ok(0) => return Err(changed("became shorter while it was read")),
                Ok(n) => n,
                Err(err) if err.kind() == Io::Interrupted => continue,
                Err(err) => return Err(failed_io("read the source", err)),
            };
            let bytes = block.get(..n).unwrap_or_default();
            file.write_all(bytes).map_err(|err| failed_io("write the copy", err))?;
            at = self.moved(at, n as u64)?;
        }
        Ok(())
    }

    /// Counts, and now and then waits for the disk.
    pub(super) fn moved(&self, offset: u64, n_bytes: u64) -> Result<u64> {
        let now = offset + n_bytes;
        if offset / UNSYNCED < now / UNSYNCED && now < self.len {
            self.syncs.data(self.file).map_err(|errno| failed("write the copy to the disk", errno))?;
        }
        self.progress.moved(n_bytes);
        Ok(now)
    }
}

/// `SourceChanged`: the source, whatever it is, `what`.
pub(crate) fn changed(what: &str) -> Error {
    Error::new(ErrorKind::SourceChanged, format!("the source {what}"))
}

fn source_failed(what: &str, err: std::io::Error) -> Error {
    match err.kind() {
        Io::NotFound => changed("is no longer there"),
        _ => failed_io(what, err),
    }
}

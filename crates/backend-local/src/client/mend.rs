//! A copy that is wrong in parts: what is good in it is copied on the disk, and the rest comes from the source. Until the new file has the name, the old one has it.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use backend_core::{Content, ErrorKind, Mend, Result, Run};
use bytes::Bytes;
use futures::StreamExt;
use rustix::fs::copy_file_range;
use rustix::io::Errno;

use super::add::{Begun, Order, finish, gather};
use super::cancel::Cancel;
use super::commit::Placing;
use super::copy::{BLOCK, Copying, KERNEL_BLOCK, changed};
use super::look::{self, size};
use super::{Files, Store, blocking};
use crate::error::{failed, failed_io};

/// What every step of one repair needs.
struct Step {
    files: Arc<Files>,
    file: Arc<File>,
    len: u64,
    order: Order,
    cancel: Cancel,
}

impl Store {
    /// Up to the point where the copy only lacks its name.
    pub(super) async fn mend(&self, content: &Content, order: &Order, cancel: &Cancel) -> Result<Placing> {
        let begun = self.begin(content, order).await?;
        let (there, len) = self.there(&begun, order).await?;
        let runs = order.mend.as_ref().unwrap_or(&Mend::all()).runs(content.len(), len);
        for (range, run) in runs {
            let step = || Step {
                files: self.files.clone(),
                file: begun.temp.share(),
                len: content.len(),
                order: order.clone(),
                cancel: cancel.clone(),
            };
            match (run, there.clone()) {
                (Run::Kept, Some(there)) => {
                    let step = step();
                    blocking(move || step.copying().keep(&there, range)).await?;
                }
                _ => send(content, range, step).await?,
            }
        }
        let (files, content, order, cancel) = (self.files.clone(), content.clone(), order.clone(), cancel.clone());
        blocking(move || finish(&files, begun, &content, order, cancel)).await
    }

    /// What stands there, and how long it is. Nothing: nothing can be kept.
    async fn there(&self, begun: &Begun, order: &Order) -> Result<(Option<Arc<File>>, u64)> {
        let (files, opened, target) = (self.files.clone(), begun.opened.clone(), order.target.clone());
        blocking(move || match files.judge(&opened, look::open(&opened, &target)) {
            Ok((file, seen)) => Ok((Some(Arc::new(file)), size(&seen))),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok((None, 0)),
            Err(err) => Err(err),
        })
        .await
    }
}

/// Exactly the bytes of `range`, from the source.
async fn send(content: &Content, range: Range<u64>, step: impl Fn() -> Step) -> Result<()> {
    let mut body = content.open(range.clone()).await?.fuse();
    let mut at = range.start;
    loop {
        let frames = gather(&mut body).await?;
        if frames.is_empty() {
            break;
        }
        let (step, end) = (step(), range.end);
        at = blocking(move || step.copying().put(&frames, at, end)).await?;
    }
    match at == range.end {
        true => Ok(()),
        false => Err(changed("ended early")),
    }
}

impl Step {
    fn copying(&self) -> Copying<'_> {
        let Self { files, file, len, order, cancel } = self;
        Copying { file, len: *len, cancel, progress: &order.progress, syncs: &files.syncs }
    }
}

impl Copying<'_> {
    /// Writes frames that belong at `at` and may not reach behind `end`; answers where the next ones belong.
    fn put(&self, frames: &[Bytes], mut at: u64, end: u64) -> Result<u64> {
        for frame in frames {
            self.cancel.check()?;
            if end - at < frame.len() as u64 {
                return Err(changed("delivers more bytes than it was said to have"));
            }
            self.file.write_all_at(frame, at).map_err(|err| failed_io("write the copy", err))?;
            at = self.moved(at, frame.len() as u64)?;
        }
        Ok(at)
    }

    /// Takes over what is good: as blocks that both files share where the file system can, else inside of the kernel, else block by block.
    fn keep(&self, there: &File, range: Range<u64>) -> Result<()> {
        let at = self.keep_in_kernel(there, range.clone())?;
        self.keep_in_blocks(there, at..range.end)
    }

    /// Answers how far the kernel came.
    fn keep_in_kernel(&self, there: &File, range: Range<u64>) -> Result<u64> {
        let (mut from, mut to) = (range.start, range.start);
        while to < range.end {
            self.cancel.check()?;
            let wanted = usize::try_from(KERNEL_BLOCK.min(range.end - to)).unwrap_or(BLOCK);
            match copy_file_range(there, Some(&mut from), self.file, Some(&mut to), wanted) {
                Ok(0) | Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => break,
                Ok(n) => drop(self.moved(to - n as u64, n as u64)?),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("copy what is good", errno)),
            }
        }
        Ok(to)
    }

    fn keep_in_blocks(&self, there: &File, range: Range<u64>) -> Result<()> {
        let mut block = vec![0; if range.is_empty() { 0 } else { BLOCK }];
        let mut at = range.start;
        while at < range.end {
            self.cancel.check()?;
            let n = usize::try_from(range.end - at).map_or(BLOCK, |left| left.min(BLOCK));
            let part = block.get_mut(..n).unwrap_or_default();
            there.read_exact_at(part, at).map_err(|err| failed_io("read what is good", err))?;
            self.file.write_all_at(part, at).map_err(|err| failed_io("write the copy", err))?;
            at = self.moved(at, n as u64)?;
        }
        Ok(())
    }
}

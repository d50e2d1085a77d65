//! Handing bytes out: blocks read ahead on blocking threads, never a file handle.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use backend_core::{ByteStream, Error, ErrorKind, Evidence, Fetched, GetOptions, Locator, Metadata, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use rustix::fs::{Advice, fadvise};
use rustix::io::Errno;
use tokio::task::JoinHandle;

use super::copy::BLOCK;
use super::look::{etag, open, size};
use super::name::target;
use super::{Store, about, blocking, describe, joined, spawn};
use crate::error::failed;

impl Store {
    /// What is known of `at`.
    pub(crate) async fn stat(&self, at: &Locator) -> Result<Metadata> {
        let (files, target, at) = (self.files.clone(), target(at)?, at.clone());
        blocking(move || {
            let opened = files.root.open()?;
            let (file, seen) = files.judge(&opened, open(&opened, &target))?;
            let about = about::read(&opened, &target, &file, &seen, files.labels);
            Ok(describe(at, &seen, Evidence::Acknowledged, about))
        })
        .await
    }

    /// The bytes. The first block is read in the same step in which the file is opened.
    pub(crate) async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let (files, target, at, opts) = (self.files.clone(), target(at)?, at.clone(), opts.clone());
        let (meta, range, file, first) = blocking(move || {
            let opened = files.root.open()?;
            let (file, seen) = files.judge(&opened, open(&opened, &target))?;
            if opts.if_match.is_some_and(|wanted| wanted != etag(&seen)) {
                return Err(Error::new(ErrorKind::Precondition, "the file is not the one that was named"));
            }
            let range = match opts.range {
                Some(range) => range.within(size(&seen))?,
                None => 0..size(&seen),
            };
            let about = about::read(&opened, &target, &file, &seen, files.labels);
            if opts.fresh {
                forget(&file, &range);
            }
            if (BLOCK as u64) < range.end - range.start {
                // A hint: where it is not taken, reading is as it always is.
                let _ = fadvise(&file, range.start, None, Advice::Sequential);
            }
            let first = read_block(&file, &range)?;
            Ok((describe(at, &seen, Evidence::Acknowledged, about), range, file, first))
        })
        .await?;
        let rest = range.start + first.len() as u64..range.end;
        Ok(Fetched { meta, range, body: body(Arc::new(file), first, rest) })
    }
}

/// Takes what the page cache has of the range out of it, so that the medium is read (posix_fadvise(2); pages that are not written yet stay).
fn forget(file: &File, range: &Range<u64>) {
    if let Some(len) = std::num::NonZeroU64::new(range.end.saturating_sub(range.start)) {
        // A hint: where it is not taken, reading is as it always is.
        let _ = fadvise(file, range.start, Some(len), Advice::DontNeed);
    }
}

/// One block is always being read while the one before it is in the reader's hands.
fn body(file: Arc<File>, first: Bytes, rest: Range<u64>) -> ByteStream {
    let head = stream::iter((!first.is_empty()).then_some(Ok(first)));
    if rest.is_empty() {
        return head.boxed();
    }
    let tail = stream::unfold(Some((Ahead::Nothing, rest)), move |state| {
        let file = file.clone();
        async move { next(&file, state?).await }
    });
    head.chain(tail).boxed()
}

enum Ahead {
    Nothing,
    Block(JoinHandle<Result<Bytes>>),
}

type Going = Option<(Ahead, Range<u64>)>;

async fn next(file: &Arc<File>, (ahead, rest): (Ahead, Range<u64>)) -> Option<(Result<Bytes>, Going)> {
    let block = match ahead {
        Ahead::Block(reading) => joined(reading.await),
        Ahead::Nothing if rest.is_empty() => return None,
        Ahead::Nothing => match read_ahead(file, &rest) {
            Ok(reading) => joined(reading.await),
            Err(err) => Err(err),
        },
    };
    let block = match block {
        Ok(block) => block,
        Err(err) => return Some((Err(err), None)),
    };
    let rest = rest.start + block.len() as u64..rest.end;
    let ahead = match rest.is_empty() {
        true => Ok(Ahead::Nothing),
        false => read_ahead(file, &rest).map(Ahead::Block),
    };
    match ahead {
        Ok(ahead) => Some((Ok(block), Some((ahead, rest)))),
        Err(err) => Some((Err(err), None)),
    }
}

fn read_ahead(file: &Arc<File>, rest: &Range<u64>) -> Result<JoinHandle<Result<Bytes>>> {
    let (file, rest) = (file.clone(), rest.clone());
    spawn(move || read_block(&file, &rest))
}

/// The next block of `rest`: a whole one, or all that is left.
fn read_block(file: &File, rest: &Range<u64>) -> Result<Bytes> {
    let wanted = usize::try_from(rest.end - rest.start).unwrap_or(BLOCK).min(BLOCK);
    let mut block = Vec::with_capacity(wanted);
    while block.len() < wanted {
        let at = rest.start + block.len() as u64;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut block), at) {
            Ok(0) => return Err(Error::new(ErrorKind::Integrity, "the file became shorter while it was read")),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(failed("read the file", errno)),
        }
    }
    block.truncate(wanted);
    Ok(block.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use rustix::io::ReadWriteFlags;

    use super::*;

    /// Whether the first byte could be read without waiting for the medium; `None` where the file system cannot say.
    fn is_cached(file: &File) -> Option<bool> {
        let mut byte = [0_u8; 1];
        let mut into = [std::io::IoSliceMut::new(&mut byte)];
        match rustix::io::preadv2(file, &mut into, 0, ReadWriteFlags::NOWAIT) {
            Ok(_) => Some(true),
            Err(Errno::AGAIN) => Some(false),
            Err(_) => None,
        }
    }

    #[test]
    fn a_read_back_is_not_the_page_cache() {
        // Beside the test itself: the system's temporary folder may be memory.
        let exe = std::env::current_exe().unwrap();
        let mut file = tempfile::tempfile_in(exe.parent().unwrap()).unwrap();
        file.write_all(&[7; 1 << 20]).unwrap();
        file.sync_all().unwrap();
        assert_ne!(is_cached(&file), Some(false));
        let before = is_cached(&file);
        forget(&file, &(0..1 << 20));
        assert_eq!(is_cached(&file), before.map(|_| false), "it was dropped, or nothing can be said");
    }
}

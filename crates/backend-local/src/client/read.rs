//! Handing bytes out: blocks read ahead on blocking threads, never a file handle.

use std::ops::Range;
use std::sync::Arc;

use backend_core::{ByteStream, Error, ErrorKind, Evidence, Fetched, GetOptions, Locator, Metadata, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};

use super::blocks::Blocks;
use super::copy::BLOCK;
use super::look::{etag, open, size};
use super::name::target;
use super::{Store, about, blocking, describe, joined, spawn};

/// Blocks of one body that are on their way at a time: a disk that is asked for one after the other rests between them.
const AHEAD: usize = 3;

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
        let (meta, range, blocks, first) = blocking(move || {
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
            let blocks = Blocks::new(file);
            if opts.fresh {
                blocks.read_the_medium(&range);
            }
            if (BLOCK as u64) < range.end - range.start {
                blocks.in_order(range.start);
            }
            let first = blocks.read(&(range.start..Blocks::end(range.start, range.end)))?;
            Ok((describe(at, &seen, Evidence::Acknowledged, about), range, blocks, first))
        })
        .await?;
        let rest = range.start + first.len() as u64..range.end;
        Ok(Fetched { meta, range, body: body(Arc::new(blocks), first, rest) })
    }
}

/// Blocks are always being read while the one before them is in the reader's hands. A failure is the end.
fn body(blocks: Arc<Blocks>, first: Bytes, rest: Range<u64>) -> ByteStream {
    let head = stream::iter((!first.is_empty()).then_some(Ok(first)));
    if rest.is_empty() {
        return head.boxed();
    }
    let parts = std::iter::successors(Some(rest.start..Blocks::end(rest.start, rest.end)), move |part| {
        (part.end < rest.end).then(|| part.end..Blocks::end(part.end, rest.end))
    });
    let ahead = stream::iter(parts).map(move |part| {
        let blocks = blocks.clone();
        let reading = spawn(move || blocks.read(&part));
        async move { joined(reading?.await) }
    });
    let tail = stream::try_unfold(ahead.buffered(AHEAD), |mut blocks| async move {
        Ok(blocks.try_next().await?.map(|block| (block, blocks)))
    });
    head.chain(tail).boxed()
}

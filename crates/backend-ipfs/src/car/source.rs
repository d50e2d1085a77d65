//! The plain bytes of content, taken in pieces without copying them.

use std::collections::VecDeque;
use std::ops::Range;

use backend_core::{ByteStream, Content, Result};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};

use crate::error;

/// A source that is being read.
pub(super) struct Source {
    body: ByteStream,
    /// Frames that were read and not yet taken.
    ready: VecDeque<Bytes>,
}

impl Source {
    /// These parts of it, one after the other. The node hashes every block of an import, and refuses one that is not what its name says.
    pub(super) async fn open(content: &Content, parts: Vec<Range<u64>>) -> Result<Self> {
        let body = match &parts[..] {
            [] => futures::stream::empty().boxed(),
            [all] => content.open_unproved(all.clone()).await?,
            _ => {
                let content = content.clone();
                let opened = futures::stream::iter(parts).then(move |part| {
                    let content = content.clone();
                    async move { content.open_unproved(part).await }
                });
                opened.try_flatten().boxed()
            }
        };
        Ok(Self { body, ready: VecDeque::new() })
    }

    /// The next frame, of at most `most` bytes.
    ///
    /// # Errors
    /// The source's own, and `SourceChanged` at its end.
    pub(super) async fn frame(&mut self, most: u64) -> Result<Bytes> {
        let mut frame = self.next().await?.ok_or_else(error::changed)?;
        if most < frame.len() as u64 {
            self.ready.push_front(frame.split_off(most as usize));
        }
        Ok(frame)
    }

    /// Exactly `len` bytes. Only for what must be seen whole, and is as small as a block.
    ///
    /// # Errors
    /// As [`Source::frame`].
    pub(super) async fn exactly(&mut self, len: u64) -> Result<Bytes> {
        let mut all = BytesMut::new();
        while (all.len() as u64) < len {
            let frame = self.frame(len - all.len() as u64).await?;
            if frame.len() as u64 == len {
                return Ok(frame);
            }
            all.extend_from_slice(&frame);
        }
        Ok(all.freeze())
    }

    /// Up to `most` bytes; fewer only at the end of the source.
    ///
    /// # Errors
    /// The source's own.
    pub(super) async fn up_to(&mut self, most: u64) -> Result<Bytes> {
        let mut all = BytesMut::new();
        while (all.len() as u64) < most {
            let Some(mut frame) = self.next().await? else { break };
            let room = most - all.len() as u64;
            if room < frame.len() as u64 {
                self.ready.push_front(frame.split_off(room as usize));
            }
            all.extend_from_slice(&frame);
        }
        Ok(all.freeze())
    }

    /// Puts back what was not wanted.
    pub(super) fn put_back(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.ready.push_front(bytes);
        }
    }

    /// Holds that nothing is left.
    ///
    /// # Errors
    /// `SourceChanged` if something is; the source's own.
    pub(super) async fn end(&mut self) -> Result<()> {
        match self.next().await? {
            Some(_) => Err(error::changed()),
            None => Ok(()),
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let frame = match self.ready.pop_front() {
                Some(frame) => Some(frame),
                None => self.body.try_next().await?,
            };
            match frame {
                Some(frame) if frame.is_empty() => {}
                frame => return Ok(frame),
            }
        }
    }
}

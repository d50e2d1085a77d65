//! A range of a file from whoever has it: one CAR after the other, each going on where the last one stopped, then block by block.

use std::future::Future;
use std::ops::Range;
use std::sync::Arc;

use backend_core::{ByteStream, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{Either, select};
use futures::stream::{self, StreamExt};
use ipld::Block;

use super::car::Car;
use super::{Inner, Transport};

/// An endpoint that falls silent for so many times as long as it may take to begin is left.
const SILENCE: u32 = 10;

struct Reader {
    inner: Arc<Inner>,
    root: Block,
    /// What is still to be told.
    left: Range<u64>,
    /// Who was asked for a CAR already, and need not be asked again.
    tried: Vec<usize>,
    now: Now,
}

enum Now {
    Nothing,
    Car(usize, Box<Car>),
    Blocks(ByteStream),
}

impl Inner {
    /// `range` of the file `root`, whose block is known already.
    pub(super) fn range(self: Arc<Self>, root: Block, range: Range<u64>) -> ByteStream {
        if self.options.transport == Transport::Blocks {
            return self.by_blocks(&root, range);
        }
        let reader = Reader { inner: self, root, left: range, tried: Vec::new(), now: Now::Nothing };
        stream::try_unfold(reader, |mut reader| async move {
            let next = reader.next().await?;
            Ok(next.map(|bytes| (bytes, reader)))
        })
        .boxed()
    }
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.left.is_empty() {
            let told = match &mut self.now {
                Now::Nothing => {
                    self.begin().await?;
                    continue;
                }
                Now::Blocks(body) => body.next().await.transpose()?,
                Now::Car(n, car) => {
                    let n = *n;
                    match within_silence(&self.inner, car.next(&self.inner)).await {
                        Ok(Some(bytes)) => Some(bytes),
                        Ok(None) => self.leave(n, &short()),
                        Err(err) => self.leave(n, &err),
                    }
                }
            };
            match told {
                Some(bytes) => return self.told(bytes).map(Some),
                None if matches!(self.now, Now::Nothing) => {}
                None => return Err(short()),
            }
        }
        Ok(None)
    }

    /// Whoever gives the first verified bytes of a CAR soonest; when nobody does, the blocks one by one.
    async fn begin(&mut self) -> Result<()> {
        let (inner, root, left) = (&self.inner, &self.root, &self.left);
        let raced = match self.tried.len() < inner.sources.len() {
            true => {
                let race = inner.race_without(&self.tried, |source| inner.car(source, root, left.clone()));
                within_silence(inner, race).await.ok()
            }
            false => None,
        };
        self.now = match raced {
            Some((n, car)) => Now::Car(n, Box::new(car)),
            None => Now::Blocks(inner.by_blocks(root, left.clone())),
        };
        Ok(())
    }

    /// Another endpoint goes on. What this one told is verified and stays.
    fn leave(&mut self, n: usize, err: &Error) -> Option<Bytes> {
        if let Some(source) = self.inner.sources.get(n) {
            source.failed(err, self.inner.clock.monotonic());
        }
        self.tried.push(n);
        self.now = Now::Nothing;
        None
    }

    fn told(&mut self, bytes: Bytes) -> Result<Bytes> {
        let next = self.left.start.saturating_add(bytes.len() as u64);
        match next <= self.left.end {
            true => {
                self.left.start = next;
                Ok(bytes)
            }
            false => Err(Error::new(ErrorKind::Internal, "a verified walk told more than the range")),
        }
    }
}

/// What a gateway has to say; as long as there are others to go to, it may not be silent for ever.
async fn within_silence<T>(inner: &Arc<Inner>, work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = std::pin::pin!(work.fuse());
    if inner.sources.len() == 1 {
        return work.await;
    }
    // Nearly every call has its bytes at hand; a timer for each would be dear.
    if let Some(ready) = work.as_mut().now_or_never() {
        return ready;
    }
    match select(work, inner.clock.sleep(inner.options.hedge_after.saturating_mul(SILENCE))).await {
        Either::Left((done, _)) => done,
        Either::Right(_) => Err(Error::new(ErrorKind::Timeout, "a gateway fell silent over a CAR")),
    }
}

fn short() -> Error {
    Error::new(ErrorKind::Unavailable, "the answer ended before its range")
}

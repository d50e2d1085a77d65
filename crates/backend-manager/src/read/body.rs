//! Bytes of one copy: a body that is read chunk by chunk, and chunks that are asked for alone. Unverified, but for blocks.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backend_core::{ByteStream, Clock, Error, ErrorKind, GetOptions, Locator, Result};
use bytes::{Bytes, BytesMut};
use futures::stream::StreamExt;
use ipld::plan::Chunk;

use super::{Haste, How, INLINE, Replica};
use crate::trouble;

/// How long it has been quiet.
#[derive(Debug, Clone)]
pub(super) struct Silence {
    clock: Arc<dyn Clock>,
    since: Arc<AtomicU64>,
}

impl Silence {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let silence = Self { clock, since: Arc::default() };
        silence.broken();
        silence
    }

    /// Something has come, or is waited for from now on.
    pub(super) fn broken(&self) {
        let now = u64::try_from(self.clock.monotonic().as_nanos()).unwrap_or(u64::MAX);
        self.since.store(now, Ordering::Relaxed);
    }

    pub(super) fn lasts(&self) -> Duration {
        self.clock.monotonic().saturating_sub(Duration::from_nanos(self.since.load(Ordering::Relaxed)))
    }
}

/// A body, and where its reader is in it.
pub(super) struct Body {
    stream: ByteStream,
    carry: Bytes,
    /// The offset of the next byte.
    at: u64,
    /// Where the request ends: behind it nothing comes.
    end: u64,
    /// Bytes that were promised and have not come.
    left: u64,
    silence: Option<Silence>,
}

impl Body {
    async fn open(replica: &Replica, start: u64, end: u64, haste: Haste) -> Result<Self> {
        let opts = match replica.how {
            How::Range => GetOptions::range(start..end),
            How::Whole | How::Block => GetOptions::default(),
        };
        let opts = GetOptions { fresh: replica.fresh, ..opts };
        let fetched = match replica.asked(haste).get(&replica.at, &opts).await {
            Ok(fetched) => fetched,
            // What is asked for lies within the content.
            Err(err) if err.kind() == ErrorKind::InvalidRange => return Err(short().with_source(err)),
            Err(err) => return Err(err),
        };
        let Range { start, end } = fetched.range;
        let left = end.saturating_sub(start);
        Ok(Self { stream: fetched.body, carry: Bytes::new(), at: start, end, left, silence: None })
    }

    /// Whether the chunk can be read from it.
    pub(super) fn has(&self, chunk: &Chunk, how: How) -> bool {
        let is_within = self.at <= chunk.offset && chunk.offset < self.end;
        is_within && (how != How::Range || self.at == chunk.offset)
    }

    /// The chunk's bytes; what lies before it is skipped.
    async fn take(&mut self, chunk: &Chunk) -> Result<Bytes> {
        self.skip(chunk.offset - self.at).await?;
        let len =
            usize::try_from(chunk.len).map_err(|_| Error::new(ErrorKind::Integrity, "a chunk of more than memory"))?;
        if self.carry.is_empty() {
            self.refill().await?;
        }
        self.at += chunk.len;
        if len <= self.carry.len() {
            return Ok(self.carry.split_to(len));
        }
        let mut bytes = BytesMut::with_capacity(len);
        while bytes.len() < len {
            if self.carry.is_empty() {
                self.refill().await?;
            }
            let part = self.carry.split_to(self.carry.len().min(len - bytes.len()));
            bytes.extend_from_slice(&part);
        }
        Ok(bytes.freeze())
    }

    async fn skip(&mut self, mut n: u64) -> Result<()> {
        self.at += n;
        while 0 < n {
            if self.carry.is_empty() {
                self.refill().await?;
            }
            let part = usize::try_from(n).unwrap_or(usize::MAX).min(self.carry.len());
            drop(self.carry.split_to(part));
            n -= part as u64;
        }
        Ok(())
    }

    async fn refill(&mut self) -> Result<()> {
        while self.carry.is_empty() {
            self.carry = match self.stream.next().await {
                Some(frame) => frame?,
                None if self.left == 0 => return Err(short()),
                None => return Err(Error::new(ErrorKind::Unavailable, "the body ended early")),
            };
            if let Some(silence) = &self.silence {
                silence.broken();
            }
            self.left = self.left.saturating_sub(self.carry.len() as u64);
        }
        Ok(())
    }
}

/// A chunk, and the body that the next ones may be read from.
pub(super) struct Got {
    pub(super) bytes: Bytes,
    pub(super) body: Option<Body>,
}

/// What is wanted of a copy.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) chunk: Chunk,
    /// Where the run of chunks ends that may be asked for with it.
    pub(super) end: u64,
    pub(super) haste: Haste,
}

/// The chunk from one copy: from the body that is open there, if it can be, else by a request.
pub(super) async fn fetch(
    replica: Replica,
    body: Option<Body>,
    wanted: Wanted,
    silence: Option<Silence>,
) -> Result<Got> {
    let Wanted { chunk, end, haste } = wanted;
    if replica.how == How::Block {
        return Ok(Got { bytes: block(&replica, &chunk, haste).await?, body: None });
    }
    let mut body = match body.filter(|body| body.has(&chunk, replica.how)) {
        Some(body) => body,
        None => Body::open(&replica, chunk.offset, end, haste).await?,
    };
    if let Some(silence) = &silence {
        silence.broken();
    }
    body.silence = silence;
    Ok(Got { bytes: body.take(&chunk).await?, body: Some(body) })
}

async fn block(replica: &Replica, chunk: &Chunk, haste: Haste) -> Result<Bytes> {
    let fetched = replica.asked(haste).get(&Locator::new(chunk.cid), &GetOptions::unproved_block()).await?;
    let bytes = collect(fetched.body, crate::naming::BLOCK_MAX).await?;
    if bytes.len() < INLINE {
        return chunk.unwrap(&bytes).map_err(trouble::ipld);
    }
    let chunk = chunk.clone();
    let hashed = tokio::task::spawn_blocking(move || chunk.unwrap(&bytes));
    hashed.await.map_err(trouble::lost)?.map_err(trouble::ipld)
}

/// One chunk from one replica alone, by a request of its own.
pub(super) async fn alone(replica: &Replica, chunk: &Chunk, haste: Haste) -> Result<Bytes> {
    let wanted = Wanted { chunk: chunk.clone(), end: chunk.offset + chunk.len, haste };
    Ok(fetch(replica.clone(), None, wanted, None).await?.bytes)
}

/// All of a body, if it is no longer than `most`.
pub(crate) async fn collect(mut body: ByteStream, most: u64) -> Result<Bytes> {
    // A body of one frame, as a block from a store of blocks is, is passed on as it is.
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.next().await {
        let frame = frame?;
        if most < (first.len() + all.len() + frame.len()) as u64 {
            return Err(Error::new(ErrorKind::Integrity, format!("more than {most} bytes came")));
        }
        match first.is_empty() && all.is_empty() {
            true => first = frame,
            false => {
                all.extend_from_slice(&std::mem::take(&mut first));
                all.extend_from_slice(&frame);
            }
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Everything that is there has come, and it is not all.
fn short() -> Error {
    Error::new(ErrorKind::Integrity, "the copy is shorter than the content")
}

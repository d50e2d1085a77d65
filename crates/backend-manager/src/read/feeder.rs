//! Fetches chunks, in order and unverified, from one replica after the other.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use backend_core::{ByteStream, Error, ErrorKind, GetOptions, Locator, Result, RetryAdvice};
use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, StreamExt};
use ipld::plan::{Chunk, Wrap};
use tokio::task::JoinHandle;

use super::{Haste, How, INLINE, ReadReport, Replica};
use crate::trouble;

/// How many chunks one request covers at the most. Fewer requests, and no request for bytes that nobody asked for.
const WINDOW: usize = 64;

/// A chunk's plain bytes and who sent them: the index of the replica, or `None` for bytes that were in an inner node.
pub(super) struct Piece {
    pub(super) chunk: Chunk,
    pub(super) bytes: Coming,
    pub(super) from: Option<usize>,
}

/// Bytes that are here, not yet hashed; or a block that is on its way, and hashed when it arrives.
pub(super) enum Coming {
    Here(Bytes),
    Later(Fetch),
}

/// A block that is being fetched. Dropped, it is given up.
pub(super) struct Fetch(JoinHandle<Result<Bytes>>);

impl Fetch {
    fn begin(replica: Replica, chunk: Chunk, haste: Haste) -> Self {
        Self(tokio::spawn(async move { block(&replica, &chunk, haste).await }))
    }

    pub(super) async fn finish(mut self) -> Result<Bytes> {
        (&mut self.0).await.map_err(trouble::lost)?
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Which replicas are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Those of which nothing bad is known here.
    Good,
    /// The others.
    Bad,
}

pub(super) struct Feeder {
    chunks: BoxStream<'static, Result<Chunk>>,
    ahead: VecDeque<Chunk>,
    replicas: Arc<Vec<Replica>>,
    report: ReadReport,
    current: usize,
    body: Option<Body>,
}

struct Body {
    stream: ByteStream,
    carry: Bytes,
    /// The offset of the next byte.
    at: u64,
    /// Where the request ends: behind it nothing comes.
    end: u64,
    /// Bytes that were promised and have not come.
    left: u64,
}

impl Feeder {
    pub(super) fn new(
        chunks: BoxStream<'static, Result<Chunk>>,
        replicas: Arc<Vec<Replica>>,
        report: ReadReport,
    ) -> Self {
        Self { chunks, ahead: VecDeque::new(), replicas, report, current: 0, body: None }
    }

    /// The next chunk, from whichever replica delivers one. `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>> {
        self.look_ahead().await?;
        let Some(chunk) = self.ahead.pop_front() else { return Ok(None) };
        if let Wrap::Inline(bytes) = &chunk.wrap {
            let bytes = bytes.clone();
            return Ok(Some(Piece { chunk, bytes: Coming::Here(bytes), from: None }));
        }
        if let Some(replica) = self.replicas.get(self.current)
            && replica.how == How::Block
            && !replica.is_bad(chunk.offset, chunk.len)
        {
            let bytes = Coming::Later(Fetch::begin(replica.clone(), chunk.clone(), self.haste()));
            return Ok(Some(Piece { chunk, bytes, from: Some(self.current) }));
        }
        match self.any(&chunk).await {
            Ok(bytes) => Ok(Some(Piece { chunk, bytes: Coming::Here(bytes), from: Some(self.current) })),
            Err(err) => Err(err),
        }
    }

    /// Whether the next chunks come block by block, so that many may be on their way.
    pub(super) fn is_by_block(&self) -> bool {
        self.replicas.get(self.current).is_some_and(|it| it.how == How::Block)
    }

    /// Asks this replica from now on.
    pub(super) fn prefer(&mut self, index: usize) {
        if index != self.current {
            (self.current, self.body) = (index, None);
        }
    }

    /// With another copy at hand, nobody is waited for.
    fn haste(&self) -> Haste {
        if self.replicas.len() < 2 { Haste::None } else { Haste::Some }
    }

    /// From the current replica, else from the next that delivers. Copies whose chunk is known to be bad are asked last: perhaps it was the wire. When
    /// none has delivered, those that may yet are asked again, patiently.
    async fn any(&mut self, chunk: &Chunk) -> Result<Bytes> {
        let mut worst: Option<Error> = None;
        let mut asked = vec![true; self.replicas.len()];
        let rounds: &[Haste] = if self.haste() == Haste::Some { &[Haste::Some, Haste::None] } else { &[Haste::None] };
        for (haste, pass) in rounds.iter().flat_map(|haste| [(*haste, Pass::Good), (*haste, Pass::Bad)]) {
            for _ in 0..self.replicas.len() {
                let current = self.current;
                let is_bad = self.replicas[current].is_bad(chunk.offset, chunk.len);
                if asked[current] && is_bad == (pass == Pass::Bad) {
                    match self.deliver(chunk, haste).await {
                        Ok(bytes) => return Ok(bytes),
                        Err(err) => {
                            self.report.trouble(&self.replicas[current], chunk.offset, chunk.len, &err);
                            self.body = None;
                            asked[current] = may_pass(&err);
                            // A wrong copy says more than one that could not be asked.
                            worst = worst.filter(|it| it.kind() == ErrorKind::Integrity).or(Some(err));
                        }
                    }
                }
                if self.replicas.len() != 1 {
                    self.body = None;
                    self.current = (self.current + 1) % self.replicas.len();
                }
            }
        }
        Err(worst.unwrap_or_else(|| Error::new(ErrorKind::NotFound, "no replica can be read")))
    }

    async fn look_ahead(&mut self) -> Result<()> {
        while self.ahead.len() < WINDOW {
            match self.chunks.next().await {
                Some(chunk) => self.ahead.push_back(chunk?),
                None => break,
            }
        }
        Ok(())
    }

    /// The chunk from the current replica.
    async fn deliver(&mut self, chunk: &Chunk, haste: Haste) -> Result<Bytes> {
        let replica = self.replicas[self.current].clone();
        if replica.how == How::Block {
            return block(&replica, chunk, haste).await;
        }
        let stale = self.body.as_ref().is_none_or(|body| chunk.offset < body.at || body.end <= chunk.offset);
        if stale || (replica.how == How::Range && self.body.as_ref().is_some_and(|body| body.at != chunk.offset)) {
            let end = self.window_end(chunk);
            self.body = Some(open(&replica, chunk.offset, end, haste).await?);
        }
        match &mut self.body {
            Some(body) => body.take(chunk).await,
            None => Err(Error::new(ErrorKind::Internal, "no body was opened")),
        }
    }

    /// Where the run of chunks ends that follow one another without a gap.
    fn window_end(&self, chunk: &Chunk) -> u64 {
        let mut end = chunk.offset + chunk.len;
        for next in &self.ahead {
            if next.offset != end || matches!(next.wrap, Wrap::Inline(_)) {
                break;
            }
            end += next.len;
        }
        end
    }
}

impl Body {
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
            self.left = self.left.saturating_sub(self.carry.len() as u64);
        }
        Ok(())
    }
}

/// Whether a patient caller may yet get an answer.
pub(super) fn may_pass(err: &Error) -> bool {
    matches!(err.advice(), RetryAdvice::Backoff | RetryAdvice::After(_))
}

async fn open(replica: &Replica, start: u64, end: u64, haste: Haste) -> Result<Body> {
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
    Ok(Body { stream: fetched.body, carry: Bytes::new(), at: start, end, left: end.saturating_sub(start) })
}

/// Everything that is there has come, and it is not all.
fn short() -> Error {
    Error::new(ErrorKind::Integrity, "the copy is shorter than the content")
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
    match replica.how {
        How::Block => block(replica, chunk, haste).await,
        How::Range | How::Whole => {
            let mut body = open(replica, chunk.offset, chunk.offset + chunk.len, haste).await?;
            body.take(chunk).await
        }
    }
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

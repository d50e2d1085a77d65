//! Fetches chunks, in order and unverified, from one replica after the other.

use std::collections::VecDeque;

use backend_core::{Error, ErrorKind, Result, RetryAdvice};
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt};
use ipld::plan::{Chunk, Wrap};
use tokio::task::JoinHandle;

use super::body::{self, Body, Wanted};
use super::hedge::Hedger;
use super::{Haste, How};
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
pub(super) struct Fetch(JoinHandle<Result<(usize, Bytes)>>);

impl Fetch {
    fn begin(hedger: Hedger, from: usize, chunk: Chunk, haste: Haste) -> Self {
        let wanted = Wanted { end: chunk.offset + chunk.len, chunk, haste };
        Self(tokio::spawn(async move {
            let (from, got) = match haste {
                Haste::Some => hedger.get(from, None, wanted).await?,
                Haste::None => (from, body::fetch(hedger.replicas[from].clone(), None, wanted, None).await?),
            };
            Ok((from, got.bytes))
        }))
    }

    /// The block's bytes, and from whom they came.
    pub(super) async fn finish(mut self) -> Result<(usize, Bytes)> {
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
    hedger: Hedger,
    current: usize,
    body: Option<Body>,
}

impl Feeder {
    pub(super) fn new(chunks: BoxStream<'static, Result<Chunk>>, hedger: Hedger) -> Self {
        Self { chunks, ahead: VecDeque::new(), hedger, current: 0, body: None }
    }

    /// The next chunk, from whichever replica delivers one. `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>> {
        self.look_ahead().await?;
        let Some(chunk) = self.ahead.pop_front() else { return Ok(None) };
        if let Wrap::Inline(bytes) = &chunk.wrap {
            let bytes = bytes.clone();
            return Ok(Some(Piece { chunk, bytes: Coming::Here(bytes), from: None }));
        }
        if let Some(replica) = self.hedger.replicas.get(self.current)
            && replica.how == How::Block
            && !replica.is_bad(chunk.offset, chunk.len)
        {
            let bytes = Coming::Later(Fetch::begin(self.hedger.clone(), self.current, chunk.clone(), self.haste()));
            return Ok(Some(Piece { chunk, bytes, from: Some(self.current) }));
        }
        match self.any(&chunk).await {
            Ok(bytes) => Ok(Some(Piece { chunk, bytes: Coming::Here(bytes), from: Some(self.current) })),
            Err(err) => Err(err),
        }
    }

    /// Whether the next chunks come block by block, so that many may be on their way.
    pub(super) fn is_by_block(&self) -> bool {
        self.hedger.replicas.get(self.current).is_some_and(|it| it.how == How::Block)
    }

    /// Asks this replica from now on.
    pub(super) fn prefer(&mut self, index: usize) {
        if index != self.current {
            (self.current, self.body) = (index, None);
        }
    }

    /// With another copy at hand, nobody is waited for.
    fn haste(&self) -> Haste {
        if self.hedger.replicas.len() < 2 { Haste::None } else { Haste::Some }
    }

    /// From the current replica, else from the next that delivers. Copies whose chunk is known to be bad are asked last: perhaps it was the wire. When
    /// none has delivered, those that may yet are asked again, patiently.
    async fn any(&mut self, chunk: &Chunk) -> Result<Bytes> {
        let mut worst: Option<Error> = None;
        let mut asked = vec![true; self.hedger.replicas.len()];
        let rounds: &[Haste] = if self.haste() == Haste::Some { &[Haste::Some, Haste::None] } else { &[Haste::None] };
        for (haste, pass) in rounds.iter().flat_map(|haste| [(*haste, Pass::Good), (*haste, Pass::Bad)]) {
            for _ in 0..self.hedger.replicas.len() {
                let current = self.current;
                let is_bad = self.hedger.replicas[current].is_bad(chunk.offset, chunk.len);
                if asked[current] && is_bad == (pass == Pass::Bad) {
                    match self.deliver(chunk, haste).await {
                        Ok(bytes) => return Ok(bytes),
                        Err(err) => {
                            self.hedger.report.trouble(&self.hedger.replicas[current], chunk.offset, chunk.len, &err);
                            self.body = None;
                            asked[current] = may_pass(&err);
                            // A wrong copy says more than one that could not be asked.
                            worst = worst.filter(|it| it.kind() == ErrorKind::Integrity).or(Some(err));
                        }
                    }
                }
                if self.hedger.replicas.len() != 1 {
                    self.body = None;
                    self.current = (self.current + 1) % self.hedger.replicas.len();
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

    /// The chunk from the current replica, or from one that is asked beside it.
    async fn deliver(&mut self, chunk: &Chunk, haste: Haste) -> Result<Bytes> {
        let (body, first) = (self.body.take(), self.current);
        let wanted = Wanted { chunk: chunk.clone(), end: self.window_end(chunk), haste };
        let (from, got) = match haste {
            Haste::Some => self.hedger.get(first, body, wanted).await?,
            Haste::None => (first, body::fetch(self.hedger.replicas[first].clone(), body, wanted, None).await?),
        };
        (self.current, self.body) = (from, got.body);
        Ok(got.bytes)
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

/// Whether a patient caller may yet get an answer.
pub(super) fn may_pass(err: &Error) -> bool {
    matches!(err.advice(), RetryAdvice::Backoff | RetryAdvice::After(_))
}

//! Verifies chunk by chunk before a byte is handed over; a bad chunk is fetched alone from another replica.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use backend_core::{ByteStream, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use ipld::plan::Chunk;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::body;
use super::feeder::{self, Coming, Feeder, Fetch, Piece};
use super::hedge::{Hedger, Hedging};
use super::{Haste, INLINE, ReadReport, Replica};
use crate::naming::trim;
use crate::trouble;

/// Chunks of one stream that are being verified at a time.
const DEPTH: usize = 4;
/// Blocks of one stream that are on their way at a time, where a store is asked block by block; fewer when the budget is short.
const BLOCKS: usize = 16;

/// What is to be read, from where.
pub(crate) struct Ask {
    /// The chunks that hold `range`, in order.
    pub(crate) chunks: BoxStream<'static, Result<Chunk>>,
    /// Which bytes are wanted.
    pub(crate) range: Range<u64>,
    /// From where, best first.
    pub(crate) replicas: Vec<Replica>,
    /// Whom to tell what was met.
    pub(crate) report: ReadReport,
    /// Shared by all reads of a manager: one permit a chunk in memory.
    pub(crate) budget: Arc<Semaphore>,
    /// When another copy is asked as well.
    pub(crate) hedging: Hedging,
}

/// The bytes of a range. Each chunk is hashed before it is handed over; when a replica fails, the stream goes on at that chunk with the next one.
pub(crate) fn verified(ask: Ask) -> ByteStream {
    let replicas = Arc::new(ask.replicas);
    let hedger = Hedger::new(ask.hedging, replicas.clone(), ask.report.clone());
    let reader = Reader {
        feeder: Feeder::new(ask.chunks, hedger.clone()),
        hedger,
        replicas,
        report: ask.report,
        range: ask.range,
        budget: ask.budget,
        checks: VecDeque::new(),
        ended: false,
    };
    stream::try_unfold(reader, |mut reader| async move {
        loop {
            match reader.step().await? {
                None => return Ok(None),
                Some(bytes) if bytes.is_empty() => {}
                Some(bytes) => return Ok(Some((bytes, reader))),
            }
        }
    })
    .boxed()
}

struct Reader {
    feeder: Feeder,
    hedger: Hedger,
    replicas: Arc<Vec<Replica>>,
    report: ReadReport,
    range: Range<u64>,
    budget: Arc<Semaphore>,
    checks: VecDeque<Check>,
    ended: bool,
}

/// A chunk that is on its way or being hashed, and the place in memory that it takes.
struct Check {
    chunk: Chunk,
    from: Option<usize>,
    verdict: Verdict,
    _permit: OwnedSemaphorePermit,
}

enum Verdict {
    Known(Result<Bytes>),
    Hashing(Bytes, JoinHandle<ipld::Result<()>>),
    Fetching(Fetch),
}

impl Verdict {
    /// The bytes, and from whom they came if that is another one than was asked first.
    async fn bytes(self, from: Option<usize>) -> Result<(Option<usize>, Bytes)> {
        match self {
            Verdict::Known(bytes) => Ok((from, bytes?)),
            Verdict::Hashing(bytes, task) => {
                task.await.map_err(trouble::lost)?.map(|()| (from, bytes)).map_err(|_| bad())
            }
            Verdict::Fetching(fetch) => fetch.finish().await.map(|(from, bytes)| (Some(from), bytes)),
        }
    }
}

impl Reader {
    async fn step(&mut self) -> Result<Option<Bytes>> {
        self.fill().await?;
        let Some(check) = self.checks.pop_front() else { return Ok(None) };
        let bytes = match (check.verdict.bytes(check.from).await, check.from) {
            (Ok((from, bytes)), first) => {
                if let Some(from) = from {
                    // Whoever was slow is not asked for what follows.
                    if first != Some(from) {
                        self.feeder.prefer(from);
                    }
                    self.report.served(&self.replicas[from], check.chunk.len);
                }
                bytes
            }
            (Err(err), None) => return Err(err),
            (Err(err), Some(from)) => {
                let (replicas, report) = (self.replicas.clone(), self.report.clone());
                let is_chunk = err.kind() == ErrorKind::Integrity;
                let (by, bytes) = rescue(&replicas, &report, &check.chunk, (from, err)).await?;
                if !is_chunk {
                    self.feeder.prefer(by);
                }
                bytes
            }
        };
        Ok(Some(trim(&check.chunk, bytes, &self.range)))
    }

    /// Keeps chunks in flight: the first waits for its place in memory, more are taken only while there is room.
    async fn fill(&mut self) -> Result<()> {
        let depth = if self.feeder.is_by_block() { BLOCKS } else { DEPTH };
        while self.checks.len() < depth && !self.ended {
            let permit = match self.checks.is_empty() {
                true => self.budget.clone().acquire_owned().await.map_err(|_| closed())?,
                false => match self.budget.clone().try_acquire_owned() {
                    Ok(permit) => permit,
                    Err(_) => return Ok(()),
                },
            };
            match self.feeder.next().await {
                Ok(Some(piece)) => self.checks.push_back(check(piece, permit)),
                Ok(None) => self.ended = true,
                // What was fetched before is handed over first; the failure shows again when this chunk's turn comes.
                Err(err) if self.checks.is_empty() => return Err(err),
                Err(err) => {
                    self.feeder = Feeder::new(failing(err), self.hedger.clone());
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// A chunk that `from` did not send, or sent wrongly: from every other replica; and once more from itself, as the wire may have been at fault, or the
/// service may only need patience.
async fn rescue(
    replicas: &[Replica],
    report: &ReadReport,
    chunk: &Chunk,
    (from, failure): (usize, Error),
) -> Result<(usize, Bytes)> {
    report.trouble(&replicas[from], chunk.offset, chunk.len, &failure);
    let mut is_bad = failure.kind() == ErrorKind::Integrity;
    let n = if is_bad || feeder::may_pass(&failure) { replicas.len() } else { replicas.len() - 1 };
    for index in (1..=n).map(|step| (from + step) % replicas.len()) {
        let replica = &replicas[index];
        let result = match replica.is_bad(chunk.offset, chunk.len) && index != from {
            true => Err(Error::new(ErrorKind::Integrity, "this chunk is known to be bad here")),
            false => {
                let haste = if index == from || replicas.len() <= 2 { Haste::None } else { Haste::Some };
                body::alone(replica, chunk, haste).await
            }
        };
        match result.and_then(|bytes| chunk.verify(&bytes).map(|()| bytes).map_err(|_| bad())) {
            Ok(bytes) => {
                report.served(replica, chunk.len);
                return Ok((index, bytes));
            }
            Err(err) => {
                is_bad |= err.kind() == ErrorKind::Integrity;
                if index != from {
                    report.trouble(replica, chunk.offset, chunk.len, &err);
                }
            }
        }
    }
    let end = chunk.offset + chunk.len;
    match is_bad {
        true => Err(Error::new(
            ErrorKind::Integrity,
            format!("no replica has good bytes for {}..{end} (chunk {})", chunk.offset, chunk.cid),
        )),
        false => Err(failure),
    }
}

fn bad() -> Error {
    Error::new(ErrorKind::Integrity, "the bytes do not hash to their name")
}

fn check(piece: Piece, permit: OwnedSemaphorePermit) -> Check {
    let Piece { chunk, bytes, from } = piece;
    let verdict = match bytes {
        Coming::Later(fetch) => Verdict::Fetching(fetch),
        // These sat in an inner node that was hashed.
        Coming::Here(bytes) if from.is_none() => Verdict::Known(Ok(bytes)),
        Coming::Here(bytes) if bytes.len() < INLINE => {
            Verdict::Known(chunk.verify(&bytes).map(|()| bytes).map_err(|_| bad()))
        }
        Coming::Here(bytes) => {
            let (chunk, hashed) = (chunk.clone(), bytes.clone());
            Verdict::Hashing(bytes, tokio::task::spawn_blocking(move || chunk.verify(&hashed)))
        }
    };
    Check { chunk, from, verdict, _permit: permit }
}

fn failing(err: Error) -> BoxStream<'static, Result<Chunk>> {
    stream::once(async move { Err(err) }).boxed()
}

fn closed() -> Error {
    Error::new(ErrorKind::Internal, "the manager is closing")
}

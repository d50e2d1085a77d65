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

use super::feeder::{self, Feeder, Piece};
use super::{ReadReport, Replica};
use crate::naming::trim;
use crate::trouble;

/// Chunks of one stream that are being verified at a time.
const DEPTH: usize = 4;
/// Chunks below this size are hashed where they arrive: handing them to another thread costs more.
const INLINE: usize = 32 << 10;

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
}

/// The bytes of a range. Each chunk is hashed before it is handed over; when a replica fails, the stream goes on at that chunk with the next one.
pub(crate) fn verified(ask: Ask) -> ByteStream {
    let replicas = Arc::new(ask.replicas);
    let feeder = Feeder::new(ask.chunks, replicas.clone(), ask.report.clone());
    let reader = Reader {
        feeder,
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
    replicas: Arc<Vec<Replica>>,
    report: ReadReport,
    range: Range<u64>,
    budget: Arc<Semaphore>,
    checks: VecDeque<Check>,
    ended: bool,
}

/// A chunk that is being hashed, and the place in memory that it takes.
struct Check {
    chunk: Chunk,
    bytes: Bytes,
    from: Option<usize>,
    verdict: Verdict,
    _permit: OwnedSemaphorePermit,
}

enum Verdict {
    Known(ipld::Result<()>),
    Pending(JoinHandle<ipld::Result<()>>),
}

impl Reader {
    async fn step(&mut self) -> Result<Option<Bytes>> {
        self.fill().await?;
        let Some(check) = self.checks.pop_front() else { return Ok(None) };
        let verdict = match check.verdict {
            Verdict::Known(verdict) => verdict,
            Verdict::Pending(task) => task.await.map_err(trouble::lost)?,
        };
        let bytes = match (verdict, check.from) {
            (Ok(()), from) => {
                if let Some(from) = from {
                    self.report.served(&self.replicas[from], check.chunk.len);
                }
                check.bytes
            }
            (Err(err), None) => return Err(trouble::ipld(err)),
            (Err(_), Some(from)) => {
                let (replicas, report) = (self.replicas.clone(), self.report.clone());
                rescue(&replicas, &report, &check.chunk, from).await?
            }
        };
        Ok(Some(trim(&check.chunk, bytes, &self.range)))
    }

    /// Keeps chunks in flight: the first waits for its place in memory, more are taken only while there is room.
    async fn fill(&mut self) -> Result<()> {
        while self.checks.len() < DEPTH && !self.ended {
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
                    self.feeder = Feeder::new(failing(err), self.replicas.clone(), self.report.clone());
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// A chunk that `from` sent wrongly: from every other replica, and once more from itself, as the wire may have been at fault.
async fn rescue(replicas: &[Replica], report: &ReadReport, chunk: &Chunk, from: usize) -> Result<Bytes> {
    let bad = || Error::new(ErrorKind::Integrity, "the bytes do not hash to their name");
    report.trouble(&replicas[from], chunk.offset, chunk.len, &bad());
    let n = replicas.len();
    for index in (1..=n).map(|step| (from + step) % n) {
        let replica = &replicas[index];
        let result = match replica.is_bad(chunk.offset, chunk.len) && index != from {
            true => Err(Error::new(ErrorKind::Integrity, "this chunk is known to be bad here")),
            false => feeder::alone(replica, chunk).await,
        };
        match result.and_then(|bytes| chunk.verify(&bytes).map(|()| bytes).map_err(|_| bad())) {
            Ok(bytes) => {
                report.served(replica, chunk.len);
                return Ok(bytes);
            }
            Err(err) if index != from => report.trouble(replica, chunk.offset, chunk.len, &err),
            Err(_) => {}
        }
    }
    let end = chunk.offset + chunk.len;
    Err(Error::new(
        ErrorKind::Integrity,
        format!("no replica has good bytes for {}..{end} (chunk {})", chunk.offset, chunk.cid),
    ))
}

fn check(piece: Piece, permit: OwnedSemaphorePermit) -> Check {
    let Piece { chunk, bytes, from } = piece;
    let verdict = match bytes.len() < INLINE || from.is_none() {
        true => Verdict::Known(if from.is_some() { chunk.verify(&bytes) } else { Ok(()) }),
        false => {
            let (chunk, bytes) = (chunk.clone(), bytes.clone());
            Verdict::Pending(tokio::task::spawn_blocking(move || chunk.verify(&bytes)))
        }
    };
    Check { chunk, bytes, from, verdict, _permit: permit }
}

fn failing(err: Error) -> BoxStream<'static, Result<Chunk>> {
    stream::once(async move { Err(err) }).boxed()
}

fn closed() -> Error {
    Error::new(ErrorKind::Internal, "the manager is closing")
}

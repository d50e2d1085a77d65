//! Reading content: verified chunk by chunk, from whichever replica still works.

use std::ops::Range;

use backend_core::{ByteRange, ByteStream, ErrorKind, Result};
use futures::stream::BoxStream;
use ipld::Cid;
use ipld::plan::Chunk;
use ipld::resolve::Target;

use crate::cache;
use crate::catalog::Catalog;
use crate::catalog::events::{self, Event, Verb};
use crate::catalog::replicas::{self, BadChunk, ReplicaAt, ReplicaState};
use crate::find::Stored;
use crate::manager::Manager;
use crate::naming;
use crate::read::{self, Ask, ReadReport, Replica, Trouble};

/// Content that is being read.
pub struct Reading {
    /// Which.
    pub cid: Cid,
    /// How long it is, bytes.
    pub size: u64,
    /// Which bytes follow.
    pub range: Range<u64>,
    /// The bytes, verified.
    pub body: ByteStream,
    /// What is met on the way; complete when the body has ended.
    pub report: ReadReport,
}

impl std::fmt::Debug for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reading").field("cid", &self.cid).field("range", &self.range).finish_non_exhaustive()
    }
}

impl Manager {
    /// Reads the file that `target` names, or a range of it.
    ///
    /// # Errors
    /// `NotFound` when nothing is known of it or no replica can be read; `InvalidRange`; `InvalidInput` for a directory. In mid-stream: `Integrity`
    /// when no replica has good bytes for a chunk.
    pub async fn read(&self, target: &Target, range: Option<ByteRange>) -> Result<Reading> {
        let (stored, size) = self.file(target).await?;
        let range = range.unwrap_or(ByteRange::From(0)).within(size)?;
        // The reader's own tells nobody: whoever keeps it does not keep the catalog open.
        let report = ReadReport::default();
        let body = self.served(&stored, size, range.clone(), self.listen(report.clone())).await;
        Ok(Reading { cid: target.cid, size, range, body, report })
    }

    pub(crate) fn body(&self, stored: &Stored, size: u64, range: Range<u64>, report: ReadReport) -> ByteStream {
        let cid = stored.content.cid;
        // A foreign raw block was fetched to learn its size: without one, the plan asks for it as a node, which is at hand.
        let size = Some(size).filter(|_| !(stored.is_foreign && cid.codec() == ipld::address::RAW));
        let chunks = naming::chunks(stored.dag.clone(), cid, size, range.clone());
        let ask = self.asking(chunks, range, stored.replicas.clone(), report);
        read::verified(ask)
    }

    /// A question of this manager's: its chunks in memory and its extra requests are those of all.
    pub(crate) fn asking(
        &self,
        chunks: BoxStream<'static, Result<Chunk>>,
        range: Range<u64>,
        replicas: Vec<Replica>,
        report: ReadReport,
    ) -> Ask {
        Ask { chunks, range, replicas, report, budget: self.budget(), hedging: self.hedging() }
    }

    /// A report that also tells the catalog: a copy that showed a wrong byte is suspect from now on.
    pub(crate) fn listen(&self, report: ReadReport) -> ReadReport {
        let catalog = self.catalog().clone();
        report.telling(move |replica, trouble| {
            if let Some(slot) = replica.cached {
                cache::distrust(&catalog, replica, slot, trouble);
            }
            if trouble.kind == ErrorKind::Integrity
                && let Err(err) = suspect(&catalog, replica, trouble)
            {
                tracing::warn!(backend = %replica.name, error = %err, "a bad chunk could not be noted");
            }
        })
    }
}

fn suspect(catalog: &Catalog, replica: &Replica, trouble: &Trouble) -> Result<()> {
    let Some(row) = &replica.row else { return Ok(()) };
    let id = row.replica.clone();
    let bad = BadChunk { offset: trouble.offset, len: trouble.len };
    let (backend, message) = (replica.name.clone(), trouble.message.clone());
    catalog.post(move |conn| {
        let now = crate::manager::now();
        let Some(row) = replicas::find(conn, &id)? else { return Ok(()) };
        if row.state != ReplicaState::Present {
            return Ok(());
        }
        let mut chunks = row.bad_chunks.clone();
        chunks.push(bad);
        let _ = replicas::suspect(conn, &ReplicaAt { replica: id, epoch: row.epoch }, &chunks, &message, now)?;
        let body = format!("{{\"offset\":{},\"len\":{}}}", bad.offset, bad.len);
        events::append(conn, &Event { at: now, verb: Verb::Suspected, cid: None, backend: Some(backend), body })
            .map(drop)
    })
}

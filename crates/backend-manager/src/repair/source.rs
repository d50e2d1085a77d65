//! What a copy is mended from: verified chunks of every copy that can be read, half-broken ones included, counted as they are lent.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use backend_core::{ByteStream, Content, Dag, DigestKind, Error, ErrorKind, Open, Result};
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::catalog::aliases;
use crate::catalog::contents::{ContentKind, ContentRow};
use crate::find::Stored;
use crate::manager::Manager;
use crate::naming::{told_by, with_digests};
use crate::read::ReadReport;

/// A file as its copies have it.
struct Copies {
    manager: Manager,
    stored: Stored,
    size: u64,
    report: ReadReport,
    lent: Arc<AtomicU64>,
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the copies of {}", self.stored.content.cid)
    }
}

#[async_trait]
impl Open for Copies {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let lent = self.lent.clone();
        let body = self.manager.body(&self.stored, self.size, range, self.report.clone());
        let counted = body.inspect_ok(move |bytes| {
            lent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        });
        Ok(counted.boxed())
    }
}

/// Content to be sent, and what was met and lent on the way.
pub(super) struct Source {
    pub(super) content: Content,
    pub(super) report: ReadReport,
    lent: Arc<AtomicU64>,
}

impl Source {
    /// Bytes that were lent so far.
    pub(super) fn lent(&self) -> u64 {
        self.lent.load(Ordering::Relaxed)
    }
}

impl Manager {
    /// `stored` as content, with the digests that a store `needs`: those that are on record, and the others by reading it once.
    ///
    /// # Errors
    /// `NotFound` when its size is not known; `Unsupported` for a digest that nobody here computes; what reading answers.
    pub(super) async fn source(&self, row: &ContentRow, stored: &Stored, needs: &[DigestKind]) -> Result<Source> {
        let size = stored.content.size;
        let size = size.ok_or_else(|| Error::new(ErrorKind::NotFound, "its size is not known yet"))?;
        let (report, lent) = (self.listen(ReadReport::default()), Arc::new(AtomicU64::new(0)));
        let cid = stored.content.cid;
        let copies = Copies {
            manager: self.clone(),
            stored: stored.clone(),
            size,
            report: report.clone(),
            lent: lent.clone(),
        };
        let content = match stored.content.kind {
            ContentKind::Directory => Content::tree(cid, size, stored.dag.clone(), Arc::new(copies)),
            ContentKind::Raw => Content::file(cid, size, Dag::empty(), Arc::new(copies)),
            _ => Content::file(cid, size, stored.dag.clone(), Arc::new(copies)),
        };
        let number = row.number;
        let mut digests = self.catalog().read(move |conn| aliases::of(conn, number)).await?;
        digests.extend(told_by(&cid));
        let content = content.with_digests(digests);
        let missing: Vec<_> = needs.iter().copied().filter(|kind| content.digest(*kind).is_none()).collect();
        let content = match stored.content.kind {
            ContentKind::Directory => content,
            _ => with_digests(content, &missing).await?,
        };
        lent.store(0, Ordering::Relaxed);
        Ok(Source { content, report, lent })
    }
}

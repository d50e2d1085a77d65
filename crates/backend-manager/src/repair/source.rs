//! What a copy is mended from: verified chunks of every copy that can be read, half-broken ones included, counted as they are lent.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use backend_core::{Addressing, ByteStream, Content, Error, ErrorKind, Info, Open, Result, Shape};
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
}

impl fmt::Debug for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the copies of {}", self.stored.content.cid)
    }
}

#[async_trait]
impl Open for Copies {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        match range.is_empty() {
            true => Ok(stream::empty().boxed()),
            false => Ok(self.manager.body(&self.stored, self.size, range, self.report.clone())),
        }
    }
}

/// Counts what is lent.
#[derive(Debug)]
struct Counted {
    content: Content,
    lent: Arc<AtomicU64>,
}

#[async_trait]
impl Open for Counted {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        let lent = self.lent.clone();
        let counted = self.content.open(range).await?.inspect_ok(move |bytes| {
            lent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        });
        Ok(counted.boxed())
    }
}

/// Content to be sent, and what was met and lent on the way.
pub(super) struct Source {
    pub(super) content: Content,
    /// A folder with its files, for stores of CIDs.
    pub(super) whole: Option<Content>,
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
    /// `stored` as it is sent to a store, with the digests that this `needs`: those that are on record, and the others by reading it once.
    ///
    /// # Errors
    /// `NotFound` when its size is not known; `Unsupported` for a digest that nobody here computes; what reading answers.
    pub(super) async fn source(&self, row: &ContentRow, stored: &Stored, info: &Info) -> Result<Source> {
        let (report, lent) = (self.listen(ReadReport::default()), Arc::default());
        if stored.content.kind == ContentKind::Directory {
            let content = self.content_of(stored, &info.needs).await?;
            let whole = match info.addressing {
                Addressing::Cid => Some(counted(&self.whole_of(stored, row.number).await?, &lent)),
                _ => None,
            };
            return Ok(Source { content, whole, report, lent });
        }
        let size = stored.content.size;
        let size = size.ok_or_else(|| Error::new(ErrorKind::NotFound, "its size is not known yet"))?;
        let copies = Copies { manager: self.clone(), stored: stored.clone(), size, report: report.clone() };
        let content = Content::file(stored.content.cid, size, stored.dag.clone(), Arc::new(copies));
        let number = row.number;
        let mut digests = self.catalog().read(move |conn| aliases::of(conn, number)).await?;
        digests.extend(told_by(&stored.content.cid));
        let content = content.with_digests(digests);
        let missing: Vec<_> = info.needs.iter().copied().filter(|kind| content.digest(*kind).is_none()).collect();
        let content = with_digests(content, &missing).await?;
        Ok(Source { content: counted(&content, &lent), whole: None, report, lent })
    }
}

fn counted(content: &Content, lent: &Arc<AtomicU64>) -> Content {
    let source = Arc::new(Counted { content: content.clone(), lent: lent.clone() });
    let (cid, len, dag) = (*content.cid(), content.len(), content.dag().clone());
    let made = match content.shape() {
        Shape::File => Content::file(cid, len, dag, source),
        Shape::Tree => Content::tree(cid, len, dag, source),
    };
    made.with_digests(content.digests().to_vec())
}

//! Stored content as content that can be sent: its bytes come, verified, from whichever copies still work.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{ByteStream, Content, Dag, DigestKind, Error, ErrorKind, Open, Result};
use futures::TryStreamExt;
use ipld::{Block, Cid};

use crate::add::Nothing;
use crate::catalog::contents::{self, ContentKind};
use crate::catalog::{ContentNumber, aliases, blocks, links};
use crate::find::Stored;
use crate::manager::Manager;
use crate::naming::{self, Files, NodeSpool};

/// Members of a folder that are looked up at a time.
const PAGE: usize = 500;

impl Manager {
    /// `stored` as content. Of a directory these are its nodes alone, as stores of keys are sent them; its files are contents of their own. Digests that
    /// the catalog does not know cost one more reading.
    ///
    /// # Errors
    /// `NotFound` when its size is not known; what reading it for a digest answers.
    pub(crate) async fn content_of(&self, stored: &Stored, needs: &[DigestKind]) -> Result<Content> {
        let cid = stored.content.cid;
        let len = size(stored)?;
        if stored.content.kind == ContentKind::Directory {
            return Ok(Content::tree(cid, len, stored.dag.clone(), Arc::new(Nothing)));
        }
        let source = Copies { manager: self.clone(), stored: stored.clone(), len };
        let content = Content::file(cid, len, stored.dag.clone(), Arc::new(source));
        let known = self.catalog().read(move |conn| match contents::find(conn, &cid)? {
            Some(row) => aliases::of(conn, row.number),
            None => Ok(Vec::new()),
        });
        let digests = known.await?.into_iter().chain(naming::told_by(&cid)).collect();
        let content = content.with_digests(digests);
        let missing: Vec<DigestKind> = needs.iter().copied().filter(|kind| content.digest(*kind).is_none()).collect();
        naming::with_digests(content, &missing).await
    }

    /// A directory with everything in it, as stores of CIDs are sent it.
    ///
    /// # Errors
    /// `NotFound` when the catalog does not know `folder`, or one of its files.
    pub(crate) async fn whole_of(&self, stored: &Stored, folder: ContentNumber) -> Result<Content> {
        let mut nodes = NodeSpool::new(&self.spool_folder());
        gather(&stored.dag, &mut nodes).await?;
        let mut after = None;
        loop {
            let page = self.catalog().read(move |conn| links::children(conn, folder, after, PAGE)).await?;
            let Some(last) = page.last().copied() else { break };
            after = Some(last);
            for child in page {
                gather(&blocks::dag(self.catalog(), child).await?, &mut nodes).await?;
            }
        }
        let cid = stored.content.cid;
        let seal = tokio::task::spawn_blocking(move || nodes.finish(&cid));
        let dag = seal.await.map_err(crate::trouble::lost)??;
        let files = Arc::new(Members { manager: self.clone() });
        let source = naming::one_after_another(cid, dag.clone(), files);
        Ok(Content::tree(cid, size(stored)?, dag, source))
    }
}

fn size(stored: &Stored) -> Result<u64> {
    stored.content.size.ok_or_else(|| Error::new(ErrorKind::NotFound, "its size is not known yet"))
}

async fn gather(dag: &Dag, nodes: &mut NodeSpool) -> Result<()> {
    let mut walk = dag.walk();
    while let Some((cid, data)) = walk.try_next().await? {
        nodes.push(Block { cid, data })?;
    }
    Ok(())
}

/// The copies of one file.
#[derive(Debug)]
struct Copies {
    manager: Manager,
    stored: Stored,
    len: u64,
}

#[async_trait]
impl Open for Copies {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        let report = self.manager.listen(crate::read::ReadReport::default());
        Ok(self.manager.body(&self.stored, self.len, range, report))
    }
}

/// The files of a folder, each from its own copies.
#[derive(Debug)]
struct Members {
    manager: Manager,
}

#[async_trait]
impl Files for Members {
    async fn file(&self, cid: &Cid) -> Result<(Arc<dyn Open>, u64)> {
        let stored = self.manager.holding(cid).await?;
        let len = size(&stored)?;
        Ok((Arc::new(Copies { manager: self.manager.clone(), stored, len }), len))
    }
}

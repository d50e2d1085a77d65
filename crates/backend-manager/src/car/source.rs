//! Files of an archive as sources: their bytes are taken from its blocks, and each block is hashed.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{ByteStream, Dag, Open, Result};
use bytes::Bytes;
use futures::stream::{StreamExt, TryStreamExt};
use ipld::Cid;
use ipld::plan::{Chunk, Wrap};
use ipld::unixfs::{self, Node};

use super::archive::Archive;
use crate::naming::{self, Files};
use crate::trouble;

/// Blocks that are read and hashed at a time.
const AHEAD: usize = 2;

pub(super) fn of_file(archive: &Archive, cid: Cid, len: u64, dag: Dag) -> Arc<dyn Open> {
    Arc::new(File { archive: archive.clone(), cid, len, dag })
}

/// All files of a folder, in the order in which a walk meets them.
pub(super) fn of_folder(archive: &Archive, root: Cid, dag: Dag) -> Arc<dyn Open> {
    naming::one_after_another(root, dag.clone(), Arc::new(Within { archive: archive.clone(), dag }))
}

#[derive(Debug)]
struct File {
    archive: Archive,
    cid: Cid,
    len: u64,
    dag: Dag,
}

#[async_trait]
impl Open for File {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        self.archive.unchanged()?;
        let archive = self.archive.clone();
        let plan = naming::chunks(self.dag.clone(), self.cid, Some(self.len), range.clone());
        let read = plan.map_ok(move |chunk| {
            let (archive, range) = (archive.clone(), range.clone());
            async move {
                let work = move || plain(&archive, &chunk).map(|bytes| naming::trim(&chunk, bytes, &range));
                tokio::task::spawn_blocking(work).await.map_err(trouble::lost)?
            }
        });
        Ok(read.try_buffered(AHEAD).try_filter(|bytes| std::future::ready(!bytes.is_empty())).boxed())
    }
}

fn plain(archive: &Archive, chunk: &Chunk) -> Result<Bytes> {
    match &chunk.wrap {
        Wrap::Inline(bytes) => Ok(bytes.clone()),
        _ => chunk.unwrap(&archive.unchecked(&chunk.cid)?).map_err(|err| match err {
            ipld::Error::Mismatch { .. } => archive.changed(),
            other => trouble::ipld(other),
        }),
    }
}

#[derive(Debug)]
struct Within {
    archive: Archive,
    /// The inner nodes of all files.
    dag: Dag,
}

#[async_trait]
impl Files for Within {
    async fn file(&self, cid: &Cid) -> Result<(Arc<dyn Open>, u64)> {
        let (archive, wanted) = (self.archive.clone(), *cid);
        let look = move || {
            let node = unixfs::decode(&wanted, &archive.block(&wanted)?).map_err(trouble::ipld)?;
            Ok::<_, backend_core::Error>(match node {
                Node::File(file) => file.size,
                Node::Raw(bytes) => bytes.len() as u64,
                _ => 0,
            })
        };
        let len = tokio::task::spawn_blocking(look).await.map_err(trouble::lost)??;
        Ok((of_file(&self.archive, *cid, len, self.dag.clone()), len))
    }
}

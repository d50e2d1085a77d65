//! The leaves of a folder, one after the other, in the order in which a walk of its DAG meets them: what a store of CIDs is sent as one.
//!
//! Nothing is copied aside. Of each file its place is kept, and the file is opened again when its turn comes; a file that changed meanwhile is not lent.

use std::ffi::OsString;
use std::fmt;
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{ByteStream, Content, Dag, Error, ErrorKind, Open, Result};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use ipld::unixfs::{self, Node};
use ipld::{Block, Cid, address};

use super::fingerprint::Fingerprint;
use super::nodes::NodeSpool;
use super::source::FileSource;
use super::tree::{Found, Tree};
use crate::trouble;

/// Small files are put together into frames of at least this size.
const FRAME: usize = 64 << 10;
/// Links that one walk follows at the most: a few nodes can stand for any number of files.
const VISITS: u64 = 1 << 32;

/// What is kept of a folder's files while it is named: their inner nodes, and where each lies. Beyond a few MiB it goes to unlinked files.
#[derive(Debug)]
pub(crate) struct Leaves {
    nodes: NodeSpool,
    places: NodeSpool,
    len: u64,
}

impl Leaves {
    pub(crate) fn new(spool: &Path) -> Self {
        Self { nodes: NodeSpool::new(spool), places: NodeSpool::new(spool), len: 0 }
    }

    /// Takes note of files, in any order; each time that a folder has a file counts.
    ///
    /// # Errors
    /// What putting it aside answers.
    pub(crate) async fn note(&mut self, files: &[Found]) -> Result<()> {
        for file in files {
            let entry = &file.named.entry;
            self.len += entry.size;
            self.places.push(Block { cid: entry.cid, data: place(file) })?;
            let mut nodes = file.named.dag.walk();
            while let Some((cid, data)) = nodes.try_next().await? {
                self.nodes.push(Block { cid, data })?;
            }
        }
        Ok(())
    }

    /// The folder with everything in it.
    ///
    /// # Errors
    /// What putting it aside answers.
    pub(crate) async fn finish(mut self, tree: &Tree) -> Result<Content> {
        let mut nodes = tree.dag.walk();
        while let Some((cid, data)) = nodes.try_next().await? {
            self.nodes.push(Block { cid, data })?;
        }
        let (root, len) = (tree.entry.cid, self.len);
        let seal = move || Ok::<_, Error>((self.nodes.finish(&root)?, self.places.unordered()?));
        let sealed = tokio::task::spawn_blocking(seal);
        let (dag, places) = sealed.await.map_err(trouble::lost)??;
        let files = Arc::new(Places { dag: dag.clone(), places });
        Ok(Content::tree(address::to_v1(&root), len, dag.clone(), one_after_another(root, dag, files)))
    }
}

/// Length, fingerprint, path.
fn place(file: &Found) -> Bytes {
    let mut data = BytesMut::from(&file.named.entry.size.to_le_bytes()[..]);
    data.extend_from_slice(&file.fingerprint.to_bytes());
    data.extend_from_slice(file.path.as_os_str().as_bytes());
    data.freeze()
}

fn from_place(data: &[u8]) -> Option<(u64, Fingerprint, PathBuf)> {
    let (len, rest) = data.split_first_chunk::<8>()?;
    let (fingerprint, path) = rest.split_first_chunk::<{ Fingerprint::BYTES }>()?;
    let path = OsString::from_vec(path.to_vec());
    Some((u64::from_le_bytes(*len), Fingerprint::from_bytes(fingerprint), path.into()))
}

/// Where the files of a folder are to be had.
#[async_trait]
pub(crate) trait Files: fmt::Debug + Send + Sync + 'static {
    /// The file of this name, and its length.
    async fn file(&self, cid: &Cid) -> Result<(Arc<dyn Open>, u64)>;
}

/// The files below `root`, in the order in which a walk of `dag`, the inner nodes of all, meets them.
pub(crate) fn one_after_another(root: Cid, dag: Dag, files: Arc<dyn Files>) -> Arc<dyn Open> {
    Arc::new(Source { root, dag, files })
}

/// A file, and which of its bytes.
type Part = (Arc<dyn Open>, Range<u64>);

#[derive(Debug, Clone)]
struct Source {
    root: Cid,
    /// Directories, and the inner nodes of all files.
    dag: Dag,
    files: Arc<dyn Files>,
}

#[async_trait]
impl Open for Source {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        let opened = self.files(range).and_then(|(file, range)| async move { file.open(range).await });
        Ok(framed(opened.try_flatten().boxed()))
    }

    async fn open_unproved(&self, range: Range<u64>) -> Result<ByteStream> {
        let opened = self.files(range).and_then(|(file, range)| async move { file.open_unproved(range).await });
        Ok(framed(opened.try_flatten().boxed()))
    }
}

impl Source {
    fn files(&self, range: Range<u64>) -> BoxStream<'static, Result<Part>> {
        let walk = Walk { source: self.clone(), pending: vec![self.root], visits: 0, at: 0, range };
        stream::try_unfold(walk, |mut walk| async move { Ok::<_, Error>(walk.next().await?.map(|file| (file, walk))) })
            .boxed()
    }
}

struct Walk {
    source: Source,
    /// The next one last.
    pending: Vec<Cid>,
    visits: u64,
    at: u64,
    range: Range<u64>,
}

impl Walk {
    /// The next file that has bytes in the range, and which of its bytes.
    async fn next(&mut self) -> Result<Option<Part>> {
        while self.at < self.range.end
            && let Some(cid) = self.pending.pop()
        {
            self.visits += 1;
            if VISITS < self.visits {
                return Err(Error::new(ErrorKind::TooLarge, "a folder of more than 2^32 entries"));
            }
            let Some((file, len)) = self.visit(&cid).await? else { continue };
            let (from, to) = (self.range.start.saturating_sub(self.at), self.range.end - self.at);
            self.at += len;
            let (from, to) = (from.min(len), to.min(len));
            if from < to {
                return Ok(Some((file, from..to)));
            }
        }
        Ok(None)
    }

    /// The file that `cid` names; of a directory, what lies in it is visited next.
    async fn visit(&mut self, cid: &Cid) -> Result<Option<(Arc<dyn Open>, u64)>> {
        let links: Vec<Cid> = match self.source.dag.find(cid).await? {
            None if address::inline(cid).is_some() => return Ok(None),
            None => return self.source.files.file(cid).await.map(Some),
            Some(node) => match unixfs::decode(cid, &node).map_err(trouble::ipld)? {
                Node::File(_) | Node::Raw(_) => return self.source.files.file(cid).await.map(Some),
                Node::Directory(links) => links.into_iter().map(|link| link.cid).collect(),
                Node::Shard(shard) => shard.slots.into_iter().map(|slot| slot.link.cid).collect(),
                Node::Symlink(_) => Vec::new(),
            },
        };
        self.pending.extend(links.into_iter().rev());
        Ok(None)
    }
}

/// Files of this machine.
#[derive(Debug)]
struct Places {
    dag: Dag,
    places: Dag,
}

#[async_trait]
impl Files for Places {
    async fn file(&self, cid: &Cid) -> Result<(Arc<dyn Open>, u64)> {
        let place = self.places.find(cid).await?;
        let lost = || Error::new(ErrorKind::Internal, format!("where {cid} lies was not noted"));
        let (len, fingerprint, path) = place.as_deref().and_then(from_place).ok_or_else(lost)?;
        Ok((Arc::new(FileSource::new(None, path, Some(fingerprint), (*cid, len, self.dag.clone()))), len))
    }
}

/// Many small frames as fewer large ones.
fn framed(frames: ByteStream) -> ByteStream {
    stream::try_unfold(frames, |mut frames| async move {
        let Some(first) = frames.try_next().await? else { return Ok(None) };
        if FRAME <= first.len() {
            return Ok(Some((first, frames)));
        }
        let mut frame = BytesMut::from(&first[..]);
        while frame.len() < FRAME
            && let Some(next) = frames.try_next().await?
        {
            frame.extend_from_slice(&next);
        }
        Ok(Some((frame.freeze(), frames)))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use ipld::profile::UNIXFS_V1_2025;

    use super::super::{How, Visitor, walk};
    use super::*;

    /// A folder of a small file, an empty one, the same two-chunk file twice in equal folders, and a link; as content.
    async fn folder(root: &Path) -> Content {
        for sub in ["a", "b"] {
            std::fs::create_dir(root.join(sub)).unwrap();
            std::fs::write(root.join(sub).join("same"), vec![7; 1_500_000]).unwrap();
        }
        std::fs::write(root.join("small"), "small").unwrap();
        std::fs::write(root.join("zero"), "").unwrap();
        std::os::unix::fs::symlink("small", root.join("link")).unwrap();
        let how = How {
            profile: UNIXFS_V1_2025,
            hidden: true,
            digests: Vec::new(),
            progress: backend_core::Progress::new(),
            cancelled: Arc::new(AtomicBool::new(false)),
            spool: std::env::temp_dir(),
        };
        let (mut all, mut leaves) = (Vec::new(), Leaves::new(&how.spool));
        let visitor = Visitor {
            how,
            found: |files: Vec<Found>| {
                all.extend(files);
                Ok(())
            },
        };
        let tree = walk(root, visitor).unwrap();
        leaves.note(&all).await.unwrap();
        leaves.finish(&tree).await.unwrap()
    }

    async fn read(content: &Content, range: Range<u64>) -> Result<Vec<u8>> {
        let frames: Vec<Bytes> = content.open(range).await?.try_collect().await?;
        Ok(frames.concat())
    }

    #[tokio::test]
    async fn leaves_come_in_the_order_of_the_walk_from_anywhere() {
        let root = tempfile::tempdir().unwrap();
        let content = folder(root.path()).await;
        let wanted = [vec![7; 3_000_000], b"small".to_vec()].concat();
        assert_eq!(content.len(), wanted.len() as u64);
        for range in
            [0..3_000_005, 0..0, 1_499_999..1_500_001, 1_048_576..1_048_577, 2_999_999..3_000_003, 3_000_005..3_000_005]
        {
            let part = wanted[range.start as usize..range.end as usize].to_vec();
            assert!(read(&content, range.clone()).await.unwrap() == part, "{range:?}");
        }
    }

    #[tokio::test]
    async fn a_file_that_changed_is_not_lent() {
        let root = tempfile::tempdir().unwrap();
        let content = folder(root.path()).await;
        std::fs::write(root.path().join("small"), "SMALL").unwrap();
        assert_eq!(read(&content, 0..100).await.unwrap(), vec![7; 100], "what comes before is as it was");
        assert_eq!(read(&content, 0..3_000_005).await.unwrap_err().kind(), ErrorKind::SourceChanged);
    }
}

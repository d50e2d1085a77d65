//! Named files as the source of an upload: each chunk is checked against its name while it is lent.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{ByteStream, Dag, Error, ErrorKind, Open, Result};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use ipld::Cid;
use ipld::plan::{Chunk, Plan, Step, Wrap};

use super::fingerprint::{self, Fingerprint};
use crate::trouble;

/// No block that any network passes on is larger (the bound of bitswap and of the gateways); a larger "leaf" is an inner node that is missing.
pub(crate) const BLOCK_MAX: u64 = 4 << 20;

/// Read at a time where nothing is hashed, bytes.
const PIECE: u64 = 256 << 10;

/// The chunks of a range, in order, whole. Inner nodes come from `dag`, and are hashed.
pub(crate) fn chunks(dag: Dag, root: Cid, size: Option<u64>, range: Range<u64>) -> BoxStream<'static, Result<Chunk>> {
    let plan = Plan::new(root, size, range);
    stream::try_unfold((plan, dag), |(mut plan, dag)| async move {
        loop {
            match plan.next().map_err(trouble::ipld)? {
                Step::Done => return Ok::<_, Error>(None),
                Step::Chunk(chunk) if BLOCK_MAX < chunk.len && matches!(chunk.wrap, Wrap::Node) => {
                    return Err(Error::new(ErrorKind::Integrity, format!("the inner node {} is missing", chunk.cid)));
                }
                Step::Chunk(chunk) => return Ok(Some((chunk, (plan, dag)))),
                Step::Need(cid) => match dag.find(&cid).await? {
                    Some(node) => plan.feed(&cid, &node).map_err(trouble::ipld)?,
                    None => plan.leaf(&cid).map_err(trouble::ipld)?,
                },
            }
        }
    })
    .boxed()
}

/// The part of a chunk's bytes that lies in `range`.
pub(crate) fn trim(chunk: &Chunk, bytes: Bytes, range: &Range<u64>) -> Bytes {
    let from = range.start.saturating_sub(chunk.offset).min(bytes.len() as u64) as usize;
    let to = range.end.saturating_sub(chunk.offset).min(bytes.len() as u64) as usize;
    bytes.slice(from..to.max(from))
}

/// A file that was named. Its bytes are lent only while they are what was named.
#[derive(Debug)]
pub(crate) struct FileSource {
    /// `None`: opened when it is needed, so that a folder of many files does not hold them all open.
    file: Option<Arc<File>>,
    path: PathBuf,
    /// `None` for a spool that nobody else can write to.
    fingerprint: Option<Fingerprint>,
    cid: Cid,
    len: u64,
    dag: Dag,
}

impl FileSource {
    /// `path` is opened again by leaves that copy by themselves.
    pub(crate) fn new(
        file: Option<Arc<File>>,
        path: PathBuf,
        fingerprint: Option<Fingerprint>,
        (cid, len, dag): (Cid, u64, Dag),
    ) -> Self {
        Self { file, path, fingerprint, cid, len, dag }
    }
}

impl FileSource {
    fn opened(&self) -> Result<Arc<File>> {
        match &self.file {
            Some(file) => Ok(file.clone()),
            None => super::open(&self.path).map(Arc::new),
        }
    }
}

#[async_trait]
impl Open for FileSource {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        self.unchanged()?;
        let file = self.opened()?;
        let path = self.path.clone();
        let plan = chunks(self.dag.clone(), self.cid, Some(self.len), range.clone());
        let read = plan.map_ok(move |chunk| {
            let (file, path, range) = (file.clone(), path.clone(), range.clone());
            async move {
                let work = move || read_chunk(&file, &path, &chunk).map(|bytes| trim(&chunk, bytes, &range));
                tokio::task::spawn_blocking(work).await.map_err(trouble::lost)?
            }
        });
        Ok(read.try_buffered(2).try_filter(|bytes| futures::future::ready(!bytes.is_empty())).boxed())
    }

    async fn open_unproved(&self, range: Range<u64>) -> Result<ByteStream> {
        self.unchanged()?;
        let file = self.opened()?;
        let (path, fingerprint, end) = (self.path.clone(), self.fingerprint, range.end);
        let starts = stream::iter(range.clone().step_by(PIECE as usize));
        let read = starts.map(move |at| {
            let (file, path) = (file.clone(), path.clone());
            let work = move || read_piece(&file, &path, at..end.min(at + PIECE));
            async move { tokio::task::spawn_blocking(work).await.map_err(trouble::lost)? }
        });
        let path = self.path.clone();
        // What was written to it meanwhile is seen before the last of it can be taken for whole.
        let judged = stream::once(async move { fingerprint.map_or(Ok(()), |it| it.check(&path)) });
        let judged = judged.try_filter_map(|()| futures::future::ready(Ok(None)));
        Ok(read.buffered(2).chain(judged).boxed())
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn unchanged(&self) -> Result<()> {
        self.fingerprint.map_or(Ok(()), |it| it.check(&self.path))
    }
}

fn read_piece(file: &File, path: &Path, range: Range<u64>) -> Result<Bytes> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    read_exact(file, path, &mut bytes, range.start)?;
    Ok(bytes.into())
}

fn read_exact(file: &File, path: &Path, bytes: &mut [u8], at: u64) -> Result<()> {
    file.read_exact_at(bytes, at).map_err(|err| match err.kind() {
        std::io::ErrorKind::UnexpectedEof => fingerprint::changed(path),
        _ => trouble::file("read", path, err),
    })
}

fn read_chunk(file: &File, path: &Path, chunk: &Chunk) -> Result<Bytes> {
    if let Wrap::Inline(bytes) = &chunk.wrap {
        return Ok(bytes.clone());
    }
    let mut bytes = vec![0; usize::try_from(chunk.len).map_err(|_| fingerprint::changed(path))?];
    read_exact(file, path, &mut bytes, chunk.offset)?;
    chunk.verify(&bytes).map_err(|_| fingerprint::changed(path))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use ipld::profile::UNIXFS_V1_2025;
    use std::sync::atomic::AtomicBool;

    use super::super::{Job, name_file};
    use super::*;

    /// Names a file of 2.5 MiB, lets `change` have it, and reads it through its source.
    async fn check(change: impl FnOnce(&Path), watched: bool) -> Result<usize> {
        let (_folder, source) = named(change, watched);
        let frames: Vec<Bytes> = source.open(0..2_500_000).await?.try_collect().await?;
        Ok(frames.concat().len())
    }

    /// The same, of the bytes as they are.
    async fn unproved(change: impl FnOnce(&Path), watched: bool, range: Range<u64>) -> Result<usize> {
        let (_folder, source) = named(change, watched);
        let frames: Vec<Bytes> = source.open_unproved(range).await?.try_collect().await?;
        Ok(frames.concat().len())
    }

    fn named(change: impl FnOnce(&Path), watched: bool) -> (tempfile::TempDir, FileSource) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![7; 2_500_000]).unwrap();
        let file = File::open(&path).unwrap();
        let meta = file.metadata().unwrap();
        let (progress, cancelled) = (backend_core::Progress::new(), AtomicBool::new(false));
        let job = Job {
            file: &file,
            path: &path,
            len: meta.len(),
            profile: UNIXFS_V1_2025,
            digests: &[],
            progress: &progress,
            cancelled: &cancelled,
            spool: folder.path(),
        };
        let named = name_file(&job, 2).unwrap();
        let fingerprint = watched.then(|| Fingerprint::of(&meta));
        change(&path);
        let source =
            FileSource::new(Some(Arc::new(file)), path, fingerprint, (named.entry.cid, named.entry.size, named.dag));
        (folder, source)
    }

    #[tokio::test]
    async fn a_source_that_changed_is_never_lent() {
        use std::io::Write;
        let grow = |path: &Path| {
            File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
        };
        let shrink = |path: &Path| File::options().write(true).open(path).unwrap().set_len(2_000_000).unwrap();
        let alter =
            |path: &Path| File::options().write(true).open(path).unwrap().write_all_at(b"x", 1_200_000).unwrap();
        assert_eq!(check(|_| (), true).await.unwrap(), 2_500_000);
        assert_eq!(unproved(|_| (), true, 0..2_500_000).await.unwrap(), 2_500_000);
        assert_eq!(unproved(|_| (), true, 262_143..1_500_001).await.unwrap(), 1_237_858);
        assert_eq!(unproved(grow, true, 0..2_500_000).await.unwrap_err().kind(), ErrorKind::SourceChanged);
        assert_eq!(unproved(shrink, false, 0..2_500_000).await.unwrap_err().kind(), ErrorKind::SourceChanged);
        assert_eq!(check(grow, true).await.unwrap_err().kind(), ErrorKind::SourceChanged);
        // Without a fingerprint the hashes alone find it.
        assert_eq!(check(shrink, false).await.unwrap_err().kind(), ErrorKind::SourceChanged);
        assert_eq!(check(alter, false).await.unwrap_err().kind(), ErrorKind::SourceChanged);
    }
}

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

#[async_trait]
impl Open for FileSource {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        self.unchanged()?;
        let file = match &self.file {
            Some(file) => file.clone(),
            None => Arc::new(super::open(&self.path)?),
        };
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

    fn path(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn unchanged(&self) -> Result<()> {
        self.fingerprint.map_or(Ok(()), |it| it.check(&self.path))
    }
}

fn read_chunk(file: &File, path: &Path, chunk: &Chunk) -> Result<Bytes> {
    if let Wrap::Inline(bytes) = &chunk.wrap {
        return Ok(bytes.clone());
    }
    let mut bytes = vec![0; usize::try_from(chunk.len).map_err(|_| fingerprint::changed(path))?];
    file.read_exact_at(&mut bytes, chunk.offset).map_err(|err| match err.kind() {
        std::io::ErrorKind::UnexpectedEof => fingerprint::changed(path),
        _ => trouble::file("read", path, err),
    })?;
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
        let frames: Vec<Bytes> = source.open(0..2_500_000).await?.try_collect().await?;
        Ok(frames.concat().len())
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
        assert_eq!(check(grow, true).await.unwrap_err().kind(), ErrorKind::SourceChanged);
        // Without a fingerprint the hashes alone find it.
        assert_eq!(check(shrink, false).await.unwrap_err().kind(), ErrorKind::SourceChanged);
        assert_eq!(check(alter, false).await.unwrap_err().kind(), ErrorKind::SourceChanged);
    }
}

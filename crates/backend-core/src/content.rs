//! Bytes on their way in: named, of known length, and re-openable at any range.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;
use futures::stream::{self, BoxStream, StreamExt};

use crate::dag::Dag;
use crate::digest::{Digest, DigestKind};
use crate::error::{Error, ErrorKind, Result};

/// Bytes as they flow: frames of 64 KiB or more wherever we make them. It ends with `Ok` only when complete.
pub type ByteStream = BoxStream<'static, Result<Bytes>>;

/// Whether content is one file or a directory tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One file: its source is its plain bytes.
    File,
    /// A tree: its nodes are in the dag, its source is its leaves one after the other, in the order in which a depth-first walk of the dag meets them,
    /// so that one CAR carries it.
    Tree,
}

/// Where the bytes of content come from. A source that changed since it was named answers `SourceChanged`, never other bytes.
#[async_trait]
pub trait Open: fmt::Debug + Send + Sync + 'static {
    /// Opens the source at `range`, which lies within its length.
    ///
    /// # Errors
    /// `SourceChanged` when it is no longer what was named; otherwise what reading answers.
    async fn open(&self, range: Range<u64>) -> Result<ByteStream>;

    /// As [`Open::open`], of the bytes as they are now, which may not be those that were named. For a leaf whose service hashes every block before it
    /// believes it: hashing them here as well would show nothing more. A source that is seen to have changed answers `SourceChanged` all the same, at the
    /// latest in place of its end.
    ///
    /// # Errors
    /// As [`Open::open`].
    async fn open_unproved(&self, range: Range<u64>) -> Result<ByteStream> {
        self.open(range).await
    }

    /// The file these bytes are the whole of, for leaves that can clone, link or hand it over. A leaf that takes this way checks with
    /// [`Open::unchanged`] after its copy and before it makes the copy visible.
    fn path(&self) -> Option<&Path> {
        None
    }

    /// Whether the file at [`Open::path`] is still what was named. Blocking: it is called where the copy was made.
    ///
    /// # Errors
    /// `SourceChanged`, or what looking at it answers.
    fn unchanged(&self) -> Result<()> {
        Ok(())
    }
}

/// Content that is lent to [`Backend::add`](crate::Backend::add). Cheap to clone; opened as often as needed.
#[derive(Debug, Clone)]
pub struct Content {
    len: u64,
    cid: Cid,
    dag: Dag,
    digests: Arc<[Digest]>,
    shape: Shape,
    source: Arc<dyn Open>,
}

impl Content {
    /// A file of `len` bytes called `cid`, whose inner nodes are `dag`.
    pub fn file(cid: Cid, len: u64, dag: Dag, source: Arc<dyn Open>) -> Self {
        Self { len, cid, dag, digests: Arc::new([]), shape: Shape::File, source }
    }

    /// A tree whose leaves are `len` bytes together.
    pub fn tree(cid: Cid, len: u64, dag: Dag, source: Arc<dyn Open>) -> Self {
        Self { len, cid, dag, digests: Arc::new([]), shape: Shape::Tree, source }
    }

    /// A file of one block in memory. `cid` is not computed here: naming belongs to `ipld`.
    pub fn bytes(cid: Cid, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::file(cid, bytes.len() as u64, Dag::empty(), Arc::new(Memory(bytes)))
    }

    /// With whole-file digests, as far as they were computed.
    #[must_use]
    pub fn with_digests(mut self, digests: Vec<Digest>) -> Self {
        self.digests = digests.into();
        self
    }

    /// Bytes of the source. For a tree: of all leaves together.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the source has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The name.
    pub fn cid(&self) -> &Cid {
        &self.cid
    }

    /// The inner nodes.
    pub fn dag(&self) -> &Dag {
        &self.dag
    }

    /// File or tree.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// A whole-file digest, if it was computed. A backend that needs one says so in `Info.needs` and always finds it here.
    pub fn digest(&self, kind: DigestKind) -> Option<&Bytes> {
        self.digests.iter().find(|digest| digest.kind == kind).map(|digest| &digest.value)
    }

    /// All whole-file digests that were computed.
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// Opens the source at `range`.
    ///
    /// # Errors
    /// `InvalidRange` if it does not lie within the content; else what [`Open::open`] answers.
    pub async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        self.source.open(self.within(range)?).await
    }

    /// Opens the source at `range`, unproved: see [`Open::open_unproved`].
    ///
    /// # Errors
    /// As [`Content::open`].
    pub async fn open_unproved(&self, range: Range<u64>) -> Result<ByteStream> {
        self.source.open_unproved(self.within(range)?).await
    }

    fn within(&self, range: Range<u64>) -> Result<Range<u64>> {
        match range.start <= range.end && range.end <= self.len {
            true => Ok(range),
            false => Err(Error::new(
                ErrorKind::InvalidRange,
                format!("{}..{} is not within {} bytes", range.start, range.end, self.len),
            )),
        }
    }

    /// Opens all of it.
    ///
    /// # Errors
    /// As [`Content::open`].
    pub async fn open_all(&self) -> Result<ByteStream> {
        self.open(0..self.len).await
    }

    /// The file that these bytes are the whole of, as a hint.
    pub fn path(&self) -> Option<&Path> {
        self.source.path()
    }

    /// The source itself, for a leaf that works from [`Content::path`] on a blocking thread and then asks [`Open::unchanged`].
    pub fn source(&self) -> &Arc<dyn Open> {
        &self.source
    }
}

struct Memory(Bytes);

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes in memory", self.0.len())
    }
}

#[async_trait]
impl Open for Memory {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        let outside = || Error::new(ErrorKind::InvalidRange, "the range is not within the bytes");
        let start = usize::try_from(range.start).map_err(|_| outside())?;
        let end = usize::try_from(range.end).map_err(|_| outside())?;
        if end < start || self.0.len() < end {
            return Err(outside());
        }
        let bytes = self.0.slice(start..end);
        Ok(stream::iter((!bytes.is_empty()).then_some(Ok(bytes))).boxed())
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use futures::executor::block_on;

    use super::*;

    fn check(range: Range<u64>) -> Result<Vec<u8>> {
        let cid = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e".parse().unwrap();
        let content = Content::bytes(cid, "hello world");
        let frames: Vec<Bytes> = block_on(async { content.open(range).await?.try_collect().await })?;
        Ok(frames.concat())
    }

    #[test]
    fn any_range_can_be_opened() {
        assert_eq!(check(0..11).unwrap(), b"hello world");
        assert_eq!(check(6..11).unwrap(), b"world");
        assert_eq!(check(3..3).unwrap(), b"");
    }

    #[test]
    fn a_range_outside_is_refused() {
        #[expect(clippy::reversed_empty_ranges, reason = "that is the case under test")]
        for range in [0..12, 12..12, 5..4] {
            assert_eq!(check(range).unwrap_err().kind(), ErrorKind::InvalidRange);
        }
    }
}

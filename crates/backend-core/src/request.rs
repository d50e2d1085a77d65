//! What a caller can tell the verbs. Every struct has a `Default` and is written with `..Default::default()`, so that it can grow.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::error::Result;
use crate::id::{ContentId, Locator};
use crate::mend::Mend;
use crate::progress::Progress;
use crate::range::ByteRange;
use crate::reply::{Link, Status};

/// What is wanted of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Form {
    /// The plain bytes of a file.
    #[default]
    File,
    /// One block as it is hashed: a leaf, an inner node or a directory. Offered where `Capabilities::block` is; `range` is then not allowed.
    Block,
}

/// How to read.
#[derive(Debug, Clone, Default)]
pub struct GetOptions {
    /// Which bytes; all if absent. Where `Capabilities::range` is not offered, a range is answered with `Unsupported`.
    pub range: Option<ByteRange>,
    /// File or block.
    pub form: Form,
    /// Only if the stored content still has this etag; else `Precondition`. Offered where `Capabilities::if_match` is.
    pub if_match: Option<String>,
    /// As the medium has it, where the leaf can tell that from what a cache of this machine has: for whoever reads back to see whether it is still there.
    pub fresh: bool,
    /// The caller hashes what comes. A leaf that would hash a block before it gives it away then need not do it a second time.
    pub unproved: bool,
}

impl GetOptions {
    /// All options as they are by default, but this range.
    pub fn range(range: impl Into<ByteRange>) -> Self {
        Self { range: Some(range.into()), ..Self::default() }
    }

    /// One block, as it is hashed.
    pub fn block() -> Self {
        Self { form: Form::Block, ..Self::default() }
    }

    /// The same, for whoever hashes it himself.
    pub fn unproved_block() -> Self {
        Self { unproved: true, ..Self::block() }
    }
}

/// How to ask what is known.
#[derive(Debug, Clone, Default)]
pub struct StatOptions {
    /// Also make a link under which anybody may read for a while. Offered where `Capabilities::link` is.
    pub link: bool,
    /// Also find out how much of it is there, where that can be less than all: who keeps blocks may have lost some. It takes as long as the service
    /// takes to visit each. Whoever keeps content as one does nothing more for it.
    pub count: bool,
}

/// What every act that makes something exist can be told and can tell: shared by `add` and `pin`.
#[derive(Clone, Default)]
pub struct Write {
    /// A display hint (a pin's name, a file's name), never an address. It may be dropped.
    pub name: Option<String>,
    /// Labels to keep with it. What does not fit the service's limits is refused with `InvalidInput`, never dropped or rewritten.
    pub labels: BTreeMap<String, String>,
    /// Until when the service should keep it at least.
    pub until: Option<SystemTime>,
    /// Go on from here.
    pub resume: Option<ResumeToken>,
    /// Whom to tell how to go on. Without one, nothing can be resumed.
    pub checkpoint: Option<Arc<dyn Checkpoint>>,
    /// Ticked by whoever moves bytes.
    pub progress: Progress,
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write")
            .field("name", &self.name)
            .field("labels", &self.labels)
            .field("until", &self.until)
            .field("resume", &self.resume)
            .field("checkpoint", &self.checkpoint.is_some())
            .field("progress", &self.progress.bytes())
            .finish()
    }
}

/// How to store.
#[derive(Debug, Clone, Default)]
pub struct AddOptions {
    /// Under which name. Absent, the content's CID is the name where the backend speaks CIDs or assigns names; on a store of keys it is required.
    pub id: Option<ContentId>,
    /// Under which condition on what is there now.
    pub condition: Condition,
    /// The media type to keep with it, as a hint.
    pub content_type: Option<String>,
    /// What is there was read and is wrong, all of it or these ranges: it is sent again, whatever the service believes that it has.
    pub mend: Option<Mend>,
    /// Everything that `pin` takes too.
    pub write: Write,
}

/// A condition on what is stored under the name at this moment. A conditional write of unknown effect is never repeated blindly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Condition {
    /// Whatever is there.
    #[default]
    Always,
    /// Only if nothing is there, else `AlreadyExists`. Offered where `Capabilities::if_absent` is.
    IfAbsent,
    /// Only if what is there has this etag, else `Precondition`. Offered where `Capabilities::if_match` is.
    IfMatch(String),
}

/// How to ask a service to fetch and hold a CID by itself.
#[derive(Debug, Clone, Default)]
pub struct Pin {
    /// Where it may fetch it from.
    pub sources: Vec<Link>,
    /// How large it is, if known.
    pub size: Option<u64>,
    /// Everything that `add` takes too. Pinning again merges: it never wipes a name, a label or an expiry.
    pub write: Write,
}

/// How to remove.
#[derive(Debug, Clone, Default)]
pub struct RemoveOptions {
    /// Only if what is stored still has this etag; else `Precondition`. Offered where `Capabilities::if_match` is.
    pub if_match: Option<String>,
    /// Every version of it; else the newest becomes invisible and the rest stays. Offered where `Capabilities::versions` is.
    pub all_versions: bool,
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Only names that begin with this text. On a store that speaks CIDs: `InvalidInput`.
    pub prefix: Option<String>,
    /// Only one level: what lies deeper than the next `/` behind the prefix is answered as one [`Entry::Prefix`](crate::Entry::Prefix).
    pub shallow: bool,
    /// Begin behind this cursor, as an earlier entry gave it. A cursor that has expired is answered with `Precondition`: begin again.
    pub after: Option<String>,
    /// Only what is pinned. Offered where `Capabilities::pin` is.
    pub pinned: bool,
    /// Only what is in this state. Another one than `Stored` is offered where `Capabilities::pin` is.
    pub status: Option<Status>,
    /// Also older versions. Offered where `Capabilities::versions` is.
    pub versions: bool,
    /// In the service's own search language. Offered where `Capabilities::search` is.
    pub query: Option<String>,
}

impl ListOptions {
    /// Everything whose name begins with `prefix`.
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self { prefix: Some(prefix.into()), ..Self::default() }
    }
}

/// A position in a begun upload: opaque to everybody but the leaf that made it, secret (it may be a bearer link), and under 4 KiB.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResumeToken(Bytes);

impl ResumeToken {
    /// The most bytes a token may have.
    pub const MAX: usize = 4096;

    /// Wraps a leaf's own encoding.
    ///
    /// # Errors
    /// `Internal` if it is larger than [`ResumeToken::MAX`]: the leaf is wrong, a token is a position and not a list.
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        match bytes.len() <= Self::MAX {
            true => Ok(Self(bytes)),
            false => Err(crate::Error::new(crate::ErrorKind::Internal, "the resume token is larger than 4 KiB")),
        }
    }

    /// The leaf's own encoding; also what the catalog stores.
    pub fn reveal(&self) -> &Bytes {
        &self.0
    }
}

impl fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Who keeps resume tokens. Awaited *before* bytes (or a signature) follow, so that a crash leaves nothing behind that nobody knows of.
#[async_trait]
pub trait Checkpoint: fmt::Debug + Send + Sync + 'static {
    /// Keeps the newest token. `at` is the name that the service has promised, so that a lost answer can be looked up; `sent` is how many bytes the
    /// service has for certain.
    ///
    /// # Errors
    /// What storing it answers; the leaf then stops and returns that error.
    async fn save(&self, token: &ResumeToken, at: Option<&Locator>, sent: u64) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_small_and_never_prints() {
        assert!(ResumeToken::new(vec![0; 4097]).is_err());
        let write = Write { resume: Some(ResumeToken::new("canary").unwrap()), ..Write::default() };
        assert!(!format!("{write:?}").contains("canary"));
    }
}

//! What the verbs answer. Every answer has a constructor for what is always there.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use crate::capability::Limits;
use crate::content::ByteStream;
use crate::digest::Digest;
use crate::error::ErrorKind;
use crate::id::Locator;
use crate::secret::Secret;

/// How well it is known that the service has the content. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Evidence {
    /// A name says so: a listing, an old record.
    Claimed,
    /// The service has taken the job on, and no more.
    Accepted,
    /// The service says that it has it.
    Acknowledged,
    /// The service compared a digest.
    Attested,
    /// We read it back and hashed it. Only the manager's reader writes this, with the time, and only of a store that reads its own copy.
    Verified,
}

impl Evidence {
    /// Its stable name, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Evidence::Claimed => "claimed",
            Evidence::Accepted => "accepted",
            Evidence::Acknowledged => "acknowledged",
            Evidence::Attested => "attested",
            Evidence::Verified => "verified",
        }
    }
}

/// How far the service has come with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// There.
    Stored,
    /// Waiting for its turn.
    Queued,
    /// Being fetched, copied, sealed.
    Working,
    /// Some of it is missing and nobody fetches it. Told only where it was asked for ([`StatOptions::count`](crate::StatOptions::count)).
    Partial,
    /// Given up by the service; `note` says why.
    Failed,
}

/// What the caller should do next. Some acts take several steps over days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Next {
    /// Nothing.
    Nothing,
    /// `stat` again when this has passed.
    Look(Duration),
    /// Call `add` or `pin` again, with the token, when this has passed.
    Resume(Duration),
}

/// Where anybody may read content for a while. The address may be a bearer secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The address.
    pub url: Secret,
    /// When it stops working, if it does.
    pub until: Option<SystemTime>,
}

/// What is known of stored content, and how well.
#[derive(Debug, Clone)]
pub struct Metadata {
    /// What `get`, `stat` and `remove` are to be given.
    pub at: Locator,
    /// Bytes of the file; not the service's cumulative or billed size.
    pub size: Option<u64>,
    /// Bytes of its blocks that are certainly there, where they were counted, as the service counts them: equal blocks once, with what is around the
    /// file's bytes. `None`: they were not counted, and nothing follows from it.
    pub present: Option<u64>,
    /// How well it is known. A leaf says at most [`Evidence::Attested`].
    pub evidence: Evidence,
    /// How far the service is.
    pub status: Status,
    /// What to do next.
    pub next: Next,
    /// Whole-file digests that the service named.
    pub digests: Vec<Digest>,
    /// Whether it was there before this call. What was there before us is never ours to remove.
    pub existed: Option<bool>,
    /// Until when the service keeps it, if it will not keep it for good.
    pub until: Option<SystemTime>,
    /// When the service last proved to somebody that it has it.
    pub proved_at: Option<SystemTime>,
    /// Changes whenever the bytes under the name change.
    pub etag: Option<String>,
    /// When it was last written.
    pub modified: Option<SystemTime>,
    /// Its media type, as the service keeps it.
    pub content_type: Option<String>,
    /// Labels that are kept with it.
    pub labels: BTreeMap<String, String>,
    /// A link, if one was asked for.
    pub link: Option<Link>,
    /// The service's own words, e.g. why it failed.
    pub note: Option<String>,
}

impl Metadata {
    /// Content that is stored at `at`, with nothing else known.
    pub fn new(at: impl Into<Locator>, evidence: Evidence) -> Self {
        Self {
            at: at.into(),
            size: None,
            present: None,
            evidence,
            status: Status::Stored,
            next: Next::Nothing,
            digests: Vec::new(),
            existed: None,
            until: None,
            proved_at: None,
            etag: None,
            modified: None,
            content_type: None,
            labels: BTreeMap::new(),
            link: None,
            note: None,
        }
    }
}

/// Content as the service sends it: unverified, exactly the range asked for. Never a file handle.
pub struct Fetched {
    /// What the service says of it.
    pub meta: Metadata,
    /// The bytes that follow, counted in the whole content. For [`Form::Block`](crate::Form::Block): `0..` the block's length.
    pub range: Range<u64>,
    /// The bytes. It ends with `Ok` only when all of `range` was delivered.
    pub body: ByteStream,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched").field("meta", &self.meta).field("range", &self.range).finish_non_exhaustive()
    }
}

/// What became of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Removal {
    /// They were not there.
    Absent,
    /// They are gone and no longer billed.
    Erased,
    /// A delete marker or a trash can hides them; they may still be billed.
    Hidden,
    /// The service was told that nobody needs them; it frees them when it likes.
    Released,
    /// They will be gone after this.
    Scheduled(Duration),
}

/// One line of a listing.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "nearly every entry is the large variant; a box would be paid for each")]
#[non_exhaustive]
pub enum Entry {
    /// Content. An id may come twice with different handles.
    Content {
        /// What the service says of it.
        meta: Metadata,
        /// Where to go on, if the backend can.
        cursor: Option<String>,
    },
    /// Everything that lies under this text, when the listing is shallow.
    Prefix(String),
}

/// Whether one power of a service works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Power {
    /// Nobody has tried. A probe never turns writes to `Works`: only real traffic does.
    Unknown,
    /// It is not offered.
    Off,
    /// It worked.
    Works,
    /// It failed. "Writes are closed upstream" (`Disabled`) is not "down" (`Unavailable`).
    Fails(ErrorKind),
}

/// How a service is. Being ill is an answer, not an error.
#[derive(Debug, Clone)]
pub struct Health {
    /// Whether reading works.
    pub reads: Power,
    /// Whether writing works; a probe may only make it worse.
    pub writes: Power,
    /// Who or what was reached: account, peer, bucket, store id, as the service says it.
    pub identity: Option<String>,
    /// Limits that the service told us; the tighter of these and `Info.limits` holds.
    pub limits: Option<Limits>,
    /// How long the probe took.
    pub latency: Duration,
    /// The service's own words.
    pub note: Option<String>,
}

impl Health {
    /// Reads and writes as given, nothing else known.
    pub fn new(reads: Power, writes: Power, latency: Duration) -> Self {
        Self { reads, writes, identity: None, limits: None, latency, note: None }
    }
}

/// What a number of [`Usage`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// What this backend's store holds: may be compared with the catalog.
    Store,
    /// What the whole account holds.
    Account,
    /// What the disk holds, ours and everybody's.
    Disk,
}

/// What the service counts, not what we think. All in bytes, but `objects`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// What is counted.
    pub scope: Scope,
    /// Used bytes.
    pub used: Option<u64>,
    /// Bytes that may still be written.
    pub free: Option<u64>,
    /// The most bytes there may be.
    pub limit: Option<u64>,
    /// How many objects there are.
    pub objects: Option<u64>,
}

impl Usage {
    /// Nothing known yet of `scope`.
    pub fn of(scope: Scope) -> Self {
        Self { scope, used: None, free: None, limit: None, objects: None }
    }
}

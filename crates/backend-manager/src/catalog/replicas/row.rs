//! A replica's row, as types.

use backend_core::Evidence;
use rusqlite::Row;
use rusqlite::types::Type;

use crate::catalog::Timestamp;
use crate::catalog::columns::{BackendNumber, Code, Coded, ContentNumber, Size};
use crate::catalog::process::Worker;

/// Where a replica is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReplicaState {
    /// Row and quota, no byte sent.
    Planned,
    /// Leased by a worker; perhaps with a resume token. Without a worker: the outcome is unknown.
    Uploading,
    /// There, as far as the evidence says. Counts.
    Present,
    /// One sign that it is bad; still readable chunk by chunk, not counted.
    Suspect,
    /// Being removed: no new reader, no upload to this name.
    Removing,
    /// Gone, seen twice.
    Missing,
    /// Some chunks are bad, the others serve.
    Corrupt,
    /// Gone from view, perhaps still billed.
    Lingering,
    /// The service has taken it on and will tell. Not counted, no lease.
    Accepted,
}

impl ReplicaState {
    /// Every state, in the order of its number.
    pub const ALL: [ReplicaState; 9] = [
        Self::Planned,
        Self::Uploading,
        Self::Present,
        Self::Suspect,
        Self::Removing,
        Self::Missing,
        Self::Corrupt,
        Self::Lingering,
        Self::Accepted,
    ];

    /// Its stable name, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Uploading => "uploading",
            Self::Present => "present",
            Self::Suspect => "suspect",
            Self::Removing => "removing",
            Self::Missing => "missing",
            Self::Corrupt => "corrupt",
            Self::Lingering => "lingering",
            Self::Accepted => "accepted",
        }
    }

    /// Whether bytes may be read from it.
    pub fn is_readable(self) -> bool {
        matches!(self, Self::Present | Self::Suspect | Self::Corrupt)
    }
}

impl Coded for ReplicaState {
    const CODES: &'static [(Self, i64)] = &[
        (Self::Planned, 0),
        (Self::Uploading, 1),
        (Self::Present, 2),
        (Self::Suspect, 3),
        (Self::Removing, 4),
        (Self::Missing, 5),
        (Self::Corrupt, 6),
        (Self::Lingering, 7),
        (Self::Accepted, 8),
    ];
}

impl Coded for Evidence {
    const CODES: &'static [(Self, i64)] =
        &[(Self::Claimed, 0), (Self::Accepted, 1), (Self::Acknowledged, 2), (Self::Attested, 3), (Self::Verified, 4)];
}

/// Whether the inner nodes lie beside the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sidecar {
    /// None is wanted.
    None,
    /// One is wanted or begun.
    Planned,
    /// It is there.
    Present,
}

impl Coded for Sidecar {
    const CODES: &'static [(Self, i64)] = &[(Self::None, 0), (Self::Planned, 1), (Self::Present, 2)];
}

/// Grows with every arrow of a row, and never falls back when a row is deleted and made again.
pub type Epoch = i64;

/// Which replica. The same bytes may lie under several keys of one backend.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplicaId {
    /// Which content.
    pub content: ContentNumber,
    /// On which backend.
    pub backend: BackendNumber,
    /// Under which user's key; empty: where the CID says.
    pub key: String,
}

/// A replica as it was seen: an arrow moves it only if it is still so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaAt {
    /// Which one.
    pub replica: ReplicaId,
    /// When.
    pub epoch: Epoch,
}

/// Whether an arrow moved the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "an arrow that lost has changed nothing"]
pub enum Moved {
    /// Yes; its epoch is now this one.
    Won(Epoch),
    /// No: somebody else was first, or it is in a state from which this arrow does not start.
    Lost,
}

/// A range of bytes that are not what their hash says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct BadChunk {
    /// Where it begins in the plain bytes.
    pub offset: u64,
    /// How long it is, bytes.
    pub len: u64,
}

impl From<(u64, u64)> for BadChunk {
    fn from((offset, len): (u64, u64)) -> Self {
        Self { offset, len }
    }
}

impl From<BadChunk> for (u64, u64) {
    fn from(it: BadChunk) -> Self {
        (it.offset, it.len)
    }
}

/// A replica as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRow {
    /// Which one.
    pub replica: ReplicaId,
    /// The backend's name.
    pub backend_name: String,
    /// The backend's failure domain.
    pub domain: String,
    /// Where it is in its life.
    pub state: ReplicaState,
    /// How well it is known to be there.
    pub evidence: Evidence,
    /// What an arrow must name.
    pub epoch: Epoch,
    /// When an arrow last moved it.
    pub changed_at: Timestamp,
    /// When somebody last looked.
    pub checked_at: Timestamp,
    /// Signs of being bad since it was last good.
    pub strikes: u32,
    /// Who is uploading it.
    pub worker: Option<Worker>,
    /// How the service calls it.
    pub handle: Option<String>,
    /// Which version of the object it is, where the service has versions.
    pub version: Option<String>,
    /// Changes whenever the bytes under the name change.
    pub etag: Option<String>,
    /// Whether it is ours. What existed before us is never removed without a person.
    pub owned: bool,
    /// Uploads begun here that may have had an effect.
    pub attempts: u32,
    /// When the service will drop it.
    pub until: Option<Timestamp>,
    /// When it was last read back, or the service last proved it.
    pub proved_at: Option<Timestamp>,
    /// When to look at it again (accepted, lingering).
    pub due_at: Option<Timestamp>,
    /// When to give it up (accepted).
    pub deadline_at: Option<Timestamp>,
    /// Which ranges are bad.
    pub bad_chunks: Vec<BadChunk>,
    /// Whether the inner nodes lie beside it.
    pub sidecar: Sidecar,
    /// How the service calls them.
    pub sidecar_handle: Option<String>,
    /// Bytes that it counts against the quota.
    pub reserved: u64,
    /// Bytes of these that older, hidden bodies are billed for.
    pub kept: u64,
    /// Where it goes back to when its upload had no effect; `Planned`: nothing was there.
    pub origin: ReplicaState,
    /// The last words about it.
    pub note: Option<String>,
}

impl ReplicaRow {
    /// The row as an arrow names it.
    pub fn at(&self) -> ReplicaAt {
        ReplicaAt { replica: self.replica.clone(), epoch: self.epoch }
    }

    /// Whether it was read and is wrong, and nobody has shown since that it was mended: corrupt, or being sent over what was corrupt.
    pub fn is_wrong(&self) -> bool {
        self.state == ReplicaState::Corrupt
            || (self.state == ReplicaState::Uploading && self.origin == ReplicaState::Corrupt)
    }

    /// Whether bytes may be read from it. What is good of a corrupt copy stays so while it is mended.
    pub fn is_readable(&self) -> bool {
        self.state.is_readable() || self.is_wrong()
    }

    /// Whether it counts as a copy that will still be there at `horizon`. Copies count once in each failure domain: that is the caller's to see.
    pub fn counts(&self, horizon: Timestamp) -> bool {
        self.state == ReplicaState::Present
            && Evidence::Acknowledged <= self.evidence
            && self.until.is_none_or(|until| horizon < until)
    }
}

/// The columns that [`read`] reads, of `replicas r` joined with `backends b`.
pub(super) const COLUMNS: &str = "r.content_id, r.backend_id, r.key, b.name, b.domain, r.state, r.evidence, r.epoch, r.changed_at, r.checked_at,
    r.strikes, r.worker, r.handle, r.version, r.etag, r.owned, r.attempts, r.until, r.proved_at, r.due_at, r.deadline_at, r.bad_chunks,
    r.sidecar, r.sidecar_handle, r.reserved, r.kept, r.origin, r.note";

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<ReplicaRow> {
    Ok(ReplicaRow {
        replica: ReplicaId { content: row.get(0)?, backend: row.get(1)?, key: row.get(2)? },
        backend_name: row.get(3)?,
        domain: row.get(4)?,
        state: row.get::<_, Code<ReplicaState>>(5)?.0,
        evidence: row.get::<_, Code<Evidence>>(6)?.0,
        epoch: row.get(7)?,
        changed_at: row.get(8)?,
        checked_at: row.get(9)?,
        strikes: row.get(10)?,
        worker: row.get(11)?,
        handle: row.get(12)?,
        version: row.get(13)?,
        etag: row.get(14)?,
        owned: row.get(15)?,
        attempts: row.get(16)?,
        until: row.get(17)?,
        proved_at: row.get(18)?,
        due_at: row.get(19)?,
        deadline_at: row.get(20)?,
        bad_chunks: bad_chunks(row, 21)?,
        sidecar: row.get::<_, Code<Sidecar>>(22)?.0,
        sidecar_handle: row.get(23)?,
        reserved: row.get::<_, Size>(24)?.0,
        kept: row.get::<_, Size>(25)?.0,
        origin: row.get::<_, Code<ReplicaState>>(26)?.0,
        note: row.get(27)?,
    })
}

fn bad_chunks(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<BadChunk>> {
    let text: Option<String> = row.get(column)?;
    let parsed = text.as_deref().map_or(Ok(Vec::new()), serde_json::from_str);
    parsed.map_err(|err| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(err)))
}

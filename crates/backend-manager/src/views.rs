//! What the manager answers: plain data, for whoever prints it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use backend_core::{Error, Evidence, Health, Progress, Removal, Usage};
use ipld::Cid;

use crate::learnt::Learnt;

pub use crate::catalog::contents::ContentKind;
pub use crate::catalog::replicas::{BadChunk, ReplicaState};

/// How far an act is, for a display. Cheap to clone: clones share.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    /// Bytes hashed.
    pub named: Progress,
    /// Bytes sent, over all targets.
    pub stored: Progress,
    total: Arc<AtomicU64>,
}

impl Activity {
    /// Bytes that are to be named, as far as known; 0 while nobody knows.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }

    /// What is stored also counts elsewhere.
    pub(crate) fn storing(stored: Progress) -> Self {
        Self { stored, ..Self::default() }
    }

    pub(crate) fn announce(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What became of one `add`.
#[derive(Debug)]
pub struct Receipt {
    /// The name.
    pub cid: Cid,
    /// Under which name it shows in listings.
    pub name: Option<String>,
    /// Plain bytes; of a directory: of all its files.
    pub size: u64,
    /// File or directory.
    pub kind: ContentKind,
    /// How many files it has; 1 for a file.
    pub files: u64,
    /// One for each target.
    pub replicas: Vec<ReplicaReceipt>,
    /// The folder of the embedded store, if this call has made it.
    pub embedded: Option<PathBuf>,
    /// Under which policy it is kept.
    pub policy: String,
    /// Why there are fewer targets than the policy asks for.
    pub unmet: Option<String>,
}

impl Receipt {
    /// Whether some target does not have it (yet).
    pub fn is_partial(&self) -> bool {
        self.unmet.is_some()
            || self
                .replicas
                .iter()
                .any(|replica| replica.error.is_some() || replica.state != Some(ReplicaState::Present))
    }
}

/// What one target answered.
#[derive(Debug)]
pub struct ReplicaReceipt {
    /// Which backend.
    pub backend: String,
    /// Where the copy is in its life; `None` when nothing came of it.
    pub state: Option<ReplicaState>,
    /// How well it is known to be there.
    pub evidence: Option<Evidence>,
    /// Whether this catalog, or the store, had it before.
    pub existed: bool,
    /// Why not.
    pub error: Option<Error>,
}

impl ReplicaReceipt {
    /// Nothing came of it.
    pub(crate) fn refused(backend: String, error: Option<Error>) -> Self {
        Self { backend, state: None, evidence: None, existed: false, error }
    }
}

/// One line of `ls`.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Under which name; content that has none is not listed by name.
    pub name: String,
    /// What it is.
    pub cid: Cid,
    /// Plain bytes, if known.
    pub size: Option<u64>,
    /// File or directory.
    pub kind: ContentKind,
    /// How many copies are present.
    pub replicas: usize,
    /// When the name was given.
    pub at: SystemTime,
}

/// One line of a directory.
#[derive(Debug, Clone)]
pub struct DirectoryEntry {
    /// The name, as bytes: a file system's names need not be text.
    pub name: Vec<u8>,
    /// What it is.
    pub cid: Cid,
    /// Cumulative bytes of the DAG under it, as the directory says.
    pub tsize: u64,
}

/// Everything known of one content.
#[derive(Debug)]
pub struct Known {
    /// The name.
    pub cid: Cid,
    /// Plain bytes, if known.
    pub size: Option<u64>,
    /// What it is.
    pub kind: ContentKind,
    /// The profile that built it, if this program did.
    pub profile: Option<&'static str>,
    /// Since when it is known.
    pub since: SystemTime,
    /// Under which names.
    pub names: Vec<String>,
    /// Who wants it kept.
    pub pins: Vec<String>,
    /// Where it is.
    pub replicas: Vec<ReplicaView>,
    /// Derived of all of this.
    pub safety: Safety,
}

/// How safe content is, derived from its pins and replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// As many present copies, in distinct failure domains, as its policy asks.
    Safe,
    /// Fewer.
    Short,
    /// No readable copy is known.
    Lost,
    /// Fewer, and as things stand its policies cannot be met.
    Unsatisfiable,
    /// Nobody wants it kept.
    Unwanted,
}

impl Safety {
    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Safety::Safe => "safe",
            Safety::Short => "short",
            Safety::Lost => "lost",
            Safety::Unsatisfiable => "unsatisfiable",
            Safety::Unwanted => "unwanted",
        }
    }
}

impl From<planner::Standing> for Safety {
    fn from(standing: planner::Standing) -> Self {
        match standing {
            planner::Standing::Safe => Safety::Safe,
            planner::Standing::Short => Safety::Short,
            planner::Standing::Lost => Safety::Lost,
            planner::Standing::Unsatisfiable => Safety::Unsatisfiable,
            planner::Standing::Unwanted => Safety::Unwanted,
        }
    }
}

/// One copy.
#[derive(Debug, Clone)]
pub struct ReplicaView {
    /// On which backend.
    pub backend: String,
    /// The failure domain.
    pub domain: String,
    /// Where it lies, if a user wanted it somewhere; on a store of CIDs: within which folder, and what it is there.
    pub key: Option<String>,
    /// Where it is in its life.
    pub state: ReplicaState,
    /// How well it is known to be there.
    pub evidence: Evidence,
    /// When somebody last looked, if anybody did.
    pub checked_at: Option<SystemTime>,
    /// Whether it is ours to remove.
    pub owned: bool,
    /// Chunks that are known to be bad.
    pub bad_chunks: Vec<BadChunk>,
    /// What was last said of it.
    pub note: Option<String>,
}

/// What `rm` did.
#[derive(Debug)]
pub struct Removed {
    /// What nobody wants any more.
    pub cid: Cid,
    /// Names that were taken away.
    pub names: Vec<String>,
    /// What became of each copy; for a directory: of its own and of all its files' copies, added up.
    pub copies: Vec<RemovedCopies>,
    /// Files that stay because something else wants them.
    pub kept: u64,
}

/// What became of the copies on one backend.
#[derive(Debug)]
pub struct RemovedCopies {
    /// Which backend.
    pub backend: String,
    /// How many, by what became of them.
    pub removals: BTreeMap<&'static str, u64>,
    /// What could not be removed, and stays in the catalog: the first failure.
    pub error: Option<Error>,
    /// How many those were.
    pub failed: u64,
}

/// The word for what became of bytes.
pub(crate) fn removal_word(removal: Removal) -> &'static str {
    match removal {
        Removal::Absent => "absent",
        Removal::Erased => "erased",
        Removal::Hidden => "hidden",
        Removal::Released => "released",
        Removal::Scheduled(_) => "scheduled",
        _ => "unknown",
    }
}

/// What `verify` found of one copy.
#[derive(Debug)]
pub struct Verified {
    /// The content.
    pub cid: Cid,
    /// On which backend.
    pub backend: String,
    /// Where the copy is in its life now.
    pub state: ReplicaState,
    /// How well it is known now.
    pub evidence: Evidence,
    /// Bytes that were read back and hashed.
    pub bytes: u64,
    /// Chunks that are not what their name says.
    pub bad_chunks: Vec<BadChunk>,
    /// Why it could not be looked at, if it could not.
    pub error: Option<Error>,
}

/// What `backend test` found.
#[derive(Debug)]
pub struct Tested {
    /// The backend.
    pub name: String,
    /// What a probe says.
    pub health: Health,
    /// What the service counts, if it counts.
    pub usage: Option<Usage>,
    /// Whether what only the service can tell was found out just now; `None` when it was not asked, or there is nothing to find out.
    pub probe: Option<Result<(), Error>>,
    /// What is known of that. `None`: nobody has asked yet.
    pub learnt: Option<Learnt>,
    /// A small object written, read back, compared and removed; `None` when the backend does not offer all of it or was not asked to.
    pub round_trip: Option<Result<(), Error>>,
}

//! The one reader: nothing else turns stored bytes into bytes for a user.

mod feeder;
mod outboard;
mod report;
mod verified;

pub(crate) use feeder::collect;
pub(crate) use outboard::{Outboard, fetch_sidecar};
pub use report::{ReadReport, Trouble};
pub(crate) use verified::{Ask, verified};

use std::sync::Arc;

use backend_core::{Backend, Locator};

use crate::catalog::replicas::{BadChunk, ReplicaRow};

/// Chunks below this size are hashed where they arrive: handing them to another thread costs more.
const INLINE: usize = 32 << 10;

/// How a replica is asked for a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// By a range of the plain bytes.
    Range,
    /// All from the beginning, as the store has no ranges.
    Whole,
    /// Block by block, by CID.
    Block,
}

/// A copy that can be read.
#[derive(Debug, Clone)]
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) backend: Arc<dyn Backend>,
    /// The same, for whoever can turn to another copy: nothing is repeated.
    pub(crate) hasty: Arc<dyn Backend>,
    pub(crate) at: Locator,
    pub(crate) how: How,
    /// Ranges that are known to be bad.
    pub(crate) bad: Vec<BadChunk>,
    /// Whether it is read to see whether it is still there.
    pub(crate) fresh: bool,
    /// What the catalog knows of it; of a service that is only asked, nothing.
    pub(crate) row: Option<ReplicaRow>,
}

/// Whether a failure is waited out, or another copy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// There is nobody else to turn to.
    None,
    /// Somebody else may answer at once.
    Some,
}

impl Replica {
    /// Its backend, as patient as there are others.
    pub(crate) fn asked(&self, haste: Haste) -> &Arc<dyn Backend> {
        match haste {
            Haste::None => &self.backend,
            Haste::Some => &self.hasty,
        }
    }

    pub(crate) fn is_bad(&self, offset: u64, len: u64) -> bool {
        self.bad.iter().any(|bad| bad.offset < offset + len && offset < bad.offset + bad.len)
    }
}

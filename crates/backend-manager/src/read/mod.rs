//! The one reader: nothing else turns stored bytes into bytes for a user.

mod body;
mod feeder;
mod hedge;
mod outboard;
mod report;
mod verified;

pub(crate) use body::collect;
pub use hedge::Hedged;
pub(crate) use hedge::{Hedging, Purse};
pub(crate) use outboard::{Outboard, fetch_sidecar};
pub use report::{ReadReport, Trouble};
pub(crate) use verified::{Ask, verified};

use std::sync::Arc;
use std::time::Duration;

use backend_core::{Backend, Locator};

use crate::catalog::cached::Slot;
use crate::catalog::replicas::{BadChunk, ReplicaRow};
use crate::health::Gauge;

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
    /// How its backend is; of one that is not asked beside others, nothing.
    pub(crate) gauge: Option<Gauge>,
    /// Where it is in a cache, if it is there: then it is no copy that counts.
    pub(crate) cached: Option<Slot>,
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

    /// How long its silence is as usual; `None`: it is waited for.
    pub(crate) fn delay(&self) -> Option<Duration> {
        self.gauge.as_ref()?.delay()
    }

    /// Whether it may be asked in place of one that is silent.
    pub(crate) fn may_help(&self) -> bool {
        self.gauge.as_ref().is_some_and(Gauge::may_help)
    }

    /// Whether reading it costs more than the next class of prices above the other's.
    pub(crate) fn is_much_dearer(&self, other: &Self) -> bool {
        let class = |it: &Self| it.gauge.as_ref().map_or(0, Gauge::price_class);
        class(other) + 1 < class(self)
    }

    pub(crate) fn is_bad(&self, offset: u64, len: u64) -> bool {
        self.bad.iter().any(|bad| bad.offset < offset + len && offset < bad.offset + bad.len)
    }
}

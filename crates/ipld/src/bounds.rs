//! How far the walks of this crate go before they call a DAG hostile.

use std::collections::HashSet;

use cid::Cid;

use crate::error::{Error, Result};

/// Nodes above one another.
pub(crate) const MAX_DEPTH: u32 = 64;
/// Blocks that are known of but not yet walked; about 60 MiB.
pub(crate) const MAX_PENDING: usize = 1 << 19;
/// Nodes of one walk. A file of 1 TiB has 1,000 of them in our profile and 25,000 in Kubo's; a directory of a million names 94,000.
pub(crate) const MAX_NODES: u64 = 1 << 22;

/// Refuses to go deeper than [`MAX_DEPTH`].
pub(crate) fn check_depth(depth: u32) -> Result<()> {
    if depth <= MAX_DEPTH { Ok(()) } else { Err(Error::Limit { what: "depth of a dag", limit: u64::from(MAX_DEPTH) }) }
}

/// Refuses to remember more than [`MAX_PENDING`] blocks.
pub(crate) fn check_pending(pending: usize) -> Result<()> {
    if pending <= MAX_PENDING {
        Ok(())
    } else {
        Err(Error::Limit { what: "blocks in wait", limit: MAX_PENDING as u64 })
    }
}

/// Counts nodes up to [`MAX_NODES`].
#[derive(Debug, Default)]
pub(crate) struct Count(u64);

impl Count {
    pub(crate) fn one(&mut self) -> Result<()> {
        self.0 += 1;
        if self.0 <= MAX_NODES { Ok(()) } else { Err(Error::Limit { what: "nodes of a dag", limit: MAX_NODES }) }
    }
}

/// Which nodes a walk has seen: the first 32 bytes of each digest, which is the whole one as good as always.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashSet<[u8; 32]>);

impl Seen {
    /// Whether this node is new. At most [`MAX_NODES`] are remembered.
    pub(crate) fn insert(&mut self, cid: &Cid) -> Result<bool> {
        let digest = cid.hash().digest();
        let len = digest.len().min(32);
        let mut key = [0; 32];
        key[..len].copy_from_slice(&digest[..len]);
        let new = self.0.insert(key);
        if self.0.len() as u64 <= MAX_NODES {
            Ok(new)
        } else {
            Err(Error::Limit { what: "nodes of a dag", limit: MAX_NODES })
        }
    }
}

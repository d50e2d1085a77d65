//! How far the walks of this crate go before they call a DAG hostile.

use std::collections::HashSet;

use cid::Cid;

use crate::error::{Error, Result};

/// Nodes of a file above one another; a shard's depth ends before, with its hash.
pub(crate) const MAX_DEPTH: u32 = 64;
/// Nodes of a tree above one another: directories, their shards, and a file.
pub(crate) const MAX_TREE_DEPTH: u32 = 2048;
/// Blocks that are known of but not yet walked; about 60 MiB.
pub(crate) const MAX_PENDING: usize = 1 << 19;
/// Nodes of one walk. A file of 1 TiB has 1,000 of them in our profile and 25,000 in Kubo's; a directory of a million names 94,000.
pub(crate) const MAX_NODES: u64 = 1 << 22;

/// Refuses to go deeper than [`MAX_DEPTH`].
pub(crate) fn check_depth(depth: u32) -> Result<()> {
    within(depth, MAX_DEPTH)
}

/// Refuses to go deeper than [`MAX_TREE_DEPTH`].
pub(crate) fn check_tree_depth(depth: u32) -> Result<()> {
    within(depth, MAX_TREE_DEPTH)
}

fn within(depth: u32, limit: u32) -> Result<()> {
    if depth <= limit { Ok(()) } else { Err(Error::Limit { what: "depth of a dag", limit: u64::from(limit) }) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_counted_to_the_limit() {
        let mut count = Count(MAX_NODES - 1);
        assert_eq!(count.one(), Ok(()));
        assert_eq!(count.one(), Err(Error::Limit { what: "nodes of a dag", limit: MAX_NODES }));
    }

    #[test]
    fn a_node_is_new_once() {
        let mut seen = Seen::default();
        let cids = ["a", "b", "a"].map(|data| crate::Block::raw(data).cid);
        assert_eq!(cids.map(|cid| seen.insert(&cid)), [Ok(true), Ok(true), Ok(false)]);
    }
}

//! Blocks that wait for their place in the walk, up to a bound of bytes.

use std::collections::HashMap;

use bytes::Bytes;

use super::key::Key;
use crate::{Block, Error, Result};

/// What one block costs beside its bytes.
const OVERHEAD: u64 = 256;
/// Smaller blocks are copied when they have to wait, so that they do not hold on to the whole frame they came in.
const COPIED: usize = 16 << 10;

/// The waiting blocks.
#[derive(Debug)]
pub(super) struct Parked {
    blocks: HashMap<Key, Block>,
    bytes: u64,
    most: u64,
}

impl Parked {
    pub(super) fn new(most: u64) -> Parked {
        Parked { blocks: HashMap::new(), bytes: 0, most }
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.blocks.contains_key(key)
    }

    /// Some block that waits.
    pub(super) fn any(&self) -> Option<&Block> {
        self.blocks.values().next()
    }

    /// Keeps a block that may be asked for much later.
    pub(super) fn insert(&mut self, key: Key, mut block: Block) -> Result<()> {
        if block.data.len() < COPIED {
            block.data = Bytes::copy_from_slice(&block.data);
        }
        self.insert_shared(key, block)
    }

    /// Keeps a block whose turn is now.
    pub(super) fn insert_shared(&mut self, key: Key, block: Block) -> Result<()> {
        let bytes = self.bytes.saturating_add(cost(&block));
        if self.most < bytes {
            return Err(Error::Limit { what: "bytes of blocks out of order", limit: self.most });
        }
        self.bytes = bytes;
        if let Some(replaced) = self.blocks.insert(key, block) {
            self.bytes -= cost(&replaced);
        }
        Ok(())
    }

    pub(super) fn take(&mut self, key: &Key) -> Option<Block> {
        let block = self.blocks.remove(key)?;
        self.bytes -= cost(&block);
        Some(block)
    }
}

fn cost(block: &Block) -> u64 {
    block.data.len() as u64 + OVERHEAD
}

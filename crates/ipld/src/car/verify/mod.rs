//! Proves that a stream of blocks is what was asked for: every block hashed, all of them there, and none besides.
//!
//! The rules are those of the trustless gateway specification (reference 3.1): which blocks belong to a request is decided by walking
//! the DAG here, never by what the server says. The roots in the header of its CAR are not even looked at.
//!
//! ```text
//! loop { verifier.push(block)?;  while let Some(ready) = verifier.ready()? { use(ready) } }      // as long as blocks arrive
//! verifier.end();                while let Some(ready) = verifier.ready()? { use(ready) }        // repeats at the very end
//! verifier.finish()?
//! ```
//! Without [`Output::Everything`] the two inner loops are not needed. When a stream breaks off, [`Verifier::wanted`] names the block to
//! fetch from elsewhere, and the same verifier goes on with it.

use std::ops::Range;

use bytes::Bytes;

use crate::Block;

mod expand;
mod key;
mod parked;
mod verifier;
mod walk;

pub use verifier::Verifier;

/// Which blocks below the root belong to a request (`dag-scope` and `entity-bytes` of the trustless gateway specification).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// The root block alone.
    Block,
    /// A whole file; or a directory with all its shards and none of its entries; or any other single block. With a range: of a file only
    /// the blocks that have bytes of it. The range is cut to the file, `u64::MAX` means its end, and directories ignore it.
    Entity(Option<Range<u64>>),
    /// Everything below the root. Links are followed in dag-pb and dag-cbor; raw, cbor and json have none.
    All,
}

/// In which order the blocks are allowed to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Any. What comes too early is parked, so a foreign block is only told from an early one at the end.
    Any,
    /// Depth first, each node before its children (`order=dfs`), repeated blocks sent again or left out. The first block out of place is
    /// an error.
    Dfs,
}

/// What [`Verifier::ready`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Nothing: only the verdict of [`Verifier::finish`] is wanted.
    Nothing,
    /// Inner nodes and, in [`Scope::Entity`], the bytes of the file. [`Verifier::ready`] must then be called until it answers `None` after
    /// every push: blocks are parked until it was.
    Everything,
}

/// How a [`Verifier`] works and how far it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// [`Order::Any`] by default.
    pub order: Order,
    /// [`Output::Nothing`] by default.
    pub output: Output,
    /// Names below the root that lead to what the scope speaks of; the blocks on the way belong to the request. None by default.
    pub path: Vec<String>,
    /// The most bytes of blocks that wait for their place; 32 MiB.
    pub parked: u64,
    /// How many different blocks are remembered, about 64 bytes each; 229,376. Later ones must be sent again where they are repeated.
    pub remembered: usize,
    /// The most bytes of blocks accepted in all, repeated ones included; unlimited by default.
    pub total: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        let (order, output, path) = (Order::Any, Output::Nothing, Vec::new());
        // 7/8 of 2^18: as many as a hash table of that size takes before it grows.
        Settings { order, output, path, parked: 32 << 20, remembered: 229_376, total: u64::MAX }
    }
}

/// What is proved so far, in the order of the DAG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// An inner node, when it is met first: it has links, or is no part of a file. Nodes under identity CIDs are left out.
    Node(Block),
    /// The next bytes of the file. Each byte of the range is told once, by `Bytes` or by `Again`, in order.
    Bytes {
        /// Where in the file they begin.
        offset: u64,
        /// The bytes, cut to the range.
        data: Bytes,
    },
    /// The next `len` bytes of the file are those that were told before from `from` on: the server left the repeated blocks out.
    Again {
        /// Where in the file they begin.
        offset: u64,
        /// How many there are.
        len: u64,
        /// Where the same bytes are; `from + len` is at most `offset`, and all of it is in the range.
        from: u64,
    },
}

/// The verdict on a complete stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Blocks that the scope needed.
    pub blocks: u64,
    /// Blocks beyond them: verified, but there already.
    pub repeated: u64,
    /// Bytes of the needed blocks.
    pub bytes: u64,
    /// The length of the whole file, when the scope is an entity and the entity a file.
    pub file: Option<u64>,
}

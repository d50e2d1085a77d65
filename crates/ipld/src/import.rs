//! Plain bytes and names into a DAG: the CID that IPFS gives them, and the nodes to prove it.
//!
//! A file: cut it into chunks of [`Profile::chunk`] bytes, hash each on whatever thread is free with [`leaf`] or [`LeafHasher`], and give the
//! results in order to one [`FileBuilder`]. A directory: give its entries in any order to one [`DirectoryBuilder`]. Nodes go to a sink
//! as they are made, children before parents; a sink that can fail keeps its own error.

use bytes::Bytes;
use cid::Cid;

use crate::{address, block::Block, profile::Profile, unixfs};

mod arena;
mod balanced;
mod directory;
mod leaf;
mod shards;

pub use balanced::FileBuilder;
pub use directory::{DirectoryBuilder, check_name};
pub use leaf::{LeafHasher, leaf, leaf_block};

/// What was imported: all that a parent must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub cid: Cid,
    /// Bytes of the file; of a directory, the sum over its entries; of a symlink, the target's length.
    pub size: u64,
    /// Bytes of all blocks under it, each counted as often as it is linked: what dag-pb calls Tsize.
    pub tsize: u64,
}

/// Imports bytes that are at hand: the entry, and the inner nodes, children before parents. For tests and small content.
pub fn import(profile: &Profile, data: &[u8]) -> (Entry, Vec<Block>) {
    let mut nodes = Vec::new();
    let mut builder = FileBuilder::new(*profile);
    let mut sink = |block| nodes.push(block);
    for chunk in data.chunks(profile.chunk.max(1) as usize) {
        builder.push(leaf(profile, chunk), &mut sink);
    }
    let entry = builder.finish(&mut sink);
    (entry, nodes)
}

/// A symbolic link to `target`, and its block.
pub fn symlink(profile: &Profile, target: &[u8]) -> (Entry, Block) {
    let block = node(profile, unixfs::encode_symlink(target));
    (Entry { cid: block.cid, size: target.len() as u64, tsize: block.data.len() as u64 }, block)
}

/// Names a dag-pb node as the profile says.
fn node(profile: &Profile, data: Bytes) -> Block {
    let cid = address::sha256(address::DAG_PB, &data);
    let cid = Cid::new(profile.cid_version, address::DAG_PB, *cid.hash()).unwrap_or(cid);
    Block { cid, data }
}

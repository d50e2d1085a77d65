//! A directory tree to test with.

use std::collections::HashMap;
use std::sync::Arc;

use backend_core::{Content, Open};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use ipld::import::{DirectoryBuilder, Entry, import};
use ipld::{Block, profile};

use super::outboard;

/// A folder with a file of two chunks, an empty file and a folder with a file in it; `seed` makes it different from others. With it, every leaf.
///
/// # Errors
/// What the importer says, should it not like these names.
pub fn tree(seed: &str) -> ipld::Result<(Content, Vec<Block>)> {
    let profile = profile::UNIXFS_V1_2025;
    let large: Bytes = super::Random::new(seed, super::LEAF + 9).frames(0..super::LEAF + 9).flatten().collect();
    let note = Bytes::from(format!("a note for {seed}"));
    let mut nodes = HashMap::new();
    let mut keep = |block: Block| {
        nodes.insert(block.cid, block.data);
    };
    let mut file = |data: &Bytes| -> Entry {
        let (entry, blocks) = import(&profile, data);
        blocks.into_iter().for_each(&mut keep);
        entry
    };
    let files = [file(&large), file(&Bytes::new()), file(&note)];
    let mut inner = DirectoryBuilder::new(profile);
    inner.add(b"note", files[2])?;
    let inner = inner.finish(&mut keep)?;
    let mut outer = DirectoryBuilder::new(profile);
    for (name, entry) in [("a-large", files[0]), ("empty", files[1]), ("folder", inner)] {
        outer.add(name.as_bytes(), entry)?;
    }
    let root = outer.finish(&mut keep)?;
    let leaf = super::LEAF as usize;
    let leaves = [large.slice(..leaf), large.slice(leaf..), Bytes::new(), note].map(Block::raw).to_vec();
    let source = Arc::new(Leaves(leaves.iter().map(|block| block.data.clone()).collect()));
    let len = leaves.iter().map(|block| block.data.len() as u64).sum();
    Ok((Content::tree(root.cid, len, outboard(root.cid, &nodes), source), leaves))
}

#[derive(Debug)]
struct Leaves(Vec<Bytes>);

#[async_trait::async_trait]
impl Open for Leaves {
    async fn open(&self, range: std::ops::Range<u64>) -> backend_core::Result<backend_core::ByteStream> {
        let all: Bytes = self.0.concat().into();
        let range = range.start as usize..range.end as usize;
        Ok(stream::iter([Ok(all.slice(range))]).boxed())
    }
}

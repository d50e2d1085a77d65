//! Content to test with: pseudo-random bytes of any length that nobody holds in memory, named as the program names content.

mod damaged;
mod gate;
mod lying;
mod random;
mod tree;
mod watch;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use backend_core::{Content, Dag, Digest, DigestKind};
use bytes::Bytes;
use ipld::import::{Entry, FileBuilder, LeafHasher};
use ipld::preorder::{Preorder, Step};
use ipld::{Cid, address, profile};

pub use damaged::damaged;
pub use gate::Gate;
pub use lying::{Defect, lying};
pub use random::Random;
pub use tree::tree;
pub use watch::Watch;

/// Bytes of a chunk of test content: the default profile's.
pub const LEAF: u64 = profile::UNIXFS_V1_2025.chunk as u64;

/// `len` bytes that depend on `seed` alone, with their CID, inner nodes, SHA-256 and CRC-64/NVME, made as they are read.
pub fn random(seed: &str, len: u64) -> Content {
    let source = Random::new(seed, len);
    let (entry, dag, digests) = name(len, |range| source.frames(range));
    Content::file(entry.cid, len, dag, Arc::new(source)).with_digests(digests)
}

/// These bytes, which fit one chunk.
pub fn small(bytes: impl Into<Bytes>) -> Content {
    let bytes = bytes.into();
    Content::bytes(address::sha256(address::RAW, &bytes), bytes)
}

/// What an importer would call these bytes.
fn name<F: Iterator<Item = Bytes>>(len: u64, frames: impl Fn(Range<u64>) -> F) -> (Entry, Dag, Vec<Digest>) {
    let profile = profile::UNIXFS_V1_2025;
    let mut nodes = HashMap::new();
    let mut sink = |block: ipld::Block| {
        nodes.insert(block.cid, block.data);
    };
    let mut builder = FileBuilder::new(profile);
    let mut whole = LeafHasher::new(&profile, len);
    let mut crc = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
    let mut at = 0;
    while at < len {
        let end = len.min(at + LEAF);
        let mut leaf = LeafHasher::new(&profile, end - at);
        for frame in frames(at..end) {
            leaf.update(&frame);
            whole.update(&frame);
            crc.update(&frame);
        }
        if let Ok(leaf) = leaf.finish() {
            builder.push(leaf, &mut sink);
        }
        at = end;
    }
    let entry = builder.finish(&mut sink);
    let sha256 = whole.finish().map(|whole| Bytes::copy_from_slice(whole.cid.hash().digest())).unwrap_or_default();
    let crc64 = crc.finalize().to_be_bytes().to_vec().into();
    let digests =
        vec![Digest { kind: DigestKind::Sha256, value: sha256 }, Digest { kind: DigestKind::Crc64Nvme, value: crc64 }];
    (entry, outboard(entry.cid, &nodes), digests)
}

/// The inner nodes in the order of an outboard: root first.
fn outboard(root: Cid, nodes: &HashMap<Cid, Bytes>) -> Dag {
    let mut walk = Preorder::new(root);
    let mut sorted = Vec::new();
    while let Ok(step) = walk.next() {
        let fed = match step {
            Step::Done => break,
            Step::Node(block) => {
                sorted.push((block.cid, block.data));
                Ok(())
            }
            Step::Need(cid) => match nodes.get(&cid) {
                Some(node) => walk.feed(&cid, node),
                None => walk.leaf(&cid),
            },
        };
        if fed.is_err() {
            break;
        }
    }
    Dag::from_nodes(sorted)
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::{StreamExt, TryStreamExt};

    use super::*;

    fn read(content: &Content, range: std::ops::Range<u64>) -> Vec<u8> {
        let frames: Vec<Bytes> = block_on(async { content.open(range).await?.try_collect().await }).unwrap();
        frames.concat()
    }

    #[test]
    fn names_are_those_of_the_importer() {
        for len in [0, 1, LEAF - 1, LEAF, LEAF + 1, 3 * LEAF + 7] {
            let content = random("names", len);
            let bytes = read(&content, 0..len);
            let (entry, blocks) = ipld::import::import(&profile::UNIXFS_V1_2025, &bytes);
            assert_eq!((*content.cid(), content.len()), (entry.cid, len));
            assert_eq!(content.dag().count(), blocks.len() as u64, "{len}");
            let whole = address::sha256(address::RAW, &bytes);
            assert_eq!(content.digest(DigestKind::Sha256).unwrap(), whole.hash().digest());
            let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, &bytes);
            assert_eq!(content.digest(DigestKind::Crc64Nvme).unwrap()[..], crc.to_be_bytes());
        }
    }

    #[test]
    fn any_range_is_the_same_bytes() {
        let content = random("ranges", 300_000);
        let all = read(&content, 0..300_000);
        for range in [0..1, 7..9, 65_535..65_537, 131_071..300_000, 5..5] {
            assert_eq!(read(&content, range.clone()), all[range.start as usize..range.end as usize], "{range:?}");
        }
        assert_ne!(all, read(&random("other", 300_000), 0..300_000));
    }

    #[test]
    fn the_outboard_begins_with_the_root() {
        let content = random("outboard", 1030 * LEAF);
        let first = block_on(content.dag().walk().next()).unwrap().unwrap();
        assert_eq!((first.0, content.dag().count()), (*content.cid(), 3));
    }
}

//! What was imported is read back byte by byte: from blocks, and from the plain file with its outboard.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::ops::Range;

use bytes::Bytes;
use common::{Store, cut, rnd};
use ipld::{
    Cid, Result, address,
    import::import,
    plan::{Plan, Step, Wrap},
    preorder::{self, Preorder},
    profile::{UNIXFS_V0_2015, UNIXFS_V1_2025},
    unixfs::{Child, FileNode},
};
use proptest::prelude::*;

/// The range, read from a store of blocks; and how many nodes were asked for.
fn from_blocks(store: &Store, root: Cid, size: Option<u64>, range: Range<u64>) -> Result<(Vec<u8>, usize)> {
    let mut plan = Plan::new(root, size, range.clone());
    let (mut bytes, mut asked) = (Vec::new(), 0);
    loop {
        match plan.next()? {
            Step::Need(cid) => {
                asked += 1;
                plan.feed(&cid, &store.get(&cid))?;
            }
            Step::Chunk(chunk) => {
                let block = if matches!(chunk.wrap, Wrap::Inline(_)) { Bytes::new() } else { store.get(&chunk.cid) };
                let plain = chunk.unwrap(&block)?;
                chunk.verify(&plain)?;
                if !matches!(chunk.wrap, Wrap::Inline(_)) {
                    assert_eq!(chunk.seal(&plain)?.data, block);
                }
                bytes.extend_from_slice(&plain[chunk.within(&range)]);
            }
            Step::Done => return Ok((bytes, asked)),
        }
    }
}

/// The inner nodes, as an outboard keeps them.
fn outboard(store: &Store, root: Cid) -> Store {
    let mut nodes = Store::default();
    let mut walk = Preorder::new(root);
    loop {
        match walk.next().unwrap() {
            preorder::Step::Need(cid) => walk.feed(&cid, &store.get(&cid)).unwrap(),
            preorder::Step::Node(block) => nodes.put(block),
            preorder::Step::Done => return nodes,
        }
    }
}

/// The range, read from the plain file, with an outboard that has inner nodes only.
fn from_plain(plain: &[u8], nodes: &Store, root: Cid, range: Range<u64>) -> Result<Vec<u8>> {
    let mut plan = Plan::new(root, Some(plain.len() as u64), range.clone());
    let mut bytes = Vec::new();
    loop {
        match plan.next()? {
            Step::Need(cid) => match nodes.0.get(&address::to_v1(&cid)) {
                Some(node) => plan.feed(&cid, node)?,
                None => plan.leaf(&cid)?,
            },
            Step::Chunk(chunk) => {
                let chunk_bytes = &plain[chunk.offset as usize..][..chunk.len as usize];
                chunk.verify(chunk_bytes)?;
                bytes.extend_from_slice(&chunk_bytes[chunk.within(&range)]);
            }
            Step::Done => return Ok(bytes),
        }
    }
}

proptest! {
    #[test]
    fn every_range_of_every_layout(size in 0_usize..3000, chunk in 1_u32..300, width in 2_u32..7, wrapped: bool, ends: (u16, u16)) {
        let profile = cut(if wrapped { UNIXFS_V0_2015 } else { UNIXFS_V1_2025 }, chunk, width);
        let data = rnd("range", size);
        let mut store = Store::default();
        let root = store.import(&profile, &data).cid;
        let at = |end: u16| u64::from(end) * size as u64 / u64::from(u16::MAX);
        let range = at(ends.0.min(ends.1))..at(ends.0.max(ends.1));
        let wanted = &data[range.start as usize..range.end as usize];
        if size > 0 {
            prop_assert_eq!(&from_blocks(&store, root, None, range.clone())?.0, wanted);
            prop_assert_eq!(&from_blocks(&store, address::to_v1(&root), Some(size as u64), 0..u64::MAX)?.0, &data);
        }
        let nodes = outboard(&store, root);
        prop_assert_eq!(&from_plain(&data, &nodes, root, range)?, wanted);
        let (_, made) = import(&profile, &data);
        prop_assert_eq!(nodes.0.len(), made.iter().map(|block| block.cid).collect::<std::collections::HashSet<_>>().len());
    }

    /// A byte of the file or of the outboard that flips is found, and never given away.
    #[test]
    fn every_flipped_byte_is_found(at: prop::sample::Index, wrapped: bool, bit in 0_u32..8) {
        let profile = cut(if wrapped { UNIXFS_V0_2015 } else { UNIXFS_V1_2025 }, 50, 3);
        let mut data = rnd("flip", 1000);
        let mut store = Store::default();
        let root = store.import(&profile, &data).cid;
        let nodes = outboard(&store, root);
        data[at.index(1000)] ^= 1 << bit;
        prop_assert!(from_plain(&data, &nodes, root, 0..1000).is_err());
        for block in store.0.values_mut() {
            let mut bytes = block.to_vec();
            let index = at.index(bytes.len());
            bytes[index] ^= 1 << bit;
            *block = bytes.into();
        }
        prop_assert!(from_blocks(&store, root, None, 0..1000).is_err());
    }
}

#[test]
fn a_byte_costs_one_node_a_level() {
    let data = rnd("levels", 10_000);
    let cases = [(0..1, 3), (5_000..5_001, 3), (4_999..5_001, 5), (0..10_000, 111), (70..70, 1), (10_000..10_000, 1)];
    for profile in [UNIXFS_V0_2015, UNIXFS_V1_2025] {
        let mut store = Store::default();
        let root = store.import(&cut(profile, 10, 10), &data).cid;
        for (range, nodes) in cases.clone() {
            let (bytes, asked) = from_blocks(&store, root, None, range.clone()).unwrap();
            assert_eq!(
                (bytes.as_slice(), asked),
                (&data[range.start as usize..range.end as usize], nodes),
                "{range:?}"
            );
        }
    }
}

#[test]
fn ranges_that_are_not_there() {
    let data = rnd("short", 100);
    let mut store = Store::default();
    for chunk in [10, 100] {
        let root = store.import(&cut(UNIXFS_V1_2025, chunk, 4), &data).cid;
        for range in [0..101, 101..102, 101..u64::MAX, Range { start: 3, end: 2 }] {
            for size in [None, Some(100)] {
                let result = from_blocks(&store, root, size, range.clone());
                assert!(matches!(result, Err(ipld::Error::Range { size: 100, .. })), "{range:?} {size:?}: {result:?}");
            }
        }
        assert!(from_blocks(&store, root, Some(99), 0..99).is_err(), "a size that is not the file's");
    }
}

/// A catalog that claims a file to be empty is not believed: there is no chunk whose hash would tell.
#[test]
fn emptiness_is_proved() {
    let mut store = Store::default();
    let none = import(&UNIXFS_V0_2015, b"").0.cid;
    let with_mode = ipld::Block::of(address::DAG_PB, FileNode { mode: Some(0o600), ..FileNode::default() }.encode());
    store.put(with_mode.clone());
    for (root, asked) in [(none, 0), (import(&UNIXFS_V1_2025, b"").0.cid, 0), (with_mode.cid, 1)] {
        assert_eq!(from_blocks(&store, root, Some(0), 0..0).unwrap(), (vec![], asked));
    }
    for profile in [UNIXFS_V0_2015, UNIXFS_V1_2025].map(|profile| cut(profile, 2, 2)) {
        for data in [b"x".as_slice(), b"xyz"] {
            let root = store.import(&profile, data).cid;
            assert!(from_blocks(&store, root, Some(0), 0..u64::MAX).is_err(), "{root}");
            assert!(from_plain(b"", &Store::default(), root, 0..0).is_err(), "{root}");
        }
    }
}

/// Bytes in an inner node, a leaf in an identity CID, a leaf with a mode, a child of zero bytes: trees that no profile makes.
#[test]
fn foreign_trees() {
    let mut store = Store::default();
    let mut put = |node: FileNode| {
        let block = ipld::Block::of(address::DAG_PB, node.encode());
        let tsize = block.data.len() as u64;
        store.put(block.clone());
        Child { cid: block.cid, size: node.size, tsize }
    };
    let with_mode = put(FileNode { data: "mode".into(), size: 4, mode: Some(0o600), ..FileNode::default() });
    let empty = put(FileNode::default());
    let leaf = put(FileNode { data: "leaf".into(), size: 4, ..FileNode::default() });
    let untold = Child { tsize: 0, ..leaf.clone() };
    let inline = Cid::new_v1(address::RAW, cid::multihash::Multihash::wrap(address::IDENTITY, b"inline").unwrap());
    let inline = Child { cid: inline, size: 6, tsize: 6 };
    let children = vec![inline.clone(), with_mode, empty, leaf, untold];
    let root = put(FileNode { data: "own".into(), size: 21, children, ..FileNode::default() });
    for range in [0..21, 2..10, 3..9, 12..14, 20..21] {
        let wanted = &b"owninlinemodeleafleaf"[range.start as usize..range.end as usize];
        assert_eq!(from_blocks(&store, root.cid, None, range).unwrap().0, wanted);
    }
    let nodes = outboard(&store, root.cid);
    assert_eq!(nodes.0.len(), 2, "the root and the leaf with a mode");
    assert_eq!(from_plain(b"owninlinemodeleafleaf", &nodes, root.cid, 0..21).unwrap(), b"owninlinemodeleafleaf");
    assert_eq!(from_blocks(&store, inline.cid, Some(6), 1..3).unwrap().0, b"nl");
}

//! Byte ranges of files: exactly the blocks with bytes of the range, in order, and the bytes told once each.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panic")]

mod car_common;
mod common;

use car_common::{Request, content, dfs, once};
use common::{Store, cut as small};
use ipld::{
    Block, Cid, Error, address,
    car::{
        Scope, Verifier,
        verify::{Order, Output, Ready, Settings},
    },
    profile::{UNIXFS_V0_2015, UNIXFS_V1_2025},
    unixfs::{self, Node},
};
use proptest::prelude::*;
use std::ops::Range;

/// The blocks of a file that have bytes of the range, depth first with repetitions: a second opinion.
fn touching(store: &Store, cid: &Cid, start: u64, range: &Range<u64>) -> Vec<Block> {
    let data = store.get(cid);
    let mut out = vec![Block { cid: *cid, data: data.clone() }];
    if let Node::File(file) = unixfs::decode(cid, &data).unwrap() {
        let mut at = start + file.data.len() as u64;
        for child in file.children {
            if (at..at + child.size).any(|byte| range.contains(&byte)) {
                out.extend(touching(store, &child.cid, at, range));
            }
            at += child.size;
        }
    }
    out
}

fn check(request: &Request, blocks: &[Block], expected: &[u8], start: u64) {
    for (order, output) in
        [(Order::Dfs, Output::Everything), (Order::Any, Output::Everything), (Order::Dfs, Output::Nothing)]
    {
        let settings = Settings { order, output, ..request.settings.clone() };
        let (summary, ready) = Request { settings, ..request.clone() }.check_blocks(blocks).unwrap();
        assert_eq!(summary.blocks as usize, once(blocks).len());
        if output == Output::Everything {
            assert_eq!(content(&ready, start), expected, "{order:?}");
        }
    }
}

proptest! {
    #[test]
    fn any_range_of_any_file(data in prop_oneof![prop::collection::vec(0u8..2, 1..150), prop::collection::vec(any::<u8>(), 1..150)], chunk in 1u32..6, width in 2u32..4, raw in any::<bool>(), from in 0u64..160, len in 0u64..160) {
        let profile = small(if raw { UNIXFS_V1_2025 } else { UNIXFS_V0_2015 }, chunk, width);
        let mut store = Store::default();
        let root = store.import(&profile, &data).cid;
        let size = data.len() as u64;
        let expected = &data[from.min(size) as usize..(from + len).min(size) as usize];
        let request = Request::new(root, Scope::Entity(Some(from..from + len)));
        let blocks = touching(&store, &root, 0, &(from..from + len));
        check(&request, &blocks, expected, from);
        check(&request, &once(&blocks), expected, from);
        for block in once(&blocks).iter().skip(1) {
            let rest: Vec<Block> = blocks.iter().filter(|other| other.cid != block.cid).cloned().collect();
            let answer = request.check_blocks(&rest);
            prop_assert!(matches!(answer, Err(Error::Missing { .. } | Error::Unexpected { .. })), "{:?}", answer);
        }
    }
}

#[test]
fn a_block_out_of_place_is_told_at_once_depth_first() {
    let mut store = Store::default();
    let data: Vec<u8> = (0..=255).collect();
    let root = store.import(&small(UNIXFS_V1_2025, 10, 3), &data).cid;
    let blocks = dfs(&store, &root);
    for (order, early_is_fine) in [(Order::Any, true), (Order::Dfs, false)] {
        let settings = Settings { order, ..Settings::default() };
        let mut verifier = Verifier::with(root, Scope::Entity(None), settings);
        verifier.push(blocks[0].clone()).unwrap();
        let answer = verifier.push(blocks[5].clone());
        assert_eq!(answer.is_ok(), early_is_fine, "{order:?}: {answer:?}");
        assert_eq!(verifier.push(blocks[1].clone()), answer, "an error is final");
    }
}

fn zeros() -> (Store, Cid) {
    let mut store = Store::default();
    let root = store.import(&small(UNIXFS_V1_2025, 10, 3), &[0; 300]).cid;
    (store, root)
}

#[test]
fn a_server_that_ignores_the_range_is_caught() {
    let mut store = Store::default();
    let data: Vec<u8> = (0..=255).collect();
    let root = store.import(&small(UNIXFS_V1_2025, 10, 3), &data).cid;
    for order in [Order::Any, Order::Dfs] {
        let mut request = Request::new(root, Scope::Entity(Some(100..120)));
        request.settings.order = order;
        let answer = request.check_blocks(&dfs(&store, &root));
        assert!(matches!(answer, Err(Error::Unexpected { .. })), "{answer:?}");
    }
}

#[test]
fn repeats_are_told_as_bytes_when_they_are_sent_and_by_place_when_not() {
    let (store, root) = zeros();
    let all = dfs(&store, &root);
    let kinds = |blocks: &[Block]| {
        let (_, ready) = Request::new(root, Scope::Entity(None)).check_blocks(blocks).unwrap();
        assert_eq!(content(&ready, 0), [0; 300]);
        ready.iter().filter(|ready| matches!(ready, Ready::Again { .. })).count()
    };
    assert_eq!(kinds(&all), 0);
    assert!(1 < kinds(&once(&all)));
}

#[test]
fn a_stream_that_broke_off_is_completed_block_by_block() {
    let mut store = Store::default();
    let data: Vec<u8> = (0..=255).collect();
    let root = store.import(&small(UNIXFS_V1_2025, 10, 3), &data).cid;
    let mut verifier = Verifier::new(root, Scope::Entity(None));
    for block in dfs(&store, &root).into_iter().take(9) {
        verifier.push(block).unwrap();
    }
    let lie = Block { cid: *verifier.wanted().unwrap(), data: "not it".into() };
    assert!(matches!(verifier.push(lie), Err(Error::Mismatch { .. })), "a wrong block is refused and no more");
    while let Some(cid) = verifier.wanted().copied() {
        verifier.push(Block { cid, data: store.get(&cid) }).unwrap();
    }
    assert_eq!(verifier.finish().unwrap().file, Some(256));
}

#[test]
fn memory_is_bounded() {
    let (store, root) = zeros();
    let all = once(&dfs(&store, &root));
    let backwards: Vec<Block> = all.iter().rev().cloned().collect();
    let limited = |blocks: &[Block], settings: Settings| {
        Request { root, scope: Scope::All, settings }.check_blocks(blocks).map(|(summary, _)| summary.blocks)
    };
    let needed = Ok(all.len() as u64);
    assert_eq!(limited(&backwards, Settings::default()), needed);
    let parked = limited(&backwards, Settings { parked: 300, ..Settings::default() });
    assert!(matches!(parked, Err(Error::Limit { limit: 300, .. })), "{parked:?}");
    let total = limited(&all, Settings { total: 100, ..Settings::default() });
    assert!(matches!(total, Err(Error::Limit { limit: 100, .. })), "{total:?}");
    let forgetful = Settings { remembered: 0, ..Settings::default() };
    assert!(matches!(limited(&all, forgetful.clone()), Err(Error::Missing { .. })));
    let sent_again = dfs(&store, &root);
    assert_eq!(limited(&sent_again, forgetful), Ok(sent_again.len() as u64));
}

#[test]
fn sizes_that_lie_are_malformed() {
    let leaf = Block::raw(&b"ten bytes!"[..]);
    let child = |size| unixfs::Child { cid: leaf.cid, size, tsize: 10 };
    let parent = |sizes: &[u64]| {
        let children: Vec<_> = sizes.iter().copied().map(child).collect();
        let size = sizes.iter().sum();
        let data = unixfs::FileNode { size, children, ..unixfs::FileNode::default() }.encode();
        Block { cid: address::sha256(address::DAG_PB, &data), data }
    };
    for (sizes, honest) in [(&[10][..], true), (&[10, 10], true), (&[11], false), (&[10, 11], false), (&[9, 10], false)]
    {
        let root = parent(sizes);
        let mut request = Request::new(root.cid, Scope::Entity(None));
        let answer = request.check_blocks(&[root.clone(), leaf.clone()]);
        request.settings.output = Output::Nothing;
        assert_eq!(request.check_blocks(&[root, leaf.clone()]).is_ok(), honest, "{sizes:?} without output");
        match answer {
            Ok((_, ready)) => assert_eq!(content(&ready, 0), leaf.data.repeat(sizes.len()), "{sizes:?}"),
            Err(error) => assert!(!honest && matches!(error, Error::Malformed { .. }), "{sizes:?}: {error}"),
        }
    }
}

//! Any DAG, sent in any legal way, verifies; anything missing, foreign or wrong is caught.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panic")]

mod car_common;
mod common;

use bytes::Bytes;
use car_common::{Request, content, cut, dfs, once, write};
use common::Store;
use ipld::{
    Block, Cid, Error,
    car::{
        Scope,
        verify::{Order, Output},
    },
    import::{self, DirectoryBuilder, Entry},
    profile::{DirectoryRule, Estimate, KUBO_CID_V1, Profile, UNIXFS_V0_2015, UNIXFS_V1_2025},
};
use proptest::{prelude::*, sample::Index};

/// Small enough that a few hundred bytes make a tree, and a few names a HAMT.
fn profile() -> impl Strategy<Value = Profile> {
    let base = prop::sample::select(vec![UNIXFS_V1_2025, UNIXFS_V0_2015, KUBO_CID_V1]);
    (base, 1u32..8, 2u32..5, prop::sample::select(vec![8u32, 16, 256])).prop_map(|(base, chunk, width, fanout)| {
        let directory = DirectoryRule { fanout, threshold: 5, estimate: Estimate::Entries };
        Profile { chunk, width, directory, ..base }
    })
}

/// Few different bytes, so that chunks and whole subtrees repeat.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(0u8..2, 0..120), prop::collection::vec(any::<u8>(), 0..120)]
}

#[derive(Debug, Clone)]
enum Tree {
    File(Vec<u8>),
    Link(Vec<u8>),
    Directory(Vec<Tree>),
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf =
        prop_oneof![4 => bytes().prop_map(Tree::File), 1 => prop::collection::vec(1u8..3, 1..4).prop_map(Tree::Link)];
    leaf.prop_recursive(3, 24, 12, |inner| prop::collection::vec(inner, 0..12).prop_map(Tree::Directory))
}

fn build(store: &mut Store, profile: &Profile, tree: &Tree) -> Entry {
    match tree {
        Tree::File(data) => {
            if data.is_empty() {
                store.put(import::leaf_block(profile, &Bytes::new()));
            }
            store.import(profile, data)
        }
        Tree::Link(target) => {
            let (entry, block) = import::symlink(profile, target);
            store.put(block);
            entry
        }
        Tree::Directory(entries) => {
            let mut directory = DirectoryBuilder::new(*profile);
            for (at, tree) in entries.iter().enumerate() {
                let entry = build(store, profile, tree);
                directory.add(format!("name {at}").as_bytes(), entry).unwrap();
            }
            directory.finish(&mut |block| store.put(block)).unwrap()
        }
    }
}

fn built(profile: &Profile, tree: &Tree) -> (Store, Cid) {
    let mut store = Store::default();
    let entry = build(&mut store, profile, tree);
    (store, entry.cid)
}

/// The ways a server may send these blocks, given depth first and with repetitions.
fn ways(all: &[Block], shuffle: &[usize]) -> Vec<(Order, Vec<Block>)> {
    let mut shuffled = all.to_vec();
    for (at, with) in shuffle.iter().enumerate().take(all.len()) {
        shuffled.swap(at, with % all.len());
    }
    let shuffled_once = once(&shuffled);
    vec![
        (Order::Dfs, all.to_vec()),
        (Order::Dfs, once(all)),
        (Order::Any, all.to_vec()),
        (Order::Any, once(all)),
        (Order::Any, shuffled),
        (Order::Any, shuffled_once),
    ]
}

fn request(root: Cid, scope: Scope, order: Order, output: Output) -> Request {
    let mut request = Request::new(root, scope);
    (request.settings.order, request.settings.output) = (order, output);
    request
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn everything_below_a_root(profile in profile(), tree in tree(), shuffle in prop::collection::vec(any::<usize>(), 300), cuts in prop::collection::vec(any::<usize>(), 0..9)) {
        let (store, root) = built(&profile, &tree);
        let all = dfs(&store, &root);
        for (order, blocks) in ways(&all, &shuffle) {
            for output in [Output::Nothing, Output::Everything] {
                let answer = request(root, Scope::All, order, output).check(cut(&write(&root, &blocks), &cuts));
                let (summary, _) = answer.map_err(|error| TestCaseError::fail(format!("{order:?} {output:?}: {error}")))?;
                prop_assert_eq!(summary.blocks as usize, once(&all).len());
            }
        }
    }

    #[test]
    fn a_file_and_its_bytes(profile in profile(), data in bytes(), shuffle in prop::collection::vec(any::<usize>(), 300)) {
        let (store, root) = built(&profile, &Tree::File(data.clone()));
        for (order, blocks) in ways(&dfs(&store, &root), &shuffle) {
            let (summary, ready) = request(root, Scope::Entity(None), order, Output::Everything).check_blocks(&blocks).unwrap();
            prop_assert_eq!(content(&ready, 0), &data[..]);
            prop_assert_eq!(summary.file, Some(data.len() as u64));
            let (quiet, none) = request(root, Scope::Entity(None), order, Output::Nothing).check_blocks(&blocks).unwrap();
            prop_assert_eq!((quiet.blocks, none.len()), (summary.blocks, 0));
        }
    }

    #[test]
    fn a_directory_and_its_shards(profile in profile(), tree in prop::collection::vec(tree(), 0..20).prop_map(Tree::Directory)) {
        let (store, root) = built(&profile, &tree);
        let nodes = shards(&store, &root);
        for order in [Order::Dfs, Order::Any] {
            let (summary, _) = request(root, Scope::Entity(None), order, Output::Everything).check_blocks(&nodes).unwrap();
            prop_assert_eq!(summary.blocks as usize, once(&nodes).len());
        }
        for dropped in 0..once(&nodes).len() {
            let rest = without(&once(&nodes), dropped);
            let answer = request(root, Scope::Entity(None), Order::Any, Output::Nothing).check_blocks(&rest);
            prop_assert!(matches!(answer, Err(Error::Missing { .. })), "{:?}", answer);
        }
    }

    #[test]
    fn a_dropped_block_is_missed(profile in profile(), tree in tree(), at in any::<Index>(), shuffle in prop::collection::vec(any::<usize>(), 300)) {
        let (store, root) = built(&profile, &tree);
        for (order, blocks) in ways(&dfs(&store, &root), &shuffle) {
            let gone = blocks[at.index(blocks.len())].cid;
            let rest: Vec<Block> = blocks.iter().filter(|block| block.cid != gone).cloned().collect();
            for output in [Output::Nothing, Output::Everything] {
                let answer = request(root, Scope::All, order, output).check_blocks(&rest);
                prop_assert!(matches!(answer, Err(Error::Missing { .. } | Error::Unexpected { .. })), "{:?}", answer);
            }
        }
    }

    #[test]
    fn a_foreign_block_is_unexpected(profile in profile(), tree in tree(), at in any::<Index>(), shuffle in prop::collection::vec(any::<usize>(), 300)) {
        let (store, root) = built(&profile, &tree);
        let foreign = Block::raw(&b"nobody asked for this"[..]);
        for (order, mut blocks) in ways(&dfs(&store, &root), &shuffle) {
            blocks.insert(at.index(blocks.len() + 1), foreign.clone());
            let answer = request(root, Scope::All, order, Output::Everything).check_blocks(&blocks);
            prop_assert!(matches!(&answer, Err(Error::Unexpected { cid }) if **cid == foreign.cid), "{:?}", answer);
        }
    }

    #[test]
    fn a_flipped_bit_is_caught(profile in profile(), tree in tree(), at in any::<Index>(), bit in 0u8..8) {
        let (store, root) = built(&profile, &tree);
        let all = once(&dfs(&store, &root));
        let mut car = write(&root, &all);
        let header = write(&root, &[]).len();
        let at = header + at.index(car.len() - header);
        car[at] ^= 1 << bit;
        let answer = request(root, Scope::All, Order::Any, Output::Nothing).check([Bytes::from(car)]);
        prop_assert!(answer.is_err(), "byte {} of the sections: {:?}", at - header, answer);
    }
}

/// The nodes of a directory without what is in it, depth first.
fn shards(store: &Store, root: &Cid) -> Vec<Block> {
    let data = store.get(root);
    let mut out = vec![Block { cid: *root, data: data.clone() }];
    if let ipld::unixfs::Node::Shard(shard) = ipld::unixfs::decode(root, &data).unwrap() {
        let further = shard.slots.iter().filter(|slot| slot.link.name.is_empty());
        out.extend(further.flat_map(|slot| shards(store, &slot.link.cid)));
    }
    out
}

fn without(blocks: &[Block], at: usize) -> Vec<Block> {
    [&blocks[..at], &blocks[at + 1..]].concat()
}

//! Directories both ways: built, listed, every name resolved; and the outboard of a whole tree.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::collections::{BTreeMap, HashSet};

use common::Store;
use ipld::{
    Cid, Error, Result, address,
    import::{self, DirectoryBuilder, Entry},
    listing::{self, Listing},
    preorder::{self, Preorder},
    profile::{DirectoryRule, KUBO_CID_V1, Profile, STORACHA, UNIXFS_V0_2015, UNIXFS_V1_2025},
    resolve::{self, Kind, Resolver, Target},
};

fn resolve(store: &Store, root: Cid, path: &str) -> Result<Target> {
    let names = path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let mut walk = Resolver::new(root, names);
    loop {
        match walk.next()? {
            resolve::Step::Need(cid) => walk.feed(&cid, &store.get(&cid))?,
            resolve::Step::Found(target) => return Ok(target),
        }
    }
}

fn list(store: &Store, root: Cid) -> Result<Vec<(String, Cid)>> {
    let (mut walk, mut entries) = (Listing::new(root), Vec::new());
    loop {
        match walk.next()? {
            listing::Step::Need(cid) => walk.feed(&cid, &store.get(&cid))?,
            listing::Step::Entry(entry) => entries.push((String::from_utf8(entry.name.to_vec()).unwrap(), entry.cid)),
            listing::Step::Done => return Ok(entries),
        }
    }
}

fn directory(store: &mut Store, profile: Profile, entries: impl IntoIterator<Item = (String, Entry)>) -> Entry {
    let mut builder = DirectoryBuilder::new(profile);
    entries.into_iter().for_each(|(name, entry)| builder.add(name.as_bytes(), entry).unwrap());
    builder.finish(&mut |block| store.put(block)).unwrap()
}

fn with_fanout(profile: Profile, fanout: u32) -> Profile {
    Profile { directory: DirectoryRule { fanout, threshold: 10, ..profile.directory }, ..profile }
}

#[test]
fn every_name_is_listed_and_resolved() {
    let sharded = [8, 16, 256, 1024].map(|fanout| with_fanout(UNIXFS_V1_2025, fanout));
    for profile in [UNIXFS_V0_2015, UNIXFS_V1_2025, KUBO_CID_V1, STORACHA].into_iter().chain(sharded) {
        for count in [0, 1, 2, 300, 3000] {
            let mut store = Store::default();
            let entries = (0..count).map(|index| format!("file {index} é"));
            let entries: BTreeMap<_, _> =
                entries.map(|name| (name.clone(), store.import(&profile, name.as_bytes()))).collect();
            let root = directory(&mut store, profile, entries.clone());
            assert_eq!(root.size, entries.values().map(|entry| entry.size).sum::<u64>());
            let mut listed = list(&store, root.cid).unwrap();
            listed.sort();
            let wanted: Vec<_> = entries.iter().map(|(name, entry)| (name.clone(), entry.cid)).collect();
            assert!(listed == wanted, "{} {count}", profile.directory.fanout);
            for (name, entry) in entries.iter().step_by(17) {
                let found = resolve(&store, root.cid, name).unwrap();
                assert_eq!(found.cid, entry.cid);
                assert_eq!(found.kind, if profile.raw_leaves { Kind::Raw } else { Kind::File });
            }
            let missing = resolve(&store, root.cid, "nobody").unwrap_err();
            assert_eq!(missing, Error::NoEntry { directory: Box::new(root.cid), name: "nobody".to_owned() });
        }
    }
}

/// `tree/sub/file`, `tree/link -> sub`, and a large file at the top.
fn tree(store: &mut Store, profile: Profile) -> (Entry, Entry, Entry) {
    let file = store.import(&profile, b"small");
    let large = store.import(&profile, &common::rnd("large", 3 << 20));
    let sub = directory(store, with_fanout(profile, 8), (0..20).map(|index| (format!("n{index}"), file)));
    let (link, block) = import::symlink(&profile, b"sub");
    store.put(block);
    let entries = [("sub", sub), ("again", sub), ("link", link), ("large", large)];
    let root = directory(store, profile, entries.map(|(name, entry)| (name.to_owned(), entry)));
    (root, sub, large)
}

#[test]
fn paths_end_where_they_should() {
    let mut store = Store::default();
    for profile in [UNIXFS_V0_2015, UNIXFS_V1_2025] {
        let (root, sub, large) = tree(&mut store, profile);
        let found = |path: &str| resolve(&store, root.cid, path);
        let kind = |path: &str| found(path).map(|target| (target.kind, target.size));
        assert_eq!(kind(""), Ok((Kind::Directory, None)));
        assert_eq!(found("sub").unwrap().cid, sub.cid);
        assert_eq!(kind("large"), Ok((Kind::File, Some(3 << 20))));
        assert_eq!(found("large").unwrap().cid, large.cid);
        assert_eq!(kind("link"), Ok((Kind::Symlink, Some(3))));
        let small = if profile.raw_leaves { (Kind::Raw, None) } else { (Kind::File, Some(5)) };
        assert_eq!(kind("sub/n7"), Ok(small));
        for (path, is) in [
            ("link/n7", "symlink"),
            ("large/x", "file"),
            ("sub/n7/x", if profile.raw_leaves { "raw block" } else { "file" }),
        ] {
            assert!(matches!(found(path), Err(Error::WrongKind { is: found, .. }) if found == is), "{path}");
        }
        assert!(matches!(found("sub/n20"), Err(Error::NoEntry { directory, .. }) if *directory == sub.cid));
        assert!(matches!(list(&store, large.cid), Err(Error::WrongKind { is: "file", .. })));
    }
}

/// The outboard: every node that the importer made, each once, parents first; with it alone the tree can be walked.
#[test]
fn the_outboard_of_a_tree() {
    for profile in [UNIXFS_V0_2015, UNIXFS_V1_2025] {
        let mut store = Store::default();
        let (root, sub, large) = tree(&mut store, profile);
        let mut nodes = Store::default();
        let (mut walk, mut order) = (Preorder::new(root.cid), Vec::new());
        loop {
            match walk.next().unwrap() {
                preorder::Step::Need(cid) => walk.feed(&cid, &store.get(&cid)).unwrap(),
                preorder::Step::Node(block) => {
                    order.push(block.cid);
                    nodes.put(block);
                }
                preorder::Step::Done => break,
            }
        }
        assert_eq!(order[..2], [root.cid, sub.cid], "`again` is the first name");
        let at = |wanted: Cid| order.iter().position(|cid| *cid == wanted);
        assert!(at(large.cid) < at(import::symlink(&profile, b"sub").0.cid), "`large` before `link`");
        assert_eq!(order.iter().collect::<HashSet<_>>().len(), order.len(), "each once");
        let file = import::import(&profile, b"small").0;
        let inner = |cid: &Cid| cid.codec() == address::DAG_PB && !address::same(cid, &file.cid);
        let large_leaf = |cid: &Cid| !profile.raw_leaves && store.get(cid).len() > 262_144;
        let wanted: HashSet<_> = store.0.keys().filter(|cid| inner(cid) && !large_leaf(cid)).copied().collect();
        assert_eq!(nodes.0.keys().copied().collect::<HashSet<_>>(), wanted);
        let (mut again, mut count) = (Preorder::new(root.cid), 0);
        loop {
            match again.next().unwrap() {
                preorder::Step::Need(cid) => match nodes.0.get(&address::to_v1(&cid)) {
                    Some(node) => again.feed(&cid, node).unwrap(),
                    None => again.leaf(&cid).unwrap(),
                },
                preorder::Step::Node(block) => {
                    assert_eq!(block.cid, order[count]);
                    count += 1;
                }
                preorder::Step::Done => break,
            }
        }
        assert_eq!(count, order.len());
    }
}

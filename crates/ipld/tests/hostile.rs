//! DAGs made to mislead or exhaust a reader: each walk refuses them within its bounds, and goes on when another replica answers right.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod common;

use bytes::Bytes;
use common::{Store, cut};
use ipld::{
    Block, Cid, Error, Result, address,
    dagpb::{Link, PbNode},
    listing::{self, Listing},
    plan::{self, Plan, Step},
    preorder::{self, Preorder},
    profile::UNIXFS_V1_2025,
    resolve::{self, Resolver},
    unixfs::{Child, FileNode},
};

fn node(store: &mut Store, data: &[u8], links: impl IntoIterator<Item = (Cid, &'static str)>) -> Cid {
    let links = links.into_iter().map(|(cid, name)| Link { cid, name: name.into(), size: 1 }).collect();
    let block = Block::of(address::DAG_PB, PbNode { links, data: Some(Bytes::copy_from_slice(data)) }.encode());
    store.put(block.clone());
    block.cid
}

fn parent(store: &mut Store, children: Vec<Child>) -> Child {
    let size = children.iter().map(|child| child.size).sum();
    let block = Block::of(address::DAG_PB, FileNode { size, children, ..FileNode::default() }.encode());
    store.put(block.clone());
    Child { cid: block.cid, size, tsize: 0 }
}

fn raw(store: &mut Store, data: &'static str) -> Child {
    let block = Block::raw(data);
    store.put(block.clone());
    Child { cid: block.cid, size: data.len() as u64, tsize: data.len() as u64 }
}

/// One question of a walk, or `None` when it has none (more); answers are given by `feed`.
trait Walk {
    fn ask(&mut self) -> Result<Option<Cid>>;
    fn feed(&mut self, cid: &Cid, block: &Bytes) -> Result<()>;
}

macro_rules! walk {
    ($walk:ty, $module:ident, $end:pat) => {
        impl Walk for $walk {
            fn ask(&mut self) -> Result<Option<Cid>> {
                loop {
                    match self.next()? {
                        $module::Step::Need(cid) => return Ok(Some(cid)),
                        $end => return Ok(None),
                        #[allow(unreachable_patterns, reason = "a resolver finds nothing on its way")]
                        _ => {}
                    }
                }
            }

            fn feed(&mut self, cid: &Cid, block: &Bytes) -> Result<()> {
                self.feed(cid, block)
            }
        }
    };
}
walk!(Plan, plan, plan::Step::Done);
walk!(Preorder, preorder, preorder::Step::Done);
walk!(Listing, listing, listing::Step::Done);
walk!(Resolver, resolve, resolve::Step::Found(_));

/// Walks to the end; how many blocks were asked for.
fn check(store: &Store, mut walk: impl Walk) -> Result<usize> {
    let mut asked = 0;
    while let Some(cid) = walk.ask()? {
        asked += 1;
        walk.feed(&cid, &store.get(&cid))?;
    }
    Ok(asked)
}

fn whole(root: Cid) -> Plan {
    Plan::new(root, None, 0..u64::MAX)
}

fn limit(result: Result<usize>) -> &'static str {
    match result {
        Err(Error::Limit { what, .. }) => what,
        other => panic!("{other:?} is no limit"),
    }
}

/// A node cannot name itself; who feeds one that seems to is told so, and may answer again.
#[test]
fn wrong_answers_are_asked_again() {
    let mut store = Store::default();
    let file = store.import(&cut(UNIXFS_V1_2025, 10, 2), &common::rnd("cycle", 100)).cid;
    let directory = node(&mut store, &[8, 1], [(file, "f")]);
    let walks: [(Box<dyn Walk>, Cid); 4] = [
        (Box::new(whole(file)), file),
        (Box::new(Preorder::new(directory)), directory),
        (Box::new(Listing::new(directory)), directory),
        (Box::new(Resolver::new(directory, vec!["f".to_owned()])), directory),
    ];
    for (mut walk, root) in walks {
        let cid = walk.ask().unwrap().unwrap();
        let (right, stranger) = (store.get(&root), Block::raw("stranger"));
        assert_eq!(walk.feed(&stranger.cid, &stranger.data), Err(Error::Unexpected { cid: Box::new(stranger.cid) }));
        assert_eq!(walk.feed(&cid, &stranger.data), Err(Error::Mismatch { cid: Box::new(cid) }));
        assert_eq!(walk.ask(), Ok(Some(cid)), "asked again");
        assert_eq!(walk.feed(&cid, &right), Ok(()));
        if let Some(below) = walk.ask().unwrap() {
            assert_eq!(
                walk.feed(&below, &right),
                Err(Error::Mismatch { cid: Box::new(below) }),
                "the parent in place of the child"
            );
        }
    }
}

#[test]
fn too_deep() {
    let mut store = Store::default();
    let (mut file, mut directory) = (raw(&mut store, "x"), node(&mut store, &[8, 1], []));
    for _ in 0..64 {
        file = parent(&mut store, vec![file]);
    }
    assert_eq!(check(&store, whole(file.cid)), Ok(64));
    file = parent(&mut store, vec![file]);
    file = parent(&mut store, vec![file]);
    assert_eq!(limit(check(&store, whole(file.cid))), "depth of a dag");
    for _ in 0..2049 {
        directory = node(&mut store, &[8, 1], [(directory, "d")]);
    }
    assert_eq!(limit(check(&store, Preorder::new(directory))), "depth of a dag");
}

/// 2^61 bytes in 61 blocks: a byte anywhere costs one node a level, and the outboard each node once.
#[test]
fn a_file_of_exbibytes() {
    let mut store = Store::default();
    let mut file = raw(&mut store, "ab");
    for _ in 0..60 {
        file = parent(&mut store, vec![file.clone(), file]);
    }
    let at = (1 << 60) + 12345;
    let mut plan = Plan::new(file.cid, None, at..at + 1);
    let mut asked = 0;
    let chunk = loop {
        match plan.next().unwrap() {
            Step::Need(cid) => plan.feed(&cid, &store.get(&cid)).unwrap(),
            Step::Chunk(chunk) => break chunk,
            Step::Done => panic!("no chunk"),
        }
        asked += 1;
    };
    assert_eq!((asked, chunk.offset, chunk.within(&(at..at + 1)), plan.next()), (60, at - 1, 1..2, Ok(Step::Done)));
    assert_eq!(check(&store, Preorder::new(file.cid)), Ok(60));
    for _ in 0..3 {
        file = Child { size: u64::MAX / 2 + 1, ..file };
        let block = Block::of(
            address::DAG_PB,
            FileNode { children: vec![file.clone(), file.clone()], ..FileNode::default() }.encode(),
        );
        store.put(block.clone());
        assert_eq!(limit(check(&store, whole(block.cid))), "bytes of a file");
    }
}

/// Nodes of 2 MiB full of links to nothing much, nested so that all of them would wait.
#[test]
fn too_many_blocks_in_wait() {
    let mut store = Store::default();
    let tiny = Cid::new_v1(address::RAW, cid::multihash::Multihash::wrap(address::IDENTITY, b"a").unwrap());
    let tiny = Child { cid: tiny, size: 1, tsize: 1 };
    let mut file = raw(&mut store, "x");
    for _ in 0..5 {
        let children = std::iter::once(file).chain(std::iter::repeat_n(tiny.clone(), 130_000)).collect();
        file = parent(&mut store, children);
    }
    assert_eq!(limit(check(&store, whole(file.cid))), "blocks in wait");
    assert_eq!(check(&store, Plan::new(file.cid, None, 0..1)), Ok(5), "what is outside of the range does not wait");
}

#[test]
fn sizes_that_lie() {
    let mut store = Store::default();
    let leaf = raw(&mut store, "abc");
    let inner = parent(&mut store, vec![leaf.clone(), leaf.clone()]);
    let lying = parent(&mut store, vec![Child { size: 5, ..inner }]);
    assert!(matches!(check(&store, whole(lying.cid)), Err(Error::Malformed { format: "unixfs", .. })));
    let lying = parent(&mut store, vec![Child { size: 4, ..leaf }]);
    let mut plan = whole(lying.cid);
    assert_eq!(plan.next(), Ok(Step::Need(lying.cid)));
    plan.feed(&lying.cid, &store.get(&lying.cid)).unwrap();
    let Step::Chunk(chunk) = plan.next().unwrap() else { panic!("no chunk") };
    assert!(matches!(chunk.unwrap(&"abc".into()), Err(Error::Malformed { .. })), "the block is right, its size is not");
    assert!(matches!(chunk.verify(b"abc"), Err(Error::Malformed { .. })));
    assert!(matches!(chunk.verify(b"abcd"), Err(Error::Mismatch { .. })), "a plain file has other bytes there");
    assert!(matches!(chunk.seal(&"abc".into()), Err(Error::Mismatch { .. })));
}

const SHARD: [u8; 9] = [8, 5, 0x12, 1, 3, 0x28, 0x22, 0x30, 8];

#[test]
fn shards_that_are_none() {
    let mut store = Store::default();
    let shard = |store: &mut Store, bits: u8, fanout: u8, links: &[(Cid, &'static str)]| {
        let mut data = SHARD;
        (data[4], data[8]) = (bits, fanout);
        node(store, &data, links.iter().copied())
    };
    let leaf = raw(&mut store, "x").cid;
    let good = shard(&mut store, 1, 8, &[(leaf, "0name")]);
    let basic = node(&mut store, &[8, 1], [(leaf, "a")]);
    let other = shard(&mut store, 1, 16, &[(leaf, "0name")]);
    for (links, reason) in [
        ([(good, "0"), (good, "1")], "twice"),
        ([(basic, "0"), (leaf, "1x")], "where a shard"),
        ([(other, "0"), (leaf, "1x")], "where a shard"),
        ([(leaf, "0"), (leaf, "1x")], "where a shard"),
    ] {
        let root = shard(&mut store, 3, 8, &links);
        let refused = check(&store, Listing::new(root)).unwrap_err().to_string();
        assert!(refused.starts_with("malformed hamt") && refused.contains(reason), "{refused}");
    }
    let everywhere = |cid| ["0", "1", "2", "3", "4", "5", "6", "7"].map(|name| (cid, name));
    let path = || vec!["name".to_owned()];
    let wide = shard(&mut store, 1, 64, &[(leaf, "00name")]);
    let named = node(&mut store, &[8, 1], [(leaf, "name")]);
    for below in [wide, named] {
        let root = shard(&mut store, 255, 8, &everywhere(below));
        let refused = check(&store, Resolver::new(root, path()));
        assert!(matches!(refused, Err(Error::Malformed { format: "hamt", .. })), "{refused:?}");
    }
    let mut deep = good;
    for _ in 0..22 {
        deep = shard(&mut store, 255, 8, &everywhere(deep));
    }
    let refused = check(&store, Resolver::new(deep, path())).unwrap_err().to_string();
    assert_eq!(refused, "malformed hamt: deeper than the hash");
    assert_eq!(check(&store, Preorder::new(deep)), Ok(23));
}

//! Chunks: what proves them, in every form that a leaf was written in, and what a plan does after it has refused something.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

use bytes::Bytes;
use ipld::{
    Block, Cid, Error, address,
    plan::{Chunk, Plan, Step, Wrap},
    unixfs::{Child, FileNode},
};

/// The only chunk of a file with the one child `leaf`, whose block no outboard has.
fn only_chunk(leaf: &Block, size: u64, tsize: u64) -> Chunk {
    let node = FileNode { size, children: vec![Child { cid: leaf.cid, size, tsize }], ..FileNode::default() };
    let root = Block::of(address::DAG_PB, node.encode());
    let mut plan = Plan::new(root.cid, Some(size), 0..size);
    let asked = expect_need(&mut plan);
    plan.feed(&asked, &root.data).unwrap();
    loop {
        match plan.next().unwrap() {
            Step::Need(cid) => plan.leaf(&cid).unwrap(),
            Step::Chunk(chunk) => return chunk,
            Step::Done => panic!("no chunk"),
        }
    }
}

fn expect_need(plan: &mut Plan) -> Cid {
    match plan.next() {
        Ok(Step::Need(cid)) => cid,
        other => panic!("{other:?}"),
    }
}

/// dag-pb around "abc": File and Raw, with and without filesize; and the two that bytes alone do not make.
#[test]
fn every_form_of_a_leaf() {
    let cases: [(&[u8], bool); 6] = [
        (&[8, 2, 0x12, 3, b'a', b'b', b'c', 0x18, 3], true),
        (&[8, 0, 0x12, 3, b'a', b'b', b'c', 0x18, 3], true),
        (&[8, 2, 0x12, 3, b'a', b'b', b'c'], true),
        (&[8, 0, 0x12, 3, b'a', b'b', b'c'], true),
        (&[8, 2, 0x12, 3, b'a', b'b', b'c', 0x18, 3, 0x38, 1], false),
        (&[0x12, 3, b'a', b'b', b'c', 8, 2, 0x18, 3], false),
    ];
    for (data, canonical) in cases {
        let leaf = Block::of(address::DAG_PB, [&[0x0a, data.len() as u8], data].concat());
        for tsize in [leaf.data.len() as u64, 0] {
            let chunk = only_chunk(&leaf, 3, tsize);
            assert_eq!((&chunk.wrap, chunk.range()), (&Wrap::Node, 0..3));
            assert_eq!(chunk.unwrap(&leaf.data), Ok(Bytes::from("abc")));
            assert_eq!(chunk.verify(b"abc").is_ok(), canonical, "{data:x?}");
            assert_eq!(chunk.seal(&"abc".into()).ok(), canonical.then(|| leaf.clone()));
            assert_eq!(chunk.verify(b"abd"), Err(Error::Mismatch { cid: Box::new(leaf.cid) }));
        }
    }
}

#[test]
fn blocks_that_are_not_the_chunk() {
    let (leaf, other) = (Block::raw("abc"), Block::raw("abd"));
    let chunk = only_chunk(&leaf, 3, 3);
    assert_eq!(chunk.unwrap(&other.data), Err(Error::Mismatch { cid: Box::new(leaf.cid) }));
    let inner = FileNode { size: 3, children: vec![Child { cid: leaf.cid, size: 3, tsize: 3 }], ..FileNode::default() };
    let inner = Block::of(address::DAG_PB, inner.encode());
    let chunk = only_chunk(&inner, 3, 0);
    assert!(matches!(chunk.unwrap(&inner.data), Err(Error::Malformed { .. })), "a node where a leaf was said to be");
}

/// After an error the question is the same, and so is the answer: nothing is skipped, nothing ends as if it were complete.
#[test]
fn errors_stay() {
    let raw = Block::raw("abc").cid;
    for (root, size, range) in [(raw, 3, 0..4), (raw, 0, 0..0)] {
        let mut plan = Plan::new(root, Some(size), range);
        let first = plan.next();
        assert!(first.is_err());
        assert_eq!(plan.next(), first);
    }
    let link = Block::of(address::DAG_PB, [0x0a, 5, 8, 4, 0x12, 1, b'x'].to_vec());
    let mut plan = Plan::new(link.cid, None, 0..u64::MAX);
    let cid = expect_need(&mut plan);
    let refused = plan.feed(&cid, &link.data);
    assert!(matches!(refused, Err(Error::WrongKind { is: "symlink", .. })));
    assert_eq!(plan.next(), Ok(Step::Need(cid)));
}

//! Blocks that break the rules of dag-pb or UnixFS: each is refused, for its own reason, and no input panics.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use bytes::Bytes;
use ipld::{
    Block, address,
    dagpb::{Link, MAX_NODE, PbNode},
    unixfs::{self, Node},
};
use proptest::prelude::*;

/// A length-delimited field.
fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    ipld::varint::write(&mut out, body.len() as u64);
    [out, body.to_vec()].concat()
}

fn hash() -> Vec<u8> {
    field(1, &Block::raw("x").cid.to_bytes())
}

fn link(parts: &[&[u8]]) -> Vec<u8> {
    field(2, &parts.concat())
}

/// The reason of the refusal, or "read".
fn check(block: impl Into<Bytes>) -> String {
    let block = Block::of(address::DAG_PB, block);
    unixfs::decode(&block.cid, &block.data).map_or_else(|err| err.to_string(), |_| "read".to_owned())
}

#[test]
fn the_rules_of_dag_pb() {
    let (hash, name, size): (_, &[u8], &[u8]) = (hash(), &[0x12, 1, b'n'], &[0x18, 5]);
    let directory = field(1, &[8, 1]);
    let good = link(&[&hash, name, size]);
    let bad_cid = field(1, &[1, 0x55, 0x12, 0x20, 0]);
    let cases: [(Vec<u8>, &str); 19] = [
        ([good.clone(), directory.clone()].concat(), "read"),
        ([directory.clone(), good.clone()].concat(), "read"),
        ([link(&[&hash]), directory.clone()].concat(), "read"),
        ([good.clone(), directory.clone(), good.clone()].concat(), "malformed dag-pb: links in two runs"),
        ([directory.clone(), directory.clone()].concat(), "malformed dag-pb: data twice"),
        ([directory.clone(), vec![0x18, 1]].concat(), "malformed dag-pb: field 3 in a node"),
        ([vec![0x08, 1], directory.clone()].concat(), "malformed dag-pb: field 1 in a node"),
        ([link(&[name, &hash, size]), directory.clone()].concat(), "malformed dag-pb: field 1 of a link after field 2"),
        ([link(&[&hash, &hash]), directory.clone()].concat(), "malformed dag-pb: field 1 of a link after field 1"),
        (
            [link(&[&hash, name, size, size]), directory.clone()].concat(),
            "malformed dag-pb: field 3 of a link after field 3",
        ),
        ([link(&[&hash, &[0x20, 1]]), directory.clone()].concat(), "malformed dag-pb: field 4 in a link"),
        ([link(&[&hash, &[0x10, 1]]), directory.clone()].concat(), "malformed dag-pb: field 2 in a link"),
        ([link(&[name, size]), directory.clone()].concat(), "malformed dag-pb: a link without a hash"),
        ([link(&[&bad_cid]), directory].concat(), "invalid cid: "),
        (vec![0x0b, 0], "malformed dag-pb: wire type 3"),
        (vec![0x02, 0], "malformed dag-pb: field number 0"),
        (vec![0x0a, 5, 8, 1], "truncated dag-pb"),
        (vec![0x0a, 0x82, 0x00, 8, 1], "malformed varint: not the shortest form"),
        (
            vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
            "malformed varint: value does not fit 64 bits",
        ),
    ];
    for (block, reason) in cases {
        let said = check(block.clone());
        assert!(said.starts_with(reason), "{block:x?}: {said:?}, not {reason:?}");
    }
    assert!(check(vec![0; MAX_NODE + 1]).contains("over the limit"));
    assert_eq!(check(vec![0x0a, 0x80]), "truncated varint");
}

#[test]
fn the_rules_of_unixfs() {
    let cases: [(&[u8], &str); 22] = [
        (&[8, 2], "read"),
        (&[8, 0], "read"),
        (&[8, 2, 0x50, 1], "read"),
        (&[0x18, 0, 8, 2], "read"),
        (&[], "malformed unixfs: no type"),
        (&[8, 3], "malformed unixfs: type 3"),
        (&[8, 9], "malformed unixfs: type 9"),
        (&[8, 2, 8, 2], "malformed unixfs: a field twice"),
        (&[8, 2, 0x18, 0, 0x18, 0], "malformed unixfs: a field twice"),
        (&[8, 2, 0x18, 1], "malformed unixfs: filesize is not the sum"),
        (&[8, 2, 0x12, 1, b'x', 0x18, 2], "malformed unixfs: filesize is not the sum"),
        (&[8, 2, 0x20, 1], "malformed unixfs: 0 links but 1 sizes"),
        (&[8, 2, 0x22, 3, 1, 2, 3], "malformed unixfs: 0 links but 3 sizes"),
        (&[8, 2, 0x22, 1, 0x80], "truncated varint"),
        (&[8, 2, 0x1a, 1, 0], "malformed unixfs: wire type of field 3"),
        (&[8, 2, 0x12, 9], "truncated unixfs"),
        (&[8, 2, 0x42, 0], "malformed unixfs: a time without seconds"),
        (&[8, 2, 0x42, 7, 8, 1, 0x15, 0, 0xca, 0x9a, 0x3b], "malformed unixfs: field 2 of a time"),
        (&[8, 5, 0x28, 0x22], "malformed hamt: fanout None"),
        (&[8, 5, 0x28, 0x23, 0x30, 0x80, 2], "malformed hamt: hash type"),
        (&[8, 5, 0x28, 0x22, 0x30, 0x81, 2], "malformed hamt: fanout Some(257)"),
        (&[8, 5, 0x28, 0x22, 0x30, 0x80, 0x10], "malformed hamt: fanout Some(2048)"),
    ];
    for (data, reason) in cases {
        let said = check(field(1, data));
        assert!(said.starts_with(reason), "{data:x?}: {said:?}, not {reason:?}");
    }
    assert_eq!(check(link(&[&hash()])), "malformed unixfs: a dag-pb node without data");
    let sizes = [[8, 2].as_slice(), &[0x20], &[0xff; 9], &[1], &[0x20, 1]].concat();
    assert!(check([link(&[&hash()]), link(&[&hash()]), field(1, &sizes)].concat()).contains("bytes of a file is over"));
    assert!(check([link(&[&hash()]), field(1, &[8, 4])].concat()).starts_with("malformed unixfs: type 4 with 1 links"));
    let cbor = cid::Cid::new_v1(0x71, *Block::raw("x").cid.hash());
    assert!(unixfs::decode(&cbor, &Bytes::new()).is_err());
}

#[test]
fn the_rules_of_shards() {
    let shard = |names: &[&str], bits: &[u8], fanout: u8| {
        let names = names.iter().flat_map(|name| link(&[&hash(), &field(2, name.as_bytes()), &[0x18, 1]]));
        let data = [vec![8, 5], field(2, bits), vec![0x28, 0x22, 0x30, fanout]].concat();
        check(names.chain(field(1, &data)).collect::<Vec<u8>>())
    };
    let cases: [(&[&str], &[u8], u8, &str); 9] = [
        (&["0a", "9b"], &[2, 1], 16, "read"),
        (&["0a", "9"], &[2, 1], 16, "read"),
        (&["07x", "0Ay"], &[4, 128], 32, "read"),
        (&["0a", "9b"], &[0, 2, 1], 16, "malformed hamt: 3 byte bitfield"),
        (&["0a", "9b"], &[2, 3], 16, "malformed hamt: 3 slots but 2 links"),
        (&["0a"], &[2, 1], 16, "malformed hamt: 2 slots but 1 links"),
        (&["0a", "8b"], &[2, 1], 16, "malformed hamt: a name in slot 9"),
        (&["07x", "0ay"], &[4, 128], 32, "malformed hamt: a name in slot 10 does not begin with 0A"),
        (&["0", ""], &[2, 1], 16, "malformed hamt: a name in slot 9"),
    ];
    for (names, bits, fanout, reason) in cases {
        let said = shard(names, bits, fanout);
        assert!(said.starts_with(reason), "{names:?} {bits:x?}: {said:?}");
    }
}

proptest! {
    #[test]
    fn nodes_read_back(links in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..5), any::<u64>()), 0..6), data: Option<Vec<u8>>) {
        let links = links.into_iter().map(|(name, size)| Link { cid: Block::raw(name.clone()).cid, name: name.into(), size });
        let node = PbNode { links: links.collect(), data: data.map(Bytes::from) };
        let block = node.encode();
        let read = PbNode::decode(&block).unwrap();
        prop_assert!(read.links.is_sorted_by_key(|link| link.name.clone()));
        prop_assert_eq!((read.links.len(), &read.data), (node.links.len(), &node.data));
        prop_assert_eq!(read.encode(), block);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, inner: Vec<u8>, kind in 0_u8..7) {
        let cid = Block::raw("").cid;
        let cid = cid::Cid::new_v1(address::DAG_PB, *cid.hash());
        let nested = [link(&[&hash()]), field(1, &[[8, kind].as_slice(), &inner].concat())].concat();
        for block in [Bytes::from(bytes), nested.into()] {
            if let Ok(Node::Shard(shard)) = unixfs::decode(&cid, &block) {
                prop_assert!(shard.slots.len() <= shard.fanout as usize);
            }
            if let Ok(node) = PbNode::decode(&block) {
                prop_assert_eq!(PbNode::decode(&node.encode()).unwrap().links.len(), node.links.len());
            }
        }
    }
}

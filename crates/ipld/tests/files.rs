//! Files get the CIDs that Kubo 0.43.1 gives them (`ipfs add -n -Q`), and the IPIP-499 vectors.

mod common;

use common::{Keystream, cut, rnd};
use ipld::{
    import::{self, FileBuilder},
    profile::{KUBO_CID_V1, Profile, UNIXFS_V0_2015, UNIXFS_V1_2025},
    unixfs::{FileNode, Mtime},
};

fn check(profile: Profile, data: &[u8], cid: &str) {
    let (entry, nodes) = import::import(&profile, data);
    assert_eq!(entry.cid.to_string(), cid, "{} of {} bytes", profile.name, data.len());
    assert_eq!(entry.size, data.len() as u64);
    assert!(nodes.last().is_none_or(|root| root.cid == entry.cid));
    assert!(nodes.iter().all(|block| block.verify().is_ok()));
}

#[test]
fn files_of_the_default_profile_of_kubo() {
    let full = 174 * 262_144;
    let cases: [(Vec<u8>, &str); 11] = [
        (vec![], "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
        (b"hello world".to_vec(), "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"),
        (rnd("chunk-v0-seed", 262_144), "QmWmRj3dFDZdb6ABvbmKhEL6TmPbAfBZ1t5BxsEyJrcZhE"),
        (rnd("chunk-v0-seed", 262_145), "QmYyLxtzZyW22zpoVAtKANLRHpDjZtNeDjQdJrcQNWoRkJ"),
        (rnd("v0-seed", full), "QmUbBALi174SnogsUzLpYbD4xPiBSFANF4iztWCsHbMKh2"),
        (rnd("v0-seed", full + 1), "QmV81WL765sC8DXsRhE5fJv2rwhS4icHRaf3J9Zk5FdRnW"),
        (rnd("kubo-0.43.1", 0), "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"),
        (rnd("kubo-0.43.1", 1), "QmNedUe2wktW65xXxWqcR8EWWssHVMXm3Ly4GKiRRSEBkn"),
        (rnd("kubo-0.43.1", 1_048_575), "QmbeSWDYUn3vrb8KX5FEngWqTCZPYLE8Kuqpp5Cu9FkhrQ"),
        (rnd("kubo-0.43.1", 1_048_576), "QmaP5aG95DfKnq1fvV7eRBU6V86yTw4WD454HXEmqf9F2N"),
        (rnd("kubo-0.43.1", 1_048_577), "QmTy5EsX1z8mqAxw8j5wdHyxDyt17iVCS1CEHz45JnYgPG"),
    ];
    for (data, cid) in cases {
        check(UNIXFS_V0_2015, &data, cid);
    }
}

#[test]
fn files_of_the_2025_profile() {
    let cases: [(Vec<u8>, &str); 8] = [
        (vec![], "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
        (b"hello world".to_vec(), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
        (rnd("chunk-v1-seed", 1_048_576), "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta"),
        (rnd("chunk-v1-seed", 1_048_577), "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64"),
        (rnd("kubo-0.43.1", 1), "bafkreignwtxcv2tjzrvigmy3x2lnylfktiuz2ijst35qgnx4akuc4gbzva"),
        (rnd("kubo-0.43.1", 1_048_575), "bafkreidy7kkdb4shefdwlt4c2hz3357bxwv2d5pqi7wchypa2nyu7b3mke"),
        (rnd("kubo-0.43.1", 1_048_576), "bafkreifg7zzmmtwrjhpmdngv5qspb2iu4z3pazplyc7oc4wwaoz3jllldm"),
        (rnd("kubo-0.43.1", 1_048_577), "bafybeibjg7qyx5eeazrm4wbf67yxxjgr2im52mp6vxjxsxr7tf3uqv4wsu"),
    ];
    for (data, cid) in cases {
        check(UNIXFS_V1_2025, &data, cid);
    }
}

/// One pass over the keystream gives both: the builder is copied when it has the first GiB.
#[test]
fn a_gibibyte_and_one_byte_more() {
    let (mut stream, mut builder) = (Keystream::new("v1-2025-seed"), FileBuilder::new(UNIXFS_V1_2025));
    let sink = &mut |_| ();
    for _ in 0..1024 {
        builder.push(import::leaf(&UNIXFS_V1_2025, &stream.take(1 << 20)), sink);
    }
    let full = builder.clone().finish(sink);
    builder.push(import::leaf(&UNIXFS_V1_2025, &stream.take(1)), sink);
    assert_eq!(full.cid.to_string(), "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm");
    assert_eq!(builder.finish(sink).cid.to_string(), "bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe");
}

/// Chunk, width, leaves, CID; the data is `rnd("tree", chunk * leaves - 3)`.
#[test]
fn deep_trees() {
    let cases = [
        (10, 2, 1, "bafkreigoqqoolinh64kfmfcz6zhlc5kll3oqqh5owgk3gzgu5zq5tjr56e"),
        (10, 2, 3, "bafybeigijlggsgrl4njsxnaovdxzs5lbegx5cakvrug5wnin7ksyy2c7fi"),
        (10, 2, 9, "bafybeifvz63s54rf6vvccy6fkvc54gr5pskwjdhxofn3ood57zxysqm2pa"),
        (10, 2, 17, "bafybeiccbmqijstd7avhy5ocwvv3gzjoob3263s5hz2oqjpzsriuvleujm"),
        (10, 3, 28, "bafybeiffspae25y6chxd5bhsfp5bcc5b6cbqkmvupk3hgiilalzfgghpb4"),
        (10, 3, 100, "bafybeicrfzq5shuvaqn34g7xpy7qtnnfpieyk52en6pdf7vjr4jnhnw3hq"),
        (10, 4, 1000, "bafybeigu4pke2bfa6mdy24d4jhdl5alyjlzqiv6db47hmngij4ed5aayyy"),
    ];
    for (chunk, width, leaves, cid) in cases {
        check(cut(UNIXFS_V1_2025, chunk, width), &rnd("tree", chunk as usize * leaves - 3), cid);
    }
}

/// `ipfs add --cid-version=1 --raw-leaves=false --mode=0644 --mtime=1700000000 --mtime-nsecs=5`.
#[test]
fn a_leaf_with_mode_and_time() {
    let data = bytes::Bytes::from_static(b"hello world");
    let mtime = Some(Mtime { seconds: 1_700_000_000, nanoseconds: 5 });
    let node = FileNode { size: data.len() as u64, data, mode: Some(0o644), mtime, ..FileNode::default() };
    let block = ipld::Block::of(ipld::address::DAG_PB, node.encode());
    assert_eq!(block.cid.to_string(), "bafybeicu2actf2s3lt4hkodinbk2n4pfyd3zvmetfprsnwqhwimxok7rui");
    assert_eq!(ipld::unixfs::decode(&block.cid, &block.data).unwrap(), ipld::unixfs::Node::File(node));
}

/// The leaf hashed in pieces is the leaf hashed at once, and a wrong announcement is found.
#[test]
fn leaves_in_pieces() {
    let data = rnd("pieces", 300_000);
    for profile in [UNIXFS_V0_2015, UNIXFS_V1_2025, KUBO_CID_V1] {
        for len in [0, 1, 127, 128, 129, 262_144, 300_000] {
            let mut hasher = import::LeafHasher::new(&profile, len as u64);
            data[..len].chunks(997).for_each(|piece| hasher.update(piece));
            let mut longer = hasher.clone();
            let entry = import::leaf(&profile, &data[..len]);
            assert_eq!(hasher.finish().unwrap(), entry);
            longer.update(b"x");
            assert_eq!(longer.finish().is_ok(), profile.raw_leaves);
            let block = import::leaf_block(&profile, &bytes::Bytes::copy_from_slice(&data[..len]));
            assert_eq!((block.cid, block.data.len() as u64), (entry.cid, entry.tsize));
            block.verify().unwrap();
        }
    }
}

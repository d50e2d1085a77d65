//! Archives: what goes out comes in again with every name, and what is not what it says does not come in.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use backend_core::{Backend, Error, ErrorKind, Progress};
use backend_manager::{AddRequest, ExportOptions, Input, Place, ReadReport, Receipt};
use backend_testkit::{Fault, Faulty, TestClock, Verb};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use ipld::car::verify::{Order, Settings};
use ipld::car::{Decoder, Item, Scope, Verifier, header, section};
use ipld::import::{DirectoryBuilder, import};
use ipld::unixfs::{Child, FileNode};
use ipld::{Block, Cid, address, profile};

use crate::bed::{Room, at, memory, noise, room};
use crate::folders::folder;

const PROFILES: [profile::Profile; 3] = [profile::UNIXFS_V1_2025, profile::UNIXFS_V0_2015, profile::KUBO_CID_V1];

async fn exported(room: &Room, root: &Cid) -> Result<Vec<u8>, Error> {
    let frames: Vec<Bytes> = room.manager.car(root, &ReadReport::default(), &Progress::new()).try_collect().await?;
    Ok(frames.concat())
}

async fn imported(room: &Room, car: &[u8], to: &str) -> Result<Vec<Receipt>, Error> {
    let stream = futures::stream::iter([Ok(Bytes::copy_from_slice(car))]).boxed();
    let request = at(Place::Own, &[to]);
    let archive = room.manager.archive(Input::Stream(stream), &request).await?;
    let mut receipts = Vec::new();
    for root in archive.roots() {
        receipts.push(room.manager.add_archived(&archive, root, &request).await?);
    }
    Ok(receipts)
}

fn archive(roots: &[Cid], blocks: &[Block]) -> Vec<u8> {
    let mut car = header(roots).to_vec();
    for block in blocks {
        car.extend_from_slice(&section(&block.cid, block.data.len()));
        car.extend_from_slice(&block.data);
    }
    car
}

fn blocks(car: &[u8]) -> Vec<Block> {
    let (mut decoder, mut blocks) = (Decoder::default(), Vec::new());
    decoder.feed(Bytes::copy_from_slice(car));
    while let Some(item) = decoder.next().unwrap() {
        blocks.extend(match item {
            Item::Block(block) => Some(block),
            Item::Header { .. } => None,
        });
    }
    decoder.finish().unwrap();
    blocks
}

/// Everything below the root, depth first in the order of the links, each block once: by a judge that did not write it.
fn judge(root: &Cid, car: &[u8]) {
    let blocks = blocks(car);
    let settings = Settings { order: Order::Dfs, ..Settings::default() };
    let mut verifier = Verifier::with(*root, Scope::All, settings);
    blocks.iter().for_each(|block| verifier.push(block.clone()).unwrap());
    verifier.end();
    let summary = verifier.finish().unwrap();
    let names: HashSet<Cid> = blocks.iter().map(|block| block.cid).collect();
    assert_eq!((summary.repeated, names.len()), (0, blocks.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_the_same_from_every_store_and_comes_in_again() {
    let stores = [("k", memory("key")), ("c", memory("cid"))];
    let owner = room(&stores).await;
    let path = folder(owner.folder.path());
    std::fs::write(path.join("of two chunks"), noise(9, 700_000)).unwrap();
    for (n, profile) in PROFILES.into_iter().enumerate() {
        let mut cars = Vec::new();
        let mut root = None;
        for store in ["k", "c"] {
            let request = AddRequest { profile, ..at(Place::Own, &[store]) };
            let one = room(&[(store, memory(if store == "k" { "key" } else { "cid" }))]).await;
            let receipt = one.manager.add(Input::Path(path.clone()), &request).await.unwrap();
            let car = exported(&one, &receipt.cid).await.unwrap();
            judge(&receipt.cid, &car);
            root = Some(receipt.cid);
            cars.push(car);
        }
        let (root, car) = (root.unwrap(), cars.pop().unwrap());
        assert!(cars.pop().unwrap() == car, "{}", profile.name);
        for store in ["key", "cid"] {
            let other = room(&[("s", memory(store))]).await;
            let receipt = imported(&other, &car, "s").await.unwrap().remove(0);
            assert_eq!((receipt.cid, receipt.is_partial()), (root, false), "{store}");
            assert!(exported(&other, &root).await.unwrap() == car, "{} to a store by {store}", profile.name);
            assert_eq!(other.exported("x").await, crate::bed::files(&path), "{store}");
            let verified = other.verified().await;
            let wrong = verified.iter().find(|it| it.error.is_some());
            assert!(wrong.is_none(), "{wrong:?}");
            assert!(imported(&other, &car, "s").await.unwrap()[0].replicas[0].existed, "round {n}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_any_length_go_out_and_in() {
    let owner = room(&[("k", memory("key"))]).await;
    for len in [0, 1, 262_144, 262_145, 1_048_577, 3_300_000] {
        for profile in PROFILES {
            let bytes = noise(len as u32, len);
            let request = AddRequest { profile, ..at(Place::Own, &["k"]) };
            let cid = owner.add(&bytes, &request).await.unwrap().cid;
            let car = exported(&owner, &cid).await.unwrap();
            judge(&cid, &car);
            let other = room(&[("s", memory("key"))]).await;
            let receipt = imported(&other, &car, "s").await.unwrap().remove(0);
            assert_eq!((receipt.cid, receipt.size, receipt.files), (cid, len as u64, 1));
            assert!(other.read("x").await.unwrap() == bytes, "{len} by {}", profile.name);
        }
    }
}

/// Sparse: a few blocks that stand for much, each in the archive once.
#[tokio::test(flavor = "multi_thread")]
async fn equal_parts_are_in_it_once() {
    let owner = room(&[("k", memory("key"))]).await;
    let bytes = vec![7; 40 << 20];
    let cid = owner.add(&bytes, &at(Place::Own, &["k"])).await.unwrap().cid;
    let car = exported(&owner, &cid).await.unwrap();
    assert_eq!(blocks(&car).len(), 2);
    let other = room(&[("c", memory("cid"))]).await;
    assert_eq!(imported(&other, &car, "c").await.unwrap()[0].size, 40 << 20);
    assert!(other.read("x").await.unwrap() == bytes);
}

fn small_folder() -> (Cid, Vec<Block>) {
    let profile = profile::UNIXFS_V1_2025;
    let (leaf, mut found) = (Block::raw("a leaf"), Vec::new());
    let mut builder = DirectoryBuilder::new(profile);
    builder.add(b"leaf", import(&profile, b"a leaf").0).unwrap();
    builder.add(b"large", import(&profile, &noise(1, 1_500_000)).0).unwrap();
    let entry = builder.finish(&mut |block| found.push(block)).unwrap();
    let (_, nodes) = import(&profile, &noise(1, 1_500_000));
    found.extend(nodes);
    found.extend(noise(1, 1_500_000).chunks(1 << 20).map(|chunk| Block::raw(chunk.to_vec())));
    found.push(leaf);
    (entry.cid, found)
}

/// A file of one part that is said to be so long.
fn told(leaf: &Block, size: u64) -> Block {
    let child = Child { cid: leaf.cid, size, tsize: size };
    Block::of(address::DAG_PB, FileNode { size, children: vec![child], ..FileNode::default() }.encode())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_honest_archive_does_not_come_in() {
    let (root, all) = small_folder();
    let whole = archive(&[root], &all);
    let spoilt = |at: usize| [&whole[..at], &[whole[at] ^ 1], &whole[at + 1..]].concat();
    let without = |n: usize| archive(&[root], &[&all[..n], &all[n + 1..]].concat());
    let leaf = Block::raw("a leaf");
    let cbor = Block::of(0x71, Bytes::from_static(&[0x80]));
    let link = Block::of(address::DAG_PB, Bytes::from_static(b"\x0a\x05\x08\x04\x12\x01a"));
    let inline: Cid = "bafkqaa3bmjrq".parse().unwrap();
    let mut bomb = leaf.clone();
    let mut bombs = vec![leaf.clone()];
    for _ in 0..6 {
        let child = Child { cid: bomb.cid, size: size_of_bomb(&bomb), tsize: 0 };
        let size = child.size * 1000;
        bomb =
            Block::of(address::DAG_PB, FileNode { size, children: vec![child; 1000], ..FileNode::default() }.encode());
        bombs.push(bomb.clone());
    }
    let mut cases = vec![
        ("nothing", Vec::new(), ErrorKind::Integrity),
        ("a page", b"<html>not found</html>".to_vec(), ErrorKind::Integrity),
        ("cut off", whole[..whole.len() - 1].to_vec(), ErrorKind::Integrity),
        ("a header alone", header(&[root]).to_vec(), ErrorKind::Integrity),
        ("another byte in a leaf", spoilt(whole.len() - 1), ErrorKind::Integrity),
        ("no root", archive(&[], &all), ErrorKind::InvalidInput),
        ("a root that is not there", archive(&[leaf.cid], std::slice::from_ref(&link)), ErrorKind::Integrity),
        (
            "too many roots",
            archive(&(0..300_u32).map(|n| Block::raw(n.to_string()).cid).collect::<Vec<_>>(), &[]),
            ErrorKind::TooLarge,
        ),
        ("dag-cbor", archive(&[cbor.cid], &[cbor]), ErrorKind::Unsupported),
        ("a name that is its own block", archive(&[inline], &[]), ErrorKind::Unsupported),
        ("a symbolic link", archive(&[link.cid], &[link]), ErrorKind::InvalidInput),
        (
            "a part of another length",
            archive(&[told(&leaf, 7).cid], &[told(&leaf, 7), leaf.clone()]),
            ErrorKind::Integrity,
        ),
        ("a bomb", archive(&[bomb.cid], &bombs), ErrorKind::TooLarge),
    ];
    let missing = (0..all.len()).map(|n| ("a block is missing", without(n), ErrorKind::Integrity));
    cases.extend(missing);
    for store in ["key", "cid"] {
        let room = room(&[("s", memory(store))]).await;
        for (what, car, kind) in &cases {
            let err = imported(&room, car, "s").await.unwrap_err();
            assert_eq!(err.kind(), *kind, "{what} to a store by {store}: {err}");
        }
        let listed: Vec<_> = room.manager.names("").try_collect().await.unwrap();
        assert!(listed.is_empty(), "{listed:?}");
        assert_eq!(imported(&room, &whole, "s").await.unwrap()[0].cid, root);
    }
}

fn size_of_bomb(block: &Block) -> u64 {
    match ipld::unixfs::decode(&block.cid, &block.data).unwrap() {
        ipld::unixfs::Node::File(file) => file.size,
        _ => block.data.len() as u64,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_repeats_and_surplus_are_taken_and_told() {
    let (root, mut all) = small_folder();
    all.reverse();
    let (surplus, second) = (Block::raw("nobody asks"), Block::raw("a second root"));
    all.extend([all[0].clone(), surplus, second.clone()]);
    let car = archive(&[root, second.cid, root], &all);
    let room = room(&[("s", memory("key"))]).await;
    let path = room.folder.path().join("any.car");
    std::fs::write(&path, v2(&car)).unwrap();
    let request = AddRequest { name: None, ..at(Place::Own, &["s"]) };
    let archive = room.manager.archive(Input::Path(path), &request).await.unwrap();
    assert_eq!((archive.roots(), archive.unused()), (&[root, second.cid][..], 1));
    for cid in [root, second.cid] {
        assert_eq!(room.manager.add_archived(&archive, &cid, &request).await.unwrap().cid, cid);
    }
    assert_eq!(room.read(&format!("{}/leaf", address::text(&root))).await.unwrap(), b"a leaf");
    assert!(room.read(&format!("{}/large", address::text(&root))).await.unwrap() == noise(1, 1_500_000));
    assert_eq!(room.read(&address::text(&second.cid)).await.unwrap(), b"a second root");
}

/// The same in a CARv2, with padding before it and something behind it.
fn v2(car: &[u8]) -> Vec<u8> {
    let mut out = b"\x0a\xa1\x67version\x02".to_vec();
    out.extend([0; 16]);
    for number in [60_u64, car.len() as u64, 0] {
        out.extend(number.to_le_bytes());
    }
    out.extend([0; 9]);
    out.extend_from_slice(car);
    out.extend_from_slice(b"an index, or not");
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_changes_while_it_is_brought_in_is_refused() {
    let (root, all) = small_folder();
    let room = room(&[("s", memory("key"))]).await;
    let path = room.folder.path().join("x.car");
    std::fs::write(&path, archive(&[root], &all)).unwrap();
    let request = at(Place::Own, &["s"]);
    let archive = room.manager.archive(Input::Path(path.clone()), &request).await.unwrap();
    let mut changed = std::fs::read(&path).unwrap();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    let err = room.manager.add_archived(&archive, &root, &request).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::SourceChanged);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_proved_does_not_go_out() {
    let inner: Arc<dyn Backend> = memory("key");
    let store = Arc::new(Faulty::new(inner, TestClock::new()));
    let room = room(&[("k", store.clone())]).await;
    let cid = room.add(&noise(2, 3_300_000), &at(Place::Own, &["k"])).await.unwrap().cid;
    let out = room.folder.path().join("x.car");
    store.rule(Verb::Get, Fault::Flip(5), None);
    let err = room.manager.export_car(&cid, &out, &ExportOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Integrity);
    assert_eq!(beside(&out), Vec::<String>::new(), "nothing is left");
    store.heal();
    std::fs::write(&out, "in the way").unwrap();
    let err = room.manager.export_car(&cid, &out, &ExportOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::AlreadyExists);
    let over = ExportOptions { overwrite: true, ..ExportOptions::default() };
    let written = room.manager.export_car(&cid, &out, &over).await.unwrap();
    assert_eq!((written.bytes, beside(&out)), (std::fs::metadata(&out).unwrap().len(), vec!["x.car".to_owned()]));
    assert!(std::fs::read(&out).unwrap() == exported(&room, &cid).await.unwrap());
}

fn beside(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path.parent().unwrap()).unwrap();
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "home").collect()
}

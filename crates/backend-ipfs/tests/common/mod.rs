//! What must hold of a node, whether it is the fake or a real one. Every case makes content that nobody else has.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::sync::Arc;

use backend_core::{
    AddOptions, Backend, ByteRange, Content, ContentId, Dag, Entry, ErrorKind, Evidence, GetOptions, ListOptions,
    Locator, Metadata, Pin, Removal, RemoveOptions, Result, Settings, StatOptions, Status, Write,
};
use backend_layers::SystemClock;
use backend_testkit::{LEAF, random, small, tree};
use bytes::Bytes;
use futures::TryStreamExt;
use ipld::import::{DirectoryBuilder, Entry as Imported, import};
use ipld::preorder::{Preorder, Step};
use ipld::{Block, Cid, address, profile};
use serde_json::Value;

pub(crate) fn open(connection: Value, credentials: Value) -> Arc<dyn Backend> {
    let settings = Settings::new("node", connection, Arc::new(SystemClock));
    backend_ipfs::open(Settings { credentials, ..settings }).unwrap()
}

/// A word that makes content new.
pub(crate) fn nonce() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}", RandomState::new().hash_one(0))
}

pub(crate) async fn add(node: &Arc<dyn Backend>, content: &Content) -> Result<Metadata> {
    node.add(content, &AddOptions::default()).await
}

pub(crate) async fn add_named(node: &Arc<dyn Backend>, content: &Content, name: &str) -> Result<Metadata> {
    let write = Write { name: Some(name.to_owned()), ..Write::default() };
    node.add(content, &AddOptions { write, ..AddOptions::default() }).await
}

pub(crate) async fn read(node: &Arc<dyn Backend>, cid: &Cid, opts: &GetOptions) -> Result<Bytes> {
    let frames: Vec<Bytes> = node.get(&Locator::new(*cid), opts).await?.body.try_collect().await?;
    Ok(frames.concat().into())
}

pub(crate) async fn counted(node: &Arc<dyn Backend>, cid: &Cid) -> Result<Metadata> {
    node.stat(&Locator::new(*cid), &StatOptions { count: true, ..StatOptions::default() }).await
}

pub(crate) async fn stat(node: &Arc<dyn Backend>, cid: &Cid) -> Result<Metadata> {
    node.stat(&Locator::new(*cid), &StatOptions::default()).await
}

/// The notes of all pins of `cid`.
pub(crate) async fn listed(node: &Arc<dyn Backend>, cid: &Cid) -> Vec<Metadata> {
    let entries: Vec<Entry> = node.list(&ListOptions::default()).try_collect().await.unwrap();
    let metas = entries.into_iter().filter_map(|entry| match entry {
        Entry::Content { meta, .. } => Some(meta),
        _ => None,
    });
    metas.filter(|meta| meta.at.id == ContentId::from(*cid)).collect()
}

/// The inner nodes below `root`, as an outboard has them.
pub(crate) fn dag(root: Cid, nodes: &[Block]) -> Dag {
    let (mut walk, mut sorted) = (Preorder::new(root), Vec::new());
    loop {
        match walk.next().unwrap() {
            Step::Done => return Dag::from_nodes(sorted),
            Step::Node(block) => sorted.push((block.cid, block.data)),
            Step::Need(cid) => match nodes.iter().find(|block| address::same(&block.cid, &cid)) {
                Some(block) => walk.feed(&cid, &block.data).unwrap(),
                None => walk.leaf(&cid).unwrap(),
            },
        }
    }
}

/// A file as `profile` makes it.
pub(crate) fn file(profile: &profile::Profile, bytes: &Bytes) -> (Imported, Vec<Block>, Content) {
    let (entry, nodes) = import(profile, bytes);
    let source = small(bytes.clone()).source().clone();
    let content = Content::file(entry.cid, entry.size, dag(entry.cid, &nodes), source);
    (entry, nodes, content)
}

/// All of them, by name.
pub(crate) async fn every_case(node: &Arc<dyn Backend>) {
    what_was_hashed_is_attested(node).await;
    a_pin_keeps_its_first_name(node).await;
    wrapped_leaves_are_imported(node).await;
    ranges_cross_leaves(node).await;
    trees_come_back_block_by_block(node).await;
    equal_leaves_are_sent_once(node).await;
    a_tree_of_other_leaves_is_refused(node).await;
    what_is_released_can_be_stored_again(node).await;
    what_is_there_can_be_pinned(node).await;
    content_that_is_its_name_is_pinned_too(node).await;
    what_is_whole_is_counted_when_it_is_asked_for(node).await;
}

async fn what_is_whole_is_counted_when_it_is_asked_for(node: &Arc<dyn Backend>) {
    let (folder, _) = tree(&nonce()).unwrap();
    let file = random(&nonce(), 2 * LEAF + 5);
    for content in [&folder, &file] {
        add(node, content).await.unwrap();
        assert_eq!(stat(node, content.cid()).await.unwrap().present, None);
        let found = counted(node, content.cid()).await.unwrap();
        assert_eq!(found.status, Status::Stored);
        assert!(content.len() < found.present.unwrap(), "{:?} of {}", found.present, content.len());
    }
}

/// An identity CID: there is no block to send.
async fn content_that_is_its_name_is_pinned_too(node: &Arc<dyn Backend>) {
    for (text, bytes) in [("bafkqaa3bmjrq", "abc"), ("bafkqaaa", "")] {
        let cid = address::parse(text).unwrap();
        let content = Content::file(cid, bytes.len() as u64, Dag::empty(), small(bytes).source().clone());
        add(node, &content).await.unwrap();
        assert_eq!(read(node, &cid, &GetOptions::default()).await.unwrap(), bytes);
        assert_eq!(stat(node, &cid).await.unwrap().size, Some(bytes.len() as u64));
        assert_eq!(node.remove(&Locator::new(cid), &RemoveOptions::default()).await.unwrap(), Removal::Released);
    }
}

async fn what_was_hashed_is_attested(node: &Arc<dyn Backend>) {
    let content = random(&nonce(), LEAF + 5).with_digests(Vec::new());
    let first = add(node, &content).await.unwrap();
    assert_eq!((first.evidence, first.existed, first.size), (Evidence::Attested, Some(false), Some(LEAF + 5)));
    let again = add(node, &content).await.unwrap();
    assert_eq!((again.evidence, again.existed, again.size), (Evidence::Acknowledged, Some(true), Some(LEAF + 5)));
    let found = stat(node, content.cid()).await.unwrap();
    assert_eq!((found.evidence, found.size, found.at), (Evidence::Acknowledged, Some(LEAF + 5), first.at));
}

async fn a_pin_keeps_its_first_name(node: &Arc<dyn Backend>) {
    let content = random(&nonce(), 3000);
    add_named(node, &content, "first ä & name").await.unwrap();
    let note = async || stat(node, content.cid()).await.unwrap().note;
    assert_eq!(note().await.as_deref(), Some("pinned as first ä & name"));
    add(node, &content).await.unwrap();
    add_named(node, &content, "second").await.unwrap();
    let write = Write { name: Some("third".to_owned()), ..Write::default() };
    let pinned = node.pin(&(*content.cid()).into(), &Pin { write, ..Pin::default() }).await.unwrap();
    assert_eq!(pinned.existed, Some(true));
    assert_eq!(note().await.as_deref(), Some("pinned as first ä & name"));
    assert_eq!(listed(node, content.cid()).await.len(), 1);
    let long = random(&nonce(), 3000);
    add_named(node, &long, &"n".repeat(256)).await.unwrap();
    assert_eq!(stat(node, long.cid()).await.unwrap().note, None);
}

async fn wrapped_leaves_are_imported(node: &Arc<dyn Backend>) {
    let profile = profile::UNIXFS_V0_2015;
    let word = nonce();
    for len in [0, 1, 262_144, 262_145, 600_000] {
        let bytes: Bytes = word.bytes().cycle().take(len).collect::<Vec<_>>().into();
        let (entry, _, content) = file(&profile, &bytes);
        add(node, &content).await.unwrap();
        assert_eq!(read(node, &entry.cid, &GetOptions::default()).await.unwrap(), bytes, "{len}");
        let root = read(node, &entry.cid, &GetOptions::block()).await.unwrap();
        address::verify(&entry.cid, &root).unwrap();
        assert_eq!(stat(node, &entry.cid).await.unwrap().size, Some(len as u64));
    }
    let one = Bytes::from(format!("small {word}"));
    let mut folder = DirectoryBuilder::new(profile);
    let (entry, blocks) = import(&profile, &one);
    for name in ["one", "two"] {
        folder.add(name.as_bytes(), entry).unwrap();
    }
    let mut nodes = blocks;
    let root = folder.finish(&mut |block| nodes.push(block)).unwrap();
    // What an importer of folders keeps: nodes only, and each leaf as often as it is met.
    let inner: Vec<Block> = nodes.into_iter().filter(|block| !address::same(&block.cid, &entry.cid)).collect();
    let twice = small([&one[..], &one[..]].concat());
    let content = Content::tree(root.cid, twice.len(), dag(root.cid, &inner), twice.source().clone());
    add(node, &content).await.unwrap();
    assert_eq!(read(node, &entry.cid, &GetOptions::default()).await.unwrap(), one);
}

async fn ranges_cross_leaves(node: &Arc<dyn Backend>) {
    let len = 3 * LEAF + 100;
    let content = random(&nonce(), len);
    add(node, &content).await.unwrap();
    let whole: Vec<Bytes> = content.open_all().await.unwrap().try_collect().await.unwrap();
    let whole = whole.concat();
    for range in [0..1, LEAF - 1..LEAF + 1, 5..3 * LEAF + 5, len - 1..len, LEAF..2 * LEAF] {
        let found = read(node, content.cid(), &GetOptions::range(range.clone())).await.unwrap();
        assert_eq!(found, whole[range.start as usize..range.end as usize], "{range:?}");
    }
    let last = read(node, content.cid(), &GetOptions::range(ByteRange::Last(LEAF + 7))).await.unwrap();
    assert_eq!(last, whole[(len - LEAF - 7) as usize..]);
    let beyond = read(node, content.cid(), &GetOptions::range(len..len + 1)).await.unwrap_err();
    assert_eq!(beyond.kind(), ErrorKind::InvalidRange);
}

async fn trees_come_back_block_by_block(node: &Arc<dyn Backend>) {
    let (content, leaves) = tree(&nonce()).unwrap();
    let meta = add(node, &content).await.unwrap();
    assert_eq!((meta.size, meta.evidence), (None, Evidence::Attested));
    assert_eq!(stat(node, content.cid()).await.unwrap().size, None);
    let nodes: Vec<(Cid, Bytes)> = content.dag().walk().try_collect().await.unwrap();
    for (cid, data) in nodes.into_iter().chain(leaves.into_iter().map(|block| (block.cid, block.data))) {
        assert_eq!(read(node, &cid, &GetOptions::block()).await.unwrap(), data, "{cid}");
    }
    let err = read(node, content.cid(), &GetOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidInput);
}

async fn equal_leaves_are_sent_once(node: &Arc<dyn Backend>) {
    let leaf: Bytes = nonce().bytes().cycle().take(LEAF as usize).collect::<Vec<_>>().into();
    let bytes: Bytes = [&leaf[..], &leaf[..], &leaf[..], b"end", &[]].concat().into();
    let (entry, _, content) = file(&profile::UNIXFS_V1_2025, &bytes);
    add(node, &content).await.unwrap();
    assert_eq!(read(node, &entry.cid, &GetOptions::default()).await.unwrap(), bytes);
}

async fn a_tree_of_other_leaves_is_refused(node: &Arc<dyn Backend>) {
    let word = nonce();
    let (good, _) = tree(&format!("good {word}")).unwrap();
    let (other, _) = tree(&format!("evil {word}")).unwrap();
    assert_eq!(good.len(), other.len());
    let mixed = Content::tree(*good.cid(), good.len(), good.dag().clone(), other.source().clone());
    assert_eq!(add(node, &mixed).await.unwrap_err().kind(), ErrorKind::Integrity);
    assert_eq!(stat(node, good.cid()).await.unwrap_err().kind(), ErrorKind::NotFound);
    let err = read(node, good.cid(), &GetOptions::block()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::NotFound, "the root of a refused tree is there");
}

async fn what_is_released_can_be_stored_again(node: &Arc<dyn Backend>) {
    let content = random(&nonce(), 5000);
    let remove = async || node.remove(&Locator::new(*content.cid()), &RemoveOptions::default()).await.unwrap();
    assert_eq!(remove().await, Removal::Absent);
    for _ in 0..2 {
        assert_eq!(add(node, &content).await.unwrap().existed, Some(false));
        assert_eq!(remove().await, Removal::Released);
        assert_eq!(stat(node, content.cid()).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(remove().await, Removal::Absent);
    }
}

async fn what_is_there_can_be_pinned(node: &Arc<dyn Backend>) {
    let (content, leaves) = tree(&nonce()).unwrap();
    add(node, &content).await.unwrap();
    let part = leaves[3].cid;
    assert_eq!(stat(node, &part).await.unwrap_err().kind(), ErrorKind::NotFound);
    let meta = node.pin(&part.into(), &Pin::default()).await.unwrap();
    assert_eq!((meta.existed, meta.evidence), (Some(false), Evidence::Acknowledged));
    assert_eq!(stat(node, &part).await.unwrap().size, Some(leaves[3].data.len() as u64));
}

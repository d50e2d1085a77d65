//! What is this store's own: instances, quota, evidence, blocks of every kind, versions in a listing.
#![expect(clippy::unwrap_used, reason = "the helpers of these tests; they are called by tests alone")]

use std::sync::Arc;

use backend_core::{
    AddOptions, Backend, Content, Dag, Entry, ErrorKind, Evidence, GetOptions, Key, ListOptions, Locator, Metadata,
    Power, RemoveOptions, Result, Settings, StatOptions,
};
use backend_layers::SystemClock;
use backend_testkit::{random, small, tree};
use bytes::Bytes;
use futures::TryStreamExt;
use ipld::import::{DirectoryBuilder, Entry as Imported, import};
use ipld::{Block, profile};
use serde_json::{Value, json};

fn open(connection: Value) -> Arc<dyn Backend> {
    backend_ftp::open(Settings::new("store", connection, Arc::new(SystemClock))).unwrap()
}

fn key(name: &str) -> Locator {
    Locator::new(Key::new(name).unwrap())
}

async fn add(store: &Arc<dyn Backend>, name: &str, content: &Content) -> Result<Metadata> {
    store.add(content, &AddOptions { id: Some(key(name).id), ..AddOptions::default() }).await
}

#[tokio::test]
async fn every_instance_is_a_store_of_its_own() {
    let (one, other) = (open(Value::Null), open(Value::Null));
    add(&one, "a", &small("a")).await.unwrap();
    let err = other.stat(&key("a"), &StatOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::NotFound);
    assert_ne!(one.health().await.identity, other.health().await.identity);
}

#[tokio::test]
async fn a_full_store_says_so_and_gives_room_back() {
    let store = open(json!({ "max_bytes": 100 }));
    let kind =
        async |name: &str, len| add(&store, name, &random(name, len)).await.map(|_| ()).map_err(|err| err.kind());
    assert_eq!(kind("too large", 101).await, Err(ErrorKind::TooLarge));
    assert_eq!(kind("a", 60).await, Ok(()));
    assert_eq!(kind("b", 41).await, Err(ErrorKind::QuotaExceeded));
    assert_eq!(kind("c", 40).await, Ok(()));
    assert_eq!(store.health().await.writes, Power::Fails(ErrorKind::QuotaExceeded));
    store.remove(&key("a"), &RemoveOptions::default()).await.unwrap();
    assert_eq!(kind("b", 41).await, Ok(()));
    assert_eq!(store.usage().await.unwrap().used, Some(81));
}

#[test]
fn only_keys_have_versions() {
    for addressing in ["cid", "assigned"] {
        let connection = json!({ "addressing": addressing, "versions": true });
        let opened = backend_ftp::open(Settings::new("store", connection, Arc::new(SystemClock)));
        let err = opened.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidConfig);
        assert!(err.message().contains("connection.versions"), "{err}");
    }
}

#[tokio::test]
async fn evidence_is_what_was_compared() {
    let store = open(Value::Null);
    let named = random("named", 2000);
    let blind = random("blind", 2000).with_digests(Vec::new());
    assert_eq!(add(&store, "a", &named).await.unwrap().evidence, Evidence::Attested);
    assert_eq!(add(&store, "b", &blind).await.unwrap().evidence, Evidence::Acknowledged);
    let hashing = open(json!({ "addressing": "cid" }));
    let meta = hashing.add(&blind, &AddOptions::default()).await.unwrap();
    assert_eq!(meta.evidence, Evidence::Attested);
}

async fn block(store: &Arc<dyn Backend>, at: Locator) -> Result<Bytes> {
    let frames: Vec<Bytes> = store.get(&at, &GetOptions::block()).await?.body.try_collect().await?;
    Ok(frames.concat().into())
}

/// Of a file and of a folder of files, as old importers make them: every leaf has dag-pb around it.
#[tokio::test]
async fn wrapped_leaves_are_blocks_too() {
    let store = open(json!({ "addressing": "cid" }));
    let profile = profile::UNIXFS_V0_2015;
    for len in [0, 1, 262_144, 600_000] {
        let bytes = Bytes::from(vec![7; len]);
        let (entry, nodes) = import(&profile, &bytes);
        let content = file(&entry, &nodes, bytes.clone());
        let added = store.add(&content, &AddOptions::default()).await.unwrap();
        let frames: Vec<Bytes> =
            store.get(&added.at, &GetOptions::default()).await.unwrap().body.try_collect().await.unwrap();
        assert_eq!(frames.concat(), bytes);
        let root = block(&store, added.at).await.unwrap();
        ipld::address::verify(&entry.cid, &root).unwrap();
    }
    let mut folder = DirectoryBuilder::new(profile);
    let bytes = Bytes::from_static(b"a small file");
    let (file, _) = import(&profile, &bytes);
    folder.add(b"one", file).unwrap();
    folder.add(b"two", file).unwrap();
    let mut nodes = Vec::new();
    let root = folder.finish(&mut |block| nodes.push(block)).unwrap();
    let twice = small([&bytes[..], &bytes[..]].concat());
    let content = Content::tree(root.cid, twice.len(), dag(&nodes), twice.source().clone());
    store.add(&content, &AddOptions::default()).await.unwrap();
    ipld::address::verify(&file.cid, &block(&store, Locator::new(file.cid)).await.unwrap()).unwrap();
}

fn dag(nodes: &[Block]) -> Dag {
    Dag::from_nodes(nodes.iter().rev().map(|block| (block.cid, block.data.clone())).collect())
}

fn file(entry: &Imported, nodes: &[Block], bytes: Bytes) -> Content {
    let source = small(bytes).source().clone();
    Content::file(entry.cid, entry.size, dag(nodes), source)
}

#[tokio::test]
async fn a_tree_whose_leaves_are_not_its_own_is_refused() {
    let store = open(json!({ "addressing": "cid" }));
    let (good, _) = tree("good").unwrap();
    let (other, _) = tree("evil").unwrap();
    assert_eq!(good.len(), other.len());
    let mixed = Content::tree(*good.cid(), good.len(), good.dag().clone(), other.source().clone());
    let err = store.add(&mixed, &AddOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Integrity);
    let err = store.stat(&Locator::new(*good.cid()), &StatOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::NotFound);
    assert_eq!(store.usage().await.unwrap().used, Some(0));
}

/// Thirty folders, each with the next one in it twice: a few kilobytes that stand for a thousand million visits.
#[tokio::test]
async fn a_tree_that_never_ends_is_refused() {
    let store = open(json!({ "addressing": "cid" }));
    let (profile, mut nodes) = (profile::UNIXFS_V1_2025, Vec::new());
    let mut inner = DirectoryBuilder::new(profile).finish(&mut |block| nodes.push(block)).unwrap();
    for _ in 0..30 {
        let mut folder = DirectoryBuilder::new(profile);
        folder.add(b"left", inner).unwrap();
        folder.add(b"right", inner).unwrap();
        inner = folder.finish(&mut |block| nodes.push(block)).unwrap();
    }
    let bomb = Content::tree(inner.cid, 0, dag(&nodes), small("").source().clone());
    let err = store.add(&bomb, &AddOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_block_stays_as_long_as_one_content_has_it() {
    let store = open(json!({ "addressing": "cid" }));
    let shared = Bytes::from(vec![1; 1 << 20]);
    let contents = ["x", "y"].map(|tail| {
        let bytes = Bytes::from([&shared[..], tail.as_bytes()].concat());
        let (entry, nodes) = import(&profile::UNIXFS_V1_2025, &bytes);
        file(&entry, &nodes, bytes)
    });
    for content in &contents {
        store.add(content, &AddOptions::default()).await.unwrap();
    }
    let chunk = Locator::new(Block::raw(shared).cid);
    for (content, stays) in contents.iter().zip([true, false]) {
        store.remove(&Locator::new(*content.cid()), &RemoveOptions::default()).await.unwrap();
        assert_eq!(block(&store, chunk.clone()).await.is_ok(), stays);
    }
}

#[tokio::test]
async fn versions_are_listed_newest_first_and_gone_on_with() {
    let store = open(json!({ "versions": true }));
    for n in 0..3 {
        for name in ["a", "b"] {
            add(&store, name, &random(&format!("{name}{n}"), 10 + n)).await.unwrap();
        }
    }
    store.remove(&key("a"), &RemoveOptions::default()).await.unwrap();
    let list = async |after: Option<String>, versions| {
        let opts = ListOptions { versions, after, ..ListOptions::default() };
        let entries: Vec<Entry> = store.list(&opts).try_collect().await.unwrap();
        let lines = entries.into_iter().map(|entry| match entry {
            Entry::Content { meta, cursor } => (format!("{} {}", meta.at.id, meta.size.unwrap()), cursor),
            other => panic!("{other:?}"),
        });
        lines.collect::<Vec<_>>()
    };
    let names = |lines: &[(String, Option<String>)]| lines.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&list(None, false).await), ["b 12"]);
    let all = list(None, true).await;
    assert_eq!(names(&all), ["a 12", "a 11", "a 10", "b 12", "b 11", "b 10"]);
    for at in 0..all.len() {
        assert_eq!(names(&list(all[at].1.clone(), true).await), names(&all[at + 1..]), "behind {at}");
    }
}

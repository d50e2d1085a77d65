//! What a node has of content: all of it, a part, what came so far; and which names it has for it. On a fake Kubo.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

#[allow(dead_code, reason = "not all of it is used here")]
mod common;

use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend_core::{
    AddOptions, Backend, Content, ContentId, ErrorKind, Evidence, GetOptions, ListOptions, Mend, Next, Pin, Settings,
    Status,
};
use backend_testkit::kubo::{Kubo, Lie};
use backend_testkit::{LEAF, TestClock, Watch, random, small, tree};
use bytes::Bytes;
use common::{add, counted, listed, open, read, stat};
use futures::{StreamExt, TryStreamExt};
use ipld::{Block, Cid, address};
use serde_json::{Value, json};

async fn start() -> (Kubo, Arc<dyn Backend>) {
    let kubo = Kubo::start().await.unwrap();
    let node = open(json!({ "api_url": kubo.api_url() }), Value::Null);
    (kubo, node)
}

#[tokio::test]
async fn what_lost_a_block_is_there_in_part() {
    let (kubo, node) = start().await;
    let content = random("in part", 3 * LEAF);
    add(&node, &content).await.unwrap();
    let whole = counted(&node, content.cid()).await.unwrap().present.unwrap();
    let bytes = read(&node, content.cid(), &GetOptions::default()).await.unwrap();
    let last = address::sha256(address::RAW, &bytes[2 * LEAF as usize..]);
    assert!(kubo.blocks().delete(&last));
    let found = counted(&node, content.cid()).await.unwrap();
    assert_eq!((found.status, found.present, found.size), (Status::Partial, Some(whole - LEAF), Some(3 * LEAF)));
    assert!(found.note.unwrap().contains("in part"));
    assert_eq!(stat(&node, content.cid()).await.unwrap().status, Status::Stored, "nobody asked");
    assert!(kubo.blocks().delete(content.cid()));
    let found = counted(&node, content.cid()).await.unwrap();
    assert_eq!((found.status, found.present, found.size), (Status::Partial, Some(0), None));
}

#[tokio::test]
async fn a_file_of_a_folder_is_mended_and_gets_no_pin_of_its_own() {
    let (kubo, node) = start().await;
    let (folder, _) = tree("mended").unwrap();
    let file = random("mended", LEAF + 9);
    add(&node, &folder).await.unwrap();
    let bytes: Vec<Bytes> = file.open_all().await.unwrap().try_collect().await.unwrap();
    let leaf = address::sha256(address::RAW, &bytes.concat()[..LEAF as usize]);
    assert!(kubo.blocks().corrupt(&leaf));
    assert_eq!(read(&node, &leaf, &GetOptions::block()).await.unwrap_err().kind(), ErrorKind::Integrity);
    let (pins, (lent, watch)) = (kubo.pins(), Watch::over(&file));
    let opts = AddOptions { mend: Some(Mend::wrong([7..8])), ..AddOptions::default() };
    let mended = node.add(&lent, &opts).await.unwrap();
    assert_eq!((mended.existed, mended.evidence), (Some(true), Evidence::Acknowledged));
    assert_eq!((watch.ranges(), kubo.pins()), (vec![0..LEAF], pins));
    assert_eq!(read(&node, &leaf, &GetOptions::block()).await.unwrap().len() as u64, LEAF);
    // What nothing holds is stored like anything else.
    let alone = random("alone", 2 * LEAF);
    node.add(&alone, &opts).await.unwrap();
    assert_eq!(stat(&node, alone.cid()).await.unwrap().size, Some(2 * LEAF));
}

/// What a network would bring.
async fn fetch(kubo: &Kubo, content: &Content) {
    let nodes: Vec<(Cid, Bytes)> = content.dag().walk().try_collect().await.unwrap();
    nodes.into_iter().for_each(|(cid, data)| kubo.blocks().put(&cid, data));
    let frames: Vec<Bytes> = content.open_all().await.unwrap().try_collect().await.unwrap();
    kubo.blocks().extend(frames.concat().chunks(LEAF as usize).map(|leaf| Block::raw(leaf.to_vec())));
}

/// A node that waits for its network: its clock is the test's.
#[tokio::test]
async fn a_pin_that_stands_still_is_working_and_goes_on_when_it_is_asked_again() {
    let kubo = Kubo::start().await.unwrap();
    let clock = TestClock::new();
    let connection = json!({ "api_url": kubo.api_url(), "pin_wait_ms": 5_000 });
    let node = backend_ipfs::open(Settings::new("node", connection, clock.clone())).unwrap();
    let content = random("fetched", 3 * LEAF);
    let id = ContentId::from(*content.cid());
    for lie in [Lie::Waits(7, 7_000), Lie::Stalls] {
        kubo.lie("pin/add", lie.clone());
        let pin = Pin::default();
        let progress = pin.write.progress.clone();
        let mut pinning = pin!(node.pin(&id, &pin));
        let wanted = if matches!(lie, Lie::Stalls) { 0 } else { 7_000 };
        let patience = Instant::now() + Duration::from_secs(30);
        let meta = loop {
            if let Some(answer) = futures::future::poll_immediate(&mut pinning).await {
                break answer.unwrap();
            }
            assert!(Instant::now() < patience, "{lie:?}: it waits for ever");
            if progress.bytes() == wanted && kubo.asked().iter().any(|it| it.starts_with("pin/add")) {
                clock.advance(Duration::from_secs(5));
            }
            tokio::task::yield_now().await;
        };
        assert_eq!((meta.status, meta.evidence, meta.existed), (Status::Working, Evidence::Claimed, Some(false)));
        assert_eq!((meta.present, meta.next), (Some(wanted), Next::Resume(Duration::from_secs(5))));
        let err = stat(&node, content.cid()).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::NotFound, "nothing is pinned before all is there");
    }
    fetch(&kubo, &content).await;
    let done = node.pin(&id, &Pin::default()).await.unwrap();
    assert_eq!((done.status, done.existed, done.next), (Status::Stored, Some(false), Next::Nothing));
    assert_eq!(node.pin(&id, &Pin::default()).await.unwrap().existed, Some(true));
}

#[tokio::test]
async fn a_listing_tells_the_names_in_the_folder() {
    let kubo = Kubo::start().await.unwrap();
    let node = open(json!({ "api_url": kubo.api_url(), "mfs_path": "/backup/" }), Value::Null);
    assert!(listed(&node, small("none").cid()).await.is_empty(), "there is no such folder yet");
    let (one, other) = (random("one", 10), random("other", 10));
    for (content, name) in [(&one, "a"), (&one, "b\u{1b}"), (&one, "c"), (&one, "d"), (&other, "e")] {
        common::add_named(&node, content, name).await.unwrap();
    }
    let notes = async |content: &Content| listed(&node, content.cid()).await.remove(0).note.unwrap();
    assert_eq!(notes(&other).await, "pinned as e; linked as /backup/e");
    let many = notes(&one).await;
    assert!(many.starts_with("pinned as a; linked as /backup/") && many.ends_with(" and 1 more"), "{many}");
    assert!(!many.contains('\u{1b}'), "{many:?}");
    kubo.lie("files/ls", Lie::Status(502, ""));
    let failed: Vec<_> = node.list(&ListOptions::default()).collect().await;
    assert_eq!(failed.last().unwrap().as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
}

/// Hashing is left to whoever says that he does it, and to nobody else.
#[tokio::test]
async fn a_wrong_block_is_given_only_to_who_hashes_it() {
    let (kubo, node) = start().await;
    let content = random("wrong", LEAF);
    add(&node, &content).await.unwrap();
    let whole = read(&node, content.cid(), &GetOptions::unproved_block()).await.unwrap();
    address::verify(content.cid(), &whole).unwrap();
    assert!(kubo.blocks().corrupt(content.cid()));
    let err = read(&node, content.cid(), &GetOptions::block()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Integrity);
    let wrong = read(&node, content.cid(), &GetOptions::unproved_block()).await.unwrap();
    assert!(wrong != whole && wrong.len() == whole.len() && address::verify(content.cid(), &wrong).is_err());
}

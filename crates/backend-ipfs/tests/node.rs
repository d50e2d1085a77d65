//! What a node may do to us: lies, losses, other versions of a name; on a fake Kubo that does them on order.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use backend_core::{
    AddOptions, Backend, Content, Effect, ErrorKind, Evidence, Exposure, GetOptions, ListOptions, Locator, Mend, Pin,
    Power, Removal, RemoveOptions,
};
use backend_testkit::kubo::{Blocks, Kubo, Lie};
use backend_testkit::{Gate, LEAF, Watch, random, small, tree};
use bytes::Bytes;
use common::{add, dag, file, listed, open, read, stat};
use futures::TryStreamExt;
use ipld::import::DirectoryBuilder;
use ipld::{Block, Cid, profile};
use serde_json::{Value, json};

async fn start() -> (Kubo, Arc<dyn Backend>) {
    let kubo = Kubo::start().await.unwrap();
    let node = open(json!({ "api_url": kubo.api_url() }), Value::Null);
    (kubo, node)
}

#[tokio::test]
async fn what_holds_of_a_real_node_holds_of_the_fake() {
    let (_kubo, node) = start().await;
    common::every_case(&node).await;
}

/// Asks `command` once with each lie; the verb's error must be of the kind.
async fn check(
    command: &str,
    lies: &[(Lie, ErrorKind)],
    ask: impl AsyncFn(&Arc<dyn Backend>, u64) -> Option<ErrorKind>,
) {
    let (kubo, node) = start().await;
    for (n, (lie, kind)) in lies.iter().enumerate() {
        kubo.lie(command, lie.clone());
        assert_eq!(ask(&node, n as u64).await, Some(*kind), "{command}: {lie:?}");
    }
}

const EVERYWHERE: [(Lie, ErrorKind); 7] = [
    (Lie::Cut, ErrorKind::Unavailable),
    (Lie::Status(502, "<html>bad gateway</html>"), ErrorKind::Unavailable),
    (Lie::Status(404, "<html>nothing here</html>"), ErrorKind::InvalidConfig),
    (Lie::Status(429, ""), ErrorKind::RateLimited),
    (Lie::Fails("context deadline exceeded"), ErrorKind::Timeout),
    (Lie::Fails("something that nobody knows"), ErrorKind::Internal),
    (Lie::Status(403, "Kubo RPC Access Denied: Please"), ErrorKind::Unauthenticated),
];

#[tokio::test]
async fn every_command_that_fails_is_told_by_its_kind() {
    let add_new = async |node: &Arc<dyn Backend>, n| {
        add(node, &random(&format!("new {n}"), 10)).await.err().map(|err| err.kind())
    };
    for command in ["pin/ls", "dag/import"] {
        check(command, &EVERYWHERE, add_new).await;
    }
    let listing = async |node: &Arc<dyn Backend>, _| {
        let listed: Result<Vec<_>, _> = node.list(&ListOptions::default()).try_collect().await;
        listed.err().map(|err| err.kind())
    };
    check("pin/ls", &EVERYWHERE, listing).await;
    check("repo/stat", &EVERYWHERE, async |node, _| node.usage().await.err().map(|err| err.kind())).await;
    let block = async |node: &Arc<dyn Backend>, _| {
        read(node, small("x").cid(), &GetOptions::block()).await.err().map(|err| err.kind())
    };
    check("block/get", &EVERYWHERE, block).await;
    let remove = async |node: &Arc<dyn Backend>, _| {
        node.remove(&Locator::new(*small("x").cid()), &RemoveOptions::default()).await.err().map(|err| err.kind())
    };
    check("pin/rm", &EVERYWHERE, remove).await;
    let pin = async |node: &Arc<dyn Backend>, _| {
        node.pin(&(*small("x").cid()).into(), &Pin::default()).await.err().map(|err| err.kind())
    };
    check("pin/add", &EVERYWHERE, pin).await;
}

#[tokio::test]
async fn an_import_must_be_answered_with_what_was_sent() {
    let lies = [
        (Lie::Root("bafkreidxlu2tvwxo3wa7jrqh5sqcw5lwb4selw2tzmgp5lheyunb7dqlsy"), ErrorKind::Integrity),
        (Lie::Root("no cid"), ErrorKind::Integrity),
        (Lie::Miscounts, ErrorKind::Integrity),
        (Lie::PinFails("ipld: could not find x"), ErrorKind::Integrity),
        (Lie::PinFails("context deadline exceeded"), ErrorKind::Timeout),
        (Lie::Trailer("import failed: mismatch in content integrity"), ErrorKind::Integrity),
        (Lie::Trailer("Maximum storage limit exceeded"), ErrorKind::QuotaExceeded),
        (Lie::CutShort, ErrorKind::Unavailable),
    ];
    let answer = async |node: &Arc<dyn Backend>, n| {
        let content = random(&format!("answered {n}"), 5000);
        add(node, &content).await.err().map(|err| err.kind())
    };
    check("dag/import", &lies, answer).await;
}

#[tokio::test]
async fn a_listing_that_is_cut_off_is_no_listing() {
    let (kubo, node) = start().await;
    for n in 0..100 {
        add(&node, &random(&format!("listed {n}"), 10)).await.unwrap();
    }
    for lie in [Lie::CutShort, Lie::Trailer("context canceled")] {
        kubo.lie("pin/ls", lie.clone());
        let mut listing = node.list(&ListOptions::default());
        let mut n = 0;
        let end = loop {
            match listing.try_next().await {
                Ok(Some(_)) => n += 1,
                end => break end,
            }
        };
        assert!(end.is_err() && 0 < n, "{lie:?}: {n} entries, then {end:?}");
    }
}

#[tokio::test]
async fn what_is_pinned_and_whole_is_not_sent_again() {
    let (kubo, node) = start().await;
    let content = random("once", LEAF * 2);
    add(&node, &content).await.unwrap();
    let sent = kubo.asked();
    assert!(sent.iter().any(|it| it.starts_with("dag/import?pin-roots=true&stats=true")), "{sent:?}");
    add(&node, &content).await.unwrap();
    let asked = kubo.asked();
    assert!(asked.iter().all(|it| it.starts_with("pin/ls") || it.starts_with("dag/stat")), "{asked:?}");
}

#[tokio::test]
async fn what_was_lost_is_mended_and_the_pin_stays() {
    let (kubo, node) = start().await;
    let content = random("lost", LEAF * 3);
    common::add_named(&node, &content, "kept").await.unwrap();
    let leaf = *kubo.blocks().cids().iter().find(|cid| cid.codec() == 0x55).unwrap();
    kubo.blocks().delete(&leaf);
    let err = read(&node, content.cid(), &GetOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::NotFound);
    let mended = add(&node, &content).await.unwrap();
    assert_eq!((mended.existed, mended.evidence), (Some(true), Evidence::Acknowledged));
    assert_eq!(read(&node, content.cid(), &GetOptions::default()).await.unwrap().len() as u64, LEAF * 3);
    assert_eq!(stat(&node, content.cid()).await.unwrap().note.as_deref(), Some("pinned as kept"));
    let asked = kubo.asked().join(" ");
    assert!(!asked.contains("pin-roots=true"), "a pin was set over the pin: {asked}");
}

#[tokio::test]
async fn of_what_is_wrong_only_that_is_sent() {
    let (kubo, node) = start().await;
    let content = random("wrong", LEAF * 4);
    common::add_named(&node, &content, "kept").await.unwrap();
    let leaves: Vec<_> = kubo.blocks().cids().into_iter().filter(|cid| cid.codec() == 0x55).collect();
    assert!(leaves.iter().all(|leaf| kubo.blocks().corrupt(leaf)));
    kubo.asked();
    for (wrong, spans) in [(LEAF..LEAF + 1, 1), (2 * LEAF - 1..3 * LEAF, 2)] {
        let (lent, watch) = Watch::over(&content);
        let opts = AddOptions { mend: Some(Mend::wrong([wrong.clone()])), ..AddOptions::default() };
        let mended = node.add(&lent, &opts).await.unwrap();
        assert_eq!((mended.existed, mended.evidence), (Some(true), Evidence::Acknowledged));
        // Whole leaves: a part of one cannot be sent.
        let start = wrong.start / LEAF * LEAF;
        assert_eq!(watch.ranges(), [start..start + spans * LEAF]);
    }
    let mut found = Vec::new();
    for leaf in leaves {
        found.push(read(&node, &leaf, &GetOptions::block()).await.map_or_else(|err| Err(err.kind()), |_| Ok(())));
    }
    found.sort_by_key(|it| it.is_err());
    assert_eq!(found, [Ok(()), Ok(()), Err(ErrorKind::Integrity), Err(ErrorKind::Integrity)]);
    let asked = kubo.asked().join(" ");
    assert!(!asked.contains("pin-roots=true"), "a pin was set over the pin: {asked}");
}

#[tokio::test]
async fn a_block_that_is_not_itself_is_never_given_away() {
    let (kubo, node) = start().await;
    let content = random("spoilt", LEAF + 9);
    add(&node, &content).await.unwrap();
    for cid in kubo.blocks().cids() {
        kubo.blocks().corrupt(&cid);
        let err = read(&node, &cid, &GetOptions::block()).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Integrity, "{cid}");
    }
    let err = read(&node, content.cid(), &GetOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Integrity, "a root that is not itself");
    let other = random("other", 900);
    add(&node, &other).await.unwrap();
    kubo.lie("block/get", Lie::OtherBytes);
    assert_eq!(read(&node, other.cid(), &GetOptions::block()).await.unwrap_err().kind(), ErrorKind::Integrity);
    for (lie, kind) in
        [(Lie::CutShort, ErrorKind::Unavailable), (Lie::Trailer("failed to fetch all nodes"), ErrorKind::NotFound)]
    {
        kubo.lie("block/get", lie);
        assert_eq!(read(&node, other.cid(), &GetOptions::block()).await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn a_leaf_of_another_length_is_never_part_of_a_file() {
    let (kubo, node) = start().await;
    let content = random("short", 2 * LEAF);
    add(&node, &content).await.unwrap();
    let leaf = *kubo.blocks().cids().iter().find(|cid| cid.codec() == 0x55).unwrap();
    for len in [0, LEAF - 1, LEAF + 1] {
        kubo.blocks().put(&leaf, vec![7; len as usize]);
        let err = read(&node, content.cid(), &GetOptions::default()).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Integrity, "{len}");
    }
}

#[tokio::test]
async fn a_pin_of_the_old_version_is_the_same_content() {
    let (kubo, node) = start().await;
    let (entry, nodes, content) = file(&profile::UNIXFS_V0_2015, &Bytes::from(vec![7; 300_000]));
    add(&node, &content).await.unwrap();
    let old = entry.cid.to_string();
    assert!(old.starts_with("Qm"), "{old}");
    let blank = Locator::new(entry.cid);
    assert_eq!(node.remove(&blank, &RemoveOptions::default()).await.unwrap(), Removal::Released);
    kubo.pin(&old, "by hand");
    let found = stat(&node, &entry.cid).await.unwrap();
    assert_eq!((found.at.handle.as_deref(), found.size), (Some(&old[..]), Some(300_000)));
    assert_eq!(listed(&node, &entry.cid).await[0].at, found.at);
    assert_eq!(add(&node, &content).await.unwrap().existed, Some(true));
    kubo.pin(&ipld::address::text(&entry.cid), "");
    assert_eq!(listed(&node, &entry.cid).await.len(), 2);
    assert_eq!(node.remove(&found.at, &RemoveOptions::default()).await.unwrap(), Removal::Released);
    assert_eq!(listed(&node, &entry.cid).await.len(), 1);
    assert_eq!(node.remove(&blank, &RemoveOptions::default()).await.unwrap(), Removal::Released);
    assert!(listed(&node, &entry.cid).await.is_empty() && !nodes.is_empty());
}

#[tokio::test]
async fn equal_leaves_are_one_block() {
    let (kubo, node) = start().await;
    let (_, _, content) = file(&profile::UNIXFS_V1_2025, &Bytes::from(vec![0; 9 << 20]));
    add(&node, &content).await.unwrap();
    assert_eq!((kubo.taken(), kubo.blocks().count()), (2, 2), "a root and one leaf");
}

#[tokio::test]
async fn blocks_that_were_collected_before_the_pin_are_sent_again_by_who_retries() {
    let (kubo, node) = start().await;
    kubo.lie("pin/add", Lie::Fails("pin: block was not found locally (offline): ipld: could not find x"));
    let err = common::add_named(&node, &random("collected", 10), "n").await.unwrap_err();
    assert_eq!((err.kind(), err.effect()), (ErrorKind::Unavailable, Effect::None));
    assert!(kubo.pins().is_empty());
}

/// Kubo writes 128 blocks at a time, so that some of what was broken off are there.
#[tokio::test]
async fn what_was_broken_off_has_no_root_and_no_pin() {
    let (kubo, node) = start().await;
    let frames: Vec<Bytes> = random("broken off", 400_000).open_all().await.unwrap().try_collect().await.unwrap();
    let bytes = Bytes::from(frames.concat());
    let (_, _, content) = file(&profile::Profile { chunk: 1024, ..profile::UNIXFS_V1_2025 }, &bytes);
    let (held, gate) = Gate::before_the_end(&content);
    {
        let opts = AddOptions::default();
        let mut adding = pin!(node.add(&held, &opts));
        let answer = poll_fn(|context| match adding.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => gate.poll_reached(context).map(|()| None),
        });
        assert!(answer.await.is_none(), "it answered before it had everything");
        while kubo.blocks().count() == 0 {
            tokio::task::yield_now().await;
        }
        // The source gives the rest to whoever asks, and nobody waits for the answer any more, at once.
        gate.open();
    }
    while 0 < kubo.importing() {
        tokio::task::yield_now().await;
    }
    assert!(kubo.pins().is_empty() && !kubo.blocks().has(content.cid()), "{:?}", kubo.pins());
    let err = read(&node, content.cid(), &GetOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::NotFound);
    assert_eq!(add(&node, &content).await.unwrap().existed, Some(false));
    assert_eq!(read(&node, content.cid(), &GetOptions::default()).await.unwrap(), bytes);
}

/// Thirty folders, each with the next one in it twice: a few kilobytes that stand for a thousand million visits.
#[tokio::test]
async fn a_tree_that_never_ends_is_refused() {
    let (_kubo, node) = start().await;
    let (profile, mut nodes) = (profile::UNIXFS_V1_2025, Vec::new());
    let mut inner = DirectoryBuilder::new(profile).finish(&mut |block| nodes.push(block)).unwrap();
    for _ in 0..30 {
        let mut folder = DirectoryBuilder::new(profile);
        folder.add(b"left", inner).unwrap();
        folder.add(b"right", inner).unwrap();
        inner = folder.finish(&mut |block| nodes.push(block)).unwrap();
    }
    let bomb = Content::tree(inner.cid, 0, dag(inner.cid, &nodes), small("").source().clone());
    assert_eq!(add(&node, &bomb).await.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_tree_whose_nodes_are_not_its_own_is_refused() {
    let (_kubo, node) = start().await;
    let (content, _) = tree("nodes").unwrap();
    let nodes: Vec<(Cid, Bytes)> = content.dag().walk().try_collect().await.unwrap();
    for at in 0..nodes.len() {
        let mut spoilt = nodes.clone();
        spoilt[at].1 = Block::raw("something else").data;
        let dag = backend_core::Dag::from_nodes(spoilt);
        let lying = Content::tree(*content.cid(), content.len(), dag, content.source().clone());
        assert_eq!(add(&node, &lying).await.unwrap_err().kind(), ErrorKind::Integrity, "node {at}");
    }
}

#[tokio::test]
async fn health_tells_who_it_is_and_why_it_is_ill() {
    let (kubo, node) = start().await;
    let health = node.health().await;
    assert_eq!((health.identity.as_deref(), health.reads), (Some(kubo.peer()), Power::Works));
    assert_eq!(health.note.as_deref(), Some("kubo/0.43.1"));
    let guarded = Kubo::start_on(Blocks::new(), Some("Basic bWU6Y2FuYXJ5")).await.unwrap();
    let connection = json!({ "api_url": guarded.api_url(), "private": true });
    let ill = open(connection.clone(), json!({ "token": "canary" })).health().await;
    assert_eq!(ill.reads, Power::Fails(ErrorKind::Unauthenticated));
    assert!(!format!("{ill:?}").contains("canary"));
    let known = open(connection, json!({ "username": "me", "password": "canary" }));
    assert_eq!(known.health().await.reads, Power::Works);
    assert_eq!((known.info().exposure, node.info().exposure), (Exposure::Private, Exposure::Public));
    let nobody = open(json!({ "api_url": "http://127.0.0.1:1" }), Value::Null).health().await;
    assert_eq!(nobody.reads, Power::Fails(ErrorKind::Unavailable));
}

//! The same list, and the conformance suite, on real Kubo daemons; and what only they can show. `cargo xtask services kubo` builds Kubo.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use backend_core::{AddOptions, Backend, ErrorKind, GetOptions, Pin, Power, Scope, Status};
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_testkit::real::{Kubo, KuboOptions, Server};
use backend_testkit::{CANARY, Fixture, Gate, LEAF, random, tree};
use bytes::Bytes;
use common::{add, nonce, open, read, stat};
use ipld::import::{DirectoryBuilder, import};
use ipld::{address, profile};
use serde_json::{Value, json};

fn offline() -> Kubo {
    Server::kubo(&KuboOptions::default()).unwrap()
}

fn online() -> Kubo {
    Server::kubo(&KuboOptions { offline: false, ..KuboOptions::default() }).unwrap()
}

fn by_rpc(kubo: &Kubo) -> Arc<dyn Backend> {
    open(json!({ "api_url": kubo.api_multiaddr() }), Value::Null)
}

fn by_gateway(kubo: &Kubo) -> Arc<dyn Backend> {
    open(json!({ "api_url": kubo.api(), "gateway_url": kubo.gateway() }), Value::Null)
}

/// The leaf by its RPC alone, and with a token; the stack with the gateway.
async fn fixture() -> Fixture {
    let kubo = Server::kubo(&KuboOptions { token: Some(CANARY), ..KuboOptions::default() }).unwrap();
    let (api, gateway, login) = (kubo.api(), kubo.gateway(), json!({ "token": CANARY }));
    let (same, again) = (api.clone(), login.clone());
    let layered = move || {
        let leaf = open(json!({ "api_url": same, "gateway_url": gateway }), again.clone());
        stack(leaf, &Operational::default(), &Gates::default(), Arc::new(SystemClock))
    };
    Fixture::new().leaf(move || open(json!({ "api_url": api }), login.clone())).stack(layered).keep(kubo)
}

mod suite {
    backend_testkit::suite!(super::fixture);
}

#[tokio::test]
async fn what_holds_of_the_fake_holds_of_a_real_node() {
    let kubo = offline();
    for node in [by_rpc(&kubo), by_gateway(&kubo)] {
        common::every_case(&node).await;
    }
}

#[tokio::test]
async fn a_pin_of_the_old_version_is_the_same_content() {
    let kubo = offline();
    let node = by_gateway(&kubo);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old");
    fs::write(&path, vec![7; 300_000]).unwrap();
    let said = kubo.run(&["add", "-Q", "--pin-name", "by hand", path.to_str().unwrap()]).unwrap();
    let old = address::parse(said.trim()).unwrap();
    assert_eq!(old.version(), cid::Version::V0);
    let found = stat(&node, &address::to_v1(&old)).await.unwrap();
    assert_eq!((found.at.handle.as_deref(), found.size), (Some(said.trim()), Some(300_000)));
    assert_eq!(found.note.as_deref(), Some("pinned as by hand"));
}

fn nothing_is_pinned(kubo: &Kubo) {
    assert_eq!(kubo.run(&["pin", "ls", "--type", "recursive", "-q"]).unwrap().lines().count(), initial_pins());
}

/// `ipfs init` pins the empty folder.
fn initial_pins() -> usize {
    let fresh = offline();
    fresh.run(&["pin", "ls", "--type", "recursive", "-q"]).unwrap().lines().count()
}

#[tokio::test]
async fn an_import_that_is_broken_off_leaves_no_pin_and_goes_through_again() {
    let kubo = offline();
    let node = by_gateway(&kubo);
    // More than Kubo writes at once, so that blocks of it are there.
    let content = random(&nonce(), 200 * LEAF);
    let (held, gate) = Gate::before_the_end(&content);
    {
        let opts = AddOptions::default();
        let mut adding = pin!(node.add(&held, &opts));
        let answer = poll_fn(|context| match adding.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => gate.poll_reached(context).map(|()| None),
        });
        assert!(answer.await.is_none(), "it answered before it had everything");
    }
    nothing_is_pinned(&kubo);
    let err = read(&node, content.cid(), &GetOptions::block()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::NotFound, "the root of an import that was broken off is there");
    gate.open();
    assert_eq!(add(&node, &content).await.unwrap().existed, Some(false));
    assert_eq!(stat(&node, content.cid()).await.unwrap().size, Some(200 * LEAF));
}

#[tokio::test]
async fn a_kill_of_the_daemon_is_told_and_survived() {
    let mut kubo = offline();
    let node = by_rpc(&kubo);
    let content = random(&nonce(), 3 * LEAF);
    add(&node, &content).await.unwrap();
    let before = node.health().await.identity;
    kubo.server().kill();
    assert_eq!(add(&node, &random(&nonce(), 10)).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(node.health().await.reads, Power::Fails(ErrorKind::Unavailable));
    kubo.server().restart().unwrap();
    assert_eq!(node.health().await.identity, before);
    assert_eq!(stat(&node, content.cid()).await.unwrap().size, Some(3 * LEAF));
}

/// The file in which the daemon keeps these bytes.
fn file_of(folder: &Path, bytes: &[u8]) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().find_map(|path| match path.is_dir() {
        true => file_of(&path, bytes),
        false => (fs::read(&path).is_ok_and(|data| data == bytes)).then_some(path),
    })
}

#[tokio::test]
async fn damage_in_the_repository_is_found_by_reading_and_loss_is_mended() {
    let mut kubo = offline();
    let content = random(&nonce(), 2 * LEAF + 5);
    let nodes = [by_rpc(&kubo), by_gateway(&kubo)];
    add(&nodes[0], &content).await.unwrap();
    let whole = read(&nodes[0], content.cid(), &GetOptions::default()).await.unwrap();
    let bytes = whole.slice(LEAF as usize..2 * LEAF as usize);
    let cid = address::sha256(address::RAW, &bytes);
    let path = file_of(&kubo.repo().join("blocks"), &bytes).unwrap();
    let mut damaged = bytes.to_vec();
    damaged[1000] ^= 1;
    fs::write(&path, &damaged).unwrap();
    for node in &nodes {
        let err = read(node, &cid, &GetOptions::block()).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Integrity, "{node:?}");
    }
    // What it remembers to have it does not write again (boxo's cache of block keys): only a node that was started anew takes the block.
    let wrong = backend_core::Mend::wrong([LEAF..2 * LEAF]);
    let opts = backend_core::AddOptions { mend: Some(wrong), ..backend_core::AddOptions::default() };
    for is_taken in [false, true] {
        let node = by_rpc(&kubo);
        assert_eq!(node.add(&content, &opts).await.unwrap().existed, Some(true));
        let is_whole = read(&node, content.cid(), &GetOptions::default()).await.is_ok_and(|it| it == whole);
        assert_eq!(is_whole, is_taken);
        if !is_taken {
            kubo.server().kill();
            kubo.server().restart().unwrap();
        }
    }
    fs::remove_file(&path).unwrap();
    for node in &nodes {
        assert_eq!(read(node, &cid, &GetOptions::block()).await.unwrap_err().kind(), ErrorKind::NotFound, "{node:?}");
        let err = read(node, content.cid(), &GetOptions::default()).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::NotFound, "{node:?}");
    }
    assert_eq!(add(&nodes[1], &content).await.unwrap().existed, Some(true));
    assert_eq!(read(&nodes[1], content.cid(), &GetOptions::default()).await.unwrap(), whole);
}

#[tokio::test]
async fn what_only_another_node_has_is_not_there_until_it_is_pinned() {
    let (there, here) = (online(), online());
    here.connect(&there).unwrap();
    let content = random(&nonce(), 3 * LEAF);
    add(&by_rpc(&there), &content).await.unwrap();
    for node in [by_rpc(&here), by_gateway(&here)] {
        for opts in [GetOptions::block(), GetOptions::default()] {
            let err = read(&node, content.cid(), &opts).await.unwrap_err();
            assert_eq!(err.kind(), ErrorKind::NotFound, "{node:?}");
        }
        assert_eq!(stat(&node, content.cid()).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
    let node = by_gateway(&here);
    let write = backend_core::Write { name: Some("fetched".to_owned()), ..backend_core::Write::default() };
    let progress = write.progress.clone();
    node.pin(&(*content.cid()).into(), &Pin { write, ..Pin::default() }).await.unwrap();
    assert!(0 < progress.ticks());
    let found = stat(&node, content.cid()).await.unwrap();
    assert_eq!((found.size, found.note.as_deref()), (Some(3 * LEAF), Some("pinned as fetched")));
    assert_eq!(read(&node, content.cid(), &GetOptions::default()).await.unwrap().len() as u64, 3 * LEAF);
}

#[tokio::test]
async fn a_socket_is_as_good_as_a_port() {
    let mut kubo = offline();
    let socket = kubo.repo().join("rpc.sock");
    let addresses = format!("[\"{}\", \"/unix{}\"]", kubo.api_multiaddr(), socket.display());
    kubo.run(&["config", "--json", "Addresses.API", &addresses]).unwrap();
    kubo.server().restart().unwrap();
    let node = open(json!({ "api_url": format!("/unix{}", socket.display()) }), Value::Null);
    let content = random(&nonce(), 2 * LEAF);
    add(&node, &content).await.unwrap();
    assert_eq!(stat(&by_rpc(&kubo), content.cid()).await.unwrap().size, Some(2 * LEAF));
}

#[tokio::test]
async fn what_is_added_under_a_name_is_linked_in_the_folder() {
    let kubo = offline();
    let node = open(json!({ "api_url": kubo.api(), "mfs_path": "/backup/mine" }), Value::Null);
    let (file, other) = (random(&nonce(), LEAF + 1), random(&nonce(), 10));
    let ((folder, _), (later, _)) = (tree(&nonce()).unwrap(), tree(&nonce()).unwrap());
    for content in [&file, &file, &other, &folder, &folder, &later, &file] {
        let meta = common::add_named(&node, content, "ä & n").await.unwrap();
        assert!(meta.note.is_none_or(|note| !note.contains("not linked")));
        let linked = kubo.run(&["files", "stat", "--hash", "/backup/mine/ä & n"]).unwrap();
        assert_eq!(linked.trim(), address::text(content.cid()));
    }
    node.remove(&backend_core::Locator::new(*file.cid()), &backend_core::RemoveOptions::default()).await.unwrap();
    assert_eq!(kubo.run(&["files", "ls", "/backup/mine"]).unwrap().trim(), "ä & n");
}

#[tokio::test]
async fn usage_is_that_of_the_repository() {
    let kubo = offline();
    let node = by_rpc(&kubo);
    let before = node.usage().await.unwrap();
    add(&node, &random(&nonce(), 5 * LEAF)).await.unwrap();
    let after = node.usage().await.unwrap();
    assert_eq!((after.scope, after.limit), (Scope::Store, Some(10_000_000_000)));
    assert!(before.used.unwrap() + 5 * LEAF <= after.used.unwrap(), "{before:?} {after:?}");
}

/// Folders of up to 40 files and folders, up to three deep, of a seed.
fn grow(path: &Path, state: &mut u64, depth: u32) -> ipld::import::Entry {
    let mut next = |below: u64| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % below
    };
    let profile = profile::UNIXFS_V1_2025;
    fs::create_dir(path).unwrap();
    let mut folder = DirectoryBuilder::new(profile);
    let shape: Vec<(u64, u64, u64)> = (0..next(6)).map(|n| (n, next(4), next(3000))).collect();
    for (n, kind, len) in shape {
        let name = format!("{} {n}", ["a", "ä", "z.txt", "_"][(len % 4) as usize]);
        let below = path.join(&name);
        let entry = match kind {
            0 if depth < 3 => grow(&below, state, depth + 1),
            _ => {
                let data: Vec<u8> = (0..len).map(|at| (at ^ n ^ *state) as u8).collect();
                fs::write(&below, &data).unwrap();
                import(&profile, &Bytes::from(data)).0
            }
        };
        folder.add(name.as_bytes(), entry).unwrap();
    }
    folder.finish(&mut |_| {}).unwrap()
}

#[test]
fn a_thousand_random_trees_have_the_names_that_kubo_gives() {
    let kubo = Server::kubo(&KuboOptions { profile: Some("unixfs-v1-2025"), ..KuboOptions::default() }).unwrap();
    let place = tempfile::tempdir().unwrap();
    let forest = place.path().join("forest");
    fs::create_dir(&forest).unwrap();
    let mut state = 7;
    let ours: BTreeMap<String, String> = (0..1000)
        .map(|n| {
            let name = format!("tree-{n:04}");
            let entry = grow(&forest.join(&name), &mut state, 0);
            (format!("forest/{name}"), address::text(&entry.cid))
        })
        .collect();
    let said = kubo.run(&["add", "-r", "--only-hash", "--progress=false", forest.to_str().unwrap()]).unwrap();
    let theirs: BTreeMap<String, String> = said
        .lines()
        .filter_map(|line| line.strip_prefix("added ")?.split_once(' '))
        .filter(|(_, name)| ours.contains_key(*name))
        .map(|(cid, name)| (name.to_owned(), cid.to_owned()))
        .collect();
    assert_eq!(theirs, ours);
}

#[tokio::test]
async fn a_pin_that_finds_nobody_is_working_and_goes_on_when_somebody_is_there() {
    let (there, here) = (online(), online());
    let content = random(&nonce(), 3 * LEAF);
    add(&by_rpc(&there), &content).await.unwrap();
    let node = open(json!({ "api_url": here.api(), "pin_wait_ms": 1_500 }), Value::Null);
    let id = backend_core::ContentId::from(*content.cid());
    let working = node.pin(&id, &Pin::default()).await.unwrap();
    assert_eq!((working.status, working.present), (Status::Working, Some(0)), "{working:?}");
    assert_eq!(stat(&node, content.cid()).await.unwrap_err().kind(), ErrorKind::NotFound);
    here.connect(&there).unwrap();
    let done = node.pin(&id, &Pin::default()).await.unwrap();
    assert_eq!(done.status, Status::Stored, "{done:?}");
    let found = common::counted(&node, content.cid()).await.unwrap();
    assert!(found.status == Status::Stored && 3 * LEAF < found.present.unwrap());
}

#[tokio::test]
async fn what_lost_a_block_is_told_to_be_there_in_part() {
    let kubo = offline();
    let node = by_rpc(&kubo);
    let content = random(&nonce(), 3 * LEAF);
    add(&node, &content).await.unwrap();
    let whole = common::counted(&node, content.cid()).await.unwrap().present.unwrap();
    let bytes = read(&node, content.cid(), &GetOptions::default()).await.unwrap();
    fs::remove_file(file_of(&kubo.repo().join("blocks"), &bytes[2 * LEAF as usize..]).unwrap()).unwrap();
    let found = common::counted(&node, content.cid()).await.unwrap();
    assert_eq!((found.status, found.present), (Status::Partial, Some(whole - LEAF)), "{found:?}");
    assert_eq!(stat(&node, content.cid()).await.unwrap().status, Status::Stored);
}

#[tokio::test]
async fn a_listing_tells_the_names_that_the_node_has_for_it() {
    let kubo = offline();
    let node = open(json!({ "api_url": kubo.api(), "mfs_path": "/backup" }), Value::Null);
    assert!(common::listed(&node, random(&nonce(), 10).cid()).await.is_empty());
    let (folder, _) = tree(&nonce()).unwrap();
    common::add_named(&node, &folder, "ä & n").await.unwrap();
    let note = common::listed(&node, folder.cid()).await.remove(0).note.unwrap();
    assert_eq!(note, "pinned as ä & n; linked as /backup/ä & n");
}

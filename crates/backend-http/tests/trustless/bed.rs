//! Gateways, contents and a clock for the tests of this folder.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use backend_core::{ByteRange, Result, Settings};
use backend_http::trustless::{Options, Transport, Trustless};
use backend_http::{Client, ClientOptions, Endpoint, Plain};
use backend_testkit::TestClock;
use backend_testkit::kubo::{Blocks, Gateway};
use bytes::Bytes;
use futures::TryStreamExt;
use ipld::import::{import, leaf_block};
use ipld::profile::{self, Profile};
use ipld::{Cid, unixfs};

/// Small chunks, so that a few thousand bytes are a tree; leaves are raw.
pub(crate) const FINE: Profile = Profile { chunk: 64, width: 4, ..profile::UNIXFS_V1_2025 };
/// The same with dag-pb around every leaf.
pub(crate) const WRAPPED: Profile = Profile { chunk: 64, width: 4, ..profile::UNIXFS_V0_2015 };

/// Bytes of which no two chunks are alike.
pub(crate) fn bytes(len: usize) -> Bytes {
    (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>().into()
}

/// Stores a file as an importer would.
pub(crate) fn store(blocks: &Blocks, profile: &Profile, bytes: &Bytes) -> Cid {
    let (entry, nodes) = import(profile, bytes);
    blocks.extend(nodes);
    match bytes.is_empty() {
        true => blocks.extend([leaf_block(profile, bytes)]),
        false => {
            let chunk = profile.chunk as usize;
            let starts = (0..bytes.len()).step_by(chunk);
            blocks.extend(starts.map(|at| leaf_block(profile, &bytes.slice(at..bytes.len().min(at + chunk)))));
        }
    }
    entry.cid
}

/// The leaves of a file in their order.
pub(crate) fn leaves(blocks: &Blocks, cid: &Cid) -> Vec<Cid> {
    match unixfs::decode(cid, &blocks.get(cid).unwrap()) {
        Ok(unixfs::Node::File(file)) if !file.children.is_empty() => {
            file.children.iter().flat_map(|child| leaves(blocks, &child.cid)).collect()
        }
        _ => vec![*cid],
    }
}

/// A client of these gateways.
pub(crate) fn client(gateways: &[&Gateway], transport: Transport, clock: &Arc<TestClock>) -> Trustless {
    let urls: Vec<String> = gateways.iter().map(|it| it.url()).collect();
    client_of(&urls, transport, clock)
}

pub(crate) fn client_of(urls: &[String], transport: Transport, clock: &Arc<TestClock>) -> Trustless {
    let settings = Settings::new("trustless", serde_json::Value::Null, clock.clone());
    let client = Client::new(&ClientOptions::new(&settings)).unwrap();
    let endpoints = urls.iter().map(|url| Endpoint::parse(url, Plain::Loopback).unwrap()).collect();
    Trustless::new(client, endpoints, clock.clone(), Options { transport, ..Options::default() }).unwrap()
}

/// Reads all of a range.
pub(crate) async fn read(client: &Trustless, cid: &Cid, range: Option<ByteRange>) -> Result<Bytes> {
    let found = client.file(cid, range).await?;
    let frames: Vec<Bytes> = found.body.try_collect().await?;
    let all: Bytes = frames.concat().into();
    assert_eq!(all.len() as u64, found.range.end - found.range.start);
    Ok(all)
}

/// Carries `work` on, and moves the clock to whoever sleeps first whenever it stands still.
pub(crate) async fn drive<T>(clock: &TestClock, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::task::yield_now() => {
                if let Some(wait) = clock.next() {
                    clock.advance(wait);
                }
            }
        }
    }
}

//! What is brought to the server's disk, and when.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use backend_core::{ByteStream, Content, Dag, Effect, ErrorKind, Open, Result};
use backend_testkit::random;
use backend_testkit::sftp::{FakeSftp, Fault, Options};
use bytes::Bytes;
use futures::StreamExt;

use common::{MIB, add, begin, check, holds, lacks, read, temps};

#[tokio::test]
async fn a_long_copy_is_synced_while_it_is_sent_and_a_short_one_at_its_end() {
    let (server, backend) = begin(Options::default());
    add(&backend, "short", &random("short", 40 * MIB)).await.unwrap();
    assert_eq!(server.syncs(), 1);
    let long = random("long", 70 * MIB + 3);
    add(&backend, "long", &long).await.unwrap();
    assert!(3 <= server.syncs(), "{} syncs in all", server.syncs());
    holds(&backend, "long", &long).await;
    // The session beside was on the connection that was there.
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_sync_that_failed_while_it_was_sent_is_no_success() {
    let (server, backend) = begin(Options::default());
    let long = random("unsynced", 70 * MIB);
    server.faults().set(Fault::Unsynced);
    let err = add(&backend, "unsynced", &long).await.unwrap_err();
    check(&err, ErrorKind::Unavailable, Effect::None);
    lacks(&backend, "unsynced").await;
    assert_eq!(temps(&server), 0);
    add(&backend, "unsynced", &long).await.unwrap();
    holds(&backend, "unsynced", &long).await;
}

/// Gives a few bytes, and no more before they are on the server.
#[derive(Debug)]
struct Pausing(Arc<FakeSftp>);

#[async_trait::async_trait]
impl Open for Pausing {
    async fn open(&self, _: std::ops::Range<u64>) -> Result<ByteStream> {
        let server = self.0.clone();
        let rest = futures::stream::once(async move {
            let is_there = |server: &FakeSftp| {
                let mut temps = std::fs::read_dir(server.root().join(".ipfs-kit/tmp")).unwrap();
                temps.any(|it| it.unwrap().metadata().unwrap().len() == 3)
            };
            while !is_there(&server) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(Bytes::from_static(b"def"))
        });
        // Empty frames are no bytes.
        let first = [Bytes::from_static(b"abc"), Bytes::new()].map(Ok);
        Ok(futures::stream::iter(first).chain(rest).boxed())
    }
}

#[tokio::test]
async fn what_a_source_that_pauses_has_given_is_sent_meanwhile() {
    let (server, backend) = begin(Options::default());
    let named = random("pausing", 6);
    let content = Content::file(*named.cid(), 6, Dag::empty(), Arc::new(Pausing(server)));
    tokio::time::timeout(Duration::from_secs(20), add(&backend, "pausing", &content)).await.unwrap().unwrap();
    assert_eq!(read(&backend, "pausing").await.unwrap(), b"abcdef");
}

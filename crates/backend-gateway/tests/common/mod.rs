//! One list of cases, which holds of the fake and of a real Kubo.

use std::sync::Arc;

use backend_core::{Backend, ByteRange, ErrorKind, GetOptions, Locator, Power, Result, Settings, StatOptions};
use backend_layers::SystemClock;
use backend_testkit::LEAF;
use backend_testkit::kubo::Blocks;
use bytes::Bytes;
use futures::TryStreamExt;
use ipld::Cid;
use ipld::import::{import, leaf_block};
use ipld::profile::UNIXFS_V1_2025;
use serde_json::{Value, json};

pub(crate) fn open_with(connection: Value, credentials: Value) -> Result<Arc<dyn Backend>> {
    let mut settings = Settings::new("source", connection, Arc::new(SystemClock));
    settings.credentials = credentials;
    backend_gateway::open(settings)
}

pub(crate) fn open(connection: Value) -> Arc<dyn Backend> {
    open_with(connection, Value::Null).unwrap()
}

/// Bytes of which no two chunks are alike.
pub(crate) fn bytes(len: usize) -> Bytes {
    (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>().into()
}

/// Stores a file in the fake.
#[allow(dead_code, reason = "the real server is given files by its own command")]
pub(crate) fn store(blocks: &Blocks, bytes: &Bytes) -> Cid {
    let (entry, nodes) = import(&UNIXFS_V1_2025, bytes);
    let chunk = LEAF as usize;
    let starts = (0..bytes.len().max(1)).step_by(chunk);
    let leaves = starts.map(|at| leaf_block(&UNIXFS_V1_2025, &bytes.slice(at..bytes.len().min(at + chunk))));
    blocks.extend(nodes.into_iter().chain(leaves));
    entry.cid
}

pub(crate) async fn read(backend: &Arc<dyn Backend>, at: &Locator, opts: &GetOptions) -> Result<Bytes> {
    let fetched = backend.get(at, opts).await?;
    let len = fetched.range.end - fetched.range.start;
    let frames: Vec<Bytes> = fetched.body.try_collect().await?;
    let all: Bytes = frames.concat().into();
    assert_eq!(all.len() as u64, len);
    Ok(all)
}

/// Everything that holds of a gateway at `url`, into which `put` brings files.
pub(crate) async fn every_case(url: &str, put: impl AsyncFn(&Bytes) -> Cid) {
    for transport in ["car", "blocks"] {
        let backend = open(json!({ "endpoints": [url], "transport": transport }));
        for len in [0, 1, LEAF - 1, LEAF, LEAF + 1, 5 * LEAF + 7] {
            let wanted = bytes(len as usize);
            let at = Locator::new(put(&wanted).await);
            assert_eq!(read(&backend, &at, &GetOptions::default()).await.unwrap(), wanted, "{len} {transport}");
            assert_eq!(backend.stat(&at, &StatOptions::default()).await.unwrap().size, Some(len), "{len}");
            parts(&backend, &at, &wanted).await;
            let block = read(&backend, &at, &GetOptions::block()).await.unwrap();
            ipld::address::verify(at.id.cid().unwrap(), &block).unwrap();
        }
        let absent = Locator::new(ipld::Block::raw("nobody ever stored this text").cid);
        let err = read(&backend, &absent, &GetOptions::default()).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::NotFound, "{err:?}");
        assert_eq!(backend.stat(&absent, &StatOptions::default()).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(backend.health().await.reads, Power::Works);
    }
}

async fn parts(backend: &Arc<dyn Backend>, at: &Locator, wanted: &Bytes) {
    let len = wanted.len() as u64;
    let ranges = [
        ByteRange::Bounded(0, 1),
        ByteRange::Bounded(LEAF - 1, LEAF + 1),
        ByteRange::From(len / 2),
        ByteRange::Last(9),
    ];
    for range in ranges {
        let got = read(backend, at, &GetOptions::range(range)).await;
        match range.within(len) {
            Ok(part) => assert_eq!(got.unwrap(), wanted.slice(part.start as usize..part.end as usize), "{range}"),
            Err(_) => assert_eq!(got.unwrap_err().kind(), ErrorKind::InvalidRange, "{range} of {len}"),
        }
    }
}

//! A server in this process, and what is done with it.
#![allow(dead_code, clippy::unwrap_used, reason = "each test program uses a part; a test fails by panic")]

use std::sync::Arc;

use backend_core::{
    AddOptions, Backend, Content, Effect, Entry, Error, ErrorKind, GetOptions, Key, ListOptions, Locator, Metadata,
    Result, Settings, StatOptions, Write,
};
use backend_layers::SystemClock;
use backend_sshfs::Sshfs;
use backend_testkit::sftp::{FakeSftp, Options};
use bytes::Bytes;
use futures::TryStreamExt;

pub(crate) const MIB: u64 = 1 << 20;

pub(crate) fn begin(opts: Options) -> (Arc<FakeSftp>, Arc<dyn Backend>) {
    let server = FakeSftp::start(opts).unwrap();
    let mut settings = Settings::new("far", server.connection(), Arc::new(SystemClock));
    settings.credentials = server.credentials();
    (server, Sshfs::open(settings).unwrap())
}

pub(crate) fn at(key: &str) -> Locator {
    Locator::new(Key::new(key).unwrap())
}

pub(crate) fn named(key: &str, write: Write) -> AddOptions {
    AddOptions { id: Some(at(key).id), write, ..AddOptions::default() }
}

pub(crate) async fn add(backend: &Arc<dyn Backend>, key: &str, content: &Content) -> Result<Metadata> {
    backend.add(content, &named(key, Write::default())).await
}

pub(crate) async fn read(backend: &Arc<dyn Backend>, key: &str) -> Result<Vec<u8>> {
    let frames: Vec<Bytes> = backend.get(&at(key), &GetOptions::default()).await?.body.try_collect().await?;
    Ok(frames.concat())
}

pub(crate) async fn holds(backend: &Arc<dyn Backend>, key: &str, content: &Content) {
    let wanted: Vec<Bytes> = content.open_all().await.unwrap().try_collect().await.unwrap();
    assert!(read(backend, key).await.unwrap() == wanted.concat(), "{key}: other bytes came");
}

pub(crate) async fn lacks(backend: &Arc<dyn Backend>, key: &str) {
    let err = backend.stat(&at(key), &StatOptions::default()).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::NotFound, "{err:?}");
}

pub(crate) async fn list(backend: &Arc<dyn Backend>) -> Result<Vec<String>> {
    let entries: Vec<Entry> = backend.list(&ListOptions::default()).try_collect().await?;
    let keys = entries.into_iter().map(|entry| match entry {
        Entry::Content { meta, .. } => meta.at.id.to_string(),
        other => format!("no content: {other:?}"),
    });
    Ok(keys.collect())
}

/// What lies under temporary names.
pub(crate) fn temps(server: &FakeSftp) -> usize {
    std::fs::read_dir(server.root().join(".ipfs-kit/tmp")).map_or(0, Iterator::count)
}

pub(crate) fn check(err: &Error, kind: ErrorKind, effect: Effect) {
    assert_eq!((err.kind(), err.effect()), (kind, effect), "{err:?}");
    let said = format!("{err:?}");
    assert!(!said.contains("canary") && !said.contains('\u{1b}'), "{said}");
}

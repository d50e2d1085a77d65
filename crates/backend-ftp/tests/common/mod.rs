//! What the tests of this leaf share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::sync::Arc;

use backend_core::{
    AddOptions, Backend, Content, Entry, GetOptions, Key, ListOptions, Locator, Metadata, Result, Settings, Write,
};
use backend_ftp::Ftp;
use backend_layers::{Gates, Operational, SystemClock, stack};
use backend_testkit::{CANARY, Fixture, Keeper};
use bytes::Bytes;
use futures::TryStreamExt;
use serde_json::{Value, json};

/// A leaf on `connection`, with a password that must not be seen.
pub(crate) fn open(connection: Value, username: &str, password: &str) -> Arc<dyn Backend> {
    let mut settings = Settings::new("hosting", connection, Arc::new(SystemClock));
    settings.credentials = json!({ "username": username, "password": password });
    Ftp::open(settings).unwrap()
}

pub(crate) fn plain(port: u16) -> Value {
    json!({ "host": "127.0.0.1", "port": port, "tls": "none" })
}

/// The leaf and the stack on one server.
pub(crate) fn fixture_of(connection: Value, username: &'static str, password: &'static str) -> Fixture {
    let leaf = move || open(connection.clone(), username, password);
    let again = leaf.clone();
    let layered = move || stack(again(), &Operational::default(), &Gates::default(), Arc::new(SystemClock));
    Fixture::new().leaf(leaf).stack(layered)
}

pub(crate) fn anybody(connection: Value) -> Arc<dyn Backend> {
    open(connection, "anonymous", CANARY)
}

pub(crate) fn at(name: &str) -> Locator {
    Locator::new(Key::new(name).unwrap())
}

pub(crate) async fn add(store: &Arc<dyn Backend>, name: &str, content: &Content) -> Result<Metadata> {
    let opts = AddOptions { id: Some(at(name).id), ..AddOptions::default() };
    store.add(content, &opts).await
}

pub(crate) async fn add_kept(
    store: &Arc<dyn Backend>,
    name: &str,
    content: &Content,
    write: Write,
) -> Result<Metadata> {
    let opts = AddOptions { id: Some(at(name).id), write, ..AddOptions::default() };
    store.add(content, &opts).await
}

/// A write that can be gone on with.
pub(crate) fn kept(keeper: &Arc<Keeper>) -> Write {
    Write { checkpoint: Some(keeper.clone()), resume: keeper.newest(), ..Write::default() }
}

pub(crate) async fn read(store: &Arc<dyn Backend>, name: &str) -> Result<Bytes> {
    let fetched = store.get(&at(name), &GetOptions::default()).await?;
    let frames: Vec<Bytes> = fetched.body.try_collect().await?;
    Ok(frames.concat().into())
}

pub(crate) async fn bytes_of(content: &Content) -> Bytes {
    let frames: Vec<Bytes> = content.open_all().await.unwrap().try_collect().await.unwrap();
    frames.concat().into()
}

pub(crate) async fn names(store: &Arc<dyn Backend>, opts: &ListOptions) -> Result<Vec<String>> {
    let entries: Vec<Entry> = store.list(opts).try_collect().await?;
    Ok(entries
        .into_iter()
        .map(|entry| match entry {
            Entry::Content { meta, .. } => meta.at.id.to_string(),
            Entry::Prefix(prefix) => prefix,
            _ => String::new(),
        })
        .collect())
}

//! What object_store's suite does not ask: refusals, versions, our own prefix, uploads that are left, sources that change.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, Content, Entry, ErrorKind, Fetched, GetOptions as Get, Health, Info, Key, ListOptions,
    Locator, Metadata, Removal, RemoveOptions, Result, StatOptions,
};
use backend_testkit::{LEAF, TestClock, random, small};
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    UpdateVersion,
};
use object_store_adapter::{BackendStore, cause};
use serde_json::{Value, json};

fn memory(connection: Value) -> Arc<dyn Backend> {
    backend_memory::open(backend_core::Settings::new("m", connection, TestClock::new())).unwrap()
}

fn store(connection: Value) -> BackendStore {
    BackendStore::new(memory(connection)).unwrap()
}

fn kind(err: &Error) -> Option<ErrorKind> {
    cause(err).map(backend_core::Error::kind)
}

async fn bytes(store: &BackendStore, path: &str) -> Vec<u8> {
    store.get(&Path::from(path)).await.unwrap().bytes().await.unwrap().to_vec()
}

async fn paths(store: &BackendStore) -> Vec<String> {
    store.list(None).map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap()
}

/// A backend that offers less, and says less, than the one it stands before.
#[derive(Debug)]
struct Less {
    inner: Arc<dyn Backend>,
    info: Info,
    /// Whether it tells etags, sizes in listings and times.
    tells: bool,
    /// From this read on, another etag is told.
    changes_at: u64,
    reads: AtomicU64,
}

impl Less {
    fn store(change: impl FnOnce(&mut Self)) -> BackendStore {
        let inner = memory(Value::Null);
        let info = inner.info().clone();
        let mut less = Self { inner, info, tells: true, changes_at: u64::MAX, reads: AtomicU64::new(0) };
        change(&mut less);
        BackendStore::new(Arc::new(less)).unwrap()
    }

    fn said(&self, meta: Metadata) -> Metadata {
        match self.tells {
            true => meta,
            false => Metadata { etag: None, ..meta },
        }
    }
}

#[async_trait]
impl Backend for Less {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn health(&self) -> Health {
        self.inner.health().await
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        Ok(self.said(self.inner.stat(at, opts).await?))
    }

    async fn get(&self, at: &Locator, opts: &Get) -> Result<Fetched> {
        let mut fetched = self.inner.get(at, opts).await?;
        fetched.meta = self.said(fetched.meta);
        if self.changes_at <= self.reads.fetch_add(1, Ordering::Relaxed) {
            fetched.meta.etag = Some("another".to_owned());
        }
        if !self.tells {
            fetched.meta.size = None;
        }
        Ok(fetched)
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        Ok(self.said(self.inner.add(content, opts).await?))
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        self.inner.remove(at, opts).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let tells = self.tells;
        let entries = self.inner.list(opts).map_ok(move |entry| match entry {
            Entry::Content { meta, cursor } if !tells => {
                Entry::Content { meta: Metadata { size: None, modified: None, ..meta }, cursor }
            }
            other => other,
        });
        entries.boxed()
    }
}

#[tokio::test]
async fn only_stores_of_keys_have_paths() {
    for addressing in ["cid", "assigned"] {
        let err = BackendStore::new(memory(json!({ "addressing": addressing }))).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::InvalidConfig);
    }
    assert_eq!(store(Value::Null).to_string(), "BackendStore(m)");
}

#[tokio::test]
async fn the_media_type_and_metadata_come_back() {
    let store = store(Value::Null);
    let path = Path::from("a");
    let wanted = Attributes::from_iter([
        (Attribute::ContentType, "text/html; charset=utf-8"),
        (Attribute::Metadata("key with spaces".into()), "hello   world"),
    ]);
    store.put_opts(&path, "x".into(), wanted.clone().into()).await.unwrap();
    assert_eq!(store.get(&path).await.unwrap().attributes, wanted);
    let head = store.get_opts(&path, GetOptions::new().with_head(true)).await.unwrap();
    assert_eq!((head.attributes.clone(), head.bytes().await.unwrap().len()), (wanted.clone(), 0));
    store.copy(&path, &Path::from("b")).await.unwrap();
    assert_eq!(store.get(&Path::from("b")).await.unwrap().attributes, wanted);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_and_nothing_is_stored() {
    let keeps = store(Value::Null);
    let without = Less::store(|less| less.info.offers.labels = false);
    let path = Path::from("a");
    let header = PutOptions::from(Attributes::from_iter([(Attribute::CacheControl, "max-age=1")]));
    let label = PutOptions::from(Attributes::from_iter([(Attribute::Metadata("k".into()), "v")]));
    for (store, opts) in [(&keeps, header), (&without, label)] {
        let err = store.put_opts(&path, "x".into(), opts.clone()).await.unwrap_err();
        assert!(matches!(err, Error::NotImplemented { .. }), "{err}");
        let attributes = opts.attributes.into();
        assert!(matches!(store.put_multipart_opts(&path, attributes).await, Err(Error::NotImplemented { .. })));
        assert!(paths(store).await.is_empty());
    }
}

#[tokio::test]
async fn conditions_that_are_not_offered_are_refused() {
    let store = Less::store(|less| {
        less.info.offers.if_absent = false;
        less.info.offers.if_match = false;
    });
    let path = Path::from("a");
    let update = PutMode::Update(UpdateVersion { e_tag: Some("x".into()), version: None });
    for mode in [PutMode::Create, update] {
        let err = store.put_opts(&path, "x".into(), mode.into()).await.unwrap_err();
        assert!(matches!(err, Error::NotImplemented { .. }), "{err}");
    }
    store.put(&path, "x".into()).await.unwrap();
    let err = store.copy_if_not_exists(&path, &Path::from("b")).await.unwrap_err();
    assert!(matches!(err, Error::NotSupported { .. }), "{err}");
    store.rename(&path, &Path::from("c")).await.unwrap();
    assert_eq!(paths(&store).await, ["c"]);
    let err = store.get_opts(&Path::from("c"), GetOptions::new().with_version(Some("1"))).await.unwrap_err();
    assert!(matches!(err, Error::NotSupported { .. }), "{err}");
    let nothing = PutMode::Update(UpdateVersion { e_tag: None, version: Some("1".into()) });
    let err = self::store(Value::Null).put_opts(&path, "x".into(), nothing.into()).await.unwrap_err();
    assert_eq!(kind(&err), Some(ErrorKind::InvalidInput));
}

#[tokio::test]
async fn our_own_prefix_is_neither_seen_nor_touched() {
    let store = store(Value::Null);
    let marker = Key::parse(".ipfs-kit/store").unwrap();
    let opts = AddOptions { id: Some(marker.clone().into()), ..AddOptions::default() };
    store.backend().add(&small("ours"), &opts).await.unwrap();
    store.put(&Path::from("a/b"), "theirs".into()).await.unwrap();
    let path = Path::parse(".ipfs-kit/store").unwrap();
    assert_eq!(paths(&store).await, ["a/b"]);
    let level = store.list_with_delimiter(None).await.unwrap();
    assert_eq!((level.common_prefixes, level.objects.len()), (vec![Path::from("a")], 0));
    let below: Vec<_> = store.list(Some(&Path::parse(".ipfs-kit").unwrap())).collect().await;
    assert!(below.is_empty());
    assert!(matches!(store.get(&path).await, Err(Error::NotFound { .. })));
    assert!(matches!(store.delete(&path).await, Err(Error::NotFound { .. })));
    assert!(matches!(store.put(&path, "x".into()).await, Err(Error::PermissionDenied { .. })));
    assert!(matches!(store.put_multipart(&path).await, Err(Error::PermissionDenied { .. })));
    assert!(matches!(store.copy(&Path::from("a/b"), &path).await, Err(Error::PermissionDenied { .. })));
    assert!(matches!(store.copy(&path, &Path::from("c")).await, Err(Error::NotFound { .. })));
    assert_eq!(store.backend().stat(&Locator::new(marker), &StatOptions::default()).await.unwrap().size, Some(4));
}

#[tokio::test]
async fn older_versions_are_read_by_their_version() {
    let store = store(json!({ "versions": true }));
    let path = Path::from("a");
    for body in ["one", "two"] {
        store.put(&path, body.into()).await.unwrap();
    }
    let opts = ListOptions { versions: true, ..ListOptions::default() };
    let entries: Vec<Entry> = store.backend().list(&opts).try_collect().await.unwrap();
    let mut seen = BTreeMap::new();
    for entry in entries {
        let Entry::Content { meta, .. } = entry else { continue };
        let version = meta.at.version.unwrap();
        let got = store.get_opts(&path, GetOptions::new().with_version(Some(version.clone()))).await.unwrap();
        assert_eq!(got.meta.version.as_ref(), Some(&version));
        seen.insert(got.bytes().await.unwrap(), version);
    }
    assert_eq!(seen.keys().cloned().collect::<Vec<_>>(), [Bytes::from("one"), Bytes::from("two")]);
    let gone = store.get_opts(&path, GetOptions::new().with_version(Some("nothing"))).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
}

#[tokio::test]
async fn a_backend_that_says_little_is_asked_again() {
    let store = Less::store(|less| less.tells = false);
    let path = Path::from("a/b");
    store.put(&path, "0123456789".into()).await.unwrap();
    let head = store.head(&path).await.unwrap();
    assert_eq!(store.list(None).try_collect::<Vec<_>>().await.unwrap(), std::slice::from_ref(&head));
    let got = store.get_opts(&path, GetOptions::new().with_range(Some(2..4u64))).await.unwrap();
    assert_eq!((got.meta.size, got.range.clone(), got.bytes().await.unwrap()), (10, 2..4, Bytes::from("23")));
    // Without an etag the copy goes through a file of its own.
    store.copy(&path, &Path::from("c")).await.unwrap();
    assert_eq!(bytes(&store, "c").await, b"0123456789");
    let err = store.get_opts(&path, GetOptions::new().with_if_match(Some("x"))).await.unwrap_err();
    assert!(matches!(err, Error::Precondition { .. }), "{err}");
}

#[tokio::test]
async fn ranges_at_the_edges_are_object_store_s() {
    let store = store(Value::Null);
    let (full, empty) = (Path::from("full"), Path::from("empty"));
    store.put(&full, "0123456789".into()).await.unwrap();
    store.put(&empty, PutPayload::new()).await.unwrap();
    let get = |path: &Path, range: GetRange| {
        let (store, path) = (store.clone(), path.clone());
        async move {
            let got = store.get_opts(&path, GetOptions::new().with_range(Some(range))).await;
            match got {
                Ok(got) => Ok((got.range.clone(), got.bytes().await.unwrap())),
                Err(err) => Err(kind(&err).unwrap()),
            }
        }
    };
    assert_eq!(get(&full, GetRange::Bounded(8..99)).await, Ok((8..10, Bytes::from("89"))));
    assert_eq!(get(&full, GetRange::Suffix(0)).await, Ok((10..10, Bytes::new())));
    assert_eq!(get(&empty, GetRange::Suffix(3)).await, Ok((0..0, Bytes::new())));
    let bad = [
        (&full, GetRange::Bounded(4..4)),
        (&full, GetRange::Bounded(10..11)),
        (&full, GetRange::Offset(10)),
        (&empty, GetRange::Bounded(0..1)),
        (&empty, GetRange::Offset(0)),
    ];
    for (path, range) in bad {
        assert_eq!(get(path, range.clone()).await, Err(ErrorKind::InvalidRange), "{path} {range:?}");
    }
}

#[tokio::test]
async fn a_source_that_changes_under_a_copy_is_not_copied() {
    let store = Less::store(|less| less.changes_at = 1);
    let (from, to) = (Path::from("a"), Path::from("b"));
    store.put(&from, "x".into()).await.unwrap();
    let err = store.copy(&from, &to).await.unwrap_err();
    assert_eq!(kind(&err), Some(ErrorKind::SourceChanged));
    assert_eq!(paths(&store).await, ["a"]);
}

#[tokio::test]
async fn renaming_to_itself_keeps_it() {
    let store = store(Value::Null);
    let path = Path::from("a");
    store.put(&path, "x".into()).await.unwrap();
    store.rename(&path, &path).await.unwrap();
    store.copy(&path, &path).await.unwrap();
    assert_eq!(bytes(&store, "a").await, b"x");
    assert!(matches!(store.rename_if_not_exists(&path, &path).await, Err(Error::AlreadyExists { .. })));
    let absent = Path::from("b");
    assert!(matches!(store.rename(&absent, &absent).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn removing_what_is_absent_says_so_in_its_place() {
    let store = store(Value::Null);
    store.put(&Path::from("a"), "x".into()).await.unwrap();
    let asked = ["a", "b", "a"].map(|it| Ok(Path::from(it)));
    let answers: Vec<_> = store.delete_stream(stream::iter(asked).boxed()).collect().await;
    assert!(matches!(&answers[..], [Ok(_), Err(Error::NotFound { .. }), Err(Error::NotFound { .. })]), "{answers:?}");
}

#[tokio::test]
async fn large_content_has_the_name_that_the_program_gives_it() {
    let store = store(Value::Null);
    let wanted = random("adapter", 5 * LEAF + 3);
    let frames: Vec<Bytes> = wanted.open_all().await.unwrap().try_collect().await.unwrap();
    store.put(&Path::from("a"), frames.into_iter().collect()).await.unwrap();
    let opts = AddOptions { id: Some(Key::new("a").unwrap().into()), ..AddOptions::default() };
    assert_eq!(store.backend().add(&wanted, &opts).await.unwrap().existed, Some(true));
}

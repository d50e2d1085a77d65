//! Uploads in parts that are left, begun twice, or incomplete.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use backend_core::{ErrorKind, Settings};
use backend_testkit::TestClock;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use object_store_adapter::{BackendStore, cause};
use serde_json::Value;

fn store() -> BackendStore {
    BackendStore::new(backend_memory::open(Settings::new("m", Value::Null, TestClock::new())).unwrap()).unwrap()
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

#[tokio::test]
async fn an_upload_that_is_left_leaves_nothing() {
    let store = store();
    let path = Path::from("a");
    let mut aborted = store.put_multipart(&path).await.unwrap();
    aborted.put_part("x".into()).await.unwrap();
    aborted.abort().await.unwrap();
    assert_eq!(kind(&aborted.put_part("y".into()).await.unwrap_err()), Some(ErrorKind::InvalidInput));
    assert_eq!(kind(&aborted.complete().await.unwrap_err()), Some(ErrorKind::InvalidInput));
    let mut dropped = store.put_multipart(&path).await.unwrap();
    dropped.put_part("x".into()).await.unwrap();
    drop(dropped);
    assert!(paths(&store).await.is_empty());
    // A part that was begun and not waited for is missing, and nothing with a hole in it is stored.
    let mut early = store.put_multipart(&path).await.unwrap();
    let second = {
        early.put_part("1".into()).await.unwrap();
        early.put_part("2".into())
    };
    assert_eq!(kind(&early.complete().await.unwrap_err()), Some(ErrorKind::InvalidInput));
    assert!(paths(&store).await.is_empty());
    second.await.unwrap();
    early.complete().await.unwrap();
    assert_eq!(bytes(&store, "a").await, b"12");
}

#[tokio::test]
async fn numbered_uploads_belong_to_their_path_and_end() {
    use object_store::multipart::MultipartStore;
    let store = store();
    let path = Path::from("a");
    let id = store.create_multipart(&path).await.unwrap();
    let first = store.put_part(&path, &id, 0, "old".into()).await.unwrap();
    let again = store.put_part(&path, &id, 0, "new".into()).await.unwrap();
    let other = store.put_part(&Path::from("b"), &id, 0, "x".into()).await.unwrap_err();
    assert!(matches!(other, Error::NotFound { .. }), "{other}");
    assert_eq!(
        kind(&store.complete_multipart(&path, &id, vec![first]).await.unwrap_err()),
        Some(ErrorKind::InvalidInput)
    );
    store.complete_multipart(&path, &id, vec![again]).await.unwrap();
    assert_eq!(bytes(&store, "a").await, b"new");
    assert!(matches!(store.abort_multipart(&path, &id).await, Err(Error::NotFound { .. })));
    let mut ids = Vec::new();
    let full = loop {
        match store.create_multipart(&path).await {
            Ok(id) => ids.push(id),
            Err(err) => break err,
        }
        assert!(ids.len() < 10_000);
    };
    assert_eq!(kind(&full), Some(ErrorKind::QuotaExceeded));
    store.abort_multipart(&path, &ids[0]).await.unwrap();
    store.create_multipart(&path).await.unwrap();
}

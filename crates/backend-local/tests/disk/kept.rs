//! What is kept with content, and what tells one content from the next.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backend_core::{AddOptions, ContentId, ErrorKind, GetOptions, Key, Metadata, StatOptions};
use futures::TryStreamExt;
use serde_json::json;

use crate::common::{add, at, open, open_with, put, remove};

fn labelled(text: &str) -> AddOptions {
    let mut opts = AddOptions { id: Some(ContentId::Key(Key::new("a/b").unwrap())), ..AddOptions::default() };
    opts.content_type = Some("text/plain".to_owned());
    opts.write.labels = BTreeMap::from([("of".to_owned(), text.to_owned())]);
    opts
}

async fn stat(path: &Path, labels: &str) -> Metadata {
    open_with(path, json!({ "labels": labels })).stat(&at("a/b"), &StatOptions::default()).await.unwrap()
}

#[tokio::test]
async fn labels_belong_to_one_content_only() {
    for labels in ["auto", "xattr", "sidecar"] {
        let folder = tempfile::tempdir().unwrap();
        let store = open_with(folder.path(), json!({ "labels": labels }));
        for n in ["one", "two"] {
            store.add(&backend_testkit::small(n), &labelled(n)).await.unwrap();
            let meta = stat(folder.path(), labels).await;
            assert_eq!((meta.labels["of"].as_str(), meta.content_type.as_deref()), (n, Some("text/plain")), "{labels}");
        }
        put(&store, "a/b", "six").await.unwrap();
        assert_eq!(stat(folder.path(), labels).await.labels.len(), 0, "{labels}");
        store.add(&backend_testkit::small("six"), &labelled("x")).await.unwrap();
        remove(&store, "a/b").await.unwrap();
        put(&store, "a/b", "six").await.unwrap();
        assert_eq!(stat(folder.path(), labels).await.labels.len(), 0, "{labels}");
        let beside = folder.path().join(".ipfs-kit/labels");
        assert_eq!(fs::read_dir(&beside).map_or(0, Iterator::count), 0, "{labels}: documents of nothing remain");
    }
}

#[tokio::test]
async fn labels_of_another_program_say_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_with(folder.path(), json!({ "labels": "sidecar" }));
    store.add(&backend_testkit::small("x"), &labelled("x")).await.unwrap();
    let beside = fs::read_dir(folder.path().join(".ipfs-kit/labels")).unwrap().next().unwrap().unwrap().path();
    let document = fs::read_dir(beside).unwrap().next().unwrap().unwrap().path();
    for text in ["", "[]", "{\"labels\": 7}", "\u{0}\u{ff}", &"{\"labels\":".repeat(2000)] {
        fs::write(&document, text).unwrap();
        assert_eq!(stat(folder.path(), "sidecar").await.labels.len(), 0, "{text:.20}");
    }
}

#[tokio::test]
async fn too_many_labels_are_refused_before_the_first_byte() {
    let folder = tempfile::tempdir().unwrap();
    let err = open(folder.path()).add(&backend_testkit::small("x"), &labelled(&"x".repeat(4000))).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidInput);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_etag_never_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut seen = std::collections::BTreeSet::new();
    for n in 0..200 {
        // A file system gives the number of a removed file to the next one at once.
        assert!(seen.insert(put(&store, "a", n.to_string().repeat(8).get(..8).unwrap()).await.unwrap().etag), "{n}");
        remove(&store, "a").await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_becomes_shorter_is_an_error_and_never_a_short_answer() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    add(&store, "a", &backend_testkit::random("a", 8 << 20)).await.unwrap();
    let mut body = store.get(&at("a"), &GetOptions::default()).await.unwrap().body;
    let first = body.try_next().await.unwrap().unwrap();
    assert_eq!(first.len(), 1 << 20, "frames are whole blocks");
    fs::File::options().write(true).open(folder.path().join("a")).unwrap().set_len(4 << 20).unwrap();
    let err = body.try_fold((), |(), _| async { Ok(()) }).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Integrity);
}

#[tokio::test]
async fn permissions_are_the_configured_ones() {
    for (more, file, folder_mode) in
        [(json!({}), 0o600, 0o700), (json!({ "file_mode": "0664", "folder_mode": "775" }), 0o664, 0o775)]
    {
        let folder = tempfile::tempdir().unwrap();
        put(&open_with(folder.path(), more), "a/b", "x").await.unwrap();
        let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a/b"), mode("a"), mode(".ipfs-kit/tmp")), (file, folder_mode, folder_mode));
    }
}

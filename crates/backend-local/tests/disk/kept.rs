//! What is kept with content, and what tells one content from the next.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backend_core::{AddOptions, Condition, ContentId, ErrorKind, GetOptions, Key, Metadata, StatOptions};
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

/// Both looked before either wrote. They are two instances, as in two processes: only the lock on the disk stands between them.
#[tokio::test]
async fn of_two_that_saw_the_same_etag_one_writes() {
    let folder = tempfile::tempdir().unwrap();
    let etag = put(&open(folder.path()), "a", "old").await.unwrap().etag.unwrap();
    let (mut adding, mut gates) = (Vec::new(), Vec::new());
    for n in 0..2 {
        let (held, gate) = backend_testkit::Gate::before_the_end(&backend_testkit::random(&n.to_string(), 100_000));
        let (store, etag) = (open(folder.path()), etag.clone());
        let id = Some(ContentId::Key(Key::new("a").unwrap()));
        let opts = AddOptions { id, condition: Condition::IfMatch(etag), ..AddOptions::default() };
        adding.push(tokio::spawn(async move { store.add(&held, &opts).await.map_err(|err| err.kind()) }));
        std::future::poll_fn(|context| gate.poll_reached(context)).await;
        gates.push(gate);
    }
    gates.iter().for_each(backend_testkit::Gate::open);
    let mut n_written = 0;
    for answer in adding {
        match answer.await.unwrap() {
            Ok(_) => n_written += 1,
            Err(kind) => assert_eq!(kind, ErrorKind::Precondition),
        }
    }
    assert_eq!(n_written, 1);
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

//! The folder itself is missing, goes away, or is another one: `InvalidConfig`, never `NotFound`.

use std::fs;
use std::path::Path;

use backend_core::{ErrorKind, ListOptions, Power};
use futures::TryStreamExt;
use serde_json::json;

use crate::common::{add, open, open_with, put, read, verbs};

async fn check(happens: impl Fn(&Path)) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    fs::create_dir(&root).unwrap();
    let store = open_with(&root, json!({ "create": true }));
    put(&store, "a/b", "x").await.unwrap();
    happens(&root);
    for key in ["a/b", "c"] {
        for (verb, kind) in verbs(&store, key).await {
            assert_eq!(kind, Some(ErrorKind::InvalidConfig), "{verb} {key}");
        }
    }
    let health = store.health().await;
    assert_eq!(
        (health.reads, health.writes),
        (Power::Fails(ErrorKind::InvalidConfig), Power::Fails(ErrorKind::InvalidConfig))
    );
    // An empty mount point is not filled.
    assert!(fs::read_dir(&root).map_or(0, Iterator::count) == 0);
}

#[tokio::test]
async fn a_folder_that_vanishes_is_no_empty_store() {
    check(|root| fs::remove_dir_all(root).unwrap()).await;
}

#[tokio::test]
async fn a_folder_that_was_replaced_is_no_empty_store() {
    check(|root| {
        fs::rename(root, root.with_extension("away")).unwrap();
        fs::create_dir(root).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_folder_that_was_moved_away_is_no_empty_store() {
    check(|root| fs::rename(root, root.with_extension("away")).unwrap()).await;
}

/// The folder goes away while the source of an add has not given its last byte.
#[tokio::test]
async fn an_add_never_ends_in_a_folder_that_is_no_longer_the_store() {
    for len in [1000, 2 << 20] {
        let folder = tempfile::tempdir().unwrap();
        let (root, away) = (folder.path().join("store"), folder.path().join("away"));
        fs::create_dir(&root).unwrap();
        let store = open(&root);
        let (held, gate) = backend_testkit::Gate::before_the_end(&backend_testkit::random("held", len));
        let adding = tokio::spawn(async move { add(&store, "a", &held).await });
        std::future::poll_fn(|context| gate.poll_reached(context)).await;
        fs::rename(&root, &away).unwrap();
        fs::create_dir(&root).unwrap();
        gate.open();
        assert_eq!(adding.await.unwrap().unwrap_err().kind(), ErrorKind::InvalidConfig);
        assert!(!away.join("a").exists());
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    }
}

/// The end of a listing says that nothing more is there.
#[tokio::test]
async fn a_listing_does_not_end_well_in_a_folder_that_is_no_longer_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    fs::create_dir(&root).unwrap();
    (0..600).for_each(|n| fs::write(root.join(n.to_string()), "").unwrap());
    let mut entries = open(&root).list(&ListOptions::default());
    assert!(entries.try_next().await.unwrap().is_some());
    fs::rename(&root, folder.path().join("away")).unwrap();
    fs::create_dir(&root).unwrap();
    let err = entries.try_for_each(|_| async { Ok(()) }).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidConfig);
}

#[tokio::test]
async fn the_same_store_at_another_place_is_recognised_by_its_marker() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    fs::create_dir(&root).unwrap();
    let store = open(&root);
    put(&store, ".ipfs-kit/store", "store-1\n").await.unwrap();
    put(&store, "a", "x").await.unwrap();
    assert_eq!(store.health().await.identity.as_deref(), Some("store-1"));
    let copy = std::process::Command::new("cp").args(["-a"]).arg(&root).arg(root.with_extension("copy")).status();
    assert!(copy.unwrap().success());
    fs::remove_dir_all(&root).unwrap();
    fs::rename(root.with_extension("copy"), &root).unwrap();
    assert_eq!(read(&store, "a").await.unwrap(), b"x");
    fs::write(root.join(".ipfs-kit/store"), "store-2\n").unwrap();
    fs::rename(&root, root.with_extension("away")).unwrap();
    assert!(
        std::process::Command::new("cp")
            .arg("-a")
            .arg(root.with_extension("away"))
            .arg(&root)
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(read(&store, "a").await.unwrap_err().kind(), ErrorKind::InvalidConfig, "another store at its place");
}

#[tokio::test]
async fn a_missing_folder_is_made_only_if_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("not/yet/there");
    let store = open(&root);
    for (verb, kind) in verbs(&store, "a").await {
        assert_eq!(kind, Some(ErrorKind::InvalidConfig), "{verb}");
    }
    let store = open_with(&root, json!({ "create": true }));
    let health = store.health().await;
    assert_eq!((health.reads, health.writes), (Power::Unknown, Power::Unknown));
    assert!(!root.exists(), "a probe changes nothing");
    put(&store, "a", "x").await.unwrap();
    assert_eq!(read(&store, "a").await.unwrap(), b"x");
}

#[tokio::test]
async fn a_file_is_no_folder() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for (verb, kind) in verbs(&open(file.path()), "a").await {
        assert_eq!(kind, Some(ErrorKind::InvalidConfig), "{verb}");
    }
}

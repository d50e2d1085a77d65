//! Links and special files in the store are never followed, opened or replaced, and never stop the rest.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use backend_core::{ErrorKind, ListOptions, Removal};

use crate::common::{add, list, open, put, read, remove, verbs};

/// A store, with a folder beside it that nobody may reach from it.
fn planted(folder: &Path) {
    fs::create_dir_all(folder.join("store/dir")).unwrap();
    fs::create_dir_all(folder.join("outside")).unwrap();
    fs::write(folder.join("outside/secret"), "secret").unwrap();
    fs::write(folder.join("store/plain"), "plain").unwrap();
    symlink("../outside/secret", folder.join("store/link")).unwrap();
    symlink("plain", folder.join("store/inner")).unwrap();
    symlink("../outside", folder.join("store/linked")).unwrap();
    symlink("nowhere", folder.join("store/dangling")).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("store/pipe")).status().unwrap().success());
}

async fn check(key: &str) {
    let folder = tempfile::tempdir().unwrap();
    planted(folder.path());
    let store = open(&folder.path().join("store"));
    let [(_, stat), (_, get), (_, removed), (_, listed), _, (_, added)] = verbs(&store, key).await;
    assert_eq!((stat, get), (Some(ErrorKind::NotFound), Some(ErrorKind::NotFound)), "{key}");
    assert_eq!((removed, listed, added), (None, None, Some(ErrorKind::InvalidInput)), "{key}");
    assert_eq!(remove(&store, key).await.unwrap(), Removal::Absent, "{key}");
    assert_eq!(fs::read(folder.path().join("outside/secret")).unwrap(), b"secret", "{key}");
    assert_eq!(fs::read_dir(folder.path().join("outside")).unwrap().count(), 1, "{key}");
    let there = fs::symlink_metadata(folder.path().join("store").join(key.split('/').next().unwrap())).unwrap();
    assert!(!there.is_file(), "{key} was replaced");
}

#[tokio::test]
async fn what_is_no_file_is_no_content_and_stays() {
    for key in
        ["link", "inner", "linked", "linked/secret", "linked/new", "dangling", "dangling/x", "pipe", "pipe/x", "dir"]
    {
        check(key).await;
    }
}

#[tokio::test]
async fn a_listing_passes_over_what_is_no_content() {
    let folder = tempfile::tempdir().unwrap();
    planted(folder.path());
    let store = open(&folder.path().join("store"));
    for opts in [ListOptions::default(), ListOptions { shallow: true, ..ListOptions::default() }] {
        assert_eq!(list(&store, opts).await.unwrap(), ["plain"]);
    }
    assert_eq!(list(&store, ListOptions::prefix("linked/")).await.unwrap(), [""; 0]);
    assert_eq!(list(&store, ListOptions::prefix("../outside/")).await.unwrap(), [""; 0]);
    assert_eq!(list(&store, ListOptions::prefix("/")).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn our_own_folder_is_not_followed_elsewhere() {
    for planted in [".ipfs-kit", ".ipfs-kit/tmp"] {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("store"), folder.path().join("outside"));
        fs::create_dir_all(&outside).unwrap();
        fs::create_dir_all(root.join(planted).parent().unwrap()).unwrap();
        symlink(&outside, root.join(planted)).unwrap();
        let store = open(&root);
        for content in [backend_testkit::random("small", 9), backend_testkit::random("large", 3 << 20)] {
            assert!(add(&store, "a", &content).await.is_err(), "{planted}");
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{planted}");
    }
}

#[tokio::test]
async fn an_empty_folder_left_behind_is_no_content_and_does_not_hide_any() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("a/b/c")).unwrap();
    let store = open(folder.path());
    put(&store, "a/b/x", "x").await.unwrap();
    assert_eq!(read(&store, "a/b/x").await.unwrap(), b"x");
    assert_eq!(list(&store, ListOptions { shallow: true, ..ListOptions::prefix("a/b/") }).await.unwrap(), ["a/b/x"]);
    assert_eq!(remove(&store, "a/b/x").await.unwrap(), Removal::Erased);
    assert!(folder.path().join("a/b/c").is_dir(), "a folder that was not left empty by us is not ours to remove");
}

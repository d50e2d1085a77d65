//! Full, small and read-only disks. Each test runs itself again in a mount namespace of its own, where it may mount.

use std::path::{Path, PathBuf};
use std::process::Command;

use backend_core::{ErrorKind, ListOptions, Power};

use crate::common::{add, again, list, n_temps, open, put, read, verbs};

const WHERE: &str = "BACKEND_LOCAL_MOUNT_AT";

/// The mount point, if this is the process in the namespace; else that process is run, and must succeed.
fn in_namespace(test: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(WHERE) {
        return Some(path.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = again(test, &["unshare", "--map-root-user", "--mount"], (WHERE, folder.path()));
    let output = command.output().unwrap_or_else(|err| panic!("this test needs the program unshare: {err}"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "this test needs a mount namespace; it said:\n{}", String::from_utf8_lossy(&said));
    None
}

fn mount(words: &[&str], path: &Path) {
    let status = Command::new("mount").args(words).arg(path).status();
    assert!(status.unwrap().success(), "mount {words:?}");
}

#[tokio::test]
async fn a_full_disk_stores_nothing_by_halves() {
    let Some(path) = in_namespace("mounted::a_full_disk_stores_nothing_by_halves") else { return };
    mount(&["-t", "tmpfs", "-o", "size=4m", "tmpfs"], &path);
    let store = open(&path);
    put(&store, "kept", "kept").await.unwrap();
    for len in [5 << 20, 100 << 20] {
        let err = add(&store, "kept", &backend_testkit::random("large", len)).await.unwrap_err();
        assert_eq!(err.kind(), ErrorKind::QuotaExceeded, "{err}");
    }
    // Small ones until nothing more fits: each is there whole or not at all.
    let mut added = vec!["kept".to_owned()];
    let full = loop {
        let key = format!("n/{:05}", added.len());
        match put(&store, &key, vec![7; 60_000]).await {
            Ok(_) => added.push(key),
            Err(err) => break err,
        }
        assert!(added.len() < 1000, "the disk never fills");
    };
    assert_eq!(full.kind(), ErrorKind::QuotaExceeded);
    added.sort();
    assert_eq!(list(&store, ListOptions::default()).await.unwrap(), added);
    assert_eq!(read(&store, "kept").await.unwrap(), b"kept");
    assert_eq!(n_temps(&path), 0);
    while put(&store, &format!("fill/{}", store.usage().await.unwrap().free.unwrap()), vec![7; 4096]).await.is_ok() {}
    let health = store.health().await;
    assert_eq!((health.reads, health.writes), (Power::Works, Power::Fails(ErrorKind::QuotaExceeded)));
}

#[tokio::test]
async fn a_read_only_disk_is_read() {
    let Some(path) = in_namespace("mounted::a_read_only_disk_is_read") else { return };
    put(&open(&path), "a", "x").await.unwrap();
    mount(&["--bind", path.to_str().unwrap()], &path);
    mount(&["-o", "remount,ro,bind"], &path);
    let store = open(&path);
    let [stat, get, remove, list, usage, add] = verbs(&store, "a").await.map(|(_, kind)| kind);
    assert_eq!([stat, get, list, usage], [None; 4]);
    assert_eq!([remove, add], [Some(ErrorKind::Denied); 2]);
    let health = store.health().await;
    assert_eq!((health.reads, health.writes), (Power::Works, Power::Fails(ErrorKind::Denied)));
    assert_eq!(read(&store, "a").await.unwrap(), b"x");
}

#[tokio::test]
async fn an_unmounted_disk_is_no_empty_store_and_can_come_back() {
    let Some(path) = in_namespace("mounted::an_unmounted_disk_is_no_empty_store_and_can_come_back") else { return };
    mount(&["-t", "tmpfs", "tmpfs"], &path);
    let store = open(&path);
    put(&store, ".ipfs-kit/store", "store-1").await.unwrap();
    // Nothing is held open between verbs, so this succeeds.
    assert!(Command::new("umount").arg(&path).status().unwrap().success());
    for (verb, kind) in verbs(&store, "a").await {
        assert_eq!(kind, Some(ErrorKind::InvalidConfig), "{verb}");
    }
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0, "an empty mount point was filled");
}

#[tokio::test]
async fn another_disk_below_the_root_is_refused() {
    let Some(path) = in_namespace("mounted::another_disk_below_the_root_is_refused") else { return };
    std::fs::create_dir(path.join("other")).unwrap();
    mount(&["-t", "tmpfs", "tmpfs"], &path.join("other"));
    let store = open(&path);
    assert_eq!(put(&store, "other/a", "x").await.unwrap_err().kind(), ErrorKind::InvalidInput);
    put(&store, "a", "x").await.unwrap();
}

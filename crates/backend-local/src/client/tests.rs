//! What is not seen from outside: how often the disk was waited for, and file systems that fold case.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use backend_core::{ErrorKind, Key, ListOptions, Progress, Removal, RemoveOptions};
use futures::TryStreamExt;
use futures::future::try_join_all;
use serde_json::json;

use super::look::{Seen, is_exact};
use super::*;

#[derive(Debug)]
struct Stopped;

#[async_trait]
impl Clock for Stopped {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}
}

fn store(path: &Path, sync: &str) -> Store {
    Store::new(serde_json::from_value(json!({ "path": path, "sync": sync })).unwrap(), Arc::new(Stopped))
}

fn order(key: &str, condition: backend_core::Condition) -> (Locator, Order) {
    let at = Locator::new(Key::parse(key).unwrap());
    let target = target(&at).unwrap();
    (at, Order { target, condition, about: About::default(), progress: Progress::new(), mend: None })
}

async fn add(store: &Store, key: &str, len: u64) -> Result<Metadata> {
    let (at, order) = order(key, backend_core::Condition::Always);
    store.add(&backend_testkit::random(key, len), at, order).await
}

/// In how many of the first hundred folders another add waits for its file and its folder only.
async fn n_known(store: &Store, keys: &[String]) -> usize {
    let mut n_known = 0;
    for key in &keys[..100] {
        let before = store.files.syncs.counts().0;
        add(store, key, 10).await.unwrap();
        n_known += usize::from(store.files.syncs.counts().0 - before == 2);
    }
    n_known
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_adds_share_few_syncs() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), "full");
    let keys: Vec<String> = (0..200).map(|n| format!("{}/{n}", n % 100)).collect();
    try_join_all(keys.iter().map(|key| add(&store, key, 4096))).await.unwrap();
    let (files, systems) = store.files.syncs.counts();
    // Each by itself would be 400: 200 files, and their folder each time. How many go alone before there is a crowd depends on how busy the disk is.
    assert!(0 < systems && files + systems < 160, "{files} of files and {systems} of the system for 200 adds");
    let known = n_known(&store, &keys).await;
    assert!(90 <= known, "of 100 folders only {known} are known to be durable");
}

#[tokio::test]
async fn a_lone_add_waits_for_its_file_and_for_the_folders_that_are_new() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), "full");
    // The file and its folder; for new folders the ones above them too, once.
    for (key, len, wanted) in [("a", 10, 2), ("b/c/d", 10, 4), ("b/c/e", 10, 2), ("b/f", 2 << 20, 2), ("b/c/d", 10, 2)]
    {
        let before = store.files.syncs.counts();
        add(&store, key, len).await.unwrap();
        let after = store.files.syncs.counts();
        assert_eq!((after.0 - before.0, after.1), (wanted, 0), "{key}");
    }
    let remove = |key: &str| Locator::new(Key::parse(key).unwrap());
    for key in ["b/c/d", "b/c/e"] {
        let before = store.files.syncs.counts().0;
        assert_eq!(store.remove(&remove(key), &RemoveOptions::default()).await.unwrap(), Removal::Erased);
        assert_eq!(store.files.syncs.counts().0 - before, 1, "{key}");
    }
    let before = store.files.syncs.counts().0;
    add(&store, "b/c/e", 10).await.unwrap();
    assert_eq!(store.files.syncs.counts().0 - before, 3, "a folder that was pruned is new again");
}

#[tokio::test]
async fn without_sync_the_disk_is_never_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), "off");
    for len in [10, 3 << 20] {
        add(&store, "a/b", len).await.unwrap();
    }
    assert_eq!(store.files.syncs.counts(), (0, 0));
}

/// The folder goes away between the beginning of a verb and its answer.
#[test]
fn nothing_negative_is_said_of_a_folder_that_is_no_longer_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    std::fs::create_dir(&root).unwrap();
    let store = store(&root, "full");
    let opened = store.files.root.open().unwrap();
    std::fs::rename(&root, folder.path().join("away")).unwrap();
    std::fs::create_dir(&root).unwrap();
    let not_found: Result<()> = Err(look::not_found(&Seen::Nothing));
    assert_eq!(store.files.judge(&opened, not_found).unwrap_err().kind(), ErrorKind::InvalidConfig);
    let (cancel, _guard) = cancel::cancel();
    let (_, order) = order("a", backend_core::Condition::Always);
    let erasing = commit::Erasing { opened, target: order.target, if_match: None, cancel };
    assert_eq!(erase::erase(&store.files, &erasing).unwrap_err().kind(), ErrorKind::InvalidConfig);
}

/// A name that can be looked up and is spelt otherwise in the listing of its folder is what folding looks like from here. `/proc` has such names on
/// every Linux: the numbers of threads.
#[tokio::test]
async fn a_name_that_differs_in_case_only_is_not_the_name() {
    let thread = std::fs::read_link("/proc/thread-self").unwrap();
    let number = thread.file_name().unwrap().to_str().unwrap().to_owned();
    let key = format!("{number}/comm");
    let store = store(Path::new("/proc"), "off");
    let at = Locator::new(Key::parse(key.clone()).unwrap());
    assert!(store.stat(&at).await.is_ok(), "it is there as long as nobody folds");

    let opened = store.files.root.open().unwrap();
    opened.pretend_to_fold();
    assert!(is_exact(&opened, "self").unwrap() && !is_exact(&opened, "SELF").unwrap());
    assert!(!is_exact(&opened, &key).unwrap());
    assert_eq!(store.stat(&at).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(store.remove(&at, &RemoveOptions::default()).await.unwrap(), Removal::Absent);
    let listed: Vec<_> = store.list(&ListOptions::prefix(format!("{number}/"))).try_collect().await.unwrap();
    assert!(listed.is_empty());
    for condition in [backend_core::Condition::Always, backend_core::Condition::IfAbsent] {
        let (_, order) = order(&key, condition);
        let seen = look::look(&opened, &order.target).unwrap();
        assert!(matches!(seen, Seen::Twin), "{seen:?}");
        assert_eq!(order.check(&seen).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }
}

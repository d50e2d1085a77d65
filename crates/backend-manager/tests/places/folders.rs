//! Folders on a store of CIDs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use backend_core::{Effect, ErrorKind, GetOptions, ListOptions, Locator, RetryAdvice};
use backend_manager::{AddRequest, Input, Place, ReplicaState, catalog};
use backend_testkit::{Fault, Faulty, TestClock, Verb};
use futures::TryStreamExt;
use ipld::address;

use crate::bed::{at, files, memory, noise, room};

/// A folder with equal files, equal folders, a large file, an empty one, a link, and many small ones.
pub(crate) fn folder(root: &Path) -> std::path::PathBuf {
    let folder = root.join("d");
    for sub in ["one", "two", "empty", "many"] {
        std::fs::create_dir_all(folder.join(sub)).unwrap();
    }
    std::fs::write(folder.join("large"), noise(3, 3_300_000)).unwrap();
    std::fs::write(folder.join("zero"), "").unwrap();
    for sub in ["one", "two"] {
        std::fs::write(folder.join(sub).join("same"), noise(4, 2_100_000)).unwrap();
        std::fs::write(folder.join(sub).join("note"), "the same note").unwrap();
    }
    for n in 0..300 {
        std::fs::write(folder.join("many").join(format!("{n}")), format!("file {n}")).unwrap();
    }
    std::os::unix::fs::symlink("../large", folder.join("one/link")).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_cids_is_sent_a_folder_as_one() {
    for profile in [ipld::profile::UNIXFS_V1_2025, ipld::profile::UNIXFS_V0_2015] {
        let (cids, keys) = (memory("cid"), memory("key"));
        let room = room(&[("c", cids.clone()), ("k", keys.clone())]).await;
        let path = folder(room.folder.path());
        let request = AddRequest { profile, ..at(Place::Own, &["k", "c"]) };
        let receipt = room.manager.add(Input::Path(path.clone()), &request).await.unwrap();
        assert!(!receipt.is_partial(), "{receipt:?}");
        assert_eq!(receipt.files, 306);
        let listed: Vec<_> = cids.list(&ListOptions::default()).try_collect().await.unwrap();
        assert_eq!(listed.len(), 1, "one act, one thing");
        let alone = self::room(&[("r", cids.clone())]).await;
        assert_eq!(alone.exported(&address::text(&receipt.cid)).await, files(&path), "from the store alone, by CID");
        assert_eq!(room.exported("x").await, files(&path));
        let verdicts = room.verified().await;
        assert!(
            verdicts.iter().all(|it| it.error.is_none() && it.state == ReplicaState::Present),
            "{:?}",
            verdicts.iter().find(|it| it.state != ReplicaState::Present)
        );
        assert_eq!(verdicts.len(), 2 * (1 + 304), "each content on each store");
        let again = room.manager.add(Input::Path(path.clone()), &request).await.unwrap();
        assert!(again.replicas.iter().all(|it| it.existed), "{again:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_goes_takes_only_what_lay_in_it() {
    let cids = memory("cid");
    let room = room(&[("c", cids.clone())]).await;
    let path = folder(room.folder.path());
    let root = room.manager.add(Input::Path(path.clone()), &at(Place::Own, &["c"])).await.unwrap().cid;
    let large = room.manager.add(Input::Path(path.join("large")), &at(Place::Own, &["c"])).await.unwrap();
    assert!(!large.replicas[0].existed, "a copy within a folder is not a copy of its own");
    let keys: Vec<Option<String>> = room.copies(&large.cid).await.into_iter().map(|it| it.key).collect();
    assert_eq!(keys.len(), 2);
    let note = room.manager.resolve(&format!("{}/one/note", address::text(&root))).await.unwrap().cid;
    let removed = room.manager.remove(&root).await.unwrap();
    assert_eq!(removed.kept, 1, "{removed:?}");
    assert_eq!(removed.copies[0].removals.get("erased"), Some(&1));
    assert_eq!(removed.copies[0].removals.get("released"), Some(&304));
    assert!(room.copies(&note).await.is_empty());
    assert_eq!(room.copies(&large.cid).await.len(), 1);
    assert!(room.read("x").await.unwrap() == noise(3, 3_300_000));
    let at = Locator::new(note);
    assert_eq!(cids.get(&at, &GetOptions::block()).await.unwrap_err().kind(), ErrorKind::NotFound);
    let used = room.manager.catalog().read(|conn| catalog::backends::find(conn, "c")).await.unwrap();
    assert_eq!(used.unwrap().objects, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_fails_claims_nothing_and_can_be_sent_again() {
    let store = Arc::new(Faulty::new(memory("cid"), TestClock::new()));
    let room = room(&[("c", store.clone())]).await;
    let path = folder(room.folder.path());
    let request = at(Place::Own, &["c"]);
    store.rule(Verb::Add, Fault::Fail(ErrorKind::Denied, RetryAdvice::Never, Effect::None), Some(1));
    assert_eq!(room.manager.add(Input::Path(path.clone()), &request).await.unwrap_err().kind(), ErrorKind::Denied);
    let note = address::sha256(address::RAW, b"the same note");
    assert_eq!(room.copies(&note).await[0].state, ReplicaState::Planned);
    let receipt = room.manager.add(Input::Path(path.clone()), &request).await.unwrap();
    assert!(!receipt.is_partial(), "{receipt:?}");
    assert_eq!(room.copies(&note).await[0].state, ReplicaState::Present);
    assert_eq!(room.exported("x").await, files(&path));
}

/// Until something is so; a test that waits in vain for half a minute fails.
async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_given_up_is_sent_again() {
    let store = Arc::new(Faulty::new(memory("cid"), TestClock::new()));
    let room = room(&[("c", store.clone())]).await;
    let path = folder(room.folder.path());
    let request = at(Place::Own, &["c"]);
    store.rule(Verb::Add, Fault::Hang, Some(1));
    tokio::select! {
        answer = room.manager.add(Input::Path(path.clone()), &request) => panic!("{answer:?}"),
        () = until(|| store.calls(Verb::Add) == 1) => {}
    }
    room.manager.catalog().write(|_| Ok(())).await.unwrap();
    let note = address::sha256(address::RAW, b"the same note");
    assert_eq!(room.copies(&note).await[0].state, ReplicaState::Uploading, "nobody knows what came of it");
    let receipt = room.manager.add(Input::Path(path.clone()), &request).await.unwrap();
    assert!(!receipt.is_partial(), "{receipt:?}");
    assert_eq!(room.copies(&note).await[0].state, ReplicaState::Present);
    assert_eq!(room.exported("x").await, files(&path));
}

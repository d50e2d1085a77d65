//! The inner nodes beside content, and what lies under a user's key.

use std::sync::Arc;

use backend_core::{AddOptions, Backend, Entry, ErrorKind, Evidence, GetOptions, Key, ListOptions, Locator, Removal};
use backend_manager::{AddRequest, Input, Place, ReplicaState};
use backend_testkit::{LEAF, random, small};
use bytes::Bytes;
use futures::TryStreamExt;

use crate::bed::{Bed, LEN, chunk, copy, memory, sidecar_key};

async fn object(store: &Arc<dyn Backend>, key: Key) -> Vec<u8> {
    let body = store.get(&Locator::new(key), &GetOptions::default()).await.unwrap().body;
    let frames: Vec<Bytes> = body.try_collect().await.unwrap();
    frames.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn inner_nodes_that_are_lost_or_wrong_are_sent_alone() {
    for is_lost in [true, false] {
        let bed = Bed::memories(&["good", "bad"]).await;
        let content = bed.add("nodes").await;
        let key = sidecar_key(content.cid());
        match is_lost {
            true => bed.delete("bad", key.clone()).await,
            false => {
                let opts = AddOptions { id: Some(key.clone().into()), ..AddOptions::default() };
                bed.store("bad").add(&small(Bytes::from_static(b"no archive")), &opts).await.unwrap();
            }
        }
        bed.verify().await;
        assert_eq!(bed.rows(content.cid(), "bad").await.1.state, ReplicaState::Corrupt);
        let repaired = bed.repair(&content, "bad").await.unwrap();
        assert_eq!((repaired.state, repaired.bytes_sent), (ReplicaState::Present, 0));
        assert!(0 < repaired.node_bytes_sent && repaired.node_bytes_sent < 10_000);
        // All of it was read: the content before, both after.
        assert_eq!(repaired.evidence, Evidence::Verified);
        assert!(object(bed.store("bad"), key.clone()).await == object(bed.store("good"), key).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn content_and_nodes_are_mended_together() {
    let bed = Bed::memories(&["good", "bad"]).await;
    let content = bed.add("both").await;
    bed.damage("bad", &content, &copy("both", LEN, &[chunk(4)])).await;
    bed.delete("bad", sidecar_key(content.cid())).await;
    bed.verify().await;
    let repaired = bed.repair(&content, "bad").await.unwrap();
    assert_eq!((repaired.state, repaired.bytes_sent), (ReplicaState::Present, LEAF));
    assert!(0 < repaired.node_bytes_sent);
    assert!(bed.verify().await.iter().all(|it| it.state == ReplicaState::Present));
}

/// A folder with two files, on these stores.
async fn folder(bed: &Bed) -> backend_manager::Cid {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("sub/one"), vec![1; 3_000_000]).unwrap();
    std::fs::write(folder.path().join("two"), b"two").unwrap();
    let to = bed.stores.iter().map(|(name, _)| (*name).to_owned()).collect();
    let request = AddRequest { to, name: Some("folder".to_owned()), ..AddRequest::default() };
    let receipt = bed.manager.add(Input::Path(folder.path().to_owned()), &request).await.unwrap();
    assert!(!receipt.is_partial(), "{receipt:?}");
    receipt.cid
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_on_a_store_that_assigns_names_is_verified_and_removed() {
    let store = memory("assigned");
    let bed = Bed::new(&[("m", store.clone())]).await;
    let cid = folder(&bed).await;
    let verdicts = bed.verify().await;
    assert_eq!(verdicts.len(), 3);
    for verdict in verdicts {
        let found = (verdict.state, verdict.evidence, verdict.error);
        assert!(matches!(found, (ReplicaState::Present, Evidence::Verified, None)), "{found:?}");
    }
    bed.manager.remove(&cid).await.unwrap();
    let left: Vec<Entry> = store.list(&ListOptions::default()).try_collect().await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_its_nodes_and_they_are_sent_again() {
    let bed = Bed::memories(&["good", "bad"]).await;
    let cid = folder(&bed).await;
    bed.delete("bad", sidecar_key(&cid)).await;
    bed.verify().await;
    let (content, row) = bed.rows(&cid, "bad").await;
    assert_eq!(row.state, ReplicaState::Missing);
    let repaired = bed.manager.repair(&content, &row).await.unwrap();
    assert_eq!((repaired.state, repaired.evidence), (ReplicaState::Present, Evidence::Verified));
    assert!(bed.verify().await.iter().all(|it| it.state == ReplicaState::Present));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_wrote_under_a_users_key_is_not_overwritten() {
    let bed = Bed::memories(&["good", "bad"]).await;
    let (content, key) = (random("mine", LEN), Key::new("docs/mine").unwrap());
    let to = vec!["good".to_owned(), "bad".to_owned()];
    let request = AddRequest { to, place: Place::Key(key.clone()), ..AddRequest::default() };
    bed.manager.add(Input::Stream(content.open_all().await.unwrap()), &request).await.unwrap();
    let theirs = copy("mine", LEN, &[chunk(1)]);
    let opts = AddOptions { id: Some(key.clone().into()), ..AddOptions::default() };
    bed.store("bad").add(&theirs, &opts).await.unwrap();
    let before = object(bed.store("bad"), key.clone()).await;
    bed.verify().await;
    let err = bed.repair(&content, "bad").await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Precondition, "{err}");
    assert!(object(bed.store("bad"), key.clone()).await == before);
    // What they took away is put there again; what they put there meanwhile is not overwritten either.
    let removed = bed.store("bad").remove(&Locator::new(key.clone()), &backend_core::RemoveOptions::default()).await;
    assert_eq!(removed.unwrap(), Removal::Erased);
    bed.verify().await;
    let _ = bed.repair(&content, "bad").await;
    let (_, row) = bed.rows(content.cid(), "bad").await;
    assert_eq!(row.state, ReplicaState::Present, "{row:?}");
    assert!(object(bed.store("bad"), key.clone()).await == object(bed.store("good"), key).await);
}

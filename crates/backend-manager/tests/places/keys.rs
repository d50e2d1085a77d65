//! Under a user's key.

use std::sync::Arc;

use backend_core::{AddOptions, Backend, Content, ContentId, Effect, ErrorKind, Key, RetryAdvice};
use backend_manager::{AddRequest, Existing, Input, Place, ReplicaState, Verified};
use backend_testkit::{Fault, Faulty, TestClock, Verb};
use futures::TryStreamExt;
use ipld::address;

use crate::bed::{at, files, memory, names, noise, object, room, under};

#[tokio::test(flavor = "multi_thread")]
async fn plain_bytes_lie_at_the_users_key() {
    let store = memory("key");
    let room = room(&[("m", store.clone())]).await;
    for bytes in [noise(1, 11), noise(2, 2_500_000)] {
        let receipt = room.add(&bytes, &at(under("reports/a b.pdf"), &["m"])).await.unwrap();
        assert!(!receipt.is_partial(), "{receipt:?}");
        assert!(object(&store, "reports/a b.pdf").await == bytes);
        assert!(names(&store).await.iter().all(|name| !name.starts_with(".ipfs-kit/c/")));
        assert!(room.read("x").await.unwrap() == bytes);
        assert_eq!(room.copies(&receipt.cid).await[0].key.as_deref(), Some("reports/a b.pdf"));
        let again = room.add(&bytes, &at(under("reports/a b.pdf"), &["m"])).await.unwrap();
        assert!(again.replicas[0].existed);
        room.add(&bytes, &at(under("second"), &["m"])).await.unwrap();
        assert_eq!(room.copies(&receipt.cid).await.len(), 2);
        assert!(room.verified().await.iter().all(|it| it.error.is_none() && it.state == ReplicaState::Present));
        let removed = room.manager.remove(&receipt.cid).await.unwrap();
        assert_eq!(removed.copies[0].removals.get("erased"), Some(&2), "{removed:?}");
        assert_eq!(names(&store).await, Vec::<String>::new(), "the inner nodes go with the last copy");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folders_files_lie_under_their_paths() {
    let store = memory("key");
    let room = room(&[("m", store.clone())]).await;
    let photos = room.folder.path().join("photos");
    std::fs::create_dir_all(photos.join("sub")).unwrap();
    for (name, bytes) in [("a", "one"), ("sub/b", "two"), ("sub/same", "one"), ("sub/twin", "two")] {
        std::fs::write(photos.join(name), bytes).unwrap();
    }
    let receipt = room.manager.add(Input::Path(photos.clone()), &at(Place::Under("p/".into()), &["m"])).await.unwrap();
    assert!(!receipt.is_partial(), "{receipt:?}");
    for (name, bytes) in files(&photos) {
        assert_eq!(object(&store, &format!("p/{name}")).await, bytes);
    }
    assert_eq!(room.exported("x").await, files(&photos));
    for place in [under("k"), Place::Own] {
        let refused = room.manager.add(Input::Path(photos.clone()), &at(place.clone(), &["m"])).await;
        assert_eq!(refused.err().map(|err| err.kind()), (place != Place::Own).then_some(ErrorKind::InvalidInput));
    }
    room.manager.remove(&receipt.cid).await.unwrap();
    assert_eq!(names(&store).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn other_content_under_the_key_replaces_or_is_refused() {
    let store = memory("key");
    let room = room(&[("m", store.clone())]).await;
    let keep = AddRequest { existing: Existing::Keep, ..at(under("k"), &["m"]) };
    let first = room.add(b"first", &keep).await.unwrap();
    let refused = room.add(b"second", &keep).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    assert_eq!(room.copies(&first.cid).await[0].state, ReplicaState::Present, "nothing happened to it");
    let foreign = Content::bytes(address::sha256(address::RAW, b"foreign"), "foreign");
    let id = Some(ContentId::Key(Key::new("other").unwrap()));
    store.add(&foreign, &AddOptions { id, ..AddOptions::default() }).await.unwrap();
    let request = AddRequest { place: under("other"), ..keep.clone() };
    assert_eq!(room.add(b"second", &request).await.unwrap_err().kind(), ErrorKind::AlreadyExists, "the store says so");
    assert_eq!(object(&store, "other").await, b"foreign");
    let second = room.add(b"second", &at(under("k"), &["m"])).await.unwrap();
    let old = &room.copies(&first.cid).await[0];
    assert_eq!((old.state, old.note.as_deref()), (ReplicaState::Missing, Some("overwritten")));
    room.manager.remove(&first.cid).await.unwrap();
    assert_eq!(object(&store, "k").await, b"second", "what lies there now is not the removed content's");
    assert!(room.copies(&first.cid).await.is_empty(), "its row is gone");
    let id = Some(ContentId::Key(Key::new("k").unwrap()));
    store.add(&foreign, &AddOptions { id, ..AddOptions::default() }).await.unwrap();
    room.manager.remove(&second.cid).await.unwrap();
    assert_eq!(object(&store, "k").await, b"foreign", "what somebody else wrote over it stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwrite_that_fails_leaves_the_old_copy_in_doubt_and_one_whose_answer_is_lost_is_looked_at() {
    let store = Arc::new(Faulty::new(memory("key"), TestClock::new()));
    let room = room(&[("m", store.clone())]).await;
    let request = at(under("k"), &["m"]);
    let first = room.add(b"first", &request).await.unwrap();
    store.rule(Verb::Add, Fault::Fail(ErrorKind::Denied, RetryAdvice::Never, Effect::None), Some(1));
    assert_eq!(room.add(b"secnd", &request).await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(room.copies(&first.cid).await[0].state, ReplicaState::Suspect);
    let cid = first.cid;
    let verdicts: Vec<Verified> = room.manager.verify(Some(&cid)).try_collect().await.unwrap();
    assert_eq!(verdicts[0].state, ReplicaState::Present, "it is as it was");
    store.rule(Verb::Add, Fault::Lose, Some(1));
    let second = room.add(b"secnd", &request).await.unwrap();
    assert!(!second.is_partial(), "it was looked at, and is there: {second:?}");
    store.heal();
    store.rule(Verb::Add, Fault::Fail(ErrorKind::Unavailable, RetryAdvice::Never, Effect::Unknown), Some(1));
    assert_eq!(room.add(b"third", &request).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let third = address::sha256(address::RAW, b"third");
    assert_eq!(room.copies(&third).await[0].state, ReplicaState::Uploading, "old bytes are not taken for the new ones");
    let id = Some(ContentId::Key(Key::new("k").unwrap()));
    let content = Content::bytes(third, "third");
    store.add(&content, &AddOptions { id, ..AddOptions::default() }).await.unwrap();
    store.rule(Verb::Add, Fault::fail(ErrorKind::Denied), None);
    let found = room.add(b"third", &request).await.unwrap();
    assert!(!found.is_partial(), "it came to be after all, and is not sent again: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_stores_of_keys_take_keys() {
    let room = room(&[("c", memory("cid")), ("a", memory("assigned")), ("k", memory("key"))]).await;
    for name in ["c", "a"] {
        assert_eq!(room.add(b"x", &at(under("k"), &[name])).await.unwrap_err().kind(), ErrorKind::Unsupported);
    }
    let receipt = room.add(b"x", &at(under("k"), &["c", "k"])).await.unwrap();
    assert!(receipt.is_partial());
    assert_eq!(
        room.add(b"x", &at(Place::Under("p".into()), &["k"])).await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

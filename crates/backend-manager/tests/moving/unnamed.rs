//! Objects that no row names: hashed as they flow, entered where they are the same, told apart where they are not.

use std::sync::Arc;

use backend_core::Backend;
use backend_manager::transfer::{Compare, Delete, MaxDelete, Transfer};
use backend_testkit::{Faulty, TestClock, Verb};

use crate::bed::{files, memory, objects, put, room};

const MIB: usize = 1 << 20;

fn bytes(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|n| (n / 1000) as u8 ^ (n as u8).wrapping_mul(31) ^ seed).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_store_to_store_small_ones_are_read_once_and_large_ones_twice() {
    let (inner, target) = (memory("s"), memory("t"));
    for (key, len) in [("empty", 0), ("chunk", MIB), ("small", 3 * MIB + 1), ("large", 66 * MIB + 5)] {
        put(&inner, &format!("p/{key}"), bytes(1, len)).await;
    }
    let source = Arc::new(Faulty::new(inner.clone(), TestClock::new()));
    let room = room(&[("s", source.clone() as Arc<dyn Backend>), ("t", target.clone())]).await;
    let told = room.sync("s:p", "t:p").await;
    assert_eq!((told.sums.copied, told.sums.failed), (4, 0), "{:?}", told.files);
    assert_eq!(source.calls(Verb::Get), 5);
    assert_eq!(source.calls(Verb::Add), 0, "a source gets no marker");
    assert!(objects(&target).await == objects(&inner).await);
    for verified in room.verified().await {
        assert!(verified.error.is_none(), "{verified:?}");
    }
    let again = room.sync("s:p", "t:p").await;
    assert_eq!((again.sums.unchanged, source.calls(Verb::Get)), (4, 5), "times are compared");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_there_already_is_looked_at_and_entered() {
    let store = memory("m");
    let counted = Arc::new(Faulty::new(store.clone(), TestClock::new()));
    let room = room(&[("m", counted.clone() as Arc<dyn Backend>)]).await;
    let large = bytes(5, 2 * MIB);
    room.folder("src", &[("same", b"same"), ("other", b"mine"), ("large", &large)]);
    put(&store, "p/same", "same").await;
    put(&store, "p/other", "your").await;
    put(&store, "p/large", large).await;
    let told = room.sync("src", "m:p").await;
    assert_eq!(
        (told.files["same"].0, told.files["other"].0, told.files["large"].0),
        ("unchanged", "copied", "unchanged")
    );
    assert_eq!(told.sums.compared_by.get("checksum"), Some(&2), "{:?}", told.sums);
    assert_eq!(counted.calls(Verb::Add), 3, "the marker, what differs, and the inner nodes of the large one");
    let again = room.sync("src", "m:p").await;
    assert_eq!(again.sums.compared_by.get("size_and_time"), Some(&3), "{:?}", again.files);
    assert!(room.verified().await.iter().all(|it| it.error.is_none()));
    // It was there before us: nothing but a person's word takes it away.
    let same = ipld::address::sha256(ipld::address::RAW, b"same");
    assert!(!room.manager.stat(&same).await.unwrap().replicas[0].owned);
    std::fs::remove_file(room.path("src/same")).unwrap();
    let mirror = |delete| move |it: Transfer| Transfer { delete, ..it };
    let told = room.with("src", "m:p", mirror(Delete::Ours(MaxDelete::Careful))).await.unwrap();
    assert_eq!(told.files["same"], ("kept", Some("precondition")));
    let told = room.with("src", "m:p", mirror(Delete::Everything(MaxDelete::Careful))).await.unwrap();
    assert_eq!((told.files["same"].0, objects(&store).await.len()), ("deleted", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_wrote_over_ours_is_seen() {
    let store = memory("m");
    let room = room(&[("m", store.clone())]).await;
    room.folder("src", &[("a", b"ours"), ("b", b"ours too")]);
    room.sync("src", "m:p").await;
    put(&store, "p/a", "evil").await;
    let told = room.sync("src", "m:p").await;
    assert_eq!((told.files["a"].0, told.files["b"].0), ("copied", "unchanged"), "{:?}", told.files);
    assert_eq!(objects(&store).await["p/a"], b"ours");
    put(&store, "p/a", "evil").await;
    let told = room.sync("m:p", "out").await;
    assert_eq!(told.sums.copied, 2, "as a source, what lies there is what it is");
    assert_eq!(files(&room.path("out"))["a"], b"evil");
    let checked = room.with("m:p", "out", |it| Transfer { compare: Compare::Checksums, ..it }).await.unwrap();
    assert_eq!(checked.sums.copied + checked.sums.unchanged, 2, "{:?}", checked.files);
}

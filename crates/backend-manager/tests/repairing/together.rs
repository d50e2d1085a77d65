//! Copies that are all broken serve each other; where none has a chunk, nothing is made worse.

use backend_core::ErrorKind;
use backend_manager::ReplicaState;
use backend_testkit::LEAF;

use crate::bed::{Bed, LEN, chunk, copy};

#[tokio::test(flavor = "multi_thread")]
async fn two_half_broken_copies_mend_each_other() {
    let bed = Bed::memories(&["a", "b"]).await;
    let content = bed.add("two").await;
    bed.damage("a", &content, &copy("two", LEN, &[chunk(0), chunk(2)])).await;
    bed.damage("b", &content, &copy("two", 4 * LEAF, &[chunk(1)])).await;
    bed.verify().await;
    for (name, sent) in [("a", 2 * LEAF), ("b", LEN - 3 * LEAF)] {
        let repaired = bed.repair(&content, name).await.unwrap();
        assert_eq!((repaired.state, repaired.bytes_sent), (ReplicaState::Present, sent), "{name}");
        bed.whole(name, &content).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_copies_that_only_together_are_whole() {
    let names = ["a", "b", "c"];
    let bed = Bed::memories(&names).await;
    let content = bed.add("three").await;
    for (name, good) in names.iter().zip(0..) {
        let wrong: Vec<_> = (0..6).filter(|n| n % 3 != good).map(chunk).collect();
        bed.damage(name, &content, &copy("three", LEN, &wrong)).await;
    }
    bed.verify().await;
    for name in names {
        let repaired = bed.repair(&content, name).await.unwrap();
        assert_eq!(repaired.state, ReplicaState::Present, "{name}");
        bed.whole(name, &content).await;
    }
    assert!(bed.verify().await.iter().all(|it| it.state == ReplicaState::Present));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_is_said_and_nothing_is_worse() {
    for there in [LEN, 2 * LEAF + 9] {
        let bed = Bed::memories(&["a", "b"]).await;
        let content = bed.add("lost").await;
        for name in ["a", "b"] {
            bed.damage(name, &content, &copy("lost", there, &[chunk(1)])).await;
        }
        bed.verify().await;
        for name in ["a", "b"] {
            let before = (bed.bytes(name, &content).await, bed.rows(content.cid(), name).await.1);
            let err = bed.repair(&content, name).await.unwrap_err();
            assert_eq!(err.kind(), ErrorKind::Integrity, "{there}: {err}");
            let after = (bed.bytes(name, &content).await, bed.rows(content.cid(), name).await.1);
            assert!(before.0 == after.0, "{there}: the copy on {name} has changed");
            assert_eq!((after.1.state, &after.1.bad_chunks), (ReplicaState::Corrupt, &before.1.bad_chunks));
            assert_eq!((after.1.worker, after.1.reserved), (None, before.1.reserved));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_anywhere_is_not_found() {
    let bed = Bed::memories(&["a"]).await;
    let content = bed.add("alone").await;
    bed.delete("a", crate::bed::key(content.cid())).await;
    bed.verify().await;
    let err = bed.repair(&content, "a").await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::NotFound, "{err}");
    assert_eq!(bed.rows(content.cid(), "a").await.1.state, ReplicaState::Missing);
}

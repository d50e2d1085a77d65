//! Each kind of damage to one copy, with a good one elsewhere: it is mended, and costs what is wrong and no more.

use std::sync::Arc;

use backend_core::{Backend, Evidence};
use backend_manager::ReplicaState;
use backend_testkit::{LEAF, random};

use crate::bed::{Bed, LEN, chunk, copy, key, local, memory};

/// What is done to a copy, and how many bytes must then be sent.
struct Case {
    name: &'static str,
    there: u64,
    wrong: Vec<std::ops::Range<u64>>,
    sent: u64,
}

fn cases() -> Vec<Case> {
    let case = |name, there, wrong, sent| Case { name, there, wrong, sent };
    vec![
        case("one chunk", LEN, vec![chunk(2).start + 5..chunk(2).start + 6], LEAF),
        case("the last chunk", LEN, vec![LEN - 1..LEN], LEAF / 2),
        case("many chunks", LEN, vec![chunk(0), chunk(2), chunk(4)], 3 * LEAF),
        case("cut within a chunk", 2 * LEAF + 7, vec![], LEN - 2 * LEAF),
        case("cut between chunks", 3 * LEAF, vec![], LEN - 3 * LEAF),
        case("cut and wrong", 3 * LEAF, vec![chunk(0)], LEN - 2 * LEAF),
        case("too long", LEN + 100_000, vec![], 0),
        case("too long and wrong", LEN + 100_000, vec![chunk(1)], LEAF),
        case("all of it", LEN, vec![0..LEN], LEN),
    ]
}

async fn check(case: &Case, bad: Arc<dyn Backend>) {
    let bed = Bed::new(&[("good", memory("key")), ("bad", bad)]).await;
    let content = bed.add(case.name).await;
    bed.damage("bad", &content, &copy(case.name, case.there, &case.wrong)).await;
    let verdicts = bed.verify().await;
    assert!(verdicts.iter().all(|it| it.error.is_none()), "{}: {verdicts:?}", case.name);
    let (_, row) = bed.rows(content.cid(), "bad").await;
    assert_eq!(row.state, ReplicaState::Corrupt, "{}", case.name);
    let repaired = bed.repair(&content, "bad").await.unwrap();
    assert_eq!((repaired.before, repaired.state), (ReplicaState::Corrupt, ReplicaState::Present), "{}", case.name);
    assert_eq!((repaired.bytes_sent, repaired.node_bytes_sent), (case.sent, 0), "{}", case.name);
    let served: u64 = repaired.read_from.iter().map(|(_, bytes)| bytes).sum();
    assert_eq!((served, repaired.bytes_read_back), (case.sent, case.sent), "{}", case.name);
    assert!(repaired.still_bad.is_empty() && repaired.unproved.is_none());
    // Only what was mended was read: that is no proof of the rest.
    assert!(repaired.evidence < Evidence::Verified, "{}", case.name);
    bed.whole("bad", &content).await;
    assert!(bed.verify().await.iter().all(|it| it.state == ReplicaState::Present && it.bad_chunks.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_wrong_is_sent_to_memory() {
    for case in cases() {
        check(&case, memory("key")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_wrong_is_sent_to_a_folder() {
    for case in cases() {
        let folder = tempfile::tempdir().unwrap();
        check(&case, local(folder.path())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_copies_that_were_swapped_are_both_sent_again() {
    let bed = Bed::memories(&["good", "bad"]).await;
    let (one, two) = (bed.add("one").await, bed.add("two").await);
    bed.damage("bad", &one, &two).await;
    bed.damage("bad", &two, &one).await;
    bed.verify().await;
    for content in [&one, &two] {
        let repaired = bed.repair(content, "bad").await.unwrap();
        assert_eq!((repaired.state, repaired.bytes_sent), (ReplicaState::Present, LEN));
    }
    bed.whole("bad", &one).await;
    bed.whole("bad", &two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_sent_again_and_then_all_of_it_was_read() {
    let folder = tempfile::tempdir().unwrap();
    for store in [memory("key"), local(folder.path())] {
        let bed = Bed::new(&[("good", memory("key")), ("bad", store)]).await;
        let content = bed.add("gone").await;
        bed.delete("bad", key(content.cid())).await;
        bed.verify().await;
        let repaired = bed.repair(&content, "bad").await.unwrap();
        assert_eq!((repaired.before, repaired.state), (ReplicaState::Missing, ReplicaState::Present));
        assert_eq!((repaired.bytes_sent, repaired.bytes_read_back), (LEN, LEN));
        assert_eq!(repaired.evidence, Evidence::Verified);
        bed.whole("bad", &content).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_good_again_is_only_read() {
    let bed = Bed::memories(&["good", "bad"]).await;
    let content = bed.add("again").await;
    bed.damage("bad", &content, &copy("again", LEN, &[chunk(3)])).await;
    bed.verify().await;
    bed.damage("bad", &content, &random("again", LEN)).await;
    let repaired = bed.repair(&content, "bad").await.unwrap();
    // The row listed a chunk: it is sent, as nobody has read it since.
    assert_eq!((repaired.state, repaired.bytes_sent), (ReplicaState::Present, LEAF));
    let err = bed.repair(&content, "bad").await.unwrap_err();
    assert_eq!(err.kind(), backend_core::ErrorKind::Precondition, "{err}");
}

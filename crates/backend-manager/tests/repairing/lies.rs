//! Stores that lose an answer, or say that they did what they did not do.

use std::sync::Arc;

use backend_core::{Effect, ErrorKind, RetryAdvice};
use backend_manager::ReplicaState;
use backend_testkit::{Fault, Faulty, LEAF, TestClock, Verb};

use crate::bed::{Bed, LEN, chunk, copy, memory};

async fn damaged() -> (Bed, Arc<Faulty>, backend_core::Content) {
    let faulty = Arc::new(Faulty::new(memory("key"), TestClock::new()));
    let bed = Bed::new(&[("good", memory("key")), ("bad", faulty.clone())]).await;
    let content = bed.add("lies").await;
    bed.damage("bad", &content, &copy("lies", LEN, &[chunk(2)])).await;
    bed.verify().await;
    (bed, faulty, content)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_that_did_nothing_is_found_out() {
    let (bed, faulty, content) = damaged().await;
    faulty.rule(Verb::Add, Fault::Lie, Some(1));
    let repaired = bed.repair(&content, "bad").await.unwrap();
    assert_eq!((repaired.before, repaired.state), (ReplicaState::Corrupt, ReplicaState::Corrupt));
    assert_eq!(repaired.still_bad.iter().map(|it| (it.offset, it.len)).collect::<Vec<_>>(), [(2 * LEAF, LEAF)]);
    let repaired = bed.repair(&content, "bad").await.unwrap();
    assert_eq!(repaired.state, ReplicaState::Present);
    bed.whole("bad", &content).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_not_taken_for_a_repair() {
    let (bed, faulty, content) = damaged().await;
    // Nothing was done, and nobody knows: what is there has the right length, and is wrong.
    faulty.rule(Verb::Add, Fault::Fail(ErrorKind::Timeout, RetryAdvice::Never, Effect::Unknown), Some(1));
    let err = bed.repair(&content, "bad").await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Timeout, "{err}");
    let (_, row) = bed.rows(content.cid(), "bad").await;
    assert_eq!((row.state, row.worker.is_none(), row.is_wrong()), (ReplicaState::Uploading, true, true));
    assert_eq!(row.bad_chunks.len(), 1, "what is wrong is still known");
    // Its good chunks serve meanwhile.
    bed.damage("good", &content, &copy("lies", LEN, &[chunk(0)])).await;
    bed.verify().await;
    assert_eq!(bed.repair(&content, "good").await.unwrap().state, ReplicaState::Present);
    let repaired = bed.repair(&content, "bad").await.unwrap();
    assert_eq!((repaired.state, repaired.bytes_sent), (ReplicaState::Present, LEAF));
    bed.whole("bad", &content).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_again_after_a_lost_repair_sends_it() {
    let (bed, faulty, content) = damaged().await;
    faulty.rule(Verb::Add, Fault::Fail(ErrorKind::Timeout, RetryAdvice::Never, Effect::Unknown), Some(1));
    bed.repair(&content, "bad").await.unwrap_err();
    bed.add("lies").await;
    bed.whole("bad", &content).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_back_is_said_and_not_proved() {
    let (bed, faulty, content) = damaged().await;
    faulty.rule(Verb::Get, Fault::Fail(ErrorKind::Denied, RetryAdvice::Never, Effect::None), None);
    let (content_row, row) = bed.rows(content.cid(), "bad").await;
    // The look at the inner nodes is the first that fails: nothing was sent.
    let err = bed.manager.repair(&content_row, &row).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Denied, "{err}");
    assert_eq!(bed.rows(content.cid(), "bad").await.1.state, ReplicaState::Corrupt);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_moved_is_left_alone() {
    let (bed, _, content) = damaged().await;
    let (content_row, row) = bed.rows(content.cid(), "bad").await;
    bed.manager.repair(&content_row, &row).await.unwrap();
    let err = bed.manager.repair(&content_row, &row).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::Precondition, "{err}");
    assert_eq!(bed.rows(content.cid(), "bad").await.1.state, ReplicaState::Present);
}

//! Adding through the manager, on stores that fail in every way that the fault injector knows.
#![expect(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

use std::sync::Arc;

use backend_core::{Backend, ByteStream, Effect, ErrorKind, RetryAdvice};
use backend_manager::config::Home;
use backend_manager::{AddRequest, Input, Manager, Receipt, ReplicaState};
use backend_memory as _;
use backend_testkit::{Fault, Faulty, TestClock, Verb};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

struct Room {
    manager: Manager,
    _folder: tempfile::TempDir,
}

fn memory(name: &str, addressing: &str) -> Arc<dyn Backend> {
    let clock = TestClock::new();
    let connection = serde_json::json!({ "addressing": addressing });
    (backend_core::find("memory").unwrap().open)(backend_core::Settings::new(name, connection, clock)).unwrap()
}

fn faulty(name: &str) -> Arc<Faulty> {
    Arc::new(Faulty::new(memory(name, "key"), TestClock::new()))
}

async fn room(backends: Vec<(&str, Arc<dyn Backend>)>) -> Room {
    let folder = tempfile::tempdir().unwrap();
    let manager = Manager::open(Home::at(folder.path().join("home"))).unwrap();
    for (name, backend) in backends {
        manager.register(name, backend).await.unwrap();
    }
    Room { manager, _folder: folder }
}

fn stream(bytes: &[u8]) -> ByteStream {
    futures::stream::iter([Ok(Bytes::copy_from_slice(bytes))]).boxed()
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

async fn add(room: &Room, bytes: &[u8], to: &[&str]) -> backend_core::Result<Receipt> {
    let to = to.iter().map(|it| (*it).to_owned()).collect();
    let request = AddRequest { to, name: Some("x".to_owned()), ..AddRequest::default() };
    room.manager.add(Input::Stream(stream(bytes)), &request).await
}

async fn read(room: &Room) -> backend_core::Result<Vec<u8>> {
    let target = room.manager.resolve("x").await?;
    let frames: Vec<Bytes> = room.manager.read(&target, None).await?.body.try_collect().await?;
    Ok(frames.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_addressing_gives_back_what_it_was_given() {
    for addressing in ["key", "cid", "assigned"] {
        for len in [0, 1, 1 << 20, (1 << 20) + 1, 3_300_000] {
            let room = room(vec![("m", memory("m", addressing))]).await;
            let bytes = content(len);
            let receipt = add(&room, &bytes, &["m"]).await.unwrap();
            assert!(!receipt.is_partial(), "{addressing} {len}: {receipt:?}");
            assert!(read(&room).await.unwrap() == bytes, "{addressing} {len}");
            let again = add(&room, &bytes, &["m"]).await.unwrap();
            assert_eq!((again.cid, again.replicas[0].existed), (receipt.cid, true), "{addressing} {len}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_target_fails_and_the_receipt_says_so() {
    let broken = faulty("b");
    let room = room(vec![("a", memory("a", "key")), ("b", broken.clone())]).await;
    add(&room, b"first", &["a", "b"]).await.unwrap();
    broken.rule(Verb::Add, Fault::Fail(ErrorKind::Denied, RetryAdvice::Never, Effect::None), None);
    let receipt = add(&room, &content(2_000_000), &["a", "b"]).await.unwrap();
    assert!(receipt.is_partial());
    assert_eq!(receipt.replicas[0].state, Some(ReplicaState::Present));
    assert_eq!(receipt.replicas[1].state, Some(ReplicaState::Planned), "the planner finishes it later");
    assert_eq!(receipt.replicas[1].error.as_ref().unwrap().kind(), ErrorKind::Denied);
    let alone = add(&room, &content(2_000_001), &["b"]).await;
    assert_eq!(alone.unwrap_err().kind(), ErrorKind::Denied, "nobody has it: an error, no receipt");
    broken.heal();
    assert!(!add(&room, &content(2_000_000), &["a", "b"]).await.unwrap().is_partial());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_looked_up() {
    let broken = faulty("b");
    let room = room(vec![("b", broken.clone())]).await;
    add(&room, b"first", &["b"]).await.unwrap();
    broken.rule(Verb::Add, Fault::Lose, Some(1));
    let receipt = add(&room, b"second", &["b"]).await.unwrap();
    assert!(!receipt.is_partial(), "{receipt:?}");
    assert_eq!(read(&room).await.unwrap(), b"second");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lies_is_found_out_by_reading_back() {
    let broken = faulty("b");
    let room = room(vec![("b", broken.clone())]).await;
    add(&room, b"first", &["b"]).await.unwrap();
    broken.rule(Verb::Add, Fault::Lie, Some(1));
    let receipt = add(&room, b"second", &["b"]).await.unwrap();
    let verdicts: Vec<_> = room.manager.verify(Some(&receipt.cid)).try_collect().await.unwrap();
    assert_eq!(verdicts[0].state, ReplicaState::Missing, "{verdicts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_add_neither_appears_nor_blocks_the_next() {
    let broken = faulty("b");
    let room = room(vec![("b", broken.clone())]).await;
    add(&room, b"first", &["b"]).await.unwrap();
    broken.rule(Verb::Add, Fault::Hang, Some(1));
    let before = broken.calls(Verb::Add);
    {
        let add = add(&room, b"second", &["b"]);
        tokio::pin!(add);
        while broken.calls(Verb::Add) == before {
            assert!(futures::poll!(&mut add).is_pending());
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(read(&room).await.unwrap(), b"first", "what was given up has no name");
    let receipt = add(&room, b"second", &["b"]).await.unwrap();
    assert!(!receipt.is_partial(), "{receipt:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_fails_in_the_middle_goes_on_elsewhere() {
    for fault in [
        Fault::Cut(1_500_000),
        Fault::Break(1_500_000, ErrorKind::Unavailable),
        Fault::Flip(1_500_000),
        Fault::Shift(3),
    ] {
        let broken = faulty("a");
        let room = room(vec![("a", broken.clone()), ("b", memory("b", "key"))]).await;
        let bytes = content(4_000_000);
        add(&room, &bytes, &["a", "b"]).await.unwrap();
        broken.rule(Verb::Get, fault, None);
        let target = room.manager.resolve("x").await.unwrap();
        let reading = room.manager.read(&target, None).await.unwrap();
        let frames: Vec<Bytes> = reading.body.try_collect().await.unwrap();
        assert!(frames.concat() == bytes);
        assert!(reading.report.troubles().iter().all(|it| it.backend == "a"));
        assert!(!reading.report.troubles().is_empty());
    }
}

//! A second copy is asked when the first one is silent, and what that costs stays small.

use std::sync::Arc;
use std::time::Duration;

use backend_core::ErrorKind;
use backend_layers::SystemClock;
use backend_manager::config::{Change, Routing};
use backend_manager::{Hedged, Trouble};
use backend_testkit::{Fault, Faulty, Verb};
use futures::TryStreamExt;
use tokio::time::Instant;

use crate::bed::{Room, millis, noise};

const MIB: usize = 1 << 20;

/// Two copies of one content; time is paused from here on.
async fn two(len: usize) -> (Room, Arc<Faulty>, Arc<Faulty>, Vec<u8>) {
    let room = Room::new();
    let (one, two) = (room.faulty("one").await, room.faulty("two").await);
    let bytes = noise(1, len);
    room.add("x", &bytes, &["one", "two"]).await;
    tokio::time::pause();
    (room, one, two, bytes)
}

fn integrity(it: &[Trouble]) -> Vec<&str> {
    it.iter().filter(|it| it.kind == ErrorKind::Integrity).map(|it| it.backend.as_str()).collect()
}

#[tokio::test]
async fn one_copy_that_stalls_now_and_then_is_not_felt_and_costs_little() {
    let (room, one, two, bytes) = two(2000).await;
    two.rule(Verb::Get, Fault::Delay(millis(40)), None);
    let target = room.manager.resolve("x").await.unwrap();
    let before = one.calls(Verb::Get) + two.calls(Verb::Get);
    let (mut took, mut stalls) = (Vec::new(), 0);
    for n in 0..10_000 {
        one.heal();
        // One in fifty, and a burst of them now and then.
        let stalls_now = n % 50 == 7 || (5000..5004).contains(&n);
        stalls += u64::from(stalls_now);
        one.rule(Verb::Get, if stalls_now { Fault::Hang } else { Fault::Delay(millis(40)) }, None);
        let begun = Instant::now();
        let reading = room.manager.read(&target, None).await.unwrap();
        let read: Vec<bytes::Bytes> = reading.body.try_collect().await.unwrap();
        assert!(read.concat() == bytes);
        took.push(begun.elapsed());
    }
    took.sort();
    let (median, slowest) = (took[5000], took[9989]);
    // What was measured of the backend is 40 ms: its delay is the floor.
    assert!(slowest <= median.mul_f64(1.3) + millis(100), "p50 {median:?}, p99.9 {slowest:?}");
    let extra = one.calls(Verb::Get) + two.calls(Verb::Get) - before - 10_000;
    assert!(stalls <= extra && extra <= 500, "{extra} extra requests for {stalls} stalls");
    let hedges = room.manager.hedges();
    assert_eq!(hedges, Hedged { issued: extra, won: stalls, lost: extra - stalls, refused: 0 });
}

#[tokio::test]
async fn what_stalls_in_the_middle_is_left_for_another_and_dropped() {
    let (room, one, two, bytes) = two(5 * MIB).await;
    one.rule(Verb::Get, Fault::Stall(2 * MIB as u64 + 70_000), None);
    let asked = (one.calls(Verb::Get), two.calls(Verb::Get));
    let begun = Instant::now();
    let (read, report) = room.read("x").await.unwrap();
    assert!(read == bytes && begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(
        (one.calls(Verb::Get), two.calls(Verb::Get)),
        (asked.0 + 1, asked.1 + 1),
        "one more request, for all the rest"
    );
    assert_eq!(report.hedges(), Hedged { issued: 1, won: 1, ..Hedged::default() });
    assert!(report.troubles().is_empty(), "silence is no failure: {report:?}");
    let served = report.by_backend();
    assert_eq!(served, [("one".to_owned(), 2 * MIB as u64), ("two".to_owned(), 3 * MIB as u64)]);
}

#[tokio::test]
async fn a_loser_is_dropped_and_its_permit_is_free_again() {
    let (room, one, _two, bytes) = two(1000).await;
    let permits = u64::from(room.manager.backend("one").await.unwrap().info().limits.reads);
    // One stall more than there are permits: a request that was not dropped would hold its permit for ever.
    for n in 0..=permits {
        one.rule(Verb::Get, if n % 2 == 0 { Fault::Hang } else { Fault::Stall(0) }, None);
        let (read, report) = room.read("x").await.unwrap();
        assert!(read == bytes && report.hedges().won == 1, "{n}: {report:?}");
        one.heal();
        for _ in 0..21 {
            let (_, report) = room.read("x").await.unwrap();
            assert_eq!(report.by_backend(), [("one".to_owned(), 1000)], "{n} of {permits}: {report:?}");
            assert_eq!(report.hedges(), Hedged::default());
        }
    }
}

#[tokio::test]
async fn a_slow_copy_that_delivers_is_not_hurried_and_a_budget_that_is_spent_is_kept() {
    let (room, one, two, bytes) = two(1000).await;
    one.rule(Verb::Get, Fault::Hang, None);
    two.rule(Verb::Get, Fault::Delay(millis(10)), None);
    let mut hedges = Hedged::default();
    let mut longest = Duration::ZERO;
    for _ in 0..4 {
        let begun = Instant::now();
        let (read, report) = room.read("x").await.unwrap();
        assert!(read == bytes);
        let more = report.hedges();
        hedges.issued += more.issued;
        hedges.won += more.won;
        hedges.refused += more.refused;
        longest = longest.max(begun.elapsed());
    }
    assert_eq!(hedges.issued, 2, "what is there from the beginning");
    assert!(
        0 < hedges.refused && Duration::from_secs(29) < longest,
        "the third waits for its time-out: {hedges:?}, {longest:?}"
    );
}

#[tokio::test]
async fn a_wrong_byte_of_the_second_copy_is_caught() {
    let (room, one, two, bytes) = two(1000).await;
    one.rule(Verb::Get, Fault::Delay(millis(700)), None);
    two.rule(Verb::Get, Fault::Flip(500), None);
    let begun = Instant::now();
    let (read, report) = room.read("x").await.unwrap();
    assert!(read == bytes && millis(700) <= begun.elapsed(), "{:?}", begun.elapsed());
    assert_eq!(report.hedges(), Hedged { issued: 1, lost: 1, ..Hedged::default() });
    assert_eq!(integrity(&report.troubles()), ["two"]);
    assert_eq!(report.by_backend(), [("one".to_owned(), 1000)]);
}

#[tokio::test]
async fn a_wrong_byte_of_the_first_copy_is_caught_and_the_second_one_serves() {
    let room = Room::new();
    let wrong = room.memory("one", "key");
    let late = Arc::new(Faulty::new(wrong.clone(), Arc::new(SystemClock)));
    room.manager.register("one", late.clone()).await.unwrap();
    let two = room.faulty("two").await;
    let bytes = noise(1, 1000);
    room.add("x", &bytes, &["one", "two"]).await;
    tokio::time::pause();
    wrong.rule(Verb::Get, Fault::Flip(3), None);
    late.rule(Verb::Get, Fault::Delay(millis(300)), None);
    two.rule(Verb::Get, Fault::Delay(millis(900)), None);
    let (read, report) = room.read("x").await.unwrap();
    assert!(read == bytes);
    assert_eq!(report.hedges(), Hedged { issued: 1, won: 1, ..Hedged::default() }, "{report:?}");
    assert_eq!(integrity(&report.troubles()), ["one"]);
    assert_eq!(report.by_backend(), [("two".to_owned(), 1000)]);
}

#[tokio::test]
async fn a_store_of_blocks_is_given_company_too() {
    let room = Room::new();
    let (one, two) = (room.memory("one", "cid"), room.memory("two", "cid"));
    room.manager.register("one", one.clone()).await.unwrap();
    room.manager.register("two", two.clone()).await.unwrap();
    let bytes = noise(1, 3 * MIB);
    room.add("x", &bytes, &["one", "two"]).await;
    tokio::time::pause();
    one.rule(Verb::Get, Fault::Delay(millis(1)), Some(1));
    one.rule(Verb::Get, Fault::Hang, Some(1));
    let begun = Instant::now();
    let (read, report) = room.read("x").await.unwrap();
    assert!(read == bytes && begun.elapsed() < millis(200), "{:?}", begun.elapsed());
    assert_eq!(report.hedges(), Hedged { issued: 1, won: 1, ..Hedged::default() });
    assert_eq!(report.by_backend().iter().map(|it| it.1).sum::<u64>(), 3 * MIB as u64, "{report:?}");
    assert!(report.by_backend().iter().any(|it| it.0 == "two"), "{report:?}");
}

#[tokio::test]
async fn a_store_of_blocks_that_stands_still_is_left_with_all_that_was_asked() {
    let room = Room::new();
    let (one, two) = (room.memory("one", "cid"), room.memory("two", "cid"));
    room.manager.register("one", one.clone()).await.unwrap();
    room.manager.register("two", two.clone()).await.unwrap();
    let bytes = noise(1, 20 * MIB);
    room.add("x", &bytes, &["one", "two"]).await;
    tokio::time::pause();
    one.rule(Verb::Get, Fault::Hang, None);
    let begun = Instant::now();
    let (read, report) = room.read("x").await.unwrap();
    assert!(read == bytes && begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let hedges = report.hedges();
    assert!(hedges.won == hedges.issued && 2 < hedges.issued && hedges.issued <= 16, "{hedges:?}");
    assert_eq!(report.by_backend(), [("two".to_owned(), 20 * MIB as u64)]);
}

#[tokio::test]
async fn nobody_is_asked_who_has_failed_lately() {
    let (room, one, two, bytes) = two(1000).await;
    two.rule(Verb::Get, Fault::fail(ErrorKind::Unavailable), None);
    let verified: Vec<_> = room.manager.verify(None).try_collect().await.unwrap();
    assert!(verified.iter().any(|it| it.backend == "two" && it.error.is_some()), "{verified:?}");
    two.heal();
    one.rule(Verb::Get, Fault::Delay(millis(700)), None);
    let (asked, begun) = (two.calls(Verb::Get), Instant::now());
    let (read, report) = room.read("x").await.unwrap();
    assert!(read == bytes && millis(700) <= begun.elapsed() && begun.elapsed() < millis(800), "{:?}", begun.elapsed());
    assert_eq!((report.hedges(), two.calls(Verb::Get)), (Hedged::default(), asked), "it is waited for");
}

#[tokio::test]
async fn the_cheap_one_is_asked_before_the_dear_one() {
    let room = Room::new();
    let silent = room.faulty("a_silent").await;
    let price = |of: f64| Routing { retrieval_cost_per_gb: Some(of), ..Routing::default() };
    room.configured("b_dear", "memory", |it| it.routing = price(5.0));
    room.configured("c_cheap", "memory", |it| it.routing = price(0.0));
    let bytes = noise(1, 1000);
    room.add("x", &bytes, &["a_silent", "b_dear", "c_cheap"]).await;
    room.add("y", &noise(2, 1000), &["a_silent", "b_dear"]).await;
    tokio::time::pause();
    silent.rule(Verb::Get, Fault::Hang, None);
    let (_, report) = room.read("x").await.unwrap();
    assert_eq!(report.by_backend(), [("c_cheap".to_owned(), 1000)], "{report:?}");
    let (_, report) = room.read("y").await.unwrap();
    assert_eq!(report.by_backend(), [("b_dear".to_owned(), 1000)], "there is nobody else: {report:?}");
}

#[tokio::test]
async fn hedging_can_be_switched_off_for_a_backend() {
    let room = Room::new();
    for name in ["a", "b"] {
        room.configured(name, "memory", |_| {});
    }
    let set = |path: &str, text: &str| Change::Set { path: path.into(), text: text.into() };
    let changed =
        room.manager.config().update("a", &[set("routing.hedge", "false"), set("routing.hedge_delay_ms", "20")]);
    assert_eq!(
        changed.unwrap().routing,
        Routing { hedge: Some(false), hedge_delay_ms: Some(20), ..Routing::default() }
    );
    assert!(room.manager.config().update("a", &[set("routing.hedge_delay_ms", "0")]).is_err());
}

//! What stands still is ended; what is merely long is not.

use std::sync::Arc;

use backend_core::{
    AddOptions, Addressing, Backend, Capabilities, Effect, ErrorKind, GetOptions, Info, ListOptions, Pin, Power,
    Progress, RemoveOptions, Result, ResumeToken, StatOptions,
};
use backend_layers::Operational;
use futures::{StreamExt, TryStreamExt};
use tokio::time::Instant;

use crate::scripted::{Do, Item, Scripted};
use crate::words::{at, cid, content, info, once, seconds, since, stacked, unavailable, with_progress};

async fn act(stack: &dyn Backend, verb: &str) -> Result<()> {
    match verb {
        "stat" => stack.stat(&at(), &StatOptions::default()).await.map(drop),
        "get" => stack.get(&at(), &GetOptions::default()).await.map(drop),
        "usage" => stack.usage().await.map(drop),
        "discard" => stack.discard(&ResumeToken::new("t").unwrap()).await,
        "pin" => stack.pin(&cid(), &Pin::default()).await.map(drop),
        "remove" => stack.remove(&at(), &RemoveOptions::default()).await.map(drop),
        "add" => stack.add(&content(1), &AddOptions::default()).await.map(drop),
        other => panic!("{other} is no verb"),
    }
}

#[tokio::test(start_paused = true)]
async fn every_verb_that_never_answers_is_ended() {
    let reads = ["stat", "get", "usage"];
    let writes = ["discard", "pin", "remove", "add"];
    for verb in reads.into_iter().chain(writes) {
        let (leaf, begun) = (Arc::new(Scripted::new().then(vec![Do::Hang])), Instant::now());
        let err = act(stacked(&leaf, &once()).as_ref(), verb).await.unwrap_err();
        let effect = if reads.contains(&verb) { Effect::None } else { Effect::Unknown };
        assert_eq!((err.kind(), err.effect(), since(begun).round()), (ErrorKind::Timeout, effect, 30.0), "{verb}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_is_an_answer() {
    for verb in ["stat", "get", "usage", "discard", "pin", "remove", "add"] {
        let leaf = Arc::new(Scripted::new().then(vec![Do::Sleep(seconds(29))]));
        assert!(act(stacked(&leaf, &once()).as_ref(), verb).await.is_ok(), "{verb}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_try_has_its_own_time() {
    let leaf = Arc::new(Scripted::new().then(vec![Do::Hang]));
    let begun = Instant::now();
    stacked(&leaf, &Operational::default()).stat(&at(), &StatOptions::default()).await.unwrap();
    assert!((30.1..30.3).contains(&since(begun)), "{}", since(begun));
}

type Steps<'a> = &'a [(u64, u64)];

/// How an add of 100 bytes ends, whose leaf waits so long and then moves so many bytes, step by step; and after how many seconds.
async fn check(steps: Steps<'_>, then: u64) -> (String, f64) {
    let mut script: Vec<Do> =
        steps.iter().flat_map(|(wait, bytes)| [Do::Sleep(seconds(*wait)), Do::Moved(*bytes)]).collect();
    script.push(Do::Sleep(seconds(then)));
    let (leaf, begun) = (Arc::new(Scripted::new().then(script)), Instant::now());
    let outcome = stacked(&leaf, &once()).add(&content(100), &AddOptions::default()).await;
    (outcome.map_or_else(|err| err.message().to_owned(), |_| "ok".to_owned()), since(begun).round())
}

#[tokio::test(start_paused = true)]
async fn an_add_may_last_as_long_as_it_moves() {
    let still = "nothing moved for 30 s";
    let unfinished = "nothing moved for 600 s";
    let cases: [(Steps<'_>, u64, &str, f64); 8] = [
        (&[(29, 10); 9], 0, "ok", 261.0),
        (&[(29, 0); 50], 0, "ok", 1450.0),
        (&[(29, 10); 9], 31, still, 291.0),
        (&[(10, 10), (31, 10)], 0, still, 40.0),
        (&[(10, 100)], 599, "ok", 609.0),
        (&[(10, 100)], 601, unfinished, 610.0),
        (&[(10, 100), (500, 0), (500, 0)], 500, "ok", 1510.0),
        (&[(10, 99)], 31, still, 40.0),
    ];
    for (steps, then, wanted, time) in cases {
        assert_eq!(check(steps, then).await, (wanted.to_owned(), time), "{steps:?} {then}");
    }
}

#[tokio::test(start_paused = true)]
async fn content_without_bytes_is_finished_from_the_start() {
    let hasty = Operational { timeout: 60, finish_timeout: 1, ..once() };
    for (how, most) in [(once(), 600), (hasty, 60)] {
        for (wait, in_time) in [(most - 1, true), (most + 1, false)] {
            let leaf = Arc::new(Scripted::new().then(vec![Do::Sleep(seconds(wait))]));
            let outcome = stacked(&leaf, &how).add(&content(0), &AddOptions::default()).await;
            assert_eq!(outcome.is_ok(), in_time, "{wait} of {most} s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_try_moved_is_not_this_ones() {
    let failed = vec![Do::Moved(100), Do::Fail(unavailable())];
    let leaf = Arc::new(Scripted::with(info(Addressing::Cid)).then(failed).then(vec![Do::Hang]));
    let begun = Instant::now();
    let how = Operational { retry_count: 1, ..Operational::default() };
    stacked(&leaf, &how).add(&content(100), &AddOptions::default()).await.unwrap_err();
    assert_eq!(since(begun).round(), 30.0);
}

#[tokio::test(start_paused = true)]
async fn the_life_of_another_transfer_is_not_ours() {
    let progress = Progress::new();
    let leaf = Arc::new(Scripted::new().then(vec![Do::Moved(7), Do::Hang]));
    let stack = stacked(&leaf, &once());
    let other = async {
        for _ in 0..20 {
            tokio::time::sleep(seconds(10)).await;
            progress.moved(1000);
        }
    };
    let begun = Instant::now();
    let (opts, bytes) = (with_progress(&progress), content(100));
    let add = async { stack.add(&bytes, &opts).await.map(|_| ()).map_err(|err| (err.kind(), since(begun).round())) };
    let (outcome, ()) = futures::join!(add, other);
    assert_eq!(outcome, Err((ErrorKind::Timeout, 30.0)));
    assert_eq!(progress.bytes(), 20_007, "what the attempt moved counts for the caller");
}

#[tokio::test(start_paused = true)]
async fn a_pin_may_last_as_long_as_it_ticks() {
    let ticking = (0..50).flat_map(|_| [Do::Sleep(seconds(29)), Do::Moved(0)]).collect();
    let leaf = Arc::new(Scripted::new().then(ticking));
    assert!(stacked(&leaf, &once()).pin(&cid(), &Pin::default()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn each_frame_has_its_own_time_and_a_slow_reader_costs_none() {
    let slow = vec![Item::Sleep(seconds(29)), Item::Bytes("hello "), Item::Sleep(seconds(29)), Item::Bytes("world")];
    let leaf = Arc::new(Scripted::new().streams(slow).streams(vec![Item::Bytes("hello "), Item::Hang]));
    let stack = stacked(&leaf, &once());
    let fetched = stack.get(&at(), &GetOptions::default()).await.unwrap();
    let frames: Vec<_> = fetched.body.try_collect().await.unwrap();
    assert_eq!(frames.concat(), b"hello world");

    let mut body = stack.get(&at(), &GetOptions::default()).await.unwrap().body;
    assert!(body.next().await.unwrap().is_ok());
    tokio::time::sleep(seconds(3600)).await;
    let begun = Instant::now();
    let err = body.next().await.unwrap().unwrap_err();
    assert_eq!((err.kind(), since(begun).round()), (ErrorKind::Timeout, 30.0));
    assert!(body.next().await.is_none(), "a body that was ended has ended");
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_stands_still_is_ended() {
    let leaf = Arc::new(Scripted::new().streams(vec![Item::Entry("a", None), Item::Hang]));
    let mut entries = stacked(&leaf, &once()).list(&ListOptions::default());
    assert!(entries.next().await.unwrap().is_ok());
    assert_eq!(entries.next().await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
    assert!(entries.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_never_answers_is_an_answer() {
    let reads_only = Capabilities { get: true, stat: true, ..Capabilities::default() };
    let fails = Power::Fails(ErrorKind::Timeout);
    let everything = Scripted::new().info.offers;
    for (offers, reads, writes) in
        [(everything, fails, fails), (reads_only, fails, Power::Off), (Capabilities::default(), Power::Off, Power::Off)]
    {
        let info = Info { offers, ..Scripted::new().info };
        let leaf = Arc::new(Scripted::with(info).then(vec![Do::Hang]));
        let health = stacked(&leaf, &once()).health().await;
        assert_eq!((health.reads, health.writes, health.latency), (reads, writes, seconds(30)));
    }
}

//! Rate limits: known ones are kept, and one that a service answers with closes the gate for everybody behind it.

use std::sync::Arc;

use backend_core::{
    Addressing, Backend, ErrorKind, GetOptions, Info, Limits, ListOptions, Rate, RateClass, RemoveOptions, RetryAdvice,
    StatOptions,
};
use backend_layers::{Gates, Operational, SystemClock, stack};
use futures::future::{join_all, poll_immediate};
use futures::{StreamExt, TryStreamExt};
use tokio::time::Instant;

use crate::scripted::{Do, Item, Scripted};
use crate::words::{at, info, once, seconds, since, slow_down};

fn behind(gate: &str, rates: Vec<Rate>) -> Scripted {
    let limits = Limits { rates, ..Limits::default() };
    Scripted::with(Info { gate: Some(gate.to_owned()), limits, ..info(Addressing::Cid) })
}

fn stacked(leaf: Scripted, gates: &Gates, how: &Operational) -> Arc<dyn Backend> {
    stack(Arc::new(leaf), how, gates, Arc::new(SystemClock))
}

/// After how many seconds a `stat` answered, or what it was refused with.
async fn stat(stack: &dyn Backend) -> Result<f64, RetryAdvice> {
    let begun = Instant::now();
    match stack.stat(&at(), &StatOptions::default()).await {
        Ok(_) => Ok(since(begun).round()),
        Err(err) => {
            assert_eq!(err.kind(), ErrorKind::RateLimited);
            Err(err.advice())
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_closes_the_gate_for_everybody_behind_it() {
    let gates = Gates::default();
    let first = stacked(behind("host", vec![]).fails(slow_down(seconds(20))), &gates, &once());
    let second = stacked(behind("host", vec![]), &gates, &once());
    let stranger = stacked(behind("other host", vec![]), &gates, &once());
    assert_eq!(stat(first.as_ref()).await, Err(RetryAdvice::After(seconds(20))));
    assert_eq!(stat(stranger.as_ref()).await, Ok(0.0));
    assert!(poll_immediate(second.health()).await.is_some(), "a probe needs no gate");
    assert_eq!(stat(second.as_ref()).await, Ok(20.0));
    assert_eq!(stat(second.as_ref()).await, Ok(0.0), "it is open again");
}

#[tokio::test(start_paused = true)]
async fn without_a_gate_nobody_shares() {
    let gates = Gates::default();
    let alone = || Scripted::with(info(Addressing::Cid));
    let first = stacked(alone().fails(slow_down(seconds(20))), &gates, &once());
    assert!(stat(first.as_ref()).await.is_err());
    assert_eq!(stat(stacked(alone(), &gates, &once()).as_ref()).await, Ok(0.0));
    assert_eq!(stat(first.as_ref()).await, Ok(20.0));
}

#[tokio::test(start_paused = true)]
async fn a_gate_closed_for_longer_than_the_timeout_answers_at_once() {
    let gates = Gates::default();
    let first = stacked(behind("host", vec![]).fails(slow_down(seconds(400))), &gates, &once());
    let second = stacked(behind("host", vec![]), &gates, &once());
    assert!(stat(first.as_ref()).await.is_err());
    assert_eq!(poll_immediate(Box::pin(stat(second.as_ref()))).await, Some(Err(RetryAdvice::After(seconds(400)))));
    tokio::time::sleep(seconds(370)).await;
    assert_eq!(stat(second.as_ref()).await, Ok(30.0));
}

#[tokio::test(start_paused = true)]
async fn no_answer_closes_a_gate_for_ever() {
    let gates = Gates::default();
    let first = stacked(behind("host", vec![]).fails(slow_down(seconds(u64::MAX))), &gates, &once());
    assert_eq!(stat(first.as_ref()).await, Err(RetryAdvice::After(seconds(u64::MAX))));
    assert_eq!(stat(first.as_ref()).await, Err(RetryAdvice::After(seconds(3600))));
    tokio::time::sleep(seconds(3600)).await;
    assert_eq!(stat(first.as_ref()).await, Ok(0.0));
}

#[tokio::test(start_paused = true)]
async fn every_answer_may_close_it() {
    let gates = Gates::default();
    let other = stacked(behind("host", vec![]), &gates, &once());
    for verb in ["remove", "get", "body", "list"] {
        let leaf = behind("host", vec![]);
        let leaf = match verb {
            "remove" | "get" => leaf.fails(slow_down(seconds(20))),
            _ => leaf.streams(vec![Item::Fail(slow_down(seconds(20)))]),
        };
        let limited = stacked(leaf, &gates, &once());
        let err = match verb {
            "remove" => limited.remove(&at(), &RemoveOptions::default()).await.unwrap_err(),
            "get" => limited.get(&at(), &GetOptions::default()).await.unwrap_err(),
            "body" => {
                let fetched = limited.get(&at(), &GetOptions::default()).await.unwrap();
                fetched.body.try_collect::<Vec<_>>().await.unwrap_err()
            }
            _ => limited.list(&ListOptions::default()).try_collect::<Vec<_>>().await.unwrap_err(),
        };
        assert_eq!(err.kind(), ErrorKind::RateLimited, "{verb}");
        assert_eq!(stat(other.as_ref()).await, Ok(20.0), "{verb}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shorter_wait_does_not_open_it() {
    let gates = Gates::default();
    let late = behind("host", vec![]).then(vec![Do::Sleep(seconds(1)), Do::Fail(slow_down(seconds(2)))]);
    let (late, first) = (stacked(late, &gates, &once()), behind("host", vec![]).fails(slow_down(seconds(20))));
    let first = stacked(first, &gates, &once());
    let (one, two) = futures::join!(stat(late.as_ref()), stat(first.as_ref()));
    assert_eq!((one, two), (Err(RetryAdvice::After(seconds(2))), Err(RetryAdvice::After(seconds(20)))));
    assert_eq!(stat(first.as_ref()).await, Ok(19.0));
}

#[tokio::test(start_paused = true)]
async fn writes_wait_before_a_closed_gate_and_keep_their_rate() {
    let rates = vec![Rate { class: RateClass::Write, n: 1, per: seconds(60) }];
    let stack = stacked(behind("host", rates).fails(slow_down(seconds(20))), &Gates::default(), &once());
    assert!(stat(stack.as_ref()).await.is_err());
    let begun = Instant::now();
    for wanted in [20.0, 80.0] {
        stack.remove(&at(), &RemoveOptions::default()).await.unwrap();
        assert_eq!(since(begun).round(), wanted);
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_waits_before_a_closed_gate() {
    let gates = Gates::default();
    let first = stacked(behind("host", vec![]).fails(slow_down(seconds(20))), &gates, &once());
    let second = stacked(behind("host", vec![]).streams(vec![Item::Entry("a", None)]), &gates, &once());
    assert!(stat(first.as_ref()).await.is_err());
    let begun = Instant::now();
    assert!(second.list(&ListOptions::default()).next().await.unwrap().is_ok());
    assert_eq!(since(begun).round(), 20.0);
}

#[tokio::test(start_paused = true)]
async fn retries_wait_for_the_gate_as_long_as_they_may() {
    let gates = Gates::default();
    let first = stacked(behind("host", vec![]).fails(slow_down(seconds(120))), &gates, &Operational::default());
    let second = stacked(behind("host", vec![]), &gates, &Operational::default());
    let (one, two) = futures::join!(stat(first.as_ref()), stat(second.as_ref()));
    assert_eq!((one, two), (Ok(120.0), Ok(120.0)));
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_by_all_behind_the_gate_together() {
    let gates = Gates::default();
    let rates = || vec![Rate { class: RateClass::Read, n: 2, per: seconds(60) }];
    let stacks = [0, 1].map(|_| stacked(behind("host", rates()), &gates, &once()));
    let mut waits = join_all((0..6).map(|n| stat(stacks[n % 2].as_ref()))).await;
    waits.sort_by_key(|wait| wait.map(|seconds| seconds as u64).unwrap());
    assert_eq!(waits, [0.0, 0.0, 60.0, 60.0, 120.0, 120.0].map(Ok));
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_is_used_up_for_long_answers_at_once() {
    let rates = vec![Rate { class: RateClass::Read, n: 1, per: seconds(3600) }];
    let stack = stacked(behind("host", rates), &Gates::default(), &once());
    assert_eq!(stat(stack.as_ref()).await, Ok(0.0));
    let refused = poll_immediate(Box::pin(stat(stack.as_ref()))).await.unwrap().unwrap_err();
    assert_eq!(refused, RetryAdvice::After(seconds(3600)));
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_his_place_still_finds_the_gate_closed() {
    let gates = Gates::default();
    let rates = vec![Rate { class: RateClass::Read, n: 1, per: seconds(60) }];
    let rated = stacked(behind("host", rates), &gates, &once());
    let loud = stacked(behind("host", vec![]).fails(slow_down(seconds(25))), &gates, &once());
    assert_eq!(stat(rated.as_ref()).await, Ok(0.0));
    let closes = async {
        tokio::time::sleep(seconds(50)).await;
        loud.remove(&at(), &RemoveOptions::default()).await.unwrap_err();
    };
    let (waited, ()) = futures::join!(stat(rated.as_ref()), closes);
    assert_eq!(waited, Ok(75.0));
}

#[tokio::test(start_paused = true)]
async fn a_listing_counts_once() {
    let rates = vec![Rate { class: RateClass::List, n: 1, per: seconds(60) }];
    let names = || vec![Item::Entry("a", None), Item::Entry("b", None), Item::Entry("c", None)];
    let stack = stacked(behind("host", rates).streams(names()).streams(names()), &Gates::default(), &once());
    let begun = Instant::now();
    for wanted in [0.0, 60.0] {
        assert_eq!(stack.list(&ListOptions::default()).count().await, 3);
        assert_eq!(since(begun).round(), wanted);
    }
}

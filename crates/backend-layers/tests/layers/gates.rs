//! Rate limits: known ones are kept, and one that a service answers with closes the gate for everybody behind it.

use std::sync::Arc;

use backend_core::{
    Addressing, Backend, ErrorKind, GetOptions, Info, Limits, ListOptions, Rate, RateClass, RetryAdvice, StatOptions,
};
use backend_layers::{Gates, Operational, SystemClock, stack};
use futures::StreamExt;
use futures::future::{join_all, poll_immediate};
use tokio::time::Instant;

use crate::scripted::{Item, Scripted};
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
async fn bodies_and_listings_close_it_too() {
    let gates = Gates::default();
    let limited = || vec![Item::Fail(slow_down(seconds(20)))];
    let reader = stacked(behind("host", vec![]).streams(limited()).streams(limited()), &gates, &once());
    let other = stacked(behind("host", vec![]), &gates, &once());
    let mut body = reader.get(&at(), &GetOptions::default()).await.unwrap().body;
    assert!(body.next().await.unwrap().is_err());
    assert_eq!(stat(other.as_ref()).await, Ok(20.0));
    assert!(reader.list(&ListOptions::default()).next().await.unwrap().is_err());
    assert_eq!(stat(other.as_ref()).await, Ok(20.0));
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

//! What is repeated, how often, after which pauses, and with what is answered in the end.

use std::sync::Arc;
use std::time::Duration;

use backend_core::{
    AddOptions, Addressing, Backend, Condition, Effect, Error, ErrorKind, GetOptions, Info, Pin, RemoveOptions, Result,
    ResumeToken, RetryAdvice, StatOptions,
};
use backend_layers::Operational;
use futures::StreamExt;
use tokio::time::Instant;

use crate::scripted::{Do, Item, Scripted};
use crate::words::{at, cid, content, info, lost_answer, once, seconds, since, slow_down, stacked, unavailable};

/// How a leaf that fails so often, so, and then succeeds is answered for with three retries: calls, advice in the end, seconds.
async fn check(failures: usize, err: fn() -> Error) -> (usize, Option<RetryAdvice>, f64) {
    let leaf = (0..failures).fold(Scripted::new(), |leaf, _| leaf.fails(err()));
    let (leaf, begun) = (Arc::new(leaf), Instant::now());
    let outcome = stacked(&leaf, &Operational::default()).stat(&at(), &StatOptions::default()).await;
    (leaf.calls().len(), outcome.err().map(|err| err.advice()), since(begun))
}

#[tokio::test(start_paused = true)]
async fn tries_follow_the_advice_and_are_counted() {
    let never: fn() -> Error = || Error::new(ErrorKind::Denied, "no");
    let exhausted: fn() -> Error = || unavailable().with_advice(RetryAdvice::Exhausted);
    let minute: fn() -> Error = || slow_down(seconds(60));
    let hour: fn() -> Error = || slow_down(seconds(301));
    let cases = [
        (0, unavailable as fn() -> Error, 1, None, 0.0..=0.0),
        (1, unavailable, 2, None, 0.1..=0.2),
        (3, unavailable, 4, None, 0.7..=1.4),
        (4, unavailable, 4, Some(RetryAdvice::Exhausted), 0.7..=1.4),
        (9, never, 1, Some(RetryAdvice::Never), 0.0..=0.0),
        (9, exhausted, 1, Some(RetryAdvice::Exhausted), 0.0..=0.0),
        (1, minute, 2, None, 60.0..=60.1),
        (9, minute, 4, Some(RetryAdvice::Exhausted), 180.0..=180.1),
        (1, hour, 1, Some(RetryAdvice::After(seconds(301))), 0.0..=0.0),
    ];
    for (n, (failures, err, calls, advice, time)) in cases.into_iter().enumerate() {
        let seen = check(failures, err).await;
        assert_eq!((seen.0, seen.1), (calls, advice), "case {n}");
        assert!(time.contains(&seen.2), "case {n}: {} s", seen.2);
    }
}

#[tokio::test(start_paused = true)]
async fn without_retries_the_advice_stays() {
    let leaf = Arc::new(Scripted::new().fails(unavailable()));
    let err = stacked(&leaf, &once()).stat(&at(), &StatOptions::default()).await.unwrap_err();
    assert_eq!((err.advice(), leaf.calls().len()), (RetryAdvice::Backoff, 1));
}

async fn act(stack: &dyn Backend, verb: &str) -> Result<()> {
    let matching = RemoveOptions { if_match: Some("etag".into()), ..RemoveOptions::default() };
    let condition = |condition| AddOptions { condition, ..AddOptions::default() };
    match verb {
        "stat" => stack.stat(&at(), &StatOptions::default()).await.map(drop),
        "get" => stack.get(&at(), &GetOptions::default()).await.map(drop),
        "usage" => stack.usage().await.map(drop),
        "discard" => stack.discard(&ResumeToken::new("t").unwrap()).await,
        "pin" => stack.pin(&cid(), &Pin::default()).await.map(drop),
        "remove" => stack.remove(&at(), &RemoveOptions::default()).await.map(drop),
        "remove if_match" => stack.remove(&at(), &matching).await.map(drop),
        "add" => stack.add(&content(1), &AddOptions::default()).await.map(drop),
        "add if_absent" => stack.add(&content(1), &condition(Condition::IfAbsent)).await.map(drop),
        "add if_match" => stack.add(&content(1), &condition(Condition::IfMatch("e".into()))).await.map(drop),
        other => panic!("{other} is no verb"),
    }
}

/// Calls of a verb whose first try fails so, and the effect that is answered for a second failure that had none.
async fn doubted(addressing: Addressing, verb: &str, first: Error) -> (usize, Effect) {
    let denied = Error::new(ErrorKind::Denied, "no");
    let leaf = Arc::new(Scripted::with(info(addressing)).fails(first).fails(denied));
    let err = act(stacked(&leaf, &Operational::default()).as_ref(), verb).await.unwrap_err();
    (leaf.calls().len(), err.effect())
}

#[tokio::test(start_paused = true)]
async fn what_may_have_happened_is_not_repeated_under_a_condition() {
    let again = ["stat", "get", "usage", "discard", "pin", "remove", "add"];
    let not_again = ["remove if_match", "add if_absent", "add if_match"];
    for verb in again.into_iter().chain(not_again) {
        assert_eq!(doubted(Addressing::Cid, verb, unavailable()).await, (2, Effect::None), "{verb}");
        let tries = if again.contains(&verb) { 2 } else { 1 };
        assert_eq!(doubted(Addressing::Cid, verb, lost_answer()).await, (tries, Effect::Unknown), "{verb}");
    }
    assert_eq!(doubted(Addressing::Assigned, "add", lost_answer()).await, (1, Effect::Unknown), "it would make twins");
    assert_eq!(doubted(Addressing::Assigned, "add", unavailable()).await, (2, Effect::None));
}

#[tokio::test(start_paused = true)]
async fn what_our_own_lost_try_left_is_not_said_to_have_been_there() {
    let cases = [(unavailable(), true, Some(true)), (lost_answer(), true, None), (lost_answer(), false, Some(false))];
    for (first, existed, wanted) in cases {
        let leaf = Scripted::with(info(Addressing::Cid)).fails(first).then(vec![Do::Existed(existed)]);
        let stack = stacked(&Arc::new(leaf), &Operational::default());
        assert_eq!(stack.add(&content(1), &AddOptions::default()).await.unwrap().existed, wanted);
    }
    let leaf = Scripted::new().fails(lost_answer()).then(vec![Do::Existed(true)]);
    let pinned = stacked(&Arc::new(leaf), &Operational::default()).pin(&cid(), &Pin::default()).await.unwrap();
    assert_eq!(pinned.existed, None);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_fails_is_not_asked_for_again() {
    let leaf = Arc::new(Scripted::new().streams(vec![Item::Bytes("hello"), Item::Fail(unavailable())]));
    let mut fetched = stacked(&leaf, &Operational::default()).get(&at(), &GetOptions::default()).await.unwrap();
    assert!(fetched.body.next().await.unwrap().is_ok());
    let err = fetched.body.next().await.unwrap().unwrap_err();
    assert_eq!((err.advice(), leaf.calls().len()), (RetryAdvice::Backoff, 1));
    assert!(fetched.body.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_never_repeated() {
    let leaf = Arc::new(Scripted::new().fails(unavailable()));
    stacked(&leaf, &Operational::default()).health().await;
    assert_eq!(leaf.calls(), ["health"]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_no_permit() {
    let how = Operational { max_reads: Some(1), ..Operational::default() };
    let leaf = Arc::new(Scripted::with(Info { gate: None, ..info(Addressing::Cid) }).fails(unavailable()));
    let stack = stacked(&leaf, &how);
    let begun = Instant::now();
    let (one, two) = (StatOptions::default(), StatOptions::default());
    let (place_one, place_two) = (at(), at());
    let failing = stack.stat(&place_one, &one);
    let other = async {
        stack.stat(&place_two, &two).await.unwrap();
        begun.elapsed()
    };
    let (first, second) = futures::join!(failing, other);
    assert!(first.is_ok() && second < Duration::from_millis(1), "the second waited {second:?}");
    assert_eq!(leaf.calls().len(), 3);
}

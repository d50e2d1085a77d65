//! What is counted, what is learnt, and what errors carry.

use std::sync::Arc;
use std::time::Duration;

use backend_core::{
    AddOptions, Backend, Error, ErrorKind, GetOptions, ListOptions, Locator, Pin, Power, Progress, RemoveOptions,
    StatOptions,
};
use backend_layers::{Count, Gates, Meter, SystemClock, Verb, metered};
use futures::future::poll_immediate;
use futures::{StreamExt, TryStreamExt};

use crate::scripted::{Answers, Do, Item, Scripted};
use crate::words::{CID, at, cid, content, key, once, seconds, unavailable, with_progress};

fn watched(leaf: Scripted) -> (Arc<dyn Backend>, Arc<Meter>) {
    let meter = Arc::new(Meter::default());
    (metered(Arc::new(leaf), &once(), &Gates::default(), Arc::new(SystemClock), meter.clone()), meter)
}

fn count(meter: &Meter, verb: Verb) -> Count {
    meter.observed().count(verb)
}

#[tokio::test(start_paused = true)]
async fn errors_say_where_they_happened() {
    let leaf = (0..5).fold(Scripted::new(), |leaf, _| leaf.fails(unavailable()));
    let limping = || vec![Item::Bytes("hello"), Item::Fail(unavailable())];
    let (stack, _) = watched(leaf.streams(vec![Item::Fail(unavailable())]).streams(limping()));
    let down = "the service is down";
    let seen = [
        stack.stat(&Locator::new(key("a/b")), &StatOptions::default()).await.unwrap_err().to_string(),
        stack.add(&content(1), &AddOptions::default()).await.unwrap_err().to_string(),
        stack.remove(&at(), &RemoveOptions::default()).await.unwrap_err().to_string(),
        stack.pin(&cid(), &Pin::default()).await.unwrap_err().to_string(),
        stack.usage().await.unwrap_err().to_string(),
        stack.list(&ListOptions::default()).next().await.unwrap().unwrap_err().to_string(),
    ];
    let mut body = stack.get(&at(), &GetOptions::default()).await.unwrap().body;
    assert!(body.next().await.unwrap().is_ok());
    let wanted = [
        format!("archive: stat: {down} (a/b)"),
        format!("archive: add: {down} ({CID})"),
        format!("archive: remove: {down} ({CID})"),
        format!("archive: pin: {down} ({CID})"),
        format!("archive: usage: {down}"),
        format!("archive: list: {down}"),
    ];
    assert_eq!(seen, wanted);
    assert_eq!(body.next().await.unwrap().unwrap_err().to_string(), format!("archive: get: {down} ({CID})"));
}

#[tokio::test(start_paused = true)]
async fn calls_errors_bytes_and_latency_are_counted() {
    let leaf = Scripted::new()
        .then(vec![Do::Sleep(seconds(8))])
        .then(vec![])
        .fails(unavailable())
        .then(vec![Do::Moved(7), Do::Moved(3), Do::Fail(unavailable())])
        .then(vec![Do::Moved(4), Do::Hang]);
    let (stack, meter) = watched(leaf);
    let stat = || async { stack.stat(&at(), &StatOptions::default()).await.map(drop) };
    assert_eq!(count(&meter, Verb::Stat), Count::default());
    stat().await.unwrap();
    assert_eq!(count(&meter, Verb::Stat).latency.map(|it| it.as_secs()), Some(8));
    stat().await.unwrap();
    assert_eq!(count(&meter, Verb::Stat).latency.map(|it| it.as_secs()), Some(7), "one eighth of it is new");
    stat().await.unwrap_err();
    let Count { calls, errors, .. } = count(&meter, Verb::Stat);
    assert_eq!((calls, errors), (3, 1));

    let progress = Progress::new();
    stack.add(&content(99), &with_progress(&progress)).await.unwrap_err();
    let (bytes, opts) = (content(99), with_progress(&progress));
    let mut dropped = stack.add(&bytes, &opts);
    assert!(poll_immediate(&mut dropped).await.is_none());
    drop(dropped);
    let wanted = Count { calls: 2, errors: 1, bytes: 14, latency: None };
    assert_eq!((count(&meter, Verb::Add), progress.bytes()), (wanted, 14));
}

#[tokio::test(start_paused = true)]
async fn bodies_and_listings_are_counted_as_they_pass() {
    let body = vec![Item::Bytes("hello"), Item::Sleep(seconds(5)), Item::Fail(unavailable())];
    let names = vec![Item::Sleep(seconds(2)), Item::Entry("a", None), Item::Sleep(seconds(9)), Item::Entry("b", None)];
    let (stack, meter) = watched(Scripted::new().streams(body).streams(names));
    let mut body = stack.get(&at(), &GetOptions::default()).await.unwrap().body;
    assert_eq!(count(&meter, Verb::Get).bytes, 0);
    while body.next().await.is_some() {}
    let Count { calls, errors, bytes, .. } = count(&meter, Verb::Get);
    assert_eq!((calls, errors, bytes), (1, 1, 5));

    let entries = stack.list(&ListOptions::default());
    assert_eq!(count(&meter, Verb::List).calls, 0, "nobody has asked for an entry");
    assert_eq!(entries.try_collect::<Vec<_>>().await.unwrap().len(), 2);
    let Count { calls, latency, .. } = count(&meter, Verb::List);
    assert_eq!((calls, latency.map(|it| it.as_secs())), (1, Some(2)));
}

/// What is reported of writes when real ones ended so, and a probe then says so, so many seconds later.
async fn check(ends: &[Option<ErrorKind>], probe: Power, later: u64) -> Power {
    let answers = Answers { writes: probe, ..Answers::default() };
    let leaf = ends.iter().fold(Scripted::new().answers(answers), |leaf, end| match end {
        Some(kind) => leaf.fails(Error::new(*kind, "it failed")),
        None => leaf.then(vec![]),
    });
    let (stack, _) = watched(leaf);
    for _ in ends {
        stack.add(&content(1), &AddOptions::default()).await.ok();
    }
    tokio::time::sleep(seconds(later)).await;
    stack.health().await.writes
}

#[tokio::test(start_paused = true)]
async fn whether_writing_works_is_learnt_from_writes() {
    use ErrorKind::{Disabled, NotFound, TooLarge, Unavailable};
    let cases: [(&[Option<ErrorKind>], Power, u64, Power); 12] = [
        (&[], Power::Unknown, 0, Power::Unknown),
        (&[], Power::Works, 0, Power::Unknown),
        (&[], Power::Off, 0, Power::Off),
        (&[None], Power::Unknown, 0, Power::Works),
        (&[None], Power::Fails(Unavailable), 0, Power::Fails(Unavailable)),
        (&[Some(Disabled)], Power::Unknown, 0, Power::Fails(Disabled)),
        (&[Some(Disabled)], Power::Works, 9999, Power::Fails(Disabled)),
        (&[Some(Unavailable)], Power::Works, 299, Power::Fails(Unavailable)),
        (&[Some(Unavailable)], Power::Works, 301, Power::Unknown),
        (&[Some(Disabled), None], Power::Unknown, 0, Power::Works),
        (&[None, Some(TooLarge)], Power::Unknown, 0, Power::Works),
        (&[Some(NotFound)], Power::Unknown, 0, Power::Unknown),
    ];
    for (ends, probe, later, wanted) in cases {
        assert_eq!(check(ends, probe, later).await, wanted, "{ends:?} {probe:?} {later}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_writing_teaches_about_writing() {
    let (stack, meter) = watched(Scripted::new().fails(unavailable()).fails(unavailable()));
    stack.remove(&at(), &RemoveOptions::default()).await.unwrap_err();
    assert_eq!(meter.observed().writes.power, Power::Unknown);
    stack.stat(&at(), &StatOptions::default()).await.unwrap_err();
    let seen = meter.observed();
    assert_eq!((seen.reads.power, seen.writes.power), (Power::Fails(ErrorKind::Unavailable), Power::Unknown));
    stack.get(&at(), &GetOptions::default()).await.unwrap();
    assert_eq!(meter.observed().reads.power, Power::Works);
}

#[test]
fn verbs_have_names_of_their_own() {
    let names: std::collections::BTreeSet<_> = Verb::ALL.iter().map(|verb| verb.as_str()).collect();
    assert_eq!(names.len(), Verb::ALL.len());
    assert_eq!(Meter::default().observed().count(Verb::Usage).latency, None::<Duration>);
}

//! What the month allows, who is told of what real traffic shows, and those who do not wait for a repetition.

use std::sync::{Arc, Mutex};

use backend_core::{
    AddOptions, Backend, Error, ErrorKind, GetOptions, ListOptions, RemoveOptions, Result, RetryAdvice, StatOptions,
};
use backend_layers::{Gates, Listen, Meter, Operational, Side, Stacks, SystemClock, Verb, stacks};
use futures::StreamExt;

use crate::scripted::{Do, Item, Scripted};
use crate::words::{at, content, once, seconds, unavailable};

#[derive(Debug, Default)]
struct Ear(Mutex<Vec<String>>);

impl Ear {
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Listen for Ear {
    fn outcome(&self, side: Side, failure: Option<ErrorKind>) {
        let word = failure.map_or("work", ErrorKind::as_str);
        self.0.lock().unwrap().push(format!("{} {word}", side.as_str()));
    }

    fn moved(&self, _: u64, _: u64) {
        self.0.lock().unwrap().push("moved".to_owned());
    }
}

fn bed(leaf: Scripted, how: &Operational) -> (Stacks, Arc<Meter>, Arc<Ear>) {
    let ear = Arc::new(Ear::default());
    let meter = Arc::new(Meter::telling(ear.clone()));
    (stacks(Arc::new(leaf), how, &Gates::default(), Arc::new(SystemClock), meter.clone()), meter, ear)
}

async fn add(backend: &dyn Backend, len: u64) -> Result<()> {
    backend.add(&content(len), &AddOptions::default()).await.map(drop)
}

fn check_refused(result: Result<()>, left: u64) {
    let err = result.unwrap_err();
    assert_eq!((err.kind(), err.advice()), (ErrorKind::QuotaExceeded, RetryAdvice::Never));
    let wanted = format!("the traffic quota of this month leaves {left} bytes");
    assert!(err.to_string().contains(&wanted), "{err}");
}

#[tokio::test(start_paused = true)]
async fn what_the_month_does_not_allow_is_refused_before_a_byte_goes() {
    let leaf = Scripted::new().then(vec![Do::Moved(60)]).streams(vec![Item::Bytes("hello world")]).then(vec![]);
    let (Stacks { patient, .. }, meter, ear) = bed(leaf, &once());
    meter.allow(Some(100), 20, 0);
    check_refused(add(&*patient, 81).await, 80);
    add(&*patient, 60).await.unwrap();
    assert_eq!((meter.sent(), meter.left()), (60, Some(20)));
    let get = |range| GetOptions { range, ..GetOptions::default() };
    check_refused(patient.get(&at(), &get(Some((0..21).into()))).await.map(drop), 20);
    let mut body = patient.get(&at(), &get(None)).await.unwrap().body;
    while body.next().await.is_some() {}
    meter.allow(Some(100), 100, 71);
    check_refused(patient.get(&at(), &get(None)).await.map(drop), 0);
    check_refused(add(&*patient, 0).await, 0);
    patient.remove(&at(), &RemoveOptions::default()).await.unwrap();
    assert_eq!((meter.refused(), meter.observed().count(Verb::Add).errors), (4, 0), "no failure of the service");
    assert_eq!(ear.heard(), ["writes work", "reads work"]);
    meter.allow(Some(100), 0, 71);
    assert_eq!(meter.left(), Some(100), "another month");
}

#[tokio::test(start_paused = true)]
async fn who_can_go_elsewhere_is_not_kept_waiting() {
    let how = Operational { retry_count: 3, ..once() };
    let leaf = || (0..3).fold(Scripted::new(), |leaf, _| leaf.fails(unavailable()));
    let (Stacks { hasty, .. }, ..) = bed(leaf(), &how);
    let start = tokio::time::Instant::now();
    let err = hasty.get(&at(), &GetOptions::default()).await.unwrap_err();
    assert_eq!((err.kind(), start.elapsed()), (ErrorKind::Unavailable, seconds(0)));
    let (Stacks { patient, .. }, ..) = bed(leaf(), &how);
    patient.get(&at(), &GetOptions::default()).await.unwrap();
    let hangs = Scripted::new().then(vec![Do::Hang]);
    let (Stacks { hasty, .. }, ..) = bed(hangs, &Operational { timeout: 7, ..how });
    let start = tokio::time::Instant::now();
    let err = hasty.get(&at(), &GetOptions::default()).await.unwrap_err();
    assert_eq!((err.kind(), start.elapsed()), (ErrorKind::Timeout, seconds(7)), "once its time-out, and no more");
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_told_as_they_speak_of_the_service() {
    let fails = |kind| Error::new(kind, "it failed");
    let leaf = Scripted::new()
        .fails(fails(ErrorKind::NotFound))
        .fails(fails(ErrorKind::InvalidRange))
        .streams(vec![Item::Fail(unavailable())])
        .then(vec![])
        .fails(fails(ErrorKind::Denied))
        .then(vec![Do::Moved(65 << 20), Do::Moved(62 << 20), Do::Moved(1 << 20)]);
    let (Stacks { patient, .. }, meter, ear) = bed(leaf, &once());
    for _ in 0..2 {
        patient.stat(&at(), &StatOptions::default()).await.unwrap_err();
    }
    assert_eq!(ear.heard(), ["reads work"], "that it is not there says that the store is");
    let mut body = patient.get(&at(), &GetOptions::default()).await.unwrap().body;
    assert!(ear.heard().is_empty(), "opening is not yet working");
    body.next().await.unwrap().unwrap_err();
    add(&*patient, 1).await.unwrap_err();
    add(&*patient, 1).await.unwrap();
    assert_eq!(ear.heard(), ["reads unavailable", "writes denied", "moved", "moved", "writes work"]);
    let lately = meter.lately(Side::Reads, backend_core::Clock::monotonic(&SystemClock));
    assert_eq!((lately.worked, lately.failed), (1, 1));
    let denied = ErrorKind::ALL.iter().position(|it| *it == ErrorKind::Denied).unwrap();
    assert_eq!((meter.failures(Verb::Add)[denied], meter.latencies(Verb::Add).counts[0]), (1, 1));
    drop(patient.list(&ListOptions::default()));
}

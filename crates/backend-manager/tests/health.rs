//! How backends are: what real traffic and probes teach, who is refused, who is asked first, and what a month allows.
#![expect(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use backend_core::{Backend, ByteStream, Clock, Effect, ErrorKind, Result, RetryAdvice, Settings};
use backend_manager::config::Home;
use backend_manager::{AddRequest, Input, Level, Manager, Probing, Receipt, StateView};
use backend_memory as _;
use backend_testkit::{Fault, Faulty, TestClock, Verb};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

struct Room {
    manager: Manager,
    clock: Arc<TestClock>,
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap(), TestClock::new())
    }

    fn at(folder: tempfile::TempDir, clock: Arc<TestClock>) -> Self {
        let manager = Manager::open_by(Home::at(folder.path().join("home")), clock.clone()).unwrap();
        Self { manager, clock, folder }
    }

    /// Another process begins where this one ends.
    fn again(self) -> Self {
        let Self { manager, clock, folder } = self;
        drop(manager);
        Self::at(folder, clock)
    }

    async fn backend(&self, name: &str) -> Arc<Faulty> {
        let settings = Settings::new(name, serde_json::json!({ "addressing": "key" }), self.clock.clone());
        let memory = (backend_core::find("memory").unwrap().open)(settings).unwrap();
        let faulty = Arc::new(Faulty::new(memory, self.clock.clone()));
        self.manager.register(name, faulty.clone()).await.unwrap();
        faulty
    }

    async fn add(&self, bytes: &[u8], to: &[&str]) -> Result<Receipt> {
        let body: ByteStream = futures::stream::iter([Ok(Bytes::copy_from_slice(bytes))]).boxed();
        let to = to.iter().map(|it| (*it).to_owned()).collect();
        let request = AddRequest { to, name: Some("x".to_owned()), ..AddRequest::default() };
        self.manager.add(Input::Stream(body), &request).await
    }

    /// What was read, and from whom.
    async fn read(&self) -> Result<(Vec<u8>, Vec<(String, u64)>)> {
        let target = self.manager.resolve("x").await?;
        let reading = self.manager.read(&target, None).await?;
        let report = reading.report.clone();
        let frames: Vec<Bytes> = reading.body.try_collect().await?;
        Ok((frames.concat(), report.by_backend()))
    }

    async fn states(&self, name: &str) -> (StateView, StateView) {
        let views = self.manager.health(&[name.to_owned()], Probing::No).await.unwrap();
        (views[0].reads.state, views[0].writes.state)
    }
}

fn refuse(kind: ErrorKind) -> Fault {
    Fault::Fail(kind, RetryAdvice::Never, Effect::None)
}

/// Moves the clock to whoever sleeps next until `work` has ended: nothing waits, and nothing hangs.
async fn hurried<T>(clock: &TestClock, work: impl Future<Output = T>) -> T {
    futures::pin_mut!(work);
    let start = Instant::now();
    loop {
        match tokio::time::timeout(Duration::from_millis(20), &mut work).await {
            Ok(answer) => return answer,
            Err(_) => clock.advance(clock.next().unwrap_or_default()),
        }
        assert!(start.elapsed() < Duration::from_secs(60), "it never ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_to_what_has_failed_is_refused_at_once_and_comes_back() {
    let room = Room::new();
    let (_, bad) = (room.backend("good").await, room.backend("bad").await);
    bad.rule(Verb::Add, refuse(ErrorKind::Unavailable), None);
    for n in 0..3 {
        assert!(room.add(&[n; 9], &["good", "bad"]).await.unwrap().is_partial());
    }
    let asked = bad.calls(Verb::Add);
    assert_eq!(room.states("bad").await, (StateView::Up, StateView::Down));
    let receipt = room.add(b"more", &["good", "bad"]).await.unwrap();
    let err = receipt.replicas.iter().find_map(|it| it.error.as_ref()).unwrap();
    assert_eq!((err.kind(), err.backend()), (ErrorKind::Unavailable, Some("bad")));
    assert!(err.message().contains("tried again in 5 s"), "{err}");
    assert_eq!(bad.calls(Verb::Add), asked, "nothing was sent");
    room.clock.advance(Duration::from_secs(5));
    assert_eq!(room.states("bad").await.1, StateView::HalfOpen);
    assert_eq!(room.add(b"more", &["bad"]).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(room.add(b"more", &["bad"]).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(bad.calls(Verb::Add), asked + 1, "one has tried");
    bad.heal();
    room.clock.advance(Duration::from_secs(10));
    assert!(!room.add(b"more", &["bad"]).await.unwrap().is_partial());
    assert_eq!(room.states("bad").await, (StateView::Up, StateView::Up));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_has_closed_is_closed_and_not_down() {
    let room = Room::new();
    let full = room.backend("full").await;
    full.rule(Verb::Add, refuse(ErrorKind::Disabled), None);
    for n in 0..4 {
        assert_eq!(room.add(&[n; 9], &["full"]).await.unwrap_err().kind(), ErrorKind::Disabled);
    }
    assert_eq!(room.states("full").await, (StateView::Up, StateView::Closed));
    assert_eq!(full.calls(Verb::Add), 3, "the last one was refused here");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_down_is_down_for_the_next_process_and_a_probe_brings_it_back() {
    let room = Room::new();
    let dead = room.backend("dead").await;
    dead.rule(Verb::Health, refuse(ErrorKind::Unavailable), None);
    for _ in 0..3 {
        assert_eq!(room.manager.probe_all().await.unwrap(), (1, 1));
    }
    assert_eq!(room.manager.probe_all().await.unwrap(), (0, 0), "it rests");
    let since = room.manager.health(&[], Probing::No).await.unwrap()[0].reads.since;
    room.clock.advance(Duration::from_secs(3));
    let room = room.again();
    let dead = room.backend("dead").await;
    let view = room.manager.health(&[], Probing::No).await.unwrap().remove(0);
    assert_eq!((view.reads.state, view.reads.since), (StateView::Down, since));
    let err = room.add(b"x", &["dead"]).await.unwrap_err();
    assert!(err.message().starts_with("reads of dead fail since"), "what cannot be read is not written: {err}");
    room.clock.advance(Duration::from_secs(2));
    assert_eq!(room.manager.probe_all().await.unwrap(), (1, 0));
    assert_eq!(room.states("dead").await, (StateView::Up, StateView::HalfOpen), "only a write shows that writes work");
    assert_eq!(dead.calls(Verb::Add), 0, "no probe writes");
    room.add(b"x", &["dead"]).await.unwrap();
    assert_eq!(room.states("dead").await, (StateView::Up, StateView::Up));
    let room = room.again();
    room.backend("dead").await;
    assert_eq!(room.states("dead").await.0, StateView::Up, "that too is remembered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_goes_on_elsewhere_at_once_and_leaves_nobody_out() {
    let room = Room::new();
    let (one, two) = (room.backend("one").await, room.backend("two").await);
    let bytes = vec![7; 100_000];
    room.add(&bytes, &["one", "two"]).await.unwrap();
    let first = room.read().await.unwrap().1.remove(0).0;
    let (bad, good) = if first == "one" { (&one, &two) } else { (&two, &one) };
    // With patience this would take three pauses of a clock that stands still: it would never end.
    bad.rule(Verb::Get, Fault::fail(ErrorKind::Unavailable), None);
    let start = Instant::now();
    let (read, from) = room.read().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    assert!(read == bytes && from[0].0 != first, "{from:?}");
    let asked = bad.calls(Verb::Get);
    room.read().await.unwrap();
    assert_eq!(bad.calls(Verb::Get), asked, "who has failed is not asked first again");
    bad.heal();
    good.rule(Verb::Get, refuse(ErrorKind::Unavailable), None);
    assert_eq!(room.read().await.unwrap().0, bytes, "but he is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_hangs_costs_little_and_never_more_than_its_first_byte_time_out() {
    let room = Room::new();
    let (one, two) = (room.backend("one").await, room.backend("two").await);
    room.add(b"hello", &["one", "two"]).await.unwrap();
    let first = room.read().await.unwrap().1.remove(0).0;
    let bad = if first == "one" { &one } else { &two };
    bad.rule(Verb::Get, Fault::Hang, None);
    // A second copy is asked beside it, until what that may cost is spent.
    for wanted in [Duration::from_millis(100), Duration::from_millis(100), Duration::from_secs(30)] {
        let before = room.clock.monotonic();
        let (read, _) = hurried(&room.clock, room.read()).await.unwrap();
        assert_eq!((&*read, room.clock.monotonic() - before), (&b"hello"[..], wanted));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_fail_those_that_may_yet_answer_are_asked_patiently() {
    let room = Room::new();
    let (one, two) = (room.backend("one").await, room.backend("two").await);
    room.add(b"hello", &["one", "two"]).await.unwrap();
    for backend in [&one, &two] {
        backend.rule(Verb::Get, Fault::fail(ErrorKind::Unavailable), Some(2));
    }
    assert_eq!(hurried(&room.clock, room.read()).await.unwrap().0, b"hello");
}

/// A home with a backend in a folder, of which only so many bytes may move in a month.
fn metered(room: &Room, quotas: &str) {
    let (home, store) = (room.folder.path().join("home"), room.folder.path().join("usb"));
    std::fs::create_dir_all(home.join("backends")).unwrap();
    let text = format!(
        "name: usb\ntype: local\nconnection: {{ path: {}, create: true }}\npolicies: {{ {quotas} }}\n",
        store.display()
    );
    std::fs::write(home.join("backends/usb.yaml"), text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_allows_so_much_over_all_processes_and_the_next_begins_anew() {
    let room = Room::new();
    // 2^20 bytes.
    metered(&room, "traffic_quota_gb_monthly: 0.0009765625");
    room.add(&vec![1; 700_000], &["usb"]).await.unwrap();
    let view = room.manager.health(&[], Probing::No).await.unwrap().remove(0);
    assert!(700_000 <= view.sent && view.sent < 710_000, "{}", view.sent);
    assert_eq!((view.traffic.limit, view.traffic.level()), (Some(1 << 20), Level::Fine));
    let room = room.again();
    let view = room.manager.health(&[], Probing::No).await.unwrap().remove(0);
    assert!(700_000 <= view.sent, "it survives the process: {}", view.sent);
    let err = room.add(&vec![2; 400_000], &["usb"]).await.unwrap_err();
    assert_eq!((err.kind(), err.backend()), (ErrorKind::QuotaExceeded, Some("usb")));
    room.add(&vec![3; 345_000], &["usb"]).await.unwrap();
    let view = room.manager.health(&[], Probing::No).await.unwrap().remove(0);
    assert_eq!(view.traffic.level(), Level::Warn);
    assert_eq!(room.read().await.unwrap_err().kind(), ErrorKind::QuotaExceeded, "so much does not fit any more");
    room.clock.advance(Duration::from_secs(32 * 24 * 3600));
    assert_eq!(room.read().await.unwrap().0, vec![3; 345_000]);
    let view = room.manager.health(&[], Probing::No).await.unwrap().remove(0);
    assert_eq!((view.sent, view.received), (0, 345_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_counts_is_told_and_never_adopted() {
    let room = Room::new();
    let settings = Settings::new("m", serde_json::json!({ "addressing": "key" }), room.clock.clone());
    let memory: Arc<dyn Backend> = (backend_core::find("memory").unwrap().open)(settings).unwrap();
    room.manager.register("m", memory.clone()).await.unwrap();
    room.add(&[5; 1000], &["m"]).await.unwrap();
    let drift = |view: backend_manager::HealthView| view.drift.unwrap().unwrap();
    let before = drift(room.manager.health(&[], Probing::Usage).await.unwrap().remove(0));
    assert_eq!(before.known, 1000);
    let key = backend_core::Key::parse("somebody/elses").unwrap();
    let bytes = backend_core::Content::bytes(ipld::address::sha256(ipld::address::RAW, b"12345"), b"12345".to_vec());
    let opts = backend_core::AddOptions { id: Some(key.into()), ..Default::default() };
    memory.add(&bytes, &opts).await.unwrap();
    let after = drift(room.manager.health(&[], Probing::Usage).await.unwrap().remove(0));
    assert_eq!((after.known, after.bytes()), (1000, before.bytes().map(|bytes| bytes + 5)));
}

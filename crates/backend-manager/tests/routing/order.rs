//! The order in which copies are asked, and what is said of it.

use backend_core::ErrorKind;
use backend_manager::config::{Policies, PolicyFile, Routing, TraitOverrides};
use backend_manager::{AddRequest, Criteria, Criterion, Routed, Sought, Standing};
use backend_testkit::{Fault, Verb};
use futures::TryStreamExt;

use crate::bed::{Room, millis, noise};

impl Room {
    async fn route(&self, name: &str, by: Criterion) -> Routed {
        let sought = Sought::Read(self.cid(name).await);
        self.manager.route_to_best(&Criteria { by, sought }).await.unwrap()
    }

    async fn placed(&self, size: u64, policy: &str) -> Routed {
        let sought = Sought::Place { size, policy: Some(policy.to_owned()) };
        self.manager.route_to_best(&Criteria { by: Criterion::Cost, sought }).await.unwrap()
    }
}

fn names(it: &Routed) -> Vec<&str> {
    it.candidates.iter().map(|it| it.backend.as_str()).collect()
}

fn price(of: f64) -> Routing {
    Routing { retrieval_cost_per_gb: Some(of), ..Routing::default() }
}

#[tokio::test]
async fn what_was_measured_orders_reads_and_is_remembered() {
    let room = Room::new();
    let (slow, fast) = (room.faulty("a_slow").await, room.faulty("b_fast").await);
    room.add("x", &noise(1, 400_000), &["a_slow", "b_fast"]).await;
    tokio::time::pause();
    slow.rule(Verb::Get, Fault::Delay(millis(900)), None);
    fast.rule(Verb::Get, Fault::Delay(millis(20)), None);
    let before = room.route("x", Criterion::Latency).await;
    assert!(before.candidates.iter().all(|it| !it.estimate.latency_is_measured), "{before:?}");
    let asked = (slow.calls(Verb::Get), fast.calls(Verb::Get));
    room.manager.verify(None).try_collect::<Vec<_>>().await.unwrap();
    assert!(asked.0 < slow.calls(Verb::Get) && asked.1 < fast.calls(Verb::Get), "each copy was read");
    let asked = (slow.calls(Verb::Get), fast.calls(Verb::Get));
    for by in [Criterion::Balanced, Criterion::Latency, Criterion::Throughput] {
        let routed = room.route("x", by).await;
        assert_eq!(names(&routed), ["b_fast", "a_slow"], "{by:?}");
        let of = |n: usize| &routed.candidates[n].estimate;
        assert!(of(0).latency_is_measured && of(0).throughput_is_measured && of(1).latency_is_measured);
        assert!(
            millis(20) <= of(0).latency && of(0).latency < millis(100) && millis(900) <= of(1).latency,
            "{routed:?}"
        );
    }
    assert_eq!(asked, (slow.calls(Verb::Get), fast.calls(Verb::Get)), "nothing is fetched by asking");
    let (bytes, report) = room.read("x").await.unwrap();
    assert!(bytes == noise(1, 400_000) && report.by_backend()[0].0 == "b_fast", "{report:?}");
    tokio::time::resume();
    let room = room.again();
    room.faulty("a_slow").await;
    room.faulty("b_fast").await;
    let routed = room.route("x", Criterion::Latency).await;
    assert_eq!(
        names(&routed),
        ["b_fast", "a_slow"],
        "the next process knows it, though somebody keeps a report: {routed:?}"
    );
    assert!(routed.candidates[0].estimate.throughput_is_measured, "{routed:?}");
}

#[tokio::test]
async fn trouble_comes_before_every_criterion_and_no_copy_is_left_out() {
    let room = Room::new();
    let (one, _two) = (room.faulty("one").await, room.faulty("two").await);
    room.add("x", &noise(2, 1000), &["one", "two"]).await;
    assert_eq!(names(&room.route("x", Criterion::Cost).await), ["one", "two"]);
    one.rule(Verb::Get, Fault::fail(ErrorKind::Unavailable), None);
    room.read("x").await.unwrap();
    let routed = room.route("x", Criterion::Cost).await;
    assert_eq!(names(&routed), ["two", "one"]);
    assert_eq!(routed.candidates[1].standing, Standing::Failed);
    assert!(routed.candidates[1].reasons.iter().any(|it| it.contains("failed")), "{routed:?}");
}

#[tokio::test]
async fn a_stated_price_counts_as_it_is_asked_for() {
    let room = Room::new();
    for (name, routing) in [("a_dear", price(0.09)), ("b_cheap", price(0.005)), ("c_free", price(0.0))] {
        room.configured(name, "memory", |it| it.routing = routing);
    }
    room.add("x", &noise(3, 5000), &["a_dear", "b_cheap", "c_free"]).await;
    let routed = room.route("x", Criterion::Cost).await;
    assert_eq!(names(&routed), ["c_free", "b_cheap", "a_dear"]);
    assert!(routed.candidates.iter().all(|it| it.estimate.price_is_stated));
    assert_eq!(
        names(&room.route("x", Criterion::Latency).await),
        ["c_free", "b_cheap", "a_dear"],
        "among equally fast ones"
    );
    let small = room.route("x", Criterion::Balanced).await;
    let by_cost = room.manager.reading_by(Criterion::Cost);
    let reading = by_cost.read(&by_cost.resolve("x").await.unwrap(), None).await.unwrap();
    let report = reading.report.clone();
    drop(reading.body.try_collect::<Vec<_>>().await.unwrap());
    assert_eq!(report.by_backend()[0].0, "c_free");
    assert_eq!(names(&small), ["a_dear", "b_cheap", "c_free"], "of so little no price matters: by name");
}

#[tokio::test]
async fn who_cannot_be_asked_is_left_out_and_told_why() {
    let room = Room::new();
    for name in ["gone", "here"] {
        room.configured(name, "memory", |_| {});
    }
    room.add("x", &noise(4, 100), &["gone", "here"]).await;
    let room = room.again();
    room.manager
        .config()
        .update("gone", &[backend_manager::config::Change::Set { path: "enabled".into(), text: "false".into() }])
        .unwrap();
    let routed = room.route("x", Criterion::Balanced).await;
    assert_eq!(names(&routed), ["here"]);
    assert_eq!(routed.left_out.len(), 1);
    assert!(routed.left_out[0].backend == "gone" && routed.left_out[0].why.contains("switched off"), "{routed:?}");
}

#[tokio::test]
async fn a_place_is_what_the_planner_allows_by_preference_and_then_by_criterion() {
    let room = Room::new();
    let gigabytes = |it: f64| Policies { storage_quota_gb: Some(it), ..Policies::default() };
    let kept = |of: f64| Routing { storage_cost_per_gb: Some(of), ..Routing::default() };
    room.configured("a_dear", "memory", |it| it.routing = kept(1.0));
    room.configured("b_full", "memory", |it| it.policies = gigabytes(0.000_001));
    room.configured("c_never", "memory", |_| {});
    // What reading costs is no matter of placing.
    room.configured("d_free", "memory", |it| it.routing = Routing { storage_cost_per_gb: Some(0.0), ..price(9.0) });
    room.configured("e_wanted", "memory", |it| {
        it.routing = kept(5.0);
        it.traits =
            TraitOverrides { durability: Some(backend_manager::config::Level::High), ..TraitOverrides::default() };
    });
    let (prefer, never) = (vec!["durability>=high".to_owned()], vec!["c_never".to_owned()]);
    let file = PolicyFile { replicas: 1, prefer, never, ..PolicyFile::default() };
    room.manager.set_policy("films", &file).await.unwrap();
    let routed = room.placed(1 << 20, "films").await;
    assert_eq!(names(&routed), ["e_wanted", "d_free", "a_dear"], "{routed:?}");
    let why = |name: &str| routed.left_out.iter().find(|it| it.backend == name).map(|it| it.why.as_str());
    assert_eq!((why("b_full"), why("c_never")), (Some("its quota leaves no room"), Some("a policy forbids it")));
    let request = AddRequest { policy: Some("films".to_owned()), ..AddRequest::default() };
    let receipt = room.request(&noise(5, 1000), &request).await.unwrap();
    assert_eq!(receipt.replicas[0].backend, routed.candidates[0].backend, "an add goes there too");
    let criteria = Criteria { by: Criterion::Cost, sought: Sought::Place { size: 1, policy: Some("none".to_owned()) } };
    assert_eq!(room.manager.route_to_best(&criteria).await.unwrap_err().kind(), ErrorKind::NotFound);
}

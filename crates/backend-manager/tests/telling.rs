//! What is logged when a backend's state changes. A file of its own: who collects what is logged must be alone in the process.

use std::sync::Arc;
use std::time::Duration;

use backend_core::{ErrorKind, Settings};
use backend_manager::Manager;
use backend_manager::config::Home;
use backend_memory as _;
use backend_testkit::{Fault, Faulty, TestClock, Verb};

#[tokio::test]
async fn each_change_of_state_is_one_line() {
    let (logs, _guard) = backend_testkit::logs::capture();
    let (folder, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
    let manager = Manager::open_by(Home::at(folder.path().join("home")), clock.clone()).unwrap();
    let settings = Settings::new("dead", serde_json::json!({ "addressing": "key" }), clock.clone());
    let memory = (backend_core::find("memory").unwrap().open)(settings).unwrap();
    let dead = Arc::new(Faulty::new(memory, clock.clone()));
    manager.register("dead", dead.clone()).await.unwrap();
    dead.rule(Verb::Health, Fault::fail(ErrorKind::Unavailable), None);
    for _ in 0..5 {
        manager.probe_all().await.unwrap();
    }
    dead.heal();
    clock.advance(Duration::from_secs(5));
    manager.probe_all().await.unwrap();
    let text = logs.text();
    let lines =
        |words: &str| text.lines().filter(|line| line.contains(words) && line.contains("power=\"reads\"")).count();
    assert_eq!((lines("a backend is out of use"), lines("a backend works again")), (1, 1), "{text}");
}

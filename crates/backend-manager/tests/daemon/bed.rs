//! A home, managers in it, and a clock that the test moves.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backend_core::{Clock, Error, ErrorKind, Settings};
use backend_manager::Manager;
use backend_manager::config::Home;
use backend_manager::daemon::{Board, Chore, Daemon, Holders, Stop};
use backend_memory as _;
use backend_testkit::TestClock;

/// A process: a manager of its own on a shared home.
pub(crate) fn manager(folder: &Path, clock: &Arc<TestClock>) -> Manager {
    Manager::open_by(Home::at(folder.join("home")), clock.clone()).unwrap()
}

pub(crate) async fn memory(manager: &Manager, name: &str, clock: &Arc<TestClock>) {
    let settings = Settings::new(name, serde_json::json!({ "addressing": "key" }), clock.clone());
    let backend = (backend_core::find("memory").unwrap().open)(settings).unwrap();
    manager.register(name, backend).await.unwrap();
}

/// Counts how often it is done; fails the first time if it is told so.
pub(crate) fn counting(holders: Holders, every: u64, done: &Arc<AtomicU64>) -> Chore {
    let done = done.clone();
    Chore::new("counting", Duration::from_secs(every), holders, move |_, _| {
        let done = done.clone();
        async move {
            match done.fetch_add(1, Ordering::SeqCst) {
                1000 => Err(Error::new(ErrorKind::Unavailable, "not this time")),
                _ => Ok(()),
            }
        }
    })
}

pub(crate) fn daemon(manager: &Manager, chores: Vec<Chore>) -> (Arc<Daemon>, Arc<Board>) {
    let board = Arc::new(Board::new());
    (Arc::new(Daemon::new(manager.clone(), chores, board.clone()).unwrap()), board)
}

/// Begins a daemon; it ends when it is asked.
pub(crate) fn begin(daemon: &Arc<Daemon>, stop: &Stop) -> tokio::task::JoinHandle<()> {
    let (daemon, stop) = (daemon.clone(), stop.clone());
    tokio::spawn(async move { daemon.run(&stop).await })
}

/// Moves the clock by `by` a second at a time, giving everybody the time to do what is then due.
pub(crate) async fn pass(clock: &TestClock, by: u64) {
    for _ in 0..by {
        clock.advance(Duration::from_secs(1));
        until("somebody sleeps", || 0 < clock.sleepers()).await;
    }
}

/// Waits until `is` is true; a minute at the most.
pub(crate) async fn until(what: &str, is: impl Fn() -> bool) {
    let start = Instant::now();
    while !is() {
        assert!(start.elapsed() < Duration::from_secs(60), "it never comes to pass that {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) fn seconds(clock: &TestClock) -> u64 {
    clock.monotonic().as_secs()
}

//! kill -9 in the middle: what was answered is there, what is there is whole, and nothing else remains after the next add.

use std::future::poll_fn;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use backend_core::ListOptions;
use backend_testkit::random;
use futures::StreamExt;
use futures::stream;

use crate::common::{add, again, list, n_temps, open, put, read};

const STORE: &str = "BACKEND_LOCAL_CHILD_STORE";

/// Content that can be known again by its key.
fn len(n: usize) -> u64 {
    [100, 4096, 70_000, 1 << 20][n % 4]
}

async fn expected(n: usize) -> Vec<u8> {
    let frames: Vec<_> = random(&n.to_string(), len(n)).open_all().await.unwrap().collect().await;
    frames.into_iter().flat_map(Result::unwrap).collect()
}

/// In the child: adds for ever, 16 at a time, and says what was answered. In the test run itself it has no store and nothing to do.
#[tokio::test]
async fn child_that_adds() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let store = open(Path::new(&path));
    let adds = stream::iter(0..).map(|n: usize| {
        let store = store.clone();
        async move {
            add(&store, &format!("{}/{n}", n % 7), &random(&n.to_string(), len(n))).await.unwrap();
            n
        }
    });
    adds.buffer_unordered(16).for_each(|n| async move { println!("added {n}") }).await;
}

/// In the child: an add that cannot end.
#[tokio::test]
async fn child_that_waits() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let (held, gate) = backend_testkit::Gate::before_the_end(&random("held", 9 << 20));
    let store = open(Path::new(&path));
    let adding = tokio::spawn(async move { add(&store, "held", &held).await });
    poll_fn(|context| gate.poll_reached(context)).await;
    println!("added 0");
    adding.await.unwrap().unwrap();
}

fn start(test: &str, path: &Path) -> (Child, impl Iterator<Item = usize>) {
    let mut child = again(test, &[], (STORE, path)).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines.map_while(Result::ok).filter_map(|it| it.rsplit_once("added ")?.1.parse().ok()))
}

async fn check(n_answers: usize) {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, mut answers) = start("killed::child_that_adds", folder.path());
    let mut answered: Vec<usize> = answers.by_ref().take(n_answers).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    answered.extend(answers);
    assert!(n_answers <= answered.len(), "the child died by itself");

    let store = open(folder.path());
    let there = list(&store, ListOptions::default()).await.unwrap();
    for n in answered {
        assert!(there.contains(&format!("{}/{n}", n % 7)), "{n} was answered and is not there");
    }
    for key in there {
        let n = key.rsplit('/').next().unwrap().parse().unwrap();
        assert_eq!(read(&store, &key).await.unwrap(), expected(n).await, "{key} is not whole");
    }
    put(&store, "next", "x").await.unwrap();
    assert_eq!(n_temps(folder.path()), 0, "the dead process's copies are still there");
}

#[tokio::test]
async fn what_was_answered_is_there_and_what_is_there_is_whole() {
    for n_answers in [1, 10, 77, 300] {
        check(n_answers).await;
    }
}

#[tokio::test]
async fn only_the_copies_of_dead_processes_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, mut answers) = start("killed::child_that_waits", folder.path());
    assert_eq!(answers.next(), Some(0));
    put(&open(folder.path()), "one", "x").await.unwrap();
    assert_eq!(n_temps(folder.path()), 1, "the copy of a living process was swept");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(list(&open(folder.path()), ListOptions::default()).await.unwrap(), ["one"]);
    put(&open(folder.path()), "two", "x").await.unwrap();
    assert_eq!(n_temps(folder.path()), 0, "the copy of a dead process was not swept");
}

#[tokio::test]
async fn a_dropped_add_leaves_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (held, gate) = backend_testkit::Gate::before_the_end(&random("held", 3 << 20));
    let adding = {
        let store = store.clone();
        tokio::spawn(async move { add(&store, "held", &held).await.map(drop) })
    };
    poll_fn(|context| gate.poll_reached(context)).await;
    assert_eq!(n_temps(folder.path()), 1);
    adding.abort();
    assert!(adding.await.unwrap_err().is_cancelled());
    assert_eq!(n_temps(folder.path()), 0);
    assert!(store.health().await.identity.is_none());
}

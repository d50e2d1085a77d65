//! How many at a time, and that nobody waits for himself.

use std::sync::Arc;

use backend_core::{AddOptions, Backend, GetOptions, ListOptions, RemoveOptions, StatOptions};
use backend_layers::Operational;
use futures::future::{join_all, poll_immediate};
use futures::{StreamExt, TryStreamExt};
use tokio::time::Instant;

use crate::scripted::{Do, Item, Scripted};
use crate::words::{at, content, seconds, since, stacked};

fn permits(reads: u32, writes: u32) -> Operational {
    Operational { max_reads: Some(reads), max_writes: Some(writes), retry_count: 0, ..Operational::default() }
}

fn busy(calls: usize) -> Arc<Scripted> {
    Arc::new((0..calls).fold(Scripted::new(), |leaf, _| leaf.then(vec![Do::Sleep(seconds(10))])))
}

#[tokio::test(start_paused = true)]
async fn so_many_reads_and_so_many_writes_run_at_a_time() {
    let (leaf, begun) = (busy(12), Instant::now());
    let stack = stacked(&leaf, &permits(3, 1));
    let reads = join_all((0..9).map(|_| async { stack.stat(&at(), &StatOptions::default()).await.map(drop) }));
    let writes = join_all((0..3).map(|_| async { stack.remove(&at(), &RemoveOptions::default()).await.map(drop) }));
    let (reads, writes) = futures::join!(reads, writes);
    assert!(reads.iter().chain(&writes).all(Result::is_ok));
    assert_eq!((leaf.most_at_a_time(), since(begun).round()), (4, 30.0));
}

/// Whether a `stat` goes through at once.
async fn is_free(stack: &dyn Backend) -> bool {
    poll_immediate(stack.stat(&at(), &StatOptions::default())).await.is_some()
}

#[tokio::test(start_paused = true)]
async fn a_body_holds_its_permit_until_it_ends_or_is_dropped() {
    let stack = stacked(&Arc::new(Scripted::new()), &permits(1, 1));
    let mut fetched = stack.get(&at(), &GetOptions::default()).await.unwrap();
    assert!(!is_free(stack.as_ref()).await);
    assert!(fetched.body.next().await.unwrap().is_ok());
    assert!(!is_free(stack.as_ref()).await);
    assert!(fetched.body.next().await.is_none());
    assert!(is_free(stack.as_ref()).await, "an ended body holds nothing, even if it is kept");
    let dropped = stack.get(&at(), &GetOptions::default()).await.unwrap();
    assert!(!is_free(stack.as_ref()).await);
    drop(dropped);
    assert!(is_free(stack.as_ref()).await);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_gives_its_permit_back() {
    let stack = stacked(&Arc::new(Scripted::new().then(vec![Do::Hang])), &permits(1, 1));
    let (place, opts) = (at(), StatOptions::default());
    let mut hanging = stack.stat(&place, &opts);
    assert!(poll_immediate(&mut hanging).await.is_none());
    assert!(!is_free(stack.as_ref()).await);
    drop(hanging);
    assert!(is_free(stack.as_ref()).await);
}

#[tokio::test(start_paused = true)]
async fn a_copy_within_a_backend_of_one_connection_goes_on() {
    let how = Operational { max_connections: Some(1), ..Operational::default() };
    let stack = stacked(&Arc::new(Scripted::new()), &how);
    let copy = async {
        let fetched = stack.get(&at(), &GetOptions::default()).await.unwrap();
        stack.add(&content(11), &AddOptions::default()).await.unwrap();
        fetched.body.try_collect::<Vec<_>>().await.unwrap().concat()
    };
    assert_eq!(poll_immediate(Box::pin(copy)).await.unwrap(), b"hello world");
}

#[tokio::test(start_paused = true)]
async fn whoever_walks_a_listing_can_act_on_its_entries() {
    let names = vec![Item::Entry("a", None), Item::Entry("b", None)];
    let stack = stacked(&Arc::new(Scripted::new().streams(names)), &permits(1, 1));
    let mut entries = stack.list(&ListOptions::default());
    for _ in 0..2 {
        assert!(entries.next().await.unwrap().is_ok());
        assert!(is_free(stack.as_ref()).await);
    }
    assert!(entries.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_waits_holds_a_permit() {
    let slow = vec![Item::Sleep(seconds(10)), Item::Entry("a", None)];
    let stack = stacked(&Arc::new(Scripted::new().streams(slow)), &permits(1, 1));
    let mut entries = stack.list(&ListOptions::default());
    assert!(poll_immediate(entries.next()).await.is_none());
    assert!(!is_free(stack.as_ref()).await);
    assert!(entries.next().await.unwrap().is_ok());
    assert!(is_free(stack.as_ref()).await);
}

#[tokio::test(start_paused = true)]
async fn health_needs_no_permit() {
    let stack = stacked(&Arc::new(Scripted::new()), &permits(1, 1));
    let _reader = stack.get(&at(), &GetOptions::default()).await.unwrap();
    assert!(poll_immediate(stack.health()).await.is_some());
}

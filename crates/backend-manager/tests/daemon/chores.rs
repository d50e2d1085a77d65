//! When chores are done, by whom, and how they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backend_core::ErrorKind;
use backend_manager::daemon::{Chore, Daemon, GRACE, Holders, Stop};
use backend_testkit::TestClock;

use crate::bed::{begin, counting, daemon, manager, pass, seconds, until};

fn done(count: &AtomicU64) -> u64 {
    count.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chore_comes_again_after_its_interval_even_if_it_failed() {
    let (folder, clock, count) = (tempfile::tempdir().unwrap(), TestClock::new(), Arc::new(AtomicU64::new(999)));
    let (daemon, board) = daemon(&manager(folder.path(), &clock), vec![counting(Holders::Each, 10, &count)]);
    let stop = Stop::new();
    let running = begin(&daemon, &stop);
    for round in 1..=4 {
        until("a round is done", || done(&count) == 999 + round && 0 < clock.sleepers()).await;
        assert!(clock.next().unwrap() <= Duration::from_secs(11) && Duration::from_secs(9) <= clock.next().unwrap());
        clock.advance(Duration::from_secs(8));
        assert_eq!(done(&count), 999 + round, "not before its time");
        clock.advance(Duration::from_secs(3));
    }
    stop.stop();
    running.await.unwrap();
    let state = board.chores()["counting"].clone();
    assert_eq!((state.failures, state.trouble), (1, None), "one of them failed, the last one did not");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_one_does_it_and_the_other_follows_when_it_dies() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
    let counts = [Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0))];
    let (one, two) = (manager(folder.path(), &clock), manager(folder.path(), &clock));
    let (first, _) = daemon(&one, vec![counting(Holders::One, 10, &counts[0])]);
    let (second, _) = daemon(&two, vec![counting(Holders::One, 10, &counts[1])]);
    let (stop_one, stop_two) = (Stop::new(), Stop::new());
    let (running_one, running_two) = (begin(&first, &stop_one), begin(&second, &stop_two));
    let all = || done(&counts[0]) + done(&counts[1]);
    until("one has done it", || all() == 1 && clock.sleepers() == 2).await;
    for _ in 0..100 {
        clock.advance(Duration::from_secs(1));
        until("both sleep", || clock.sleepers() == 2).await;
    }
    assert!((8..=13).contains(&all()), "once an interval, and not twice: {}", all());
    stop_one.stop();
    running_one.await.unwrap();
    drop((one, first));
    let before = done(&counts[1]);
    pass(&clock, 30).await;
    until("the other goes on", || before + 1 < done(&counts[1])).await;
    stop_two.stop();
    running_two.await.unwrap();
    drop(two);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_held_is_free() {
    let (folder, clock, count) = (tempfile::tempdir().unwrap(), TestClock::new(), Arc::new(AtomicU64::new(0)));
    let manager_one = manager(folder.path(), &clock);
    let endless = Chore::new("counting", Duration::from_secs(10), Holders::One, |_, _| std::future::pending());
    let (first, _) = daemon(&manager_one, vec![endless]);
    let running = begin(&first, &Stop::new());
    let leases = || async { manager_one.catalog().read(backend_manager::catalog::leases::chores).await.unwrap() };
    while leases().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let two = manager(folder.path(), &clock);
    let (second, _) = daemon(&two, vec![counting(Holders::One, 10, &count)]);
    let stop = Stop::new();
    let other = begin(&second, &stop);
    pass(&clock, 60).await;
    assert_eq!(done(&count), 0, "its holder lives, however long it takes");
    running.abort();
    let _ = running.await;
    drop((first, manager_one));
    pass(&clock, 22).await;
    until("the chore is taken over", || 0 < done(&count)).await;
    stop.stop();
    other.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_is_waited_for_and_not_for_ever() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), TestClock::new());
    let tidy = Chore::new("tidy", Duration::from_secs(1), Holders::Each, |_, stop: Stop| async move {
        stop.stopped().await;
        Ok(())
    });
    let manager = manager(folder.path(), &clock);
    let (daemon, board) = daemon(&manager, vec![tidy.clone()]);
    let stop = Stop::new();
    let running = begin(&daemon, &stop);
    stop.stop();
    running.await.unwrap();
    assert!(seconds(&clock) == 0 && board.chores().get("tidy").is_none_or(|it| it.failures == 0));

    let begun = Arc::new(AtomicU64::new(0));
    let seen = begun.clone();
    let stubborn = Chore::new("stubborn", Duration::from_secs(1), Holders::Each, move |_, _| {
        seen.fetch_add(1, Ordering::SeqCst);
        std::future::pending()
    });
    let (daemon, _) = crate::bed::daemon(&manager, vec![tidy, stubborn]);
    let stop = Stop::new();
    let running = begin(&daemon, &stop);
    until("it has begun", || done(&begun) == 1).await;
    stop.stop();
    until("the grace is waited for", || clock.next() == Some(GRACE)).await;
    clock.advance(GRACE);
    running.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_chores_have_two_names() {
    let (folder, clock, count) = (tempfile::tempdir().unwrap(), TestClock::new(), Arc::default());
    let chores = vec![counting(Holders::One, 1, &count), counting(Holders::Each, 2, &count)];
    let err = Daemon::new(manager(folder.path(), &clock), chores, Arc::default()).unwrap_err();
    assert_eq!(err.kind(), ErrorKind::InvalidInput);
}

//! Group commit: one fsync for many, each with its own fate, nobody answered too early.

use std::sync::mpsc;
use std::time::Duration;

use backend_core::{Error, ErrorKind, Result, RetryAdvice};
use backend_manager::catalog::{Catalog, meta};
use futures::future::join_all;
use rusqlite::Connection;

use crate::bed::{Bed, content};

type Work = Box<dyn FnOnce(&Connection) -> Result<()> + Send>;

fn set(name: &'static str) -> Work {
    Box::new(move |conn| meta::set(conn, name, "x"))
}

/// Runs works as one group: the writer is held until all are queued. What each came to, and how many commits they took.
async fn as_a_group(catalog: &Catalog, works: Vec<Work>) -> (Vec<Result<()>>, u64) {
    let (begun, seen) = tokio::sync::oneshot::channel::<()>();
    let (open, gate) = mpsc::channel::<()>();
    let holder = catalog.clone();
    let held = tokio::spawn(async move {
        let hold = move |_: &Connection| {
            begun.send(()).unwrap();
            gate.recv().map_err(|_| Error::new(ErrorKind::Internal, "the gate fell"))
        };
        holder.write(hold).await
    });
    seen.await.unwrap();
    let before = catalog.commits();
    let queue = join_all(works.into_iter().map(|work| catalog.write(work)));
    // Polled in this order: all are queued when the gate opens.
    let (results, ()) = futures::join!(queue, async { open.send(()).unwrap() });
    held.await.unwrap().unwrap();
    (results, catalog.commits() - before)
}

async fn has(catalog: &Catalog, name: &'static str) -> bool {
    catalog.read(move |conn| meta::get(conn, name)).await.unwrap().is_some()
}

#[tokio::test]
async fn many_writers_share_few_commits() {
    let bed = Bed::new();
    let works = (0..100).map(|n| Box::new(move |conn: &Connection| content_of(conn, n)) as Work).collect();
    let (results, commits) = as_a_group(&bed.catalog, works).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!(commits, 2, "the one that held the writer, and one for the hundred");
}

fn content_of(conn: &Connection, n: u32) -> Result<()> {
    content(conn, n);
    Ok(())
}

#[tokio::test]
async fn a_member_that_fails_takes_back_only_itself() {
    let bed = Bed::new();
    let fails: Work = Box::new(|conn| {
        meta::set(conn, "failed", "x")?;
        Err(Error::new(ErrorKind::InvalidInput, "on purpose"))
    });
    let panics: Work = Box::new(|conn| {
        meta::set(conn, "panicked", "x")?;
        panic!("on purpose")
    });
    let (results, _) = as_a_group(&bed.catalog, vec![set("first"), fails, set("second"), panics, set("third")]).await;
    let kinds: Vec<_> = results.into_iter().map(|it| it.err().map(|err| err.kind())).collect();
    assert_eq!(kinds, [None, Some(ErrorKind::InvalidInput), None, Some(ErrorKind::Internal), None]);
    for (name, there) in [("first", true), ("failed", false), ("second", true), ("panicked", false), ("third", true)] {
        assert_eq!(has(&bed.catalog, name).await, there, "{name}");
    }
}

#[tokio::test]
async fn a_commit_that_fails_fails_every_member() {
    let bed = Bed::new();
    // A rule that is only looked at when the transaction ends.
    let breaks: Work = Box::new(|conn| {
        conn.execute_batch("PRAGMA defer_foreign_keys = ON; INSERT INTO links VALUES (1001, 1002)").unwrap();
        Ok(())
    });
    let (results, _) = as_a_group(&bed.catalog, vec![set("first"), breaks, set("second")]).await;
    for result in results {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Precondition);
    }
    assert!(!has(&bed.catalog, "first").await && !has(&bed.catalog, "second").await);
    bed.catalog.write(set("later")).await.unwrap();
    assert!(has(&bed.catalog, "later").await);
    bed.sound().await;
}

#[tokio::test]
async fn a_member_that_ends_the_transaction_spoils_its_group_and_no_other() {
    let bed = Bed::new();
    let ends: Work = Box::new(|conn| {
        conn.execute_batch("ROLLBACK").unwrap();
        Ok(())
    });
    let (results, _) = as_a_group(&bed.catalog, vec![set("first"), ends, set("second")]).await;
    let kinds: Vec<_> = results.into_iter().map(|it| it.err().map(|err| err.kind())).collect();
    assert_eq!(kinds, [Some(ErrorKind::Unavailable), Some(ErrorKind::Unavailable), None]);
    assert!(!has(&bed.catalog, "first").await && has(&bed.catalog, "second").await);
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_kept() {
    let bed = Bed::new();
    let pages = |conn: &Connection| conn.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).unwrap();
    bed.write(move |conn| {
        conn.pragma_update(None, "max_page_count", pages(conn)).unwrap();
        Ok(())
    })
    .await;
    let err = bed.catalog.write(|conn| meta::set(conn, "large", &"x".repeat(100_000))).await.unwrap_err();
    assert_eq!(err.kind(), ErrorKind::QuotaExceeded, "{err:?}");
    assert!(!has(&bed.catalog, "large").await);
    bed.write(|conn| meta::set(conn, "small", "x")).await;
}

#[tokio::test]
async fn another_process_that_writes_too_long_makes_it_unavailable() {
    let bed = Bed::new();
    let other = Connection::open(bed.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let hasty = Catalog::open_patiently(&bed.path(), Duration::from_millis(20));
    assert_eq!(hasty.unwrap_err().kind(), ErrorKind::Unavailable, "the schema is looked at in a transaction");
    other.execute_batch("COMMIT").unwrap();
    let hasty = Catalog::open_patiently(&bed.path(), Duration::from_millis(20)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let err = hasty.write(set("late")).await.unwrap_err();
    assert_eq!((err.kind(), err.advice()), (ErrorKind::Unavailable, RetryAdvice::Backoff));
    assert!(!has(&hasty, "late").await, "readers are not kept waiting");
    other.execute_batch("COMMIT").unwrap();
    hasty.write(set("late")).await.unwrap();
}

/// A transaction that only read so far would fail when it writes, if another process had written in between; no patience helps then (A15).
#[tokio::test]
async fn a_write_holds_the_catalog_from_its_first_read_on() {
    let bed = Bed::new();
    let path = bed.path();
    bed.write(move |conn| {
        meta::get(conn, "n").unwrap();
        let other = Connection::open(path).unwrap();
        other.busy_timeout(Duration::ZERO).unwrap();
        assert!(other.execute_batch("BEGIN IMMEDIATE").is_err());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_write_whose_caller_is_gone_stands_all_the_same() {
    let bed = Bed::new();
    let (open, gate) = mpsc::channel::<()>();
    let (begun, seen) = tokio::sync::oneshot::channel::<()>();
    let catalog = bed.catalog.clone();
    let task = tokio::spawn(async move {
        catalog
            .write(move |conn| {
                begun.send(()).unwrap();
                gate.recv().unwrap();
                meta::set(conn, "orphan", "x")
            })
            .await
    });
    seen.await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    open.send(()).unwrap();
    // Writes run in their order: when this one is answered, the one before has been committed.
    bed.write(|conn| meta::set(conn, "after", "x")).await;
    assert!(has(&bed.catalog, "orphan").await);
}

#[tokio::test]
async fn a_posted_write_needs_no_waiter() {
    let bed = Bed::new();
    bed.catalog.post(|conn| meta::set(conn, "posted", "x")).unwrap();
    bed.write(|conn| meta::set(conn, "after", "x")).await;
    assert!(has(&bed.catalog, "posted").await);
}

//! The one writer: a thread that owns a connection and commits what has queued up as one group.
//!
//! Each member of a group runs in its own savepoint inside one `BEGIN IMMEDIATE … COMMIT`: a member that fails takes back only itself, and one fsync
//! serves all. Nobody is answered before the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use backend_core::{Effect, Error, ErrorKind, Result};
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::error::from_sqlite;

/// The most writes that one commit carries: it bounds how long the first of them waits.
const GROUP: usize = 256;
/// The most writes that wait; who comes later waits for a place before it may queue.
const QUEUE: usize = 1024;

/// How long whoever drops the queue waits until what is in it is written: a process that ends would take the thread with it.
const FAREWELL: Duration = Duration::from_secs(5);

/// The queue to the writer thread. The thread ends when the queue is dropped and what was in it is written.
#[derive(Debug)]
pub(super) struct Writer {
    /// Absent while this is being dropped.
    queue: Option<Sender<Job>>,
    thread: ThreadId,
    /// Closed when the thread has written everything.
    done: Mutex<Receiver<()>>,
    places: Arc<Semaphore>,
    commits: Arc<AtomicU64>,
}

struct Job {
    work: Box<dyn Work>,
    /// Held until the job is answered; a posted job has none.
    _place: Option<OwnedSemaphorePermit>,
}

impl Writer {
    pub(super) fn start(conn: Connection) -> Result<Self> {
        let (queue, jobs) = mpsc::channel();
        let commits = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&commits);
        let (end, done) = mpsc::channel();
        let work = move || {
            serve(&conn, &jobs, &counted);
            drop(conn);
            drop(end);
        };
        let thread = std::thread::Builder::new().name("catalog-writer".into()).spawn(work);
        let thread = thread
            .map_err(|err| Error::new(ErrorKind::Internal, "cannot start the catalog's writer").with_source(err))?;
        let (thread, done, places) = (thread.thread().id(), Mutex::new(done), Arc::new(Semaphore::new(QUEUE)));
        Ok(Self { queue: Some(queue), thread, done, places, commits })
    }

    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| ended())?;
        self.enqueue(work, Some(place))?.await.map_err(|_| ended())?
    }

    pub(super) fn post<F>(&self, work: F) -> Result<()>
    where
        F: FnOnce(&Connection) -> Result<()> + Send + 'static,
    {
        self.enqueue(work, None).map(drop)
    }

    fn enqueue<T, F>(&self, work: F, place: Option<OwnedSemaphorePermit>) -> Result<oneshot::Receiver<Result<T>>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work = Box::new(Task { work: Some(work), outcome: None, reply });
        let queue = self.queue.as_ref().ok_or_else(ended)?;
        queue.send(Job { work, _place: place }).map_err(|_| ended())?;
        Ok(answer)
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        // A write that held the last of the catalog is dropped by the thread itself, which cannot wait for itself.
        if std::thread::current().id() == self.thread {
            return;
        }
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if done.recv_timeout(FAREWELL) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("the catalog's writer is still busy; what it has not written may be lost");
        }
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Internal, "the catalog's writer has ended")
}

fn serve(conn: &Connection, jobs: &Receiver<Job>, commits: &AtomicU64) {
    while let Ok(first) = jobs.recv() {
        let group = std::iter::once(first).chain(jobs.try_iter()).take(GROUP).collect();
        commit(conn, group, commits);
    }
}

/// Commits a group; what a lost transaction kept from running gets a transaction of its own.
fn commit(conn: &Connection, mut group: Vec<Job>, commits: &AtomicU64) {
    while !group.is_empty() {
        let (took_part, result) = attempt(conn, &mut group);
        let rest = group.split_off(took_part.clamp(1, group.len()));
        if result.is_ok() {
            commits.fetch_add(1, Ordering::Relaxed);
        }
        for job in group {
            job.work.settle(result.as_ref().err());
        }
        group = rest;
    }
}

/// One transaction: how many members took part, and whether it stands.
fn attempt(conn: &Connection, group: &mut [Job]) -> (usize, Result<()>) {
    if let Err(err) = execute(conn, "BEGIN IMMEDIATE") {
        return (group.len(), Err(err));
    }
    for (n, job) in group.iter_mut().enumerate() {
        if let Err(err) = member(conn, job.work.as_mut()) {
            give_up(conn);
            return (n + 1, Err(err));
        }
    }
    let result = execute(conn, "COMMIT");
    give_up(conn);
    (group.len(), result)
}

/// Runs one member in its savepoint. An error means that the whole transaction is lost, not only this member.
fn member(conn: &Connection, work: &mut dyn Work) -> Result<()> {
    execute(conn, "SAVEPOINT member")?;
    let kept = work.run(conn);
    // SQLite takes back the whole transaction by itself when the disk is full or fails.
    if conn.is_autocommit() {
        return Err(Error::new(ErrorKind::Unavailable, "the catalog took back a group of writes of which one failed"));
    }
    if !kept {
        execute(conn, "ROLLBACK TO member")?;
    }
    execute(conn, "RELEASE member")
}

fn execute(conn: &Connection, sql: &str) -> Result<()> {
    conn.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map(drop).map_err(from_sqlite)
}

/// Leaves no transaction open.
fn give_up(conn: &Connection) {
    if !conn.is_autocommit()
        && let Err(err) = conn.execute_batch("ROLLBACK")
    {
        tracing::error!(%err, "the catalog's writer cannot take back a transaction");
    }
}

/// A closure whose answer waits for the commit.
trait Work: Send {
    /// Whether its changes are to be kept.
    fn run(&mut self, conn: &Connection) -> bool;
    /// Answers the caller: `lost` when the transaction did not stand.
    fn settle(self: Box<Self>, lost: Option<&Error>);
}

struct Task<T, F> {
    work: Option<F>,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T> + Send> Work for Task<T, F> {
    fn run(&mut self, conn: &Connection) -> bool {
        let Some(work) = self.work.take() else { return false };
        // A panic of one caller must not end the writer of all the others.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(conn))).unwrap_or_else(|_| Err(panicked()));
        let kept = outcome.is_ok();
        self.outcome = Some(outcome);
        kept
    }

    fn settle(self: Box<Self>, lost: Option<&Error>) {
        let answer = match (self.outcome, lost) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(lost)) => Err(again(lost)),
            (Some(done), None) => done,
            (None, None) => Err(panicked()),
        };
        // Nobody may be waiting any more: the write stands all the same.
        drop(self.reply.send(answer));
    }
}

fn panicked() -> Error {
    Error::new(ErrorKind::Internal, "a write to the catalog panicked and was taken back").with_effect(Effect::None)
}

/// The same error for each member of a group.
fn again(err: &Error) -> Error {
    let copy = Error::new(err.kind(), err.message()).with_advice(err.advice()).with_effect(err.effect());
    match err.causes().into_iter().next() {
        Some(cause) => copy.with_source(cause),
        None => copy,
    }
}

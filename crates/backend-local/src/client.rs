//! The folder itself: everything that talks to the operating system.

mod about;
mod add;
mod beneath;
mod blocks;
mod cancel;
mod commit;
mod copy;
mod erase;
mod health;
mod list;
mod look;
mod mend;
mod name;
mod names;
mod place;
mod read;
mod root;
mod sync;
mod temp;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backend_core::{Batcher, Clock, Error, ErrorKind, Evidence, Locator, Metadata, Result};
use futures::channel::oneshot;
use rustix::fs::Stat;
use tokio::task::{JoinError, JoinHandle};

pub(crate) use about::About;
pub(crate) use add::Order;
pub(crate) use name::target;

use crate::config::{Connection, Labels};
use crate::error::unsure;
use root::{Opened, Root};
use sync::Syncs;

/// How many adds and removals are made durable together.
pub(crate) const MAX_BATCH: u32 = 256;

/// An opened store. Nothing is held open while no verb runs.
#[derive(Debug)]
pub(crate) struct Store {
    files: Arc<Files>,
    commits: Batcher<commit::Task>,
    steps: Batcher<Step>,
    clock: Arc<dyn Clock>,
}

/// A short piece of blocking work. Hundreds that wait at once run on one thread, one after the other: a thread for each costs more than the work.
type Step = Box<dyn FnOnce() + Send>;

/// What blocking threads share.
#[derive(Debug)]
pub(crate) struct Files {
    root: Root,
    syncs: Syncs,
    labels: Labels,
    file_mode: u32,
    is_swept: AtomicBool,
}

impl Store {
    pub(crate) fn new(connection: Connection, clock: Arc<dyn Clock>) -> Self {
        let Connection { path, create, labels, sync, file_mode, folder_mode } = connection;
        let files = Arc::new(Files {
            root: Root::new(path, create, folder_mode.bits()),
            syncs: Syncs::new(sync),
            labels,
            file_mode: file_mode.bits(),
            is_swept: AtomicBool::new(false),
        });
        let shared = files.clone();
        let commits = Batcher::new(MAX_BATCH as usize, move |tasks| {
            let files = shared.clone();
            blocking(move || {
                commit::act(&files, tasks);
                Ok(())
            })
        });
        let steps = Batcher::new(MAX_BATCH as usize, |steps: Vec<Step>| {
            blocking(move || {
                steps.into_iter().for_each(|step| step());
                Ok(())
            })
        });
        Self { files, commits, steps, clock }
    }

    /// Runs `work` together with whatever else waits. What it makes is dropped with it when nobody waits any longer.
    async fn step<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let (answer, mut answered) = oneshot::channel();
        self.steps.submit(Box::new(move || drop(answer.send(work())))).await?;
        told(answered.try_recv())
    }
}

impl Files {
    /// What dead processes left is removed by the first add.
    fn sweep_once(&self, opened: &Opened) -> Result<()> {
        if self.is_swept.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let swept = self.judge(opened, temp::sweep(opened));
        self.is_swept.store(matches!(swept, Ok(true)), Ordering::Relaxed);
        swept.map(drop)
    }

    /// Before anything negative is said of content, the folder must still be the one that was asked.
    fn judge<T>(&self, opened: &Opened, result: Result<T>) -> Result<T> {
        match result {
            Ok(it) => Ok(it),
            Err(err) => self.root.recheck(opened).and(Err(err)),
        }
    }
}

/// What is known of a file.
fn describe(at: Locator, seen: &Stat, evidence: Evidence, about: About) -> Metadata {
    let mut meta = Metadata::new(at, evidence);
    meta.size = Some(look::size(seen));
    meta.etag = Some(look::etag(seen));
    meta.modified = look::modified(seen);
    meta.content_type = about.content_type;
    meta.labels = about.labels;
    meta
}

/// The answer of work that was shared with others.
fn told<T>(answered: std::result::Result<Option<Result<T>>, oneshot::Canceled>) -> Result<T> {
    match answered {
        Ok(Some(answer)) => answer,
        _ => Err(unsure(Error::new(ErrorKind::Internal, "the work ended without an answer"))),
    }
}

/// Runs `work`, which may wait for the disk, where waiting is allowed. Dropping the answer does not stop it: see [`cancel`].
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    joined(spawn(work)?.await)
}

fn spawn<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<JoinHandle<Result<T>>> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => Ok(runtime.spawn_blocking(work)),
        Err(err) => Err(Error::new(ErrorKind::Internal, "a local store needs a tokio runtime").with_source(err)),
    }
}

/// A thread that panicked, or that the end of the runtime kept from running, may have done its work.
fn joined<T>(answer: std::result::Result<Result<T>, JoinError>) -> Result<T> {
    answer
        .unwrap_or_else(|err| Err(unsure(Error::new(ErrorKind::Internal, "a blocking thread failed").with_source(err))))
}

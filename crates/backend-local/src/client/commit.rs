//! Giving copies their names and taking names away, durably, for all who wait at once.
//!
//! One act at a time: what arrives while one runs is the next one. First the bytes of all copies reach the disk, then each gets its name, then the
//! names reach the disk, and only then anybody is answered.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use backend_core::{Error, Removal, Result};
use backend_folders::Target;
use futures::channel::oneshot;
use rustix::fs::{FlockOperation, Mode, OFlags, Stat, flock, openat};

use super::add::Order;
use super::cancel::Cancel;
use super::root::Opened;
use super::temp::{LOCK, Temp};
use super::{Files, Store, erase, place, told};
use crate::error::{failed, unsure};
use backend_core::Condition;

/// So many acts at once share the syncs of the whole file system; fewer are cheaper one by one.
const GROUP: usize = 4;

/// Where the answer goes.
pub(crate) type Answer<T> = oneshot::Sender<Result<T>>;

/// What one act does for one waiter.
#[derive(Debug)]
pub(crate) enum Task {
    /// Gives a copy its name.
    Place(Placing, Answer<Stat>),
    /// Takes a name away.
    Erase(Erasing, Answer<Removal>),
}

/// A complete copy that lacks its name.
#[derive(Debug)]
pub(crate) struct Placing {
    pub(crate) opened: Arc<Opened>,
    pub(crate) temp: Temp,
    pub(crate) order: Order,
    pub(crate) cancel: Cancel,
    /// The document of labels, if it goes beside the file.
    pub(crate) beside: Option<Vec<u8>>,
    pub(crate) replaces: bool,
    pub(crate) existed: Option<bool>,
    pub(crate) is_synced: bool,
}

/// A name that is to go.
#[derive(Debug)]
pub(crate) struct Erasing {
    pub(crate) opened: Arc<Opened>,
    pub(crate) target: Target,
    pub(crate) if_match: Option<String>,
    pub(crate) cancel: Cancel,
}

impl Store {
    /// Queues one task and waits until it is durably done.
    pub(crate) async fn commit<T>(&self, task: impl FnOnce(Answer<T>) -> Task) -> Result<T> {
        let (answer, mut answered) = oneshot::channel();
        self.commits.submit(task(answer)).await?;
        told(answered.try_recv())
    }
}

/// Names that were given or taken, and what is still to be said about it.
enum Done {
    Placed(Result<Stat>, Answer<Stat>),
    Erased(Result<Removal>, Answer<Removal>),
}

/// Does all of `tasks`. Each waiter hears of its own only.
pub(crate) fn act(files: &Files, tasks: Vec<Task>) {
    let Some(opened) = tasks.first().map(|task| task.opened().clone()) else { return };
    let tasks = write_through(files, &opened, tasks);
    let changes: Vec<(String, bool)> = tasks.iter().map(Task::change).collect();
    let mut done = rename_all(files, &opened, tasks);
    let changed = changes.iter().zip(&done).filter(|(_, done)| done.is_change());
    let folders: Vec<&str> = changed.clone().map(|((folder, _), _)| folder.as_str()).collect();
    let pruned: BTreeSet<&str> =
        changed.filter(|((_, erases), _)| *erases).map(|((folder, _), _)| folder.as_str()).collect();
    if let Err(errno) = settle(files, &opened, &folders) {
        done = done.into_iter().map(|it| it.fail(errno)).collect();
    }
    pruned.into_iter().for_each(|folder| erase::prune(files, &opened, folder));
    done.into_iter().for_each(Done::tell);
}

/// Brings the bytes of all copies to the disk; tasks whose bytes are not there are answered and go no further.
fn write_through(files: &Files, opened: &Arc<Opened>, tasks: Vec<Task>) -> Vec<Task> {
    let shared = |task: &Task| task.is_unsynced() && Arc::ptr_eq(task.opened(), opened);
    let together = match tasks.iter().filter(|task| shared(task)).count() {
        n if n < GROUP => None,
        _ => Some(files.syncs.system(opened.folder())),
    };
    let mut through = Vec::with_capacity(tasks.len());
    for task in tasks {
        let synced = match (&task, together) {
            (Task::Place(placing, _), None) if !placing.is_synced => files.syncs.file(placing.temp.file()),
            (Task::Place(placing, _), Some(_)) if !placing.is_synced && !shared(&task) => {
                files.syncs.file(placing.temp.file())
            }
            (Task::Place(placing, _), Some(all)) if !placing.is_synced => all,
            _ => Ok(()),
        };
        match synced {
            Ok(()) => through.push(task),
            Err(errno) => task.refuse(failed("write the copy to the disk", errno)),
        }
    }
    through
}

/// The names themselves: under the lock that keeps conditions true among all processes that use this backend.
fn rename_all(files: &Files, opened: &Opened, tasks: Vec<Task>) -> Vec<Done> {
    let alone = tasks.iter().any(Task::needs_lock);
    let lock = lock(opened, if alone { FlockOperation::LockExclusive } else { FlockOperation::LockShared });
    let do_one = |task: Task| match task {
        task if task.needs_lock() && lock.is_none() => {
            task.into_done(Error::unsupported("conditions and labels without file locks", "this file system"))
        }
        Task::Place(mut placing, answer) => Done::Placed(place::place(files, &mut placing), answer),
        Task::Erase(erasing, answer) => Done::Erased(erase::erase(files, &erasing), answer),
    };
    tasks.into_iter().map(do_one).collect()
}

/// `None` where the file system has no locks. It is freed when it is dropped, and by the kernel when we die.
fn lock(opened: &Opened, how: FlockOperation) -> Option<OwnedFd> {
    let folder = opened.temps().ok()?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(&*folder, LOCK, flags, Mode::RUSR | Mode::WUSR).ok()?;
    flock(&file, how).ok().map(|()| file)
}

/// Brings the changed names to the disk.
fn settle(files: &Files, opened: &Opened, folders: &[&str]) -> rustix::io::Result<()> {
    if GROUP <= folders.len() {
        files.syncs.system(opened.folder())?;
        files.syncs.remember_all(folders.iter().copied());
        return Ok(());
    }
    let folders: BTreeSet<&&str> = folders.iter().collect();
    folders.into_iter().try_for_each(|folder| files.syncs.folder(opened, folder))
}

impl Task {
    fn opened(&self) -> &Arc<Opened> {
        match self {
            Task::Place(placing, _) => &placing.opened,
            Task::Erase(erasing, _) => &erasing.opened,
        }
    }

    fn is_unsynced(&self) -> bool {
        matches!(self, Task::Place(placing, _) if !placing.is_synced)
    }

    /// The folder it changes, and whether it takes a name out of it.
    fn change(&self) -> (String, bool) {
        match self {
            Task::Place(placing, _) => (placing.order.target.parent().to_owned(), false),
            Task::Erase(erasing, _) => (erasing.target.parent().to_owned(), true),
        }
    }

    /// Looking and then acting is one step only while nobody else acts.
    fn needs_lock(&self) -> bool {
        match self {
            Task::Place(placing, _) => {
                placing.beside.is_some() || matches!(placing.order.condition, Condition::IfMatch(_))
            }
            Task::Erase(erasing, _) => erasing.if_match.is_some(),
        }
    }

    fn into_done(self, err: Error) -> Done {
        match self {
            Task::Place(_, answer) => Done::Placed(Err(err), answer),
            Task::Erase(_, answer) => Done::Erased(Err(err), answer),
        }
    }

    fn refuse(self, err: Error) {
        self.into_done(err).tell();
    }
}

impl Done {
    fn is_change(&self) -> bool {
        matches!(self, Done::Placed(Ok(_), _) | Done::Erased(Ok(Removal::Erased), _))
    }

    /// The names are changed, and nobody knows whether they would survive.
    fn fail(self, errno: rustix::io::Errno) -> Self {
        let is_change = self.is_change();
        let err = || unsure(failed("make the name durable", errno));
        match self {
            Done::Placed(_, answer) if is_change => Done::Placed(Err(err()), answer),
            Done::Erased(_, answer) if is_change => Done::Erased(Err(err()), answer),
            other => other,
        }
    }

    fn tell(self) {
        // Whoever gave up waiting does not hear it.
        match self {
            Done::Placed(result, answer) => drop(answer.send(result)),
            Done::Erased(result, answer) => drop(answer.send(result)),
        }
    }
}

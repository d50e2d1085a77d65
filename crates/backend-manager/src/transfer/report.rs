//! What a transfer tells: of each file, in sums, and while it is under way.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use backend_core::{Error, Progress};
use ipld::Cid;

use super::compare::ComparedBy;
use super::entry::Entry;
use crate::reconcile::Failed;

/// What became of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// It was sent.
    Copied,
    /// It is the same on both sides.
    Unchanged,
    /// It was only at the target, and was removed there.
    Deleted,
    /// It is only at the target, and stays.
    Kept,
    /// It is no file: a symbolic link, a pipe; or its path was there before.
    Skipped,
    /// Nothing came of it.
    Failed,
    /// A rehearsal: it would be sent.
    WouldCopy,
    /// A rehearsal: it would be removed.
    WouldDelete,
}

impl Action {
    /// Its stable name, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Copied => "copied",
            Action::Unchanged => "unchanged",
            Action::Deleted => "deleted",
            Action::Kept => "kept",
            Action::Skipped => "skipped",
            Action::Failed => "failed",
            Action::WouldCopy => "would_copy",
            Action::WouldDelete => "would_delete",
        }
    }
}

/// One file of a transfer.
#[derive(Debug, Clone)]
pub struct FileEvent {
    /// Its path, relative to both ends; what is no text in it is replaced, what would move a cursor is escaped.
    pub path: String,
    /// What became of it.
    pub action: Action,
    /// What decided whether it is the same; `None` where nothing was to be compared.
    pub compared_by: Option<ComparedBy>,
    /// Plain bytes, if known.
    pub size: Option<u64>,
    /// Its name, where it was named.
    pub cid: Option<Cid>,
    /// Why nothing came of it, or why it stays.
    pub error: Option<Failed>,
}

impl FileEvent {
    pub(super) fn new(entry: &Entry, action: Action) -> Self {
        let cid = entry.known.as_ref().map(|it| it.cid);
        Self { path: entry.shown(), action, compared_by: None, size: entry.size, cid, error: None }
    }

    pub(super) fn by(self, compared_by: ComparedBy) -> Self {
        Self { compared_by: Some(compared_by), ..self }
    }

    pub(super) fn named(self, cid: Cid, size: u64) -> Self {
        Self { cid: Some(cid), size: Some(size), ..self }
    }

    pub(super) fn because(self, err: &Error) -> Self {
        Self { error: Some(Failed::from(err)), ..self }
    }
}

/// Is told of each file as it is done. It must not wait.
pub type FileListener = Arc<dyn Fn(&FileEvent) + Send + Sync>;

/// What a transfer came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transferred {
    /// Files that were sent, or would be.
    pub copied: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Files that are the same on both sides.
    pub unchanged: u64,
    /// Files that were removed at the target, or would be.
    pub deleted: u64,
    /// Files that are only at the target, and stay.
    pub kept: u64,
    /// What is no file.
    pub skipped: u64,
    /// Files of which nothing came.
    pub failed: u64,
    /// What decided, and how often.
    pub compared_by: BTreeMap<&'static str, u64>,
    /// Why nothing was deleted.
    pub braked: Option<String>,
}

impl Transferred {
    pub(super) fn count(&mut self, event: &FileEvent) {
        match event.action {
            Action::Copied | Action::WouldCopy => {
                self.copied += 1;
                self.bytes += event.size.unwrap_or(0);
            }
            Action::Unchanged => self.unchanged += 1,
            Action::Deleted | Action::WouldDelete => self.deleted += 1,
            Action::Kept => self.kept += 1,
            Action::Skipped => self.skipped += 1,
            Action::Failed => self.failed += 1,
        }
        if let Some(by) = event.compared_by {
            *self.compared_by.entry(by.as_str()).or_default() += 1;
        }
    }
}

/// How far a transfer is, for a display. Cheap to clone: clones share.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// Bytes sent.
    pub sent: Progress,
    wanted: Arc<AtomicU64>,
    files: Arc<AtomicU64>,
    next: Arc<AtomicU64>,
    active: Arc<Mutex<BTreeMap<u64, Moving>>>,
}

/// What is being sent at this moment: one file, or a group of small ones.
#[derive(Debug, Clone)]
pub struct Moving {
    /// What.
    pub what: String,
    /// Bytes, as far as known.
    pub size: u64,
    /// Bytes of it that were sent.
    pub sent: Progress,
}

impl Traffic {
    /// Bytes that are known to have to be sent.
    pub fn wanted(&self) -> u64 {
        self.wanted.load(Ordering::Relaxed)
    }

    /// Files that were looked at.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// What is being sent, in the order in which it was begun.
    pub fn moving(&self) -> Vec<Moving> {
        self.lock().values().cloned().collect()
    }

    pub(super) fn looked(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    /// Shows what is sent until the guard is dropped.
    pub(super) fn begin(&self, what: String, size: u64) -> Shown {
        self.wanted.fetch_add(size, Ordering::Relaxed);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let sent = self.sent.child();
        self.lock().insert(number, Moving { what, size, sent: sent.clone() });
        Shown { traffic: self.clone(), number, sent }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Moving>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something that is shown while it is sent.
#[derive(Debug)]
pub(super) struct Shown {
    traffic: Traffic,
    number: u64,
    pub(super) sent: Progress,
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.traffic.lock().remove(&self.number);
    }
}

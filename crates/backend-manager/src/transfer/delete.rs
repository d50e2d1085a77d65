//! What is only at the target goes last, and only if everything else went well and the number is one that was to be expected.

use backend_core::{Error, ErrorKind, Locator, Removal, RemoveOptions, Result};
use futures::StreamExt;
use futures::stream;
use rusqlite::Connection;
use tokio::sync::Mutex;

use super::entry::Entry;
use super::onto_backend::{self, Shelf};
use super::onto_names;
use super::report::{Action, FileEvent};
use super::root::Root;
use super::run::Run;
use super::sorter::Sorter;
use super::source::key;
use super::target::Target;
use crate::catalog::marks::{self, Scope};
use crate::catalog::replicas::{self, License, ReplicaId, ReplicaRow, ReplicaState};
use crate::catalog::{ContentNumber, contents, names, pins};
use crate::erase::Permit;
use crate::fault;
use crate::manager::{Manager, OWNER, now};

/// Removals that are under way at a time.
const AT_A_TIME: usize = 8;
/// Two copies of one content are removed one after the other, so that the wish to keep it ends with the last.
const LOCKS: usize = 64;
/// So many files may always go: a small folder is not worth a question.
const ALWAYS: u64 = 100;
/// Of a larger number, so many hundredths.
const PERCENT: u64 = 10;

/// What becomes of files that are only at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delete {
    /// They stay.
    #[default]
    Nothing,
    /// Those that this catalog has put there go.
    Ours(MaxDelete),
    /// Whatever lies under the target goes, also what others have put there.
    Everything(MaxDelete),
}

/// The most that one transfer deletes; of more, it deletes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MaxDelete {
    /// 100 files, or a tenth of what the target has if that is more.
    #[default]
    Careful,
    /// So many files.
    Files(u64),
    /// So many hundredths of what the target has.
    Percent(u8),
}

impl MaxDelete {
    fn of(self, target: u64) -> u64 {
        match self {
            MaxDelete::Careful => (target.saturating_mul(PERCENT) / 100).max(ALWAYS),
            MaxDelete::Files(n) => n,
            MaxDelete::Percent(n) => target.saturating_mul(u64::from(n)) / 100,
        }
    }
}

/// What is only at the target, put aside in bounded memory until the rest is done.
#[derive(Debug)]
pub(super) struct Deletes {
    found: Sorter,
    count: u64,
}

impl Deletes {
    pub(super) fn new(manager: &Manager) -> Self {
        Self { found: Sorter::new(&manager.spool_folder()), count: 0 }
    }

    pub(super) fn note(&mut self, entry: &Entry) -> Result<()> {
        self.count += 1;
        self.found.push(entry)
    }

    /// Removes them, or says why not.
    ///
    /// # Errors
    /// What the catalog answers. What is wrong with one file is told to `run`.
    pub(super) async fn carry_out(self, run: &Run<'_>, target: &Target) -> Result<Option<String>> {
        let braked = match run.opts.delete {
            Delete::Nothing => None,
            Delete::Ours(max) | Delete::Everything(max) => self.brake(run, max).await,
        };
        let deletes = run.opts.delete != Delete::Nothing && braked.is_none();
        let entries = stream::iter(self.found.finish()?);
        let locks: Vec<Mutex<()>> = (0..LOCKS).map(|_| Mutex::new(())).collect();
        let locks = &locks;
        let each = entries.map(|entry| async move {
            let entry = entry?;
            if !deletes {
                run.tell(&FileEvent::new(&entry, Action::Kept));
                return Ok(());
            }
            match Box::pin(one(run, target, &entry, locks)).await {
                Ok(event) => run.tell(&event),
                Err(err) => run.failed(&entry, &err),
            }
            Ok::<(), Error>(())
        });
        let mut each = each.buffer_unordered(AT_A_TIME).boxed_local();
        while let Some(done) = each.next().await {
            done?;
        }
        Ok(braked)
    }

    async fn brake(&self, run: &Run<'_>, max: MaxDelete) -> Option<String> {
        let (failed, seen) = (run.sums().failed, run.seen());
        let most = max.of(seen.target);
        if self.count == 0 {
            return None;
        }
        if seen.source == 0 {
            return Some("the source lists nothing: an empty mount point? nothing is deleted".to_owned());
        }
        if 0 < failed {
            return Some(format!("{failed} files failed: nothing is deleted"));
        }
        if most < self.count {
            let of = seen.target;
            return Some(format!("{} of {of} files would be deleted, and at most {most} may be", self.count));
        }
        run.source.recognise().await.err().map(|err| format!("the source is not recognised: {}", err.message()))
    }
}

async fn one(run: &Run<'_>, target: &Target, entry: &Entry, locks: &[Mutex<()>]) -> Result<FileEvent> {
    if !run.source.is_gone(&entry.path).await? {
        let text = format!("{} was listed too early: it is at the source", entry.shown());
        return Err(Error::new(ErrorKind::SourceChanged, text));
    }
    let ours = match target {
        Target::Backend(shelf) => ours(run.manager, shelf, entry).await?,
        _ => None,
    };
    let is_foreign = matches!(target, Target::Backend(_)) && ours.is_none();
    if is_foreign && matches!(run.opts.delete, Delete::Ours(_)) {
        return Ok(kept(entry, "no row of this catalog has it: it was not put there by this program"));
    }
    if run.rehearses() {
        return Ok(FileEvent::new(entry, Action::WouldDelete));
    }
    let kept_for = match target {
        Target::Folder { root, .. } => in_folder(root.as_ref(), entry).map(|()| None),
        Target::Backend(shelf) => match ours {
            Some(id) => {
                let _turn = locks[id.content.get().unsigned_abs() as usize % locks.len()].lock().await;
                remove(run.manager, shelf, id, run.opts.delete).await
            }
            None => foreign(shelf, entry).await.map(|()| None),
        },
        Target::Names { prefix } => name(run.manager, &onto_names::name(prefix, &entry.path)?).await.map(|()| None),
    }?;
    fault::point("sync-deleted");
    Ok(kept_for.map_or_else(|| FileEvent::new(entry, Action::Deleted), |why| kept(entry, why)))
}

fn kept(entry: &Entry, why: &str) -> FileEvent {
    FileEvent::new(entry, Action::Kept).because(&Error::new(ErrorKind::Precondition, why))
}

fn in_folder(root: Option<&Root>, entry: &Entry) -> Result<()> {
    let Some(root) = root else { return Ok(()) };
    root.find(&entry.path)?.remove(entry.size, entry.modified)?;
    root.prune(&entry.path);
    Ok(())
}

/// What others have put there, if it is still what was listed.
async fn foreign(shelf: &Shelf, entry: &Entry) -> Result<()> {
    let at = Locator::new(key(&shelf.prefix, &entry.path)?).with_handle(entry.handle.clone());
    let backend = &shelf.member.backend;
    let if_match = entry.etag.clone().filter(|_| backend.info().offers.if_match);
    backend.remove(&at, &RemoveOptions { if_match, ..RemoveOptions::default() }).await.map(drop)
}

/// The row of what lies there: of what is present and what was listed, or of what this program began to write or to remove there.
async fn ours(manager: &Manager, shelf: &Shelf, entry: &Entry) -> Result<Option<ReplicaId>> {
    let (backend, key) = (shelf.member.number, key(&shelf.prefix, &entry.path)?.as_str().to_owned());
    if let Some(content) = entry.known.as_ref().and_then(|it| it.content) {
        return Ok(Some(ReplicaId { content, backend, key }));
    }
    let find = move |conn: &Connection| {
        let Some(content) = marks::holder(conn, backend, &key)? else { return Ok(None) };
        let id = ReplicaId { content, backend, key };
        // A row that is present and not what was listed was written over by somebody.
        let is_begun = replicas::find(conn, &id)?.is_some_and(|row| row.state != ReplicaState::Present);
        Ok(is_begun.then_some(id))
    };
    manager.catalog().read(find).await
}

/// A copy of ours goes. Answers why it stays: it is the last one of content that somebody else wants kept.
async fn remove(manager: &Manager, shelf: &Shelf, id: ReplicaId, delete: Delete) -> Result<Option<&'static str>> {
    let owner = onto_backend::owner(&shelf.member);
    let (wanted, by) = (id.clone(), owner.clone());
    let seen = manager.catalog().write(move |conn| look(conn, &wanted, &by, delete)).await?;
    let Some(Look { row, content, stays }) = seen else { return Ok(Some("its row is gone")) };
    if stays.is_some() {
        return Ok(stays);
    }
    let removal = manager.remove_under(&content, row, Permit { license: License::Person, wishes: None }).await?;
    let forget = move |conn: &Connection| {
        marks::remove(conn, Scope::Backend(id.backend), &id.key)?;
        // What was to be written over when this was begun, is gone with it.
        onto_backend::overwritten(conn, &id, &owner).map(drop)
    };
    match removal {
        None => return Ok(Some("somebody else works on it")),
        Some(_) => manager.catalog().write(forget).await?,
    }
    match removal {
        Some(Removal::Absent) => Ok(Some("somebody has written over it, or removed it, meanwhile")),
        _ => Ok(None),
    }
}

struct Look {
    row: ReplicaRow,
    content: contents::ContentRow,
    /// Why it is not to be removed.
    stays: Option<&'static str>,
}

/// The wish that it be kept there ends before the copy does: what is left when this process dies is a copy that nobody wants, and no wish without one.
fn look(conn: &Connection, id: &ReplicaId, owner: &str, delete: Delete) -> Result<Option<Look>> {
    let (Some(row), Some(content)) = (replicas::find(conn, id)?, contents::get(conn, id.content)?) else {
        return Ok(None);
    };
    if !row.owned && matches!(delete, Delete::Ours(_)) {
        let stays = Some("it was there before this program knew of it");
        return Ok(Some(Look { row, content, stays }));
    }
    onto_backend::release(conn, id, owner)?;
    let others = replicas::of(conn, id.content)?;
    let is_last = pins::wanted(conn, id.content, now())?
        && !others.iter().any(|it| it.replica != *id && it.state == ReplicaState::Present);
    let stays = is_last.then_some("it is the last copy of content that is wanted kept");
    Ok(Some(Look { row, content, stays }))
}

/// A name goes, and with the last one of its content the user's wish to keep it; the copies go with the next plan.
async fn name(manager: &Manager, name: &str) -> Result<()> {
    let name = name.to_owned();
    let remove = move |conn: &Connection| {
        let Some(row) = names::resolve(conn, &name)? else { return Ok(()) };
        names::remove(conn, &name)?;
        marks::remove(conn, Scope::Names, &name)?;
        unwant(conn, row.content)
    };
    manager.catalog().write(remove).await
}

fn unwant(conn: &Connection, content: ContentNumber) -> Result<()> {
    match names::of(conn, content, "", 1)?.is_empty() {
        true => pins::remove(conn, content, OWNER).map(drop),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_may_always_go_and_of_many_a_tenth() {
        let check = |max: MaxDelete, targets: [u64; 3], wanted: [u64; 3]| {
            assert_eq!(targets.map(|target| max.of(target)), wanted, "{max:?}");
        };
        check(MaxDelete::Careful, [5, 1000, 20_000], [100, 100, 2000]);
        check(MaxDelete::Files(7), [5, 1000, 20_000], [7, 7, 7]);
        check(MaxDelete::Percent(50), [5, 1000, 0], [2, 500, 0]);
    }
}

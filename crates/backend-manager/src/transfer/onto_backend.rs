//! Files under users' keys of a backend: named, entered, sent and pinned as by any add; what they replace is wanted there no more.

use backend_core::{ErrorKind, Result, ResumeToken};
use rusqlite::Connection;

use super::compare::ComparedBy;
use super::entry::Entry;
use super::report::{Action, FileEvent};
use super::run::{Job, Run};
use super::source::{Taken, key};
use crate::add::{Existing, Item, Targets};
use crate::catalog::marks::{self, Scope};
use crate::catalog::pins::{self, Pin};
use crate::catalog::replicas::{self, ReplicaId};
use crate::catalog::{BackendNumber, ContentNumber, PolicyNumber, Timestamp, transfers};
use crate::desired::expiry;
use crate::fault;
use crate::fleet::Member;
use crate::manager::{Manager, now};
use crate::views::{ReplicaReceipt, ReplicaState};

/// The backend, and where on it.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) member: Member,
    pub(super) prefix: String,
    /// Absent in a rehearsal.
    pub(super) targets: Option<Targets>,
}

/// Who wants kept what lies under a user's key of a backend because it was synced there.
pub(super) fn owner(member: &Member) -> String {
    format!("sync:{}", member.name)
}

/// A file that is to be sent.
struct Sending {
    job: Job,
    modified: Option<i64>,
}

/// Sends a group. What becomes of each file is told to `run`.
///
/// # Errors
/// What the catalog answers.
pub(super) async fn group(run: &Run<'_>, shelf: &Shelf, jobs: Vec<Job>) -> Result<()> {
    let needs = shelf.targets.as_ref().map(Targets::needs).unwrap_or_default();
    let sources: Vec<&Entry> = jobs.iter().map(|job| &job.source).collect();
    let taken = run.source.contents(&sources, &needs, &backend_core::Progress::new()).await?;
    let (mut items, mut sending, mut same) = (Vec::new(), Vec::new(), Vec::new());
    for (job, taken) in jobs.into_iter().zip(taken) {
        let found = taken.and_then(|taken| Ok((key(&shelf.prefix, &job.source.path)?, taken)));
        let (key, taken) = match found {
            Ok(found) => found,
            Err(err) => {
                run.failed(&job.source, &err);
                continue;
            }
        };
        let cid = *taken.content.cid();
        if let Some(known) = job.target.as_ref().and_then(|it| it.known.as_ref()).filter(|it| it.cid == cid) {
            // Without a time on record it may be that the run which sent it was killed before it could want it kept.
            let is_kept =
                taken.modified.is_some() && job.target.as_ref().is_some_and(|it| it.modified == taken.modified);
            same.extend(known.content.filter(|_| !is_kept).map(|content| Sent {
                content,
                key: key.as_str().to_owned(),
                modified: taken.modified,
                is_there: true,
            }));
            let event = FileEvent::new(&job.source, Action::Unchanged).by(ComparedBy::Checksum);
            run.tell(&event.named(cid, taken.content.len()));
        } else if run.rehearses() {
            let event = FileEvent::new(&job.source, Action::WouldCopy).by(job.decided_by());
            run.tell(&event.named(cid, taken.content.len()));
        } else {
            sending.push(Sending { modified: taken.modified, job });
            let look = sending.last().is_some_and(|it| it.job.may_be_the_same());
            items.push(item(taken, key, look));
        }
    }
    if !run.rehearses() && !same.is_empty() {
        conclude(run, shelf, same, run.manager.own_pin()).await?;
    }
    match items.is_empty() {
        true => Ok(()),
        false => send(run, shelf, items, sending).await,
    }
}

fn item(taken: Taken, key: backend_core::Key, look: bool) -> Item {
    let Taken { content, kind, profile, .. } = taken;
    Item { content, kind, profile, key: Some(key), whole: None, existing: Existing::Replace, name: None, look }
}

async fn send(run: &Run<'_>, shelf: &Shelf, items: Vec<Item>, sending: Vec<Sending>) -> Result<()> {
    let size = items.iter().map(|it| it.content.len()).sum();
    let shown = run.opts.traffic.begin(Job::shown(sending.iter().map(|it| &it.job)), size);
    let own = run.manager.own_pin();
    let members = std::slice::from_ref(&shelf.member);
    let batch = run.manager.store(&items, members, &own, &shown.sent).await?;
    fault::point("sync-sent");
    let mut kept = Vec::new();
    for ((item, it), (number, receipts)) in items.iter().zip(&sending).zip(batch.numbers.iter().zip(batch.receipts)) {
        let receipt = receipts.into_iter().next();
        let is_there = receipt.as_ref().is_some_and(|it| it.error.is_none() && is_kept(it));
        let key = item.place().to_owned();
        kept.push(Sent { content: *number, key, modified: it.modified, is_there });
        run.tell(&event(item, &it.job, receipt));
    }
    conclude(run, shelf, kept, own).await?;
    fault::point("sync-concluded");
    Ok(())
}

fn is_kept(receipt: &ReplicaReceipt) -> bool {
    matches!(receipt.state, Some(ReplicaState::Present | ReplicaState::Accepted))
}

fn event(item: &Item, job: &Job, receipt: Option<ReplicaReceipt>) -> FileEvent {
    let (cid, size) = (*item.content.cid(), item.content.len());
    let event = FileEvent::new(&job.source, Action::Copied).by(job.decided_by()).named(cid, size);
    let lost = || backend_core::Error::new(ErrorKind::Internal, "an upload came to nothing");
    match receipt {
        Some(it) if it.error.is_none() && is_kept(&it) => match it.existed {
            true => FileEvent { action: Action::Unchanged, ..event.by(ComparedBy::Checksum) },
            false => event,
        },
        other => {
            let err = other.and_then(|it| it.error).unwrap_or_else(lost);
            FileEvent { action: Action::Failed, compared_by: None, ..event.because(&err) }
        }
    }
}

/// What is to be put on record of one file.
struct Sent {
    content: ContentNumber,
    key: String,
    modified: Option<i64>,
    is_there: bool,
}

/// Lasting pins and times in one transaction, and the pins that held it meanwhile; then what was overwritten is wanted there no more.
async fn conclude(run: &Run<'_>, shelf: &Shelf, sent: Vec<Sent>, own: String) -> Result<()> {
    let (backend, owner) = (shelf.member.number, owner(&shelf.member));
    let policy = shelf.targets.as_ref().map(|it| (it.policy.number, expiry(&it.policy, now())));
    let work = move |conn: &Connection| {
        let mut begun = Vec::new();
        for it in &sent {
            if let Some(policy) = policy.filter(|_| it.is_there) {
                begun.extend(keep(conn, it, (backend, &owner), policy)?);
            }
            pins::remove(conn, it.content, &own)?;
        }
        Ok(begun)
    };
    for (id, token) in run.manager.catalog().write(work).await? {
        discard(run.manager, &shelf.member, id, &token).await?;
    }
    Ok(())
}

pub(super) type Begun = (ReplicaId, ResumeToken);

/// Answers the uploads of other contents to this key that were begun, and will never end.
fn keep(
    conn: &Connection,
    it: &Sent,
    (backend, owner): (BackendNumber, &str),
    (policy, expires_at): (PolicyNumber, Option<Timestamp>),
) -> Result<Vec<Begun>> {
    let pin = Pin { content: it.content, owner: owner.to_owned(), policy, expires_at };
    pins::put(conn, &pin, now())?;
    match it.modified {
        Some(at) => marks::put(conn, Scope::Backend(backend), &it.key, it.content, at)?,
        None => drop(marks::remove(conn, Scope::Backend(backend), &it.key)?),
    }
    overwritten(conn, &ReplicaId { content: it.content, backend, key: it.key.clone() }, owner)
}

/// The rows of what lay there before go, and with the last one of each the wish to keep it there. Answers the uploads to this key that were begun, and will
/// never end.
pub(super) fn overwritten(conn: &Connection, by: &ReplicaId, owner: &str) -> Result<Vec<Begun>> {
    let mut begun = Vec::new();
    for content in marks::overwritten(conn, by.backend, &by.key, by.content)? {
        let id = ReplicaId { content, ..by.clone() };
        match transfers::find(conn, &id)? {
            Some(transfer) => begun.push((id, transfer.token)),
            None => forget(conn, &id, owner)?,
        }
    }
    Ok(begun)
}

/// The row of what was overwritten goes, and with the last one the wish to keep it there.
fn forget(conn: &Connection, id: &ReplicaId, owner: &str) -> Result<()> {
    if let Some(row) = replicas::find(conn, id)? {
        let _ = replicas::forget(conn, &row.at())?;
    }
    release(conn, id, owner)
}

/// The wish to keep content on a backend goes with the last of its keys there.
pub(super) fn release(conn: &Connection, id: &ReplicaId, owner: &str) -> Result<()> {
    match marks::elsewhere(conn, id.backend, &id.key, id.content)? {
        true => Ok(()),
        false => pins::remove(conn, id.content, owner).map(drop),
    }
}

/// Parts that were sent for what was overwritten would be billed for ever.
async fn discard(manager: &Manager, member: &Member, id: ReplicaId, token: &ResumeToken) -> Result<()> {
    if let Err(err) = member.backend.discard(token).await {
        tracing::warn!(backend = %member.name, error = %err, "a begun upload could not be discarded, and is tried again");
        return Ok(());
    }
    let owner = owner(member);
    let gone = move |conn: &Connection| {
        transfers::remove(conn, &id)?;
        forget(conn, &id, &owner)
    };
    manager.catalog().write(gone).await
}

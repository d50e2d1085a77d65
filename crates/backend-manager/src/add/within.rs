//! The files of a folder on a store of CIDs: the folder is sent as one, and its files' copies lie within it.
//!
//! Each has a row of its own, under the key `ROOT/CID`, from before the first byte until the folder is removed. It stands for the file as long as the folder is
//! there, and for nothing else: a file that is wanted by itself is sent by itself, and has another row.

use std::time::Duration;

use backend_core::{Error, ErrorKind, Evidence, Result};
use ipld::Cid;
use rusqlite::Connection;

use crate::catalog::contents;
use crate::catalog::process::Process;
use crate::catalog::replicas::{
    self, Accepted, Epoch, Intended, Intent, License, Moved, ReplicaAt, ReplicaId, ReplicaState, Seen, Stored,
};
use crate::catalog::{BackendNumber, Catalog, ContentNumber};
use crate::fleet::Member;
use crate::layout;
use crate::manager::{Manager, now};
use crate::views::ReplicaReceipt;

/// Rows of one transaction.
const ROWS: usize = 1000;
/// When to ask again about a folder that the service has only taken on.
const SOON: Duration = Duration::from_secs(30);

/// The rows of one folder's files on one backend, while the folder is under way. Dropped, they are left to whoever looks next.
pub(super) struct Within {
    catalog: Catalog,
    folder: Folder,
    pub(super) backend: String,
    held: Vec<(ContentNumber, Epoch)>,
    /// What was there before: it falls with the folder.
    there: Vec<ContentNumber>,
}

#[derive(Debug, Clone, Copy)]
struct Folder {
    root: Cid,
    backend: BackendNumber,
}

impl Folder {
    fn id(&self, conn: &Connection, content: ContentNumber) -> Result<ReplicaId> {
        let row = contents::get(conn, content)?;
        let row = row.ok_or_else(|| Error::new(ErrorKind::Internal, "the catalog lost a content"))?;
        Ok(ReplicaId { content, backend: self.backend, key: layout::within(&self.root, &row.content.cid) })
    }

    fn at(&self, conn: &Connection, (content, epoch): (ContentNumber, Epoch)) -> Result<ReplicaAt> {
        Ok(ReplicaAt { replica: self.id(conn, content)?, epoch })
    }

    /// `None`: somebody else sees to it.
    fn intend(&self, conn: &Connection, content: ContentNumber, process: &Process) -> Result<Option<Begun>> {
        let replica = self.id(conn, content)?;
        let size = contents::get(conn, content)?.and_then(|row| row.content.size).unwrap_or(0);
        let intent = Intent { replica, bytes: size, process: process.clone(), seen: Seen::Nothing, now: now() };
        let mut answer = replicas::intend(conn, &intent)?;
        if let Intended::Look(row) = &answer
            && row.state == ReplicaState::Suspect
        {
            let _ = replicas::missing(conn, &row.at(), "sent again with its folder", now())?;
            answer = replicas::intend(conn, &intent)?;
        }
        match answer {
            Intended::Upload { epoch, .. } => Ok(Some(Begun::Held(epoch))),
            Intended::Present(_) => Ok(Some(Begun::There)),
            Intended::QuotaExceeded { quota, used } => {
                let text = format!("the backend may hold {quota} bytes and has {used}");
                Err(Error::new(ErrorKind::QuotaExceeded, text))
            }
            _ => Ok(None),
        }
    }
}

enum Begun {
    Held(Epoch),
    There,
}

impl Manager {
    /// Enters the rows of `files` on `member`, before a byte of the folder `root` is sent.
    ///
    /// # Errors
    /// `QuotaExceeded` when they do not fit: the rows are then as they were. What the catalog answers.
    pub(super) async fn intend_within(&self, root: Cid, files: &[ContentNumber], member: &Member) -> Result<Within> {
        let folder = Folder { root, backend: member.number };
        let (catalog, backend) = (self.catalog().clone(), member.name.clone());
        let mut within = Within { catalog, folder, backend, held: Vec::new(), there: Vec::new() };
        for page in files.chunks(ROWS) {
            let (page, process) = (page.to_vec(), self.process().clone());
            let work = move |conn: &Connection| {
                page.iter().map(|it| Ok((*it, folder.intend(conn, *it, &process)?))).collect::<Result<Vec<_>>>()
            };
            match self.catalog().write(work).await {
                Ok(begun) => begun.into_iter().for_each(|(content, begun)| match begun {
                    Some(Begun::Held(epoch)) => within.held.push((content, epoch)),
                    Some(Begun::There) => within.there.push(content),
                    None => {}
                }),
                Err(err) => {
                    within.conclude(&ReplicaReceipt::refused(member.name.clone(), None)).await?;
                    return Err(err);
                }
            }
        }
        Ok(within)
    }
}

impl Within {
    /// What became of the folder became of its files.
    ///
    /// # Errors
    /// What the catalog answers.
    pub(super) async fn conclude(&mut self, receipt: &ReplicaReceipt) -> Result<()> {
        let (folder, state) = (self.folder, receipt.state);
        let evidence = receipt.evidence.unwrap_or(Evidence::Claimed).min(Evidence::Attested);
        let note = receipt.error.as_ref().map_or("", |err| err.message()).to_owned();
        let is_there = matches!(state, Some(ReplicaState::Present | ReplicaState::Accepted));
        while !self.held.is_empty() {
            let page: Vec<_> = self.held.iter().rev().take(ROWS).copied().collect();
            let (rest, note) = (self.held.len() - page.len(), note.clone());
            let work = move |conn: &Connection| {
                page.iter().try_for_each(|it| end(conn, &folder.at(conn, *it)?, (state, evidence), &note).map(drop))
            };
            self.catalog.write(work).await?;
            self.held.truncate(rest);
        }
        for page in self.there.chunks(ROWS).filter(|_| !is_there) {
            let page = page.to_vec();
            let doubt =
                move |conn: &Connection| page.iter().try_for_each(|content| doubt(conn, &folder.id(conn, *content)?));
            self.catalog.write(doubt).await?;
        }
        self.there.clear();
        Ok(())
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        let (folder, held) = (self.folder, std::mem::take(&mut self.held));
        if held.is_empty() {
            return;
        }
        let release = move |conn: &Connection| {
            held.iter().try_for_each(|it| replicas::unknown(conn, &folder.at(conn, *it)?, "given up", now()).map(drop))
        };
        if let Err(err) = self.catalog.post(release) {
            tracing::warn!(error = %err, "the rows of a folder could not be given up");
        }
    }
}

fn end(
    conn: &Connection,
    at: &ReplicaAt,
    (state, evidence): (Option<ReplicaState>, Evidence),
    note: &str,
) -> Result<Moved> {
    match state {
        Some(ReplicaState::Present) => replicas::stored(conn, at, &Stored::new(evidence), now()),
        Some(ReplicaState::Accepted) => {
            let accepted = Accepted { due_at: now().plus(SOON), ..Accepted::default() };
            replicas::accepted(conn, at, &accepted, now())
        }
        Some(ReplicaState::Uploading) => replicas::unknown(conn, at, note, now()),
        _ => replicas::postpone(conn, at, note, now()),
    }
}

/// It was said to be there, and its folder is not.
fn doubt(conn: &Connection, id: &ReplicaId) -> Result<()> {
    match replicas::find(conn, id)?.filter(|row| row.state == ReplicaState::Present) {
        Some(row) => replicas::suspect(conn, &row.at(), &[], "its folder is not there", now()).map(drop),
        None => Ok(()),
    }
}

/// Takes the row of a file within a folder away, if the folder is not on that store any more. Whether it was. The person who removed the folder has removed
/// this copy with it, also where the file is wanted.
///
/// # Errors
/// What the catalog answers.
pub(crate) fn let_go(conn: &Connection, id: &ReplicaId) -> Result<bool> {
    let Some(root) = layout::folder_of(&id.key) else { return Ok(false) };
    let Some(folder) = contents::find(conn, &root)? else { return Ok(false) };
    let held = replicas::find(conn, &ReplicaId { content: folder.number, key: String::new(), ..id.clone() })?;
    let is_gone = |state| matches!(state, ReplicaState::Planned | ReplicaState::Missing | ReplicaState::Lingering);
    let Some(row) = replicas::find(conn, id)?.filter(|_| held.is_none_or(|row| is_gone(row.state))) else {
        return Ok(false);
    };
    if matches!(row.state, ReplicaState::Planned | ReplicaState::Uploading) {
        return Ok(replicas::abandon(conn, &row.at(), "its folder was removed", now())? != Moved::Lost);
    }
    let at = match row.state {
        ReplicaState::Removing => row.at(),
        _ => match replicas::begin_remove(conn, &row.at(), &License::Person, now())? {
            Moved::Won(epoch) => ReplicaAt { epoch, ..row.at() },
            Moved::Lost => return Ok(false),
        },
    };
    Ok(replicas::removed(conn, &at, backend_core::Removal::Absent, now())? != Moved::Lost)
}

//! Carrying out the removal of one copy: who does it holds the row, so that nobody uploads under a name that is being removed.

use backend_core::{Addressing, Error, ErrorKind, Locator, Removal, RemoveOptions, Result};
use ipld::Cid;

use crate::catalog::contents::{ContentKind, ContentRow};
use crate::catalog::events::{self, Event, Verb};
use crate::catalog::process::Process;
use crate::catalog::replicas::{
    self, Intended, Intent, License, Moved, ReplicaAt, ReplicaRow, ReplicaState, Seen, Sidecar,
};
use crate::catalog::{Catalog, transfers};
use crate::fault;
use crate::fleet::Member;
use crate::layout;
use crate::manager::{Manager, now};
use crate::views::removal_word;

/// What is called how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub(crate) cid: Cid,
    pub(crate) kind: ContentKind,
}

impl Manager {
    /// Removes one copy. `None`: it is not ours, or somebody wants it after all.
    pub(crate) async fn remove_copy(&self, content: &ContentRow, row: ReplicaRow) -> Result<Option<Removal>> {
        let at = ReplicaAt { replica: row.replica.clone(), epoch: row.epoch };
        match row.state {
            ReplicaState::Planned => {
                let abandon = move |conn: &rusqlite::Connection| {
                    replicas::abandon(conn, &at, "not wanted any more", now()).map(drop)
                };
                self.catalog().write(abandon).await?;
                return Ok(Some(Removal::Absent));
            }
            ReplicaState::Uploading => return self.remove_begun(content, row).await,
            ReplicaState::Removing => {}
            _ => match self.begin(&at).await? {
                Moved::Won(_) => fault::point("after-removing"),
                Moved::Lost => return Ok(None),
            },
        }
        let member = self.fleet().writable(&row.backend_name).await?;
        member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        let named = Named { cid: content.content.cid, kind: content.content.kind };
        let finished = finish(self.catalog(), self.process(), &member, &named, &row.replica).await?;
        match finished {
            Some(removal) => Ok(Some(removal)),
            None => Err(Error::new(ErrorKind::Unavailable, "another process is removing it")),
        }
    }

    /// An upload that ended without an answer: it is taken over, what it may have left is removed, and its row goes.
    async fn remove_begun(&self, content: &ContentRow, row: ReplicaRow) -> Result<Option<Removal>> {
        let intent = Intent {
            replica: row.replica.clone(),
            bytes: row.reserved,
            process: self.process().clone(),
            seen: Seen::Nothing,
            now: now(),
        };
        let epoch = match self.catalog().write(move |conn| replicas::intend(conn, &intent)).await? {
            Intended::Upload { epoch, .. } => epoch,
            Intended::Busy { .. } => return Err(Error::new(ErrorKind::Unavailable, "another process is uploading it")),
            _ => return Ok(None),
        };
        let member = self.fleet().writable(&row.backend_name).await?;
        member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        let id = row.replica.clone();
        if let Some(begun) = self.catalog().read(move |conn| transfers::find(conn, &id)).await? {
            member.backend.discard(&begun.token).await?;
        }
        let removal = erase(&member, &Named { cid: content.content.cid, kind: content.content.kind }, &row).await?;
        let at = ReplicaAt { replica: row.replica, epoch };
        let forget = move |conn: &rusqlite::Connection| {
            transfers::remove(conn, &at.replica)?;
            replicas::abandon(conn, &at, "not wanted any more", now()).map(drop)
        };
        self.catalog().write(forget).await?;
        Ok(Some(removal))
    }

    async fn begin(&self, at: &ReplicaAt) -> Result<Moved> {
        let at = at.clone();
        self.catalog().write(move |conn| replicas::begin_remove(conn, &at, &License::Unwanted, now())).await
    }
}

/// Takes a begun removal on and carries it out. `None`: it is over, or somebody who is alive carries it out.
pub(crate) async fn finish(
    catalog: &Catalog,
    process: &Process,
    member: &Member,
    named: &Named,
    replica: &replicas::ReplicaId,
) -> Result<Option<Removal>> {
    let (id, taker) = (replica.clone(), process.clone());
    let taken = catalog.write(move |conn| {
        let Some(row) = replicas::find(conn, &id)?.filter(|row| row.state == ReplicaState::Removing) else {
            return Ok(None);
        };
        let at = ReplicaAt { replica: id, epoch: row.epoch };
        match replicas::take_removal(conn, &at, &taker, now())? {
            Moved::Won(epoch) => Ok(Some((row, ReplicaAt { epoch, ..at }))),
            Moved::Lost => Ok(None),
        }
    });
    let Some((row, at)) = taken.await? else { return Ok(None) };
    let mut hold = Hold { catalog: catalog.clone(), at: Some(at.clone()) };
    let removal = erase(member, named, &row).await?;
    fault::point("after-erase");
    let (cid, backend) = (named.cid, row.backend_name);
    let record = move |conn: &rusqlite::Connection| {
        let _ = replicas::removed(conn, &at, removal, now())?;
        let body = format!("{{\"removal\":\"{}\"}}", removal_word(removal));
        let event = Event { at: now(), verb: Verb::Removed, cid: Some(cid), backend: Some(backend), body };
        events::append(conn, &event).map(drop)
    };
    catalog.write(record).await?;
    hold.at = None;
    Ok(Some(removal))
}

/// A removal that is under way. Dropped before it is recorded, it is left to whoever comes next.
struct Hold {
    catalog: Catalog,
    at: Option<ReplicaAt>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let Some(at) = self.at.take() else { return };
        let leave = move |conn: &rusqlite::Connection| replicas::leave_removal(conn, &at, now()).map(drop);
        if let Err(err) = self.catalog.post(leave) {
            tracing::warn!(error = %err, "a begun removal could not be left to others");
        }
    }
}

/// Content first, sidecar last: what is there can always be verified.
async fn erase(member: &Member, named: &Named, row: &ReplicaRow) -> Result<Removal> {
    let Named { cid, kind } = *named;
    let opts = RemoveOptions { if_match: None, all_versions: false };
    let is_key = member.addressing() == Addressing::Key;
    let sidecar = Locator::new(layout::sidecar(&cid)?).with_handle(row.sidecar_handle.clone());
    if kind == ContentKind::Directory && member.addressing() != Addressing::Cid {
        return member.backend.remove(&sidecar.with_handle(row.handle.clone()), &opts).await;
    }
    let at = match is_key {
        true => Locator::new(layout::content(&cid)?),
        false => Locator::new(cid),
    };
    let removal = member.backend.remove(&at.with_handle(row.handle.clone()), &opts).await?;
    if row.sidecar == Sidecar::Present || (is_key && kind == ContentKind::File) {
        member.backend.remove(&sidecar, &opts).await?;
    }
    Ok(removal)
}

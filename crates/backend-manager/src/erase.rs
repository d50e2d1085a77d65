//! Carrying out the removal of one copy: who does it holds the row, so that nobody uploads under a name that is being removed.

use backend_core::{Addressing, Error, ErrorKind, Locator, Removal, RemoveOptions, Result, StatOptions};
use ipld::Cid;

use crate::add;
use crate::catalog::contents::{ContentKind, ContentRow};
use crate::catalog::events::{self, Event, Verb};
use crate::catalog::process::Process;
use crate::catalog::replicas::{
    self, Intended, Intent, License, Moved, ReplicaAt, ReplicaRow, ReplicaState, Seen, Sidecar,
};
use crate::catalog::survey::{self, SurveyedWish};
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

/// Why a copy may be removed.
#[derive(Debug)]
pub(crate) struct Permit {
    pub(crate) license: License,
    /// What was wanted when that was decided: if anything else is wanted by now, it is not removed.
    pub(crate) wishes: Option<Vec<SurveyedWish>>,
}

impl Manager {
    /// Removes one copy. `None`: it is not ours, or somebody wants it after all.
    pub(crate) async fn remove_copy(&self, content: &ContentRow, row: ReplicaRow) -> Result<Option<Removal>> {
        self.remove_under(content, row, Permit { license: License::Unwanted, wishes: None }).await
    }

    /// As [`Manager::remove_copy`], if `permit` holds.
    pub(crate) async fn remove_under(
        &self,
        content: &ContentRow,
        row: ReplicaRow,
        permit: Permit,
    ) -> Result<Option<Removal>> {
        if !row.replica.key.is_empty() && self.fleet().member(&row.backend_name).await?.addressing() == Addressing::Cid
        {
            return self.let_go_copy(row).await;
        }
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
            _ => match self.begin(&at, permit).await? {
                Moved::Won(_) => fault::point("after-removing"),
                // The key was given to other content: nothing of ours lies there.
                Moved::Lost if row.state == ReplicaState::Missing && !row.replica.key.is_empty() => {
                    let forget = move |conn: &rusqlite::Connection| replicas::forget(conn, &at).map(drop);
                    self.catalog().write(forget).await?;
                    return Ok(Some(Removal::Absent));
                }
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

    /// A copy within a folder goes with the folder, and stays while that is there.
    async fn let_go_copy(&self, row: ReplicaRow) -> Result<Option<Removal>> {
        let gone = self.catalog().write(move |conn| add::let_go(conn, &row.replica)).await?;
        Ok(gone.then_some(Removal::Released))
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
        let keeps = has_twin(self.catalog(), &row.replica).await?;
        let removal =
            erase(&member, &Named { cid: content.content.cid, kind: content.content.kind }, &row, keeps).await?;
        let at = ReplicaAt { replica: row.replica, epoch };
        let forget = move |conn: &rusqlite::Connection| {
            transfers::remove(conn, &at.replica)?;
            replicas::abandon(conn, &at, "not wanted any more", now()).map(drop)
        };
        self.catalog().write(forget).await?;
        Ok(Some(removal))
    }

    async fn begin(&self, at: &ReplicaAt, permit: Permit) -> Result<Moved> {
        let at = at.clone();
        let begin = move |conn: &rusqlite::Connection| {
            if let Some(planned) = permit.wishes {
                let found = survey::one(conn, at.replica.content)?;
                if found.is_none_or(|it| it.wishes != planned) {
                    return Ok(Moved::Lost);
                }
            }
            replicas::begin_remove(conn, &at, &permit.license, now())
        };
        self.catalog().write(begin).await
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
    let keeps = has_twin(catalog, replica).await?;
    let removal = erase(member, named, &row, keeps).await?;
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

/// The inner nodes beside content are shared by all its copies on a store: they go with the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twin {
    None,
    Keeps,
}

async fn has_twin(catalog: &Catalog, id: &replicas::ReplicaId) -> Result<Twin> {
    let id = id.clone();
    let rows = catalog.read(move |conn| Ok((replicas::of(conn, id.content)?, id))).await?;
    let (rows, id) = rows;
    let holds = |state| {
        !matches!(
            state,
            ReplicaState::Planned | ReplicaState::Missing | ReplicaState::Lingering | ReplicaState::Removing
        )
    };
    let twin =
        rows.iter().any(|row| row.replica.backend == id.backend && row.replica.key != id.key && holds(row.state));
    Ok(if twin { Twin::Keeps } else { Twin::None })
}

/// Content first, sidecar last: what is there can always be verified.
async fn erase(member: &Member, named: &Named, row: &ReplicaRow, twin: Twin) -> Result<Removal> {
    let Named { cid, kind } = *named;
    let is_key = member.addressing() == Addressing::Key;
    let at = layout::locator(member.addressing(), &cid, kind, &row.replica.key)?.with_handle(row.handle.clone());
    let sidecar = layout::sidecar_at(member.addressing(), &cid, row.sidecar_handle.as_deref())?;
    if kind == ContentKind::Directory && member.addressing() != Addressing::Cid {
        let at = sidecar.unwrap_or(at);
        return member.backend.remove(&at, &RemoveOptions::default()).await;
    }
    let removal = match is_key && !row.replica.key.is_empty() {
        true => erase_key(member, &at, row.etag.as_deref()).await?,
        false => member.backend.remove(&at, &RemoveOptions::default()).await?,
    };
    if twin == Twin::None
        && (row.sidecar == Sidecar::Present || (is_key && kind == ContentKind::File))
        && let Some(sidecar) = sidecar
    {
        member.backend.remove(&sidecar, &RemoveOptions::default()).await?;
    }
    Ok(removal)
}

/// Anybody may write under a user's key: what has another etag than ours is not ours to remove, and ours is gone.
async fn erase_key(member: &Member, at: &Locator, etag: Option<&str>) -> Result<Removal> {
    let offers = member.backend.info().offers;
    let opts = match etag.filter(|_| offers.if_match) {
        Some(etag) => RemoveOptions { if_match: Some(etag.to_owned()), ..RemoveOptions::default() },
        None if etag.is_some() && offers.stat => match member.backend.stat(at, &StatOptions::default()).await {
            Ok(meta) if meta.etag.is_some() && meta.etag.as_deref() != etag => return Ok(Removal::Absent),
            Err(err) if err.kind() != ErrorKind::NotFound => return Err(err),
            _ => RemoveOptions::default(),
        },
        None => RemoveOptions::default(),
    };
    match member.backend.remove(at, &opts).await {
        Err(err) if err.kind() == ErrorKind::Precondition => Ok(Removal::Absent),
        other => other,
    }
}

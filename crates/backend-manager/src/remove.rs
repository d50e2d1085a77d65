//! Removing: first nobody wants it any more, then its copies go, and what became of each is said.

use std::collections::BTreeMap;

use backend_core::{Addressing, Error, ErrorKind, Locator, Removal, RemoveOptions, Result};
use ipld::Cid;
use ipld::address;

use crate::catalog::contents::{self, ContentKind, ContentRow};
use crate::catalog::events::{self, Event, Verb};
use crate::catalog::replicas::{
    self, Intended, Intent, License, Moved, ReplicaAt, ReplicaRow, ReplicaState, Seen, Sidecar,
};
use crate::catalog::{ContentNumber, links, names, pins, transfers};
use crate::fault;
use crate::layout;
use crate::manager::{Manager, OWNER};
use crate::views::{Removed, RemovedCopies, removal_word};

/// Files of a directory that are looked at, at a time.
const PAGE: usize = 500;

impl Manager {
    /// Takes names and pin off `cid`, and removes every copy of ours that nobody wants any more; of a directory, also those of its files.
    ///
    /// # Errors
    /// `NotFound` when the catalog does not know it. What a store answers is told copy by copy.
    pub async fn remove(&self, cid: &Cid) -> Result<Removed> {
        self.release_dead().await?;
        let wanted = address::to_v1(cid);
        let row = self.catalog().read(move |conn| contents::find(conn, &wanted)).await?;
        let Some(row) = row else {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("{} is no content of this catalog", address::text(cid)),
            ));
        };
        let names = self.unwant(row.number).await?;
        fault::point("after-unpin");
        let mut removed = Removed { cid: row.content.cid, names, copies: Vec::new(), kept: 0 };
        if self.is_wanted(row.number).await? {
            removed.kept = 1;
            return Ok(removed);
        }
        let mut tally = Tally::default();
        self.remove_copies(&row, &mut tally).await?;
        if row.content.kind == ContentKind::Directory {
            removed.kept = self.remove_children(row.number, &mut tally).await?;
        }
        removed.copies = tally.finish();
        Ok(removed)
    }

    async fn unwant(&self, content: ContentNumber) -> Result<Vec<String>> {
        self.catalog()
            .write(move |conn| {
                let mut gone = Vec::new();
                loop {
                    let page = names::of(conn, content, "", PAGE)?;
                    if page.is_empty() {
                        break;
                    }
                    for row in page {
                        names::remove(conn, &row.name)?;
                        gone.push(row.name);
                    }
                }
                pins::remove(conn, content, OWNER)?;
                Ok(gone)
            })
            .await
    }

    async fn is_wanted(&self, content: ContentNumber) -> Result<bool> {
        self.catalog().read(move |conn| pins::wanted(conn, content, crate::manager::now())).await
    }

    async fn remove_children(&self, parent: ContentNumber, tally: &mut Tally) -> Result<u64> {
        let (mut after, mut kept) = (None, 0);
        loop {
            let page = self
                .catalog()
                .read(move |conn| {
                    let children = links::children(conn, parent, after, PAGE)?;
                    children
                        .into_iter()
                        .map(|child| Ok((child, contents::get(conn, child)?)))
                        .collect::<Result<Vec<_>>>()
                })
                .await?;
            let Some((last, _)) = page.last() else { return Ok(kept) };
            after = Some(*last);
            for (child, row) in page {
                match row {
                    Some(_) if self.is_wanted(child).await? => kept += 1,
                    Some(row) => self.remove_copies(&row, tally).await?,
                    None => {}
                }
            }
        }
    }

    async fn remove_copies(&self, content: &ContentRow, tally: &mut Tally) -> Result<()> {
        let number = content.number;
        for row in self.catalog().read(move |conn| replicas::of(conn, number)).await? {
            let backend = row.backend_name.clone();
            match self.remove_copy(content, row).await {
                Ok(Some(removal)) => tally.removed(&backend, removal_word(removal)),
                Ok(None) => tally.removed(&backend, "kept"),
                Err(err) => tally.failed(&backend, err),
            }
        }
        Ok(())
    }

    /// `None`: it is not ours, or somebody wants it after all.
    async fn remove_copy(&self, content: &ContentRow, row: ReplicaRow) -> Result<Option<Removal>> {
        let now = crate::manager::now();
        let at = ReplicaAt { replica: row.replica.clone(), epoch: row.epoch };
        if matches!(row.state, ReplicaState::Planned) {
            self.catalog()
                .write(move |conn| replicas::abandon(conn, &at, "not wanted any more", now))
                .await
                .map(drop)?;
            return Ok(Some(Removal::Absent));
        }
        if row.state == ReplicaState::Uploading {
            return self.remove_begun(content, row).await;
        }
        let epoch = match row.state {
            ReplicaState::Removing => row.epoch,
            _ => match self.begin(&at).await? {
                Moved::Won(epoch) => epoch,
                Moved::Lost => return Ok(None),
            },
        };
        fault::point("after-removing");
        let removal = self.erase(content, &row).await?;
        fault::point("after-erase");
        let at = ReplicaAt { replica: row.replica, epoch };
        let (cid, backend) = (content.content.cid, row.backend_name);
        self.catalog()
            .write(move |conn| {
                let now = crate::manager::now();
                let _ = replicas::removed(conn, &at, removal, now)?;
                let body = format!("{{\"removal\":\"{}\"}}", removal_word(removal));
                events::append(
                    conn,
                    &Event { at: now, verb: Verb::Removed, cid: Some(cid), backend: Some(backend), body },
                )
                .map(drop)
            })
            .await?;
        Ok(Some(removal))
    }

    /// An upload that ended without an answer: it is taken over, what it may have left is removed, and its row goes.
    async fn remove_begun(&self, content: &ContentRow, row: ReplicaRow) -> Result<Option<Removal>> {
        let intent = Intent {
            replica: row.replica.clone(),
            bytes: row.reserved,
            process: self.process().clone(),
            seen: Seen::Nothing,
            now: crate::manager::now(),
        };
        let epoch = match self.catalog().write(move |conn| replicas::intend(conn, &intent)).await? {
            Intended::Upload { epoch, .. } => epoch,
            Intended::Busy { .. } => return Err(Error::new(ErrorKind::Unavailable, "another process is uploading it")),
            _ => return Ok(None),
        };
        let id = row.replica.clone();
        if let Some(begun) = self.catalog().read(move |conn| transfers::find(conn, &id)).await? {
            self.fleet().member(&row.backend_name).await?.backend.discard(&begun.token).await?;
        }
        let removal = self.erase(content, &row).await?;
        let at = ReplicaAt { replica: row.replica, epoch };
        let forget = move |conn: &rusqlite::Connection| {
            transfers::remove(conn, &at.replica)?;
            replicas::abandon(conn, &at, "not wanted any more", crate::manager::now()).map(drop)
        };
        self.catalog().write(forget).await?;
        Ok(Some(removal))
    }

    async fn begin(&self, at: &ReplicaAt) -> Result<Moved> {
        let at = at.clone();
        self.catalog()
            .write(move |conn| replicas::begin_remove(conn, &at, &License::Unwanted, crate::manager::now()))
            .await
    }

    /// Content first, sidecar last: what is there can always be verified.
    async fn erase(&self, content: &ContentRow, row: &ReplicaRow) -> Result<Removal> {
        let member = self.fleet().member(&row.backend_name).await?;
        member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        let cid = content.content.cid;
        let opts = RemoveOptions { if_match: None, all_versions: false };
        let is_key = member.addressing() == Addressing::Key;
        let sidecar = Locator::new(layout::sidecar(&cid)?).with_handle(row.sidecar_handle.clone());
        if content.content.kind == ContentKind::Directory && member.addressing() != Addressing::Cid {
            return member.backend.remove(&sidecar.with_handle(row.handle.clone()), &opts).await;
        }
        let at = match is_key {
            true => Locator::new(layout::content(&cid)?),
            false => Locator::new(cid),
        };
        let removal = member.backend.remove(&at.with_handle(row.handle.clone()), &opts).await?;
        if row.sidecar == Sidecar::Present || (is_key && content.content.kind == ContentKind::File) {
            member.backend.remove(&sidecar, &opts).await?;
        }
        Ok(removal)
    }
}

#[derive(Default)]
struct Tally(BTreeMap<String, RemovedCopies>);

impl Tally {
    fn of(&mut self, backend: &str) -> &mut RemovedCopies {
        let new = || RemovedCopies { backend: backend.to_owned(), removals: BTreeMap::new(), error: None, failed: 0 };
        self.0.entry(backend.to_owned()).or_insert_with(new)
    }

    fn removed(&mut self, backend: &str, word: &'static str) {
        *self.of(backend).removals.entry(word).or_default() += 1;
    }

    fn failed(&mut self, backend: &str, err: Error) {
        let copies = self.of(backend);
        copies.failed += 1;
        copies.error.get_or_insert(err);
    }

    fn finish(self) -> Vec<RemovedCopies> {
        self.0.into_values().collect()
    }
}

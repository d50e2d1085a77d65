//! What a store of CIDs has pinned: known by its root alone, and not ours to remove.

use backend_core::{ErrorKind, Evidence, ListOptions, Metadata, Result};
use futures::StreamExt;
use ipld::{Cid, address};
use rusqlite::Connection;

use super::AdoptedStore;
use super::own::entries;
use crate::catalog::BackendNumber;
use crate::catalog::contents::{self, ContentKind, NewContent};
use crate::catalog::replicas::{self, Found, ReplicaId, Sidecar};
use crate::fault;
use crate::fleet::Member;
use crate::manager::{Manager, now};
use crate::reconcile::Mode;

/// Pins of one transaction.
const PAGE: usize = 500;

impl Manager {
    pub(super) async fn adopt_pinned(&self, member: &Member, mode: Mode, store: &mut AdoptedStore) -> Result<()> {
        let opts = ListOptions { pinned: member.backend.info().offers.pin, ..ListOptions::default() };
        let mut pages = entries(member, &opts).chunks(PAGE);
        while let Some(page) = pages.next().await {
            let page: Vec<Metadata> = page.into_iter().collect::<Result<_>>()?;
            let number = member.number;
            let work = move |conn: &Connection| {
                let mut part = AdoptedStore::default();
                for meta in &page {
                    let Some(cid) = meta.at.id.cid().map(address::to_v1) else {
                        part.strange += 1;
                        continue;
                    };
                    match entered(conn, number, (&cid, meta), mode)? {
                        true => part.copies += 1,
                        false => part.known += 1,
                    }
                }
                Ok(part)
            };
            let part = match mode {
                Mode::Act => self.catalog().write(work).await?,
                Mode::Rehearse => self.catalog().read(work).await?,
            };
            fault::point("after-adopted-page");
            store.merge(part);
        }
        Ok(())
    }
}

/// Whether there was no row of it.
fn entered(conn: &Connection, backend: BackendNumber, (cid, meta): (&Cid, &Metadata), mode: Mode) -> Result<bool> {
    let found = contents::find(conn, cid)?;
    if mode == Mode::Rehearse {
        let Some(row) = found else { return Ok(true) };
        let id = ReplicaId { content: row.number, backend, key: String::new() };
        return Ok(replicas::find(conn, &id)?.is_none());
    }
    let kind = if cid.codec() == address::RAW { ContentKind::Raw } else { ContentKind::Dag };
    let content = NewContent { cid: *cid, size: meta.size, kind, profile: 0 };
    let number = match contents::upsert(conn, &content, now()) {
        // What is known here was hashed; what a service counts is its own affair.
        Err(err) if err.kind() == ErrorKind::Integrity => {
            contents::upsert(conn, &NewContent { size: None, ..content }, now())?
        }
        other => other?,
    };
    let found = Found {
        replica: ReplicaId { content: number, backend, key: String::new() },
        bytes: meta.size.unwrap_or(0),
        evidence: Evidence::Claimed,
        owned: false,
        sidecar: Sidecar::None,
        handle: meta.at.handle.as_deref(),
        etag: None,
    };
    replicas::adopt(conn, &found, now())
}

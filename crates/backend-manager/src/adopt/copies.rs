//! Copies under users' keys: what a state says of them is held against what lies there.

use backend_core::{Error, ErrorKind, Evidence, Locator, Result, StatOptions};
use futures::{FutureExt, StreamExt};
use rusqlite::Connection;

use super::desired::{AdoptedState, parsed, shown};
use super::own::HEAD;
use crate::catalog::replicas::{self, Found, ReplicaId, Sidecar};
use crate::catalog::{backends, blocks, contents};
use crate::fleet::Member;
use crate::manager::{Manager, now};
use crate::reconcile::Mode;

/// Keys that are looked at at a time.
const AT_A_TIME: usize = 16;

/// A copy under a user's key, as a state tells it.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) cid: String,
    pub(super) store: String,
    pub(super) key: String,
    pub(super) owned: bool,
    pub(super) sidecar: bool,
    pub(super) handle: Option<String>,
    pub(super) etag: Option<String>,
}

impl Manager {
    pub(super) async fn enter_copies(
        &self,
        keys: Vec<Key>,
        members: &[Member],
        mode: Mode,
        adopted: &mut AdoptedState,
    ) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut stores = Vec::new();
        for member in members {
            let number = member.number;
            let row = self.catalog().read(move |conn| backends::get(conn, number)).await?;
            stores.extend(row.and_then(|row| row.backend.store_id).map(|store| (store, member.clone())));
        }
        let here = keys.into_iter().filter_map(|key| {
            let member = stores.iter().find(|(store, _)| *store == key.store).map(|(_, member)| member.clone())?;
            Some((member, key))
        });
        let manager = self.clone();
        let mut each = futures::stream::iter(here)
            .map(move |(member, key)| {
                let manager = manager.clone();
                async move {
                    let entered = manager.enter_copy(&member, &key, mode).await;
                    (format!("{} on {}", shown(&key.key), member.name), entered)
                }
                .boxed()
            })
            .buffered(AT_A_TIME);
        while let Some((what, entered)) = each.next().await {
            match entered {
                Ok(is_new) => adopted.keys += u64::from(is_new),
                Err(err) => adopted.troubles.note(format!("{what}: {}", err.message())),
            }
        }
        Ok(())
    }

    async fn enter_copy(&self, member: &Member, key: &Key, mode: Mode) -> Result<bool> {
        let name = backend_core::Key::new(key.key.clone())?;
        let cid = parsed(&key.cid)?;
        let at = Locator::new(name).with_handle(key.handle.clone());
        let meta = member.backend.stat(&at, &StatOptions::default()).await?;
        if key.etag.is_some() && meta.etag.is_some() && meta.etag != key.etag {
            return Err(Error::new(ErrorKind::SourceChanged, "something else was written there meanwhile"));
        }
        if mode == Mode::Rehearse {
            return Ok(true);
        }
        let (backend, key) = (member.number, key.clone());
        let enter = move |conn: &Connection| {
            let row = contents::find(conn, &cid)?;
            let row = row.ok_or_else(|| Error::new(ErrorKind::NotFound, "nothing is told of its content"))?;
            if row.content.size.is_some() && meta.size.is_some() && row.content.size != meta.size {
                return Err(Error::new(ErrorKind::SourceChanged, "something of another length lies there"));
            }
            let id = ReplicaId { content: row.number, backend, key: key.key.clone() };
            if replicas::holder(conn, &id)?.is_some() {
                return Err(Error::new(ErrorKind::AlreadyExists, "the catalog has other content under this key"));
            }
            let (nodes, bytes) = blocks::total(conn, row.number)?;
            let found = Found {
                replica: id,
                bytes: row.content.size.or(meta.size).unwrap_or(0) + bytes + nodes * HEAD,
                evidence: Evidence::Claimed,
                owned: key.owned,
                sidecar: if key.sidecar { Sidecar::Present } else { Sidecar::None },
                handle: meta.at.handle.as_deref(),
                etag: meta.etag.as_deref(),
            };
            replicas::adopt(conn, &found, now())
        };
        self.catalog().write(enter).await
    }
}

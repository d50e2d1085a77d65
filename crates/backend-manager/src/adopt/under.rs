//! What others have put on a store, under names of theirs: read once and hashed as it flows. It is entered as not ours, and stays where it is.

use backend_core::{
    Addressing, Content, Error, ErrorKind, Evidence, GetOptions, Key, ListOptions, Locator, Metadata, Result,
    StatOptions,
};
use futures::{FutureExt, StreamExt};
use ipld::address;
use ipld::profile::UNIXFS_V1_2025;
use rusqlite::Connection;
use std::sync::{Arc, Mutex, PoisonError};

use super::Troubles;
use super::own::{HEAD, entries};
use crate::add::{Nothing, kind_of, name_stream, outboard};
use crate::catalog::contents::{self, NewContent};
use crate::catalog::names;
use crate::catalog::pins;
use crate::catalog::replicas::{self, Found, Moved, ReplicaAt, ReplicaId, ReplicaRow, ReplicaState, Sidecar};
use crate::catalog::{BackendNumber, ContentNumber, blocks};
use crate::fault;
use crate::fleet::Member;
use crate::manager::{Manager, OWNER, now};
use crate::naming::NodeSpool;
use crate::reconcile::Mode;
use crate::trouble;

/// Objects that are read at a time: each holds one chunk.
const AT_A_TIME: usize = 4;

/// What to take on.
#[derive(Debug, Clone)]
pub struct AdoptUnder {
    /// From where.
    pub backend: String,
    /// What the keys begin with; empty: every key.
    pub prefix: String,
    /// Under which policy it is kept from now on; `None`: under the one that fits.
    pub policy: Option<String>,
    /// Whether anything is done.
    pub mode: Mode,
}

/// What was taken on.
#[derive(Debug, Default, Clone)]
pub struct AdoptedUnder {
    /// Objects that have a row and a name now and had none.
    pub new: u64,
    /// Their bytes, all of which were read.
    pub bytes: u64,
    /// Objects that were known, and are as they were.
    pub known: u64,
    /// Objects that were known and were changed since: they have a new revision of their name.
    pub changed: u64,
    /// What could not be taken on, and why.
    pub troubles: Troubles,
}

enum Taken {
    New(u64),
    Known,
    Changed(u64),
}

/// An object that was read.
pub(super) struct Read {
    pub(super) key: Key,
    pub(super) meta: Metadata,
    pub(super) content: Content,
}

impl Manager {
    /// Enters what lies under `prefix` on a store of keys, each object under its key as its name. Nothing is copied, and none of it will be removed.
    ///
    /// # Errors
    /// `Unsupported` for a store without keys or listings; `NotFound` for a policy that there is not; what listing answers. What is wrong with single
    /// objects is told object by object.
    pub async fn adopt_under(&self, opts: &AdoptUnder) -> Result<AdoptedUnder> {
        let member = self.met(&opts.backend).await?;
        member.keeps_copies()?;
        let info = member.backend.info();
        if info.addressing != Addressing::Key || !info.offers.list || !info.offers.get {
            return Err(Error::unsupported("adoption of keys", &member.name));
        }
        if let Some(name) = &opts.policy {
            self.in_force().await?.named(name)?;
        }
        let list =
            ListOptions { prefix: (!opts.prefix.is_empty()).then(|| opts.prefix.clone()), ..ListOptions::default() };
        let (manager, opts, mut all) = (self.clone(), opts.clone(), AdoptedUnder::default());
        let theirs = |meta: Result<Metadata>| {
            std::future::ready(match meta {
                Ok(meta) => meta.at.id.key().filter(|key| !key.is_own()).cloned().map(|key| Ok((key, meta))),
                Err(err) => Some(Err(err)),
            })
        };
        let mut each = entries(&member, &list)
            .filter_map(theirs)
            .map(move |listed| {
                let (manager, member, opts) = (manager.clone(), member.clone(), opts.clone());
                async move {
                    let (key, meta) = listed?;
                    let taken = manager.take_on(&member, &key, &meta, &opts).await;
                    Ok::<_, Error>((key, taken))
                }
                .boxed()
            })
            .buffered(AT_A_TIME);
        while let Some(taken) = each.next().await {
            let (key, taken) = taken?;
            match taken {
                Ok(Taken::New(bytes)) => {
                    all.new += 1;
                    all.bytes += bytes;
                }
                Ok(Taken::Known) => all.known += 1,
                Ok(Taken::Changed(bytes)) => {
                    all.changed += 1;
                    all.bytes += bytes;
                }
                Err(err) => all.troubles.note(format!("{key}: {}", err.message())),
            }
        }
        Ok(all)
    }

    async fn take_on(&self, member: &Member, key: &Key, listed: &Metadata, opts: &AdoptUnder) -> Result<Taken> {
        let (number, name) = (member.number, key.as_str().to_owned());
        let before = self.catalog().read(move |conn| holder(conn, number, &name)).await?;
        let before = match before {
            Some((row, size)) if is_same(&row, size, listed) => {
                if opts.mode == Mode::Act && !row.owned {
                    self.finish_object(member, key, listed, &row, opts).await?;
                }
                return Ok(Taken::Known);
            }
            Some((row, _)) if row.owned => {
                return Err(Error::new(
                    ErrorKind::SourceChanged,
                    "what ipfs-kit had put there was replaced by something else",
                ));
            }
            other => other.map(|(row, _)| row),
        };
        if opts.mode == Mode::Rehearse {
            let size = listed.size.unwrap_or(0);
            return Ok(if before.is_some() { Taken::Changed(size) } else { Taken::New(size) });
        }
        let read = self.hash(member, key).await?;
        fault::point("after-hash");
        let size = read.content.len();
        let number = self.enter_object(member, &read, before.as_ref()).await?;
        fault::point("after-entered");
        self.put_sidecar(member, &read, number).await?;
        self.call_it(&read, number, opts, before.as_ref()).await?;
        Ok(if before.is_some() { Taken::Changed(size) } else { Taken::New(size) })
    }

    /// What a run that was cut off has left: inner nodes beside it, its name and its pin.
    async fn finish_object(
        &self,
        member: &Member,
        key: &Key,
        listed: &Metadata,
        row: &ReplicaRow,
        opts: &AdoptUnder,
    ) -> Result<()> {
        let (number, name) = (row.replica.content, key.as_str().to_owned());
        let found = self.catalog().read(move |conn| {
            let is_pinned = pins::find(conn, number, OWNER)?.is_some();
            let is_called = names::resolve(conn, &name)?.is_some_and(|it| it.content == number);
            Ok((contents::get(conn, number)?, is_pinned && is_called))
        });
        let (Some(content), is_done) = found.await? else { return Ok(()) };
        if is_done && row.sidecar != Sidecar::Planned {
            return Ok(());
        }
        let dag = blocks::dag(self.catalog(), number).await?;
        let content = Content::file(content.content.cid, content.content.size.unwrap_or(0), dag, Arc::new(Nothing));
        let read = Read { key: key.clone(), meta: listed.clone(), content };
        self.put_sidecar(member, &read, number).await?;
        self.call_it(&read, number, opts, None).await
    }

    /// Reads an object from end to end. What was written to meanwhile is refused.
    async fn hash(&self, member: &Member, key: &Key) -> Result<Read> {
        let at = Locator::new(key.clone());
        let fetched = member.backend.get(&at, &GetOptions::default()).await?;
        let meta = fetched.meta;
        let nodes = Arc::new(Mutex::new((NodeSpool::new(&self.spool_folder()), None)));
        let kept = nodes.clone();
        let mut sink = move |block| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let pushed = kept.0.push(block);
            if let Err(err) = pushed {
                kept.1.get_or_insert(err);
            }
        };
        let (entry, len) = name_stream(&UNIXFS_V1_2025, fetched.body, &mut sink).await?;
        drop(sink);
        let lost = || Error::new(ErrorKind::Internal, "the nodes are gone");
        let (nodes, failed) = Arc::into_inner(nodes).and_then(|it| it.into_inner().ok()).ok_or_else(lost)?;
        failed.map_or(Ok(()), Err)?;
        let after = match member.backend.info().offers.stat {
            true => member.backend.stat(&at, &StatOptions::default()).await?,
            false => meta.clone(),
        };
        let is_same =
            after.etag == meta.etag && after.modified == meta.modified && after.size.is_none_or(|it| it == len);
        if !is_same || meta.size.is_some_and(|size| size != len) {
            return Err(Error::new(ErrorKind::SourceChanged, "it was changed while it was read"));
        }
        let dag = tokio::task::spawn_blocking(move || nodes.finish(&entry.cid)).await.map_err(trouble::lost)??;
        let content = Content::file(address::to_v1(&entry.cid), len, dag, Arc::new(Nothing));
        Ok(Read { key: key.clone(), meta: after, content })
    }

    async fn enter_object(&self, member: &Member, read: &Read, before: Option<&ReplicaRow>) -> Result<ContentNumber> {
        let content = &read.content;
        let new = NewContent {
            cid: *content.cid(),
            size: Some(content.len()),
            kind: kind_of(content),
            profile: UNIXFS_V1_2025.id,
        };
        let number = self
            .catalog()
            .write(move |conn| {
                let number = contents::upsert(conn, &new, now())?;
                contents::learn(conn, number, new.kind, new.profile).map(|()| number)
            })
            .await?;
        outboard(self.catalog(), content.dag(), number).await?;
        let (backend, key, etag) = (member.number, read.key.as_str().to_owned(), read.meta.etag.clone());
        let (handle, before) = (read.meta.at.handle.clone(), before.cloned());
        let bytes = content.len() + content.dag().bytes() + content.dag().count() * HEAD;
        let sidecar = if content.dag().is_empty() { Sidecar::None } else { Sidecar::Planned };
        let enter = move |conn: &Connection| {
            if let Some(row) = before {
                let_go(conn, &row)?;
            }
            let found = Found {
                replica: ReplicaId { content: number, backend, key },
                bytes,
                // The bytes were here a moment ago; that they stay is for others to see.
                evidence: Evidence::Acknowledged,
                owned: false,
                sidecar,
                handle: handle.as_deref(),
                etag: etag.as_deref(),
            };
            replicas::adopt(conn, &found, now()).map(drop)
        };
        self.catalog().write(enter).await?;
        Ok(number)
    }
}

/// The row that holds a key, and how long its content is.
fn holder(conn: &Connection, backend: BackendNumber, key: &str) -> Result<Option<(ReplicaRow, Option<u64>)>> {
    let anybody = ReplicaId { content: ContentNumber::new(i64::MIN), backend, key: key.to_owned() };
    let Some(row) = replicas::holder(conn, &anybody)? else { return Ok(None) };
    let size = contents::get(conn, row.replica.content)?.and_then(|it| it.content.size);
    Ok(Some((row, size)))
}

/// Whether what is listed is what the row says, as far as a listing tells.
fn is_same(row: &ReplicaRow, size: Option<u64>, listed: &Metadata) -> bool {
    let same_etag = row.etag.is_none() || listed.etag.is_none() || row.etag == listed.etag;
    let same_size = size.is_none() || listed.size.is_none() || size == listed.size;
    row.state == ReplicaState::Present && same_etag && same_size
}

/// What was there is there no longer: present → suspect → missing → no row.
fn let_go(conn: &Connection, row: &ReplicaRow) -> Result<()> {
    let at = |epoch| ReplicaAt { epoch, ..row.at() };
    let mut epoch = row.epoch;
    if row.state == ReplicaState::Present
        && let Moved::Won(next) = replicas::suspect(conn, &row.at(), &[], "something else was written there", now())?
    {
        epoch = next;
    }
    if let Moved::Won(next) = replicas::missing(conn, &at(epoch), "something else was written there", now())? {
        let _ = replicas::forget(conn, &at(next))?;
    }
    Ok(())
}

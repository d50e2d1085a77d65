//! Objects that no row names: read once while they are small, else hashed first and then read again, chunk by chunk against what was hashed.

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    ByteStream, Content, Dag, DigestKind, Error, ErrorKind, Fetched, GetOptions, Key, Locator, Metadata, Open,
    Progress, Result, StatOptions,
};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use ipld::Cid;
use ipld::profile::UNIXFS_V1_2025;

use super::entry::Entry;
use crate::add::{AddRequest, Namer, name_stream};
use crate::fleet::Member;
use crate::manager::Manager;
use crate::naming::{self, Hasher, NodeSpool};

/// An object of up to so many bytes is read once and put aside in an unlinked file; of a longer one nothing is, and it is read twice.
const SPOOL: u64 = 64 << 20;

/// An object on a store of keys.
#[derive(Debug, Clone)]
pub(super) struct Object {
    member: Member,
    at: Locator,
    size: Option<u64>,
    etag: Option<String>,
}

/// What tells that an object is still the one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    etag: Option<String>,
    size: Option<u64>,
    modified: Option<std::time::SystemTime>,
}

impl Seen {
    pub(super) fn of(meta: &Metadata) -> Self {
        Self { etag: meta.etag.clone(), size: meta.size, modified: meta.modified }
    }

    /// Nanoseconds since 1970 UTC.
    pub(super) fn modified(&self) -> Option<i64> {
        let after = self.modified?.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(after.as_nanos()).ok()
    }

    /// What one of the two does not tell says nothing.
    fn is(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(one: Option<&T>, two: Option<&T>) -> bool {
            one.zip(two).is_none_or(|(one, two)| one == two)
        }
        match (&self.etag, &other.etag) {
            (Some(one), Some(two)) => one == two,
            _ => same(self.size.as_ref(), other.size.as_ref()) && same(self.modified.as_ref(), other.modified.as_ref()),
        }
    }
}

impl Object {
    pub(super) fn new(member: Member, key: Key, entry: &Entry) -> Self {
        let at = Locator::new(key).with_handle(entry.handle.clone());
        Self { member, at, size: entry.size, etag: entry.etag.clone() }
    }

    /// All of it, if it is still what was listed.
    ///
    /// # Errors
    /// `SourceChanged` when it is not; what the store answers.
    pub(super) async fn fetch(&self) -> Result<Fetched> {
        let fetched = self.get(GetOptions::default()).await?;
        let wanted = Seen { etag: self.etag.clone(), size: self.size, modified: None };
        if Seen::of(&fetched.meta).is(&wanted) { Ok(fetched) } else { Err(self.changed()) }
    }

    async fn get(&self, opts: GetOptions) -> Result<Fetched> {
        let if_match = self.etag.clone().filter(|_| self.member.backend.info().offers.if_match);
        match self.member.backend.get(&self.at, &GetOptions { if_match, ..opts }).await {
            Err(err) if matches!(err.kind(), ErrorKind::Precondition | ErrorKind::NotFound) => {
                Err(self.changed().with_source(err))
            }
            other => other,
        }
    }

    /// Looks whether it is still what was seen when its first byte came.
    ///
    /// # Errors
    /// `SourceChanged` when it is not; what the store answers.
    pub(super) async fn unchanged(&self, seen: &Seen) -> Result<()> {
        if !self.member.backend.info().offers.stat {
            return Ok(());
        }
        match self.member.backend.stat(&self.at, &StatOptions::default()).await {
            Ok(meta) if Seen::of(&meta).is(seen) => Ok(()),
            Ok(_) => Err(self.changed()),
            Err(err) if err.kind() == ErrorKind::NotFound => Err(self.changed().with_source(err)),
            Err(err) => Err(err),
        }
    }

    fn changed(&self) -> Error {
        let text = format!("{} on {} changed while it was being copied", self.at.id, self.member.name);
        Error::new(ErrorKind::SourceChanged, text)
    }
}

/// The object as content.
///
/// # Errors
/// `SourceChanged` when it is not what was listed; what reading it answers.
pub(super) async fn name(
    manager: &Manager,
    object: Object,
    needs: &[DigestKind],
    progress: &Progress,
) -> Result<Content> {
    let fetched = object.fetch().await?;
    let (seen, size) = (Seen::of(&fetched.meta), fetched.meta.size.or(object.size));
    let ticks = progress.clone();
    let body: ByteStream = fetched.body.inspect_ok(move |_| ticks.alive()).boxed();
    let content = match size {
        Some(size) if SPOOL < size => twice(manager, object.clone(), seen.etag.clone(), (body, size), needs).await?,
        _ => {
            let request = AddRequest::default();
            let namer = Namer { request: &request, spool: manager.spool_folder(), digests: needs.to_vec() };
            Box::pin(namer.stream(body)).await?
        }
    };
    if size.is_some_and(|size| size != content.len()) {
        return Err(object.changed());
    }
    object.unchanged(&seen).await?;
    Ok(content)
}

/// The first reading: the name, the inner nodes and the digests; no byte is kept.
async fn twice(
    manager: &Manager,
    object: Object,
    etag: Option<String>,
    (body, size): (ByteStream, u64),
    needs: &[DigestKind],
) -> Result<Content> {
    let hashers = Arc::new(std::sync::Mutex::new(Hasher::all(needs, size)?));
    let each = hashers.clone();
    let body = body.inspect_ok(move |frame| {
        each.lock().unwrap_or_else(std::sync::PoisonError::into_inner).iter_mut().for_each(|it| it.update(frame));
    });
    let mut nodes = NodeSpool::new(&manager.spool_folder());
    let mut failed = None;
    let mut sink = |block| {
        if let Err(err) = nodes.push(block) {
            failed.get_or_insert(err);
        }
    };
    let (entry, len) = name_stream(&UNIXFS_V1_2025, body.boxed(), &mut sink).await?;
    if let Some(err) = failed {
        return Err(err);
    }
    let (cid, dag) = (ipld::address::to_v1(&entry.cid), nodes.finish(&entry.cid)?);
    let all = std::mem::take(&mut *hashers.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    let digests = all.into_iter().map(Hasher::finish).collect::<Result<_>>()?;
    let object = Object { etag: etag.or(object.etag.clone()), ..object };
    let again = Again { object, cid, len, dag: dag.clone() };
    Ok(Content::file(cid, len, dag, Arc::new(again)).with_digests(digests))
}

/// The second reading: each chunk is hashed before it is lent.
#[derive(Debug)]
struct Again {
    object: Object,
    cid: Cid,
    len: u64,
    dag: Dag,
}

#[async_trait]
impl Open for Again {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        if range.is_empty() {
            return Ok(stream::empty().boxed());
        }
        let chunk = u64::from(UNIXFS_V1_2025.chunk);
        let from = range.start - range.start % chunk;
        let to = range.end.next_multiple_of(chunk).min(self.len);
        let is_whole = (from, to) == (0, self.len);
        let ranged = self.object.member.backend.info().offers.range && !is_whole;
        let opts = if ranged { GetOptions::range(from..to) } else { GetOptions::default() };
        let body = self.object.get(opts).await?.body;
        let frames = Frames { body, skip: if ranged { 0 } else { from }, held: BytesMut::new() };
        let plan = naming::chunks(self.dag.clone(), self.cid, Some(self.len), range.clone());
        let object = self.object.clone();
        let read = stream::try_unfold((plan, frames, object, range), |(mut plan, mut frames, object, range)| async {
            let Some(chunk) = plan.try_next().await? else { return Ok(None) };
            let len = usize::try_from(chunk.len).map_err(|_| object.changed())?;
            let bytes = frames.next(len).await?.ok_or_else(|| object.changed())?;
            chunk.verify(&bytes).map_err(|_| object.changed())?;
            Ok::<_, Error>(Some((naming::trim(&chunk, bytes, &range), (plan, frames, object, range))))
        });
        Ok(read.boxed())
    }
}

/// Bytes in the pieces that are asked for.
struct Frames {
    body: ByteStream,
    skip: u64,
    held: BytesMut,
}

impl Frames {
    /// The next `len` bytes. `None`: there are fewer.
    async fn next(&mut self, len: usize) -> Result<Option<Bytes>> {
        while self.held.len() < len {
            let Some(mut frame) = self.body.try_next().await? else { return Ok(None) };
            let passed = self.skip.min(frame.len() as u64) as usize;
            self.skip -= passed as u64;
            self.held.extend_from_slice(&frame.split_off(passed));
        }
        Ok(Some(self.held.split_to(len).freeze()))
    }
}

//! Takes content into a cache while it is read, and never in its reader's way: what the reader gets goes into a short queue, and if that is full, this time nothing
//! is taken in.

use std::sync::Arc;

use backend_core::{AddOptions, ByteStream, Content, ContentId, Error, ErrorKind, Result};
use backend_layers::Side;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use planner::Planner;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::sweep::Gone;
use crate::catalog::ContentNumber;
use crate::catalog::cached::{self, Admit, Slot};
use crate::catalog::survey;
use crate::config::{Admission, CacheSettings};
use crate::fault;
use crate::find::Stored;
use crate::fleet::Member;
use crate::layout;
use crate::manager::Manager;
use crate::naming::{self, FileSource};
use crate::reconcile::{Cases, compiled};

/// Chunks that wait to be put aside: with chunks of 1 MiB, 16 MiB.
const WAITING: usize = 16;
/// What a permit stands for, and what one content takes at the most: as much as may wait.
const UNIT: u64 = 256 << 10;
const MOST: u32 = 64;

/// What a reader got.
enum Part {
    Bytes(Bytes),
    /// Everything has come, and was right.
    End,
}

/// Content that is to be taken in.
struct Fill {
    member: Member,
    settings: CacheSettings,
    slot: Slot,
    stored: Stored,
    size: u64,
    _permit: OwnedSemaphorePermit,
}

impl Manager {
    /// `body`, which is taken into the first of the caches that would have it.
    pub(super) fn filling(
        &self,
        caches: Vec<Member>,
        number: ContentNumber,
        stored: &Stored,
        size: u64,
        body: ByteStream,
    ) -> ByteStream {
        let takes = |member: &Member| {
            let settings = member.cache().filter(|it| size <= it.largest())?.clone();
            self.fleet().admit(member, Side::Writes).ok()?;
            Some((member.clone(), settings))
        };
        let Some((member, settings)) = caches.iter().find_map(takes) else { return body };
        let weight = u32::try_from(size.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, MOST);
        let Ok(permit) = self.caches().fills.clone().try_acquire_many_owned(weight) else { return body };
        let slot = Slot { backend: member.number, content: number };
        let fill = Fill { member, settings, slot, stored: stored.clone(), size, _permit: permit };
        let (queue, parts) = mpsc::channel(WAITING);
        let manager = self.clone();
        tokio::spawn(async move {
            let name = fill.member.name.clone();
            match manager.fill(&fill, parts).await {
                Ok(true) => manager.caches().counts.count(&name, |it| it.filled += 1),
                Ok(false) => {}
                Err(err) => {
                    manager.caches().counts.count(&name, |it| it.given_up += 1);
                    tracing::debug!(backend = %name, error = %err, "content was not taken into a cache");
                }
            }
        });
        teed(body, queue)
    }

    /// Whether it is there now.
    async fn fill(&self, fill: &Fill, parts: mpsc::Receiver<Part>) -> Result<bool> {
        let (slot, now) = (fill.slot, self.cache_now());
        // What a row says is there was not read from there: it is too old, or leaving.
        let rows = self.catalog().read(move |conn| cached::of(conn, slot.content)).await?;
        if rows.iter().any(|row| row.slot == slot) {
            self.sweep_cache(&fill.member).await?;
        }
        let admit = match fill.settings.admission {
            Admission::Always => Admit::First,
            Admission::SecondRead => Admit::Since(now.minus(std::time::Duration::from_secs(fill.settings.window_s()))),
        };
        if !self.catalog().write(move |conn| cached::admit(conn, slot, admit, now)).await? {
            return Ok(false);
        }
        if self.is_forbidden(fill).await? {
            return Ok(false);
        }
        fill.member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        let (file, len) = naming::spool(received(parts), &self.spool_folder()).await?;
        if len != fill.size {
            return Err(Error::new(ErrorKind::Integrity, format!("{len} bytes came instead of {}", fill.size)));
        }
        self.sweep_cache(&fill.member).await?;
        let (worker, most) = (self.process().worker().clone(), fill.settings.max_size.bytes());
        let reserved = self.catalog().write(move |conn| cached::reserve(conn, slot, (len, most), &worker, now)).await?;
        let Some(leaving) = reserved else { return Ok(false) };
        fault::point("cache-reserved");
        match self.put(fill, leaving, file, most).await {
            Ok(()) => Ok(true),
            Err(err) => {
                self.catalog().write(move |conn| cached::leave(conn, slot)).await?;
                self.sweep_cache(&fill.member).await?;
                Err(err)
            }
        }
    }

    /// Whether a policy says of this backend that the content is never to be there. What it says of where copies are kept alone is of copies.
    async fn is_forbidden(&self, fill: &Fill) -> Result<bool> {
        let number = fill.slot.content;
        let Some(surveyed) = self.catalog().read(move |conn| survey::one(conn, number)).await? else { return Ok(true) };
        let (policies, places) = (self.in_force().await?, self.places().await?);
        let Some(place) = places.position(fill.slot.backend) else { return Ok(true) };
        let compiled = compiled(&policies, &places)?;
        let planner = Planner::new(&places.places, &compiled, self.terms().await?);
        let case = Cases::new(&places, &policies, self.process(), crate::manager::now()).case(surveyed);
        Ok(case.is_none_or(|case| planner.forbids(&case.content(), place)))
    }

    /// Who leaves, leaves first; then, if everything fits, the bytes go, and then they count.
    async fn put(&self, fill: &Fill, leaving: Vec<cached::CachedRow>, file: std::fs::File, most: u64) -> Result<()> {
        for row in leaving {
            self.erase_cached(&fill.member, &row, Gone::Evicted).await?;
        }
        let (slot, backend) = (fill.slot, fill.slot.backend);
        if !self.catalog().read(move |conn| cached::fits(conn, backend, most)).await? {
            return Err(Error::new(ErrorKind::QuotaExceeded, "what is to leave has not left yet"));
        }
        let (cid, dag) = (fill.stored.content.cid, fill.stored.dag.clone());
        let path = naming::path_of(&file);
        let source = FileSource::new(Some(Arc::new(file)), path, None, (cid, fill.size, dag.clone()));
        let content = Content::file(cid, fill.size, dag, Arc::new(source));
        let content = naming::with_digests(content, &fill.member.backend.info().needs).await?;
        let id = Some(ContentId::Key(layout::content(&cid)?));
        let meta = fill.member.backend.add(&content, &AddOptions { id, ..AddOptions::default() }).await?;
        fault::point("cache-written");
        let (worker, handle, now) = (self.process().worker().clone(), meta.at.handle, self.cache_now());
        let arrived = move |conn: &rusqlite::Connection| cached::arrived(conn, slot, handle.as_deref(), &worker, now);
        match self.catalog().write(arrived).await? {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Precondition, "it was to leave before it was there")),
        }
    }
}

/// `body`, and into `queue` what of it came, as long as there is room.
fn teed(body: ByteStream, queue: mpsc::Sender<Part>) -> ByteStream {
    let state = (body, Some(queue));
    stream::unfold(state, |(mut body, mut queue)| async move {
        let item = body.next().await;
        let part = match &item {
            Some(Ok(bytes)) => Some(Part::Bytes(bytes.clone())),
            None => Some(Part::End),
            Some(Err(_)) => None,
        };
        let is_taken = match (&queue, part) {
            (Some(queue), Some(part)) => queue.try_send(part).is_ok(),
            _ => false,
        };
        if !is_taken {
            queue = None;
        }
        Some((item?, (body, queue)))
    })
    .boxed()
}

/// What was queued; an error where it ends without an end.
fn received(parts: mpsc::Receiver<Part>) -> ByteStream {
    stream::unfold(Some(parts), |parts| async move {
        let mut parts = parts?;
        match parts.recv().await {
            Some(Part::Bytes(bytes)) => Some((Ok(bytes), Some(parts))),
            Some(Part::End) => None,
            None => {
                Some((Err(Error::new(ErrorKind::SourceChanged, "its reader did not wait for it, or stopped")), None))
            }
        }
    })
    .boxed()
}

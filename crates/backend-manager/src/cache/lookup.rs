//! What a cache has is asked first, and what it has wrongly leaves it.

use std::ops::Range;

use backend_core::{ByteStream, ErrorKind, Result};

use super::oldest;
use crate::catalog::Catalog;
use crate::catalog::cached::{self, CachedRow, Held, Slot};
use crate::catalog::contents::ContentRow;
use crate::find::Stored;
use crate::health::Standing;
use crate::layout;
use crate::manager::Manager;
use crate::read::{How, ReadReport, Replica, Trouble};

impl Manager {
    /// What a cache has of content, for whoever reads it: the first of several. A cache that does not work is not asked, and what is too old is not read, unless
    /// that is all there is.
    pub(crate) async fn cached_copy(
        &self,
        rows: Vec<CachedRow>,
        content: &ContentRow,
        is_all_there_is: bool,
    ) -> Result<Option<Replica>> {
        if rows.iter().all(|row| row.held != Held::There) {
            return Ok(None);
        }
        let now = self.cache_now();
        for member in self.cache_members().await {
            let Some(settings) = member.cache() else { continue };
            let since = oldest(settings, now);
            let is_good = |row: &&CachedRow| {
                let is_there = row.slot.backend == member.number && row.held == Held::There;
                is_there && (is_all_there_is || since.is_none_or(|since| since <= row.at))
            };
            let Some(row) = rows.iter().find(is_good) else { continue };
            if !is_all_there_is && self.fleet().standing(&member) != Standing::Works {
                continue;
            }
            let at = layout::locator(member.addressing(), &content.content.cid, content.content.kind, "")?;
            let how = if member.backend.info().offers.range { How::Range } else { How::Whole };
            return Ok(Some(Replica {
                name: member.name.clone(),
                gauge: Some(self.fleet().gauge(&member)),
                backend: member.backend,
                hasty: member.hasty,
                at: at.with_handle(row.handle.clone()),
                how,
                bad: Vec::new(),
                fresh: false,
                row: None,
                cached: Some(row.slot),
            }));
        }
        Ok(None)
    }

    /// The body of a reading by a user: counted by caches, and taken in by one of them if it is to be.
    pub(crate) async fn served(&self, stored: &Stored, size: u64, range: Range<u64>, report: ReadReport) -> ByteStream {
        let body = self.body(stored, size, range.clone(), report);
        let Some(number) = stored.number.filter(|_| size != 0) else { return body };
        if let Some((replica, slot)) = stored.replicas.first().and_then(|it| Some((it, it.cached?))) {
            self.caches().counts.count(&replica.name, |it| it.hits += 1);
            if let Err(err) = self.catalog().post(move |conn| cached::hit(conn, slot)) {
                tracing::warn!(backend = %replica.name, error = %err, "a reading could not be noted");
            }
            return body;
        }
        let caches = self.cache_members().await;
        for cache in &caches {
            self.caches().counts.count(&cache.name, |it| it.misses += 1);
        }
        match range == (0..size) {
            true => self.filling(caches, number, stored, size, body),
            false => body,
        }
    }
}

/// A cache has shown that it does not have what it should: it is asked for it no more, and what it has goes with the next sweep.
pub(crate) fn distrust(catalog: &Catalog, replica: &Replica, slot: Slot, trouble: &Trouble) {
    if !matches!(trouble.kind, ErrorKind::Integrity | ErrorKind::NotFound) {
        return;
    }
    tracing::warn!(backend = %replica.name, kind = trouble.kind.as_str(), "what a cache has is wrong, and leaves it");
    if let Err(err) = catalog.post(move |conn| cached::leave(conn, slot).map(drop)) {
        tracing::warn!(backend = %replica.name, error = %err, "that could not be noted");
    }
}

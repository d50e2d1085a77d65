//! What leaves a cache: first its row says so, then its bytes go, then the row. Whatever a dead process left is found here.

use backend_core::{RemoveOptions, Result};

use super::oldest;
use crate::catalog::cached::{self, CachedRow, Held};
use crate::catalog::process::Worker;
use crate::catalog::{ContentNumber, contents};
use crate::fleet::Member;
use crate::layout;
use crate::manager::Manager;

/// Why something left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    /// For room, or for its age: this is counted.
    Evicted,
    /// It never was there as a whole, or it was counted before.
    Settled,
}

impl Manager {
    /// Every cache: what is too old, what nobody keeps any more, and what was begun and left.
    pub(crate) async fn sweep_caches(&self) -> Result<()> {
        for member in self.cache_members().await {
            // A cache that is ill is swept another time.
            if let Err(err) = self.sweep_cache(&member).await {
                tracing::warn!(backend = %member.name, error = %err, "a cache could not be swept");
            }
        }
        Ok(())
    }

    pub(super) async fn sweep_cache(&self, member: &Member) -> Result<()> {
        let Some(settings) = member.cache() else { return Ok(()) };
        let (backend, since) = (member.number, oldest(settings, self.cache_now()));
        let sweep = move |conn: &rusqlite::Connection| {
            cached::expire(conn, backend, since)?;
            cached::unsettled(conn, backend)
        };
        for row in self.catalog().write(sweep).await? {
            let is_alive = row.worker.as_deref().and_then(Worker::parse).is_some_and(|it| self.process().alive(&it));
            if row.held == Held::Filling {
                let slot = row.slot;
                if is_alive || !self.catalog().write(move |conn| cached::leave(conn, slot)).await? {
                    continue;
                }
            }
            let why = if row.held == Held::Filling { Gone::Settled } else { Gone::Evicted };
            self.erase_cached(member, &row, why).await?;
        }
        Ok(())
    }

    /// The bytes of what is leaving go, and then its row.
    pub(super) async fn erase_cached(&self, member: &Member, row: &CachedRow, why: Gone) -> Result<()> {
        let number = row.slot.content;
        let content = self.catalog().read(move |conn| contents::get(conn, number)).await?;
        if let Some(content) = content {
            member.recognise(self.catalog(), &**self.fleet().clock()).await?;
            let at = layout::locator(member.addressing(), &content.content.cid, content.content.kind, "")?;
            let at = at.with_handle(row.handle.clone());
            member
                .backend
                .remove(
                    &at,
                    &RemoveOptions { all_versions: member.backend.info().offers.versions, ..RemoveOptions::default() },
                )
                .await?;
        }
        let (slot, now) = (row.slot, self.cache_now());
        self.catalog().write(move |conn| cached::left(conn, slot, now)).await?;
        if why == Gone::Evicted {
            self.caches().counts.count(&member.name, |it| it.evicted += 1);
        }
        Ok(())
    }

    /// Nobody wants this content any more: what caches have of it goes. Answers which caches had it, and how it went.
    pub(crate) async fn uncache(&self, content: ContentNumber) -> Result<Vec<(String, Result<()>)>> {
        let rows = self.catalog().read(move |conn| cached::of(conn, content)).await?;
        let mut gone = Vec::new();
        if rows.is_empty() {
            return Ok(gone);
        }
        for member in self.cache_members().await {
            for row in rows.iter().filter(|row| row.slot.backend == member.number) {
                let slot = row.slot;
                self.catalog().write(move |conn| cached::leave(conn, slot)).await?;
                gone.push((member.name.clone(), self.erase_cached(&member, row, Gone::Settled).await));
            }
        }
        Ok(gone)
    }
}

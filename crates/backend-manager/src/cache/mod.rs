//! Caches: fast backends that are asked first, and keep what was read. What is there is no copy: no policy counts it, nothing is removed on its word, and losing it
//! costs a reading.
//!
//! A cache is filled by verified reads of whole contents, beside them: the reader waits for nothing, and fails by nothing that happens here ([`fill`]). Rows come
//! before bytes, room is taken before it is used, and what a dead process left is removed ([`sweep`]). What it serves is verified like everything else.

mod counts;
mod fill;
mod lookup;
mod sweep;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backend_core::{Error, Result};
use tokio::sync::Semaphore;

use crate::catalog::{Timestamp, cached};
use crate::config::{CacheSettings, Duty, can_cache};
use crate::fleet::Member;
use crate::manager::Manager;

pub use counts::CacheView;
use counts::Counts;
pub(crate) use lookup::distrust;

/// What is being taken in at a time, over all reads, in units of 256 KiB of memory: a content takes as much as it may have waiting, at least one unit. What comes
/// when all are taken is not taken in, this time.
const FILLS: u32 = 128;
/// The files of backends are looked at again after this time.
const KNOWN_FOR: Duration = Duration::from_secs(10);

/// What a manager knows of its caches.
#[derive(Debug)]
pub(crate) struct Caches {
    known: Mutex<Option<(Duration, Vec<String>)>>,
    counts: Counts,
    fills: Arc<Semaphore>,
}

impl Default for Caches {
    fn default() -> Self {
        Self { known: Mutex::default(), counts: Counts::default(), fills: Arc::new(Semaphore::new(FILLS as usize)) }
    }
}

impl Member {
    /// How it works as a cache, if it is one.
    pub(crate) fn cache(&self) -> Option<&CacheSettings> {
        self.config().cache.as_ref().filter(|_| self.config().role == Duty::Cache)
    }

    /// Refuses a cache: what it has is no copy.
    pub(crate) fn keeps_copies(&self) -> Result<()> {
        match self.cache() {
            Some(_) => Err(Error::unsupported("keeping copies (it is a cache)", &self.name)),
            None => Ok(()),
        }
    }
}

impl Manager {
    /// The caches that are switched on and open, by name.
    pub(crate) async fn cache_members(&self) -> Vec<Member> {
        let mut members = Vec::new();
        for name in self.cache_names() {
            match self.fleet().member(&name).await {
                Ok(member) if member.cache().is_some() && can_cache(&*member.backend) => members.push(member),
                Ok(_) => tracing::warn!(backend = %name, "it cannot be a cache"),
                Err(err) => tracing::warn!(backend = %name, error = %err, "a cache cannot be asked"),
            }
        }
        members
    }

    fn cache_names(&self) -> Vec<String> {
        let now = self.fleet().clock().monotonic();
        let mut known = self.caches().known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, names)) = &*known
            && now.saturating_sub(*at) < KNOWN_FOR
        {
            return names.clone();
        }
        let files = self.config().list().unwrap_or_default();
        let is_cache = |it: &crate::config::Listed| {
            it.loaded.as_ref().is_ok_and(|it| it.config.enabled && it.config.role == Duty::Cache)
        };
        let names: Vec<String> = files.into_iter().filter(is_cache).map(|it| it.name).collect();
        *known = Some((now, names.clone()));
        names
    }

    /// Waits until what is being taken into caches is there, or was given up: for whoever is about to end, and has handed over all that was asked for.
    pub async fn caches_are_filled(&self) {
        drop(self.caches().fills.acquire_many(FILLS).await);
    }

    /// How a cache does, of this process; what it keeps, of all.
    pub(crate) async fn cache_view(&self, member: &Member) -> Result<Option<CacheView>> {
        let Some(settings) = member.cache() else { return Ok(None) };
        let number = member.number;
        let (bytes, contents) = self.catalog().read(move |conn| cached::kept(conn, number)).await?;
        Ok(Some(CacheView {
            bytes,
            contents,
            limit: settings.max_size.bytes(),
            ..self.caches().counts.of(&member.name)
        }))
    }

    /// By the clock that whoever opened this manager has given.
    fn cache_now(&self) -> Timestamp {
        self.fleet().clock().now().into()
    }
}

/// Since when content that is still good may be there; `None`: it does not age.
fn oldest(settings: &CacheSettings, now: Timestamp) -> Option<Timestamp> {
    settings.ttl.map(|ttl| now.minus(Duration::from_secs(ttl.seconds())))
}

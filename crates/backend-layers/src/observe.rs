//! A span for each verb, an event for each failure, counters, and the context that every error carries. It sees outcomes, never content or secrets.

mod shared;
mod streams;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, Clock, Content, ContentId, Entry, ErrorKind, Facts, Fetched, GetOptions, Health, Info,
    ListOptions, Locator, Metadata, Pin, Power, Removal, RemoveOptions, Result, ResumeToken, StatOptions, Usage, Write,
};
use futures::stream::{BoxStream, StreamExt};

use crate::meter::{Learnt, Meter, Verb};
use shared::Shared;
use streams::{Body, Entries};

/// Outermost of the layers: it sees each outcome once.
#[derive(Debug)]
pub(crate) struct Observe {
    inner: Arc<dyn Backend>,
    shared: Arc<Shared>,
}

impl Observe {
    pub(crate) fn new(inner: Arc<dyn Backend>, clock: Arc<dyn Clock>, meter: Arc<Meter>) -> Self {
        let shared = Arc::new(Shared::new(inner.info().name.clone(), clock, meter));
        Self { inner, shared }
    }

    /// The same, counted as its bytes move.
    fn counted(&self, verb: Verb, write: &Write) -> Write {
        let shared = self.shared.clone();
        Write { progress: write.progress.telling(move |bytes| shared.moved(verb, bytes)), ..write.clone() }
    }
}

#[async_trait]
impl Backend for Observe {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    async fn health(&self) -> Health {
        let mut health = self.shared.probe(self.inner.health()).await;
        health.writes = writes(health.writes, self.shared.meter().writes(), self.shared.now());
        health
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.shared.watch(Verb::Stat, Some(&at.id), self.inner.stat(at, opts)).await
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let mut fetched = self.shared.watch(Verb::Get, Some(&at.id), self.inner.get(at, opts)).await?;
        fetched.body = Body::new(fetched.body, self.shared.clone(), at.id.clone()).boxed();
        Ok(fetched)
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let write = self.counted(Verb::Add, &opts.write);
        let own = opts.id.clone().unwrap_or_else(|| ContentId::from(*content.cid()));
        let opts = AddOptions { write, ..opts.clone() };
        self.shared.watch(Verb::Add, Some(&own), self.inner.add(content, &opts)).await
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        self.shared.watch(Verb::Discard, None, self.inner.discard(upload)).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        self.shared.watch(Verb::Remove, Some(&at.id), self.inner.remove(at, opts)).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        Entries::new(self.inner.list(opts), self.shared.clone()).boxed()
    }

    async fn pin(&self, id: &ContentId, pin: &Pin) -> Result<Metadata> {
        let write = self.counted(Verb::Pin, &pin.write);
        let pin = Pin { write, ..pin.clone() };
        self.shared.watch(Verb::Pin, Some(id), self.inner.pin(id, &pin)).await
    }

    async fn probe(&self) -> Result<Facts> {
        self.shared.watch(Verb::Probe, None, self.inner.probe()).await
    }

    async fn usage(&self) -> Result<Usage> {
        self.shared.watch(Verb::Usage, None, self.inner.usage()).await
    }
}

/// How long a passing failure of a real write outweighs a probe that found nothing wrong. Without an end, nobody would ever write there again.
const FADES: Duration = Duration::from_secs(300);

/// Whether writing works: a probe may say that it does not, but only a real write that it does.
fn writes(probed: Power, learnt: Learnt, now: Duration) -> Power {
    let passing = |kind| matches!(kind, ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::RateLimited);
    match (probed, learnt.power) {
        (Power::Off | Power::Fails(_), _) => probed,
        (_, Power::Fails(kind)) if passing(kind) && FADES <= now.saturating_sub(learnt.at) => Power::Unknown,
        (_, power) => power,
    }
}

//! Refuses what would move more bytes than the month allows, before the first of them goes. Removing and looking are never refused.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, ByteRange, Content, ContentId, Entry, Error, ErrorKind, Facts, Fetched, GetOptions, Health,
    Info, ListOptions, Locator, Metadata, Pin, Removal, RemoveOptions, Result, ResumeToken, RetryAdvice, StatOptions,
    Usage,
};
use futures::stream::BoxStream;

use crate::meter::{Meter, Promise, Verb};

/// Outside of everything: what is refused here says nothing of the service, so it teaches nothing and is no failure of it.
#[derive(Debug)]
pub(crate) struct Budget {
    inner: Arc<dyn Backend>,
    meter: Arc<Meter>,
}

impl Budget {
    pub(crate) fn new(inner: Arc<dyn Backend>, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }

    /// Of a read whose end nobody has said only its beginning can be refused.
    fn promise(&self, verb: Verb, len: u64, id: &ContentId) -> Result<Promise<'_>> {
        self.meter.promise(len).ok_or_else(|| {
            let left = self.meter.left().unwrap_or_default();
            let text = format!("the traffic quota of this month leaves {left} bytes");
            let err = Error::new(ErrorKind::QuotaExceeded, text).with_advice(RetryAdvice::Never);
            err.in_context(verb.as_str(), &self.info().name, Some(id.to_string()))
        })
    }
}

fn len(range: Option<&ByteRange>) -> u64 {
    match range {
        Some(ByteRange::Bounded(start, end)) => end.saturating_sub(*start),
        _ => 0,
    }
}

#[async_trait]
impl Backend for Budget {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    async fn health(&self) -> Health {
        self.inner.health().await
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.inner.stat(at, opts).await
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let _promise = self.promise(Verb::Get, len(opts.range.as_ref()), &at.id)?;
        self.inner.get(at, opts).await
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let id = opts.id.clone().unwrap_or_else(|| ContentId::from(*content.cid()));
        let _promise = self.promise(Verb::Add, content.len(), &id)?;
        self.inner.add(content, opts).await
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        self.inner.discard(upload).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        self.inner.remove(at, opts).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        self.inner.list(opts)
    }

    async fn pin(&self, id: &ContentId, pin: &Pin) -> Result<Metadata> {
        let _promise = self.promise(Verb::Pin, 0, id)?;
        self.inner.pin(id, pin).await
    }

    async fn probe(&self) -> Result<Facts> {
        self.inner.probe().await
    }

    async fn usage(&self) -> Result<Usage> {
        self.inner.usage().await
    }
}

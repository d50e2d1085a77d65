//! Refuses what makes no sense or is not offered before the leaf sees it, and holds what the leaf answers to what was asked.

mod asked;
mod body;
mod place;

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, Content, ContentId, Entry, Error, Evidence, Facts, Fetched, GetOptions, Health, Info,
    ListOptions, Locator, Metadata, Pin, Removal, RemoveOptions, Result, ResumeToken, StatOptions, Usage,
};
use futures::stream::{self, BoxStream, StreamExt};

/// Stands outside of the retries: what is refused here is the caller's mistake, and what a leaf answers wrongly is not asked again.
#[derive(Debug)]
pub(crate) struct Guard {
    inner: Arc<dyn Backend>,
}

impl Guard {
    pub(crate) fn new(inner: Arc<dyn Backend>) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl Backend for Guard {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    async fn health(&self) -> Health {
        self.inner.health().await
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        asked::stat(self.info(), at, opts)?;
        self.inner.stat(at, opts).await.map(modest)
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        asked::get(self.info(), at, opts)?;
        let fetched = self.inner.get(at, opts).await?;
        body::exactly(fetched, opts)
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        asked::add(self.info(), content, opts)?;
        self.inner.add(content, opts).await.map(modest)
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        offered(self.info(), self.info().offers.resume, "discard")?;
        self.inner.discard(upload).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        asked::remove(self.info(), at, opts)?;
        self.inner.remove(at, opts).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        match asked::list(self.info(), opts) {
            Ok(()) => self.inner.list(opts).map(|entry| entry.map(modest_entry)).boxed(),
            Err(err) => stream::once(async move { Err(err) }).boxed(),
        }
    }

    async fn pin(&self, id: &ContentId, pin: &Pin) -> Result<Metadata> {
        asked::pin(self.info(), id, pin)?;
        self.inner.pin(id, pin).await.map(modest)
    }

    async fn probe(&self) -> Result<Facts> {
        self.inner.probe().await
    }

    async fn usage(&self) -> Result<Usage> {
        offered(self.info(), self.info().offers.usage, "usage")?;
        self.inner.usage().await
    }
}

/// `Unsupported` unless `offer`.
fn offered(info: &Info, offer: bool, what: &'static str) -> Result<()> {
    match offer {
        true => Ok(()),
        false => Err(Error::unsupported(what, &info.name)),
    }
}

/// Only the manager's reader proves: no leaf may say more than that a digest was compared.
fn modest(mut meta: Metadata) -> Metadata {
    meta.evidence = meta.evidence.min(Evidence::Attested);
    meta
}

fn modest_entry(entry: Entry) -> Entry {
    match entry {
        Entry::Content { meta, cursor } => Entry::Content { meta: modest(meta), cursor },
        other => other,
    }
}

//! How many acts at a time, how many in how much time, and none at all while the service asks for quiet.

mod gate;
mod streams;
mod window;

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, Clock, Content, ContentId, Entry, Error, Facts, Fetched, GetOptions, Health, Info,
    ListOptions, Locator, Metadata, Pin, RateClass, Removal, RemoveOptions, Result, ResumeToken, StatOptions, Usage,
};
use futures::stream::{BoxStream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::operational::Operational;
pub use gate::Gates;
use gate::Pass;
use streams::Held;

/// Reads and writes have permits of their own, at least one of each, so that a copy within one backend of one connection goes on: its read does not wait
/// for its write. `health` needs none. A permit is held while a body lives; a listing holds one while an entry is waited for, and none between two
/// entries, so that whoever walks a listing can act on its entries.
///
/// Two rules follow for callers: who holds a body does not wait for another read of the same backend, and who reads in order to write begins with the
/// write, or has the body before it begins, but does not mix both ways. Dropping a body gives its permit back.
#[derive(Debug)]
pub(crate) struct Limit {
    inner: Arc<dyn Backend>,
    info: Info,
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    pass: Pass,
}

impl Limit {
    pub(crate) fn new(inner: Arc<dyn Backend>, how: &Operational, gates: &Gates, clock: Arc<dyn Clock>) -> Self {
        let mut info = inner.info().clone();
        info.limits.reads = how.reads(info.limits.reads);
        info.limits.writes = how.writes(info.limits.writes);
        let semaphore = |permits: u32| Arc::new(Semaphore::new(permits as usize));
        let (reads, writes) = (semaphore(info.limits.reads), semaphore(info.limits.writes));
        let pass = Pass::new(gates.of(&info), clock, how.idle());
        Self { inner, info, reads, writes, pass }
    }

    async fn read_permit(&self) -> Result<OwnedSemaphorePermit> {
        permit(&self.reads).await
    }

    /// One write, from its permit to its answer.
    async fn written<T>(&self, act: impl Future<Output = Result<T>>) -> Result<T> {
        let _permit = permit(&self.writes).await?;
        self.pass.enter(RateClass::Write).await?;
        self.pass.told(act.await)
    }

    /// One read without a body.
    async fn asked<T>(&self, act: impl Future<Output = Result<T>>) -> Result<T> {
        let _permit = self.read_permit().await?;
        self.pass.enter(RateClass::Read).await?;
        self.pass.told(act.await)
    }
}

/// The semaphores are never closed; were one, that would be a fault of this file.
async fn permit(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    of.clone().acquire_owned().await.map_err(|closed| {
        Error::new(backend_core::ErrorKind::Internal, "the permits of the backend are gone").with_source(closed)
    })
}

#[async_trait]
impl Backend for Limit {
    /// As the leaf's, but with the permits that there really are.
    fn info(&self) -> &Info {
        &self.info
    }

    async fn health(&self) -> Health {
        self.inner.health().await
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.asked(self.inner.stat(at, opts)).await
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let permit = self.read_permit().await?;
        self.pass.enter(RateClass::Read).await?;
        let mut fetched = self.pass.told(self.inner.get(at, opts).await)?;
        fetched.body = Held::new(fetched.body, permit, self.pass.clone()).boxed();
        Ok(fetched)
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        self.written(self.inner.add(content, opts)).await
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        self.written(self.inner.discard(upload)).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        self.written(self.inner.remove(at, opts)).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        streams::entries(self.inner.list(opts), self.reads.clone(), self.pass.clone())
    }

    async fn pin(&self, id: &ContentId, pin: &Pin) -> Result<Metadata> {
        self.written(self.inner.pin(id, pin)).await
    }

    async fn probe(&self) -> Result<Facts> {
        self.written(self.inner.probe()).await
    }

    async fn usage(&self) -> Result<Usage> {
        self.asked(self.inner.usage()).await
    }
}

//! Ends what stands still: no answer, no bytes, no progress, no end. Never what is merely long.

mod idle;
mod timer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, Clock, Content, ContentId, Effect, Entry, Error, ErrorKind, Facts, Fetched, GetOptions,
    Health, Info, ListOptions, Locator, Metadata, Pin, Power, Progress, Removal, RemoveOptions, Result, ResumeToken,
    StatOptions, Usage, Write,
};
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};

use crate::operational::Operational;
use idle::Idle;
use timer::{Timer, until_idle};

/// Innermost of the layers: what is dropped by a time-out is one attempt.
#[derive(Debug)]
pub(crate) struct Timeout {
    inner: Arc<dyn Backend>,
    idle: Duration,
    finish: Duration,
    clock: Arc<dyn Clock>,
}

impl Timeout {
    pub(crate) fn new(inner: Arc<dyn Backend>, how: &Operational, clock: Arc<dyn Clock>) -> Self {
        Self { inner, idle: how.idle(), finish: how.finish(), clock }
    }

    fn timer(&self) -> Timer {
        Timer::new(self.clock.clone())
    }

    /// Waits for an answer.
    async fn answered<T>(&self, act: BoxFuture<'_, Result<T>>) -> Result<T> {
        let answer = until_idle(self.timer(), act, || (0, self.idle)).await;
        answer.unwrap_or_else(|after| Err(silence(after)))
    }

    /// Waits for the answer to something that changes what is stored: without one, it may have happened.
    async fn changed<T>(&self, act: BoxFuture<'_, Result<T>>) -> Result<T> {
        let answer = until_idle(self.timer(), act, || (0, self.idle)).await;
        answer.unwrap_or_else(|after| Err(silence(after).with_effect(Effect::Unknown)))
    }

    /// Waits for the end of a transfer of `len` bytes, as long as it ticks. When all have moved, the service may take longer.
    async fn sent<T>(&self, act: BoxFuture<'_, Result<T>>, progress: &Progress, len: Option<u64>) -> Result<T> {
        let look = || match len {
            Some(len) if len <= progress.bytes() => (progress.ticks(), self.finish),
            _ => (progress.ticks(), self.idle),
        };
        let answer = until_idle(self.timer(), act, look).await;
        answer.unwrap_or_else(|after| Err(still(after).with_effect(Effect::Unknown)))
    }
}

fn silence(after: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("no answer within {} s", after.as_secs()))
}

fn still(after: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("nothing moved for {} s", after.as_secs()))
}

/// The same, ticking a counter of its own, so that what else the caller counts on his does not pass for life of this attempt.
fn with_own_progress(write: &Write) -> Write {
    Write { progress: write.progress.child(), ..write.clone() }
}

#[async_trait]
impl Backend for Timeout {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    async fn health(&self) -> Health {
        let probe = self.inner.health();
        until_idle(self.timer(), probe, || (0, self.idle)).await.unwrap_or_else(|after| unreachable(self.info(), after))
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.answered(self.inner.stat(at, opts)).await
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let mut fetched = self.answered(self.inner.get(at, opts)).await?;
        fetched.body = Idle::new(fetched.body, self.timer(), self.idle).boxed();
        Ok(fetched)
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let opts = AddOptions { write: with_own_progress(&opts.write), ..opts.clone() };
        self.sent(self.inner.add(content, &opts), &opts.write.progress, Some(content.len())).await
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        self.changed(self.inner.discard(upload)).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        self.changed(self.inner.remove(at, opts)).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        Idle::new(self.inner.list(opts), self.timer(), self.idle).boxed()
    }

    async fn pin(&self, id: &ContentId, pin: &Pin) -> Result<Metadata> {
        let pin = Pin { write: with_own_progress(&pin.write), ..pin.clone() };
        self.sent(self.inner.pin(id, &pin), &pin.write.progress, None).await
    }

    async fn probe(&self) -> Result<Facts> {
        self.answered(self.inner.probe()).await
    }

    async fn usage(&self) -> Result<Usage> {
        self.answered(self.inner.usage()).await
    }
}

fn unreachable(info: &Info, after: Duration) -> Health {
    let offers = info.offers;
    let power = |offered| if offered { Power::Fails(ErrorKind::Timeout) } else { Power::Off };
    let mut health =
        Health::new(power(offers.get || offers.stat || offers.list), power(offers.add || offers.pin), after);
    health.note = Some(format!("no answer within {} s", after.as_secs()));
    health
}

//! Repeats what failed, by the error's own advice and never by guessing.

mod listing;
mod relay;
mod tries;

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Clock, Condition, Content, ContentId, Entry, Error, Facts, Fetched, GetOptions,
    Health, Info, ListOptions, Locator, Metadata, Pin, Removal, RemoveOptions, Result, ResumeToken, StatOptions, Usage,
};
use futures::future::BoxFuture;
use futures::stream::BoxStream;

use crate::operational::Operational;
use relay::Relay;
use tries::{Doubt, Policy, Tries};

/// Of a `get` only the opening is repeated: what fails in mid-body belongs to the manager's reader, which can go on elsewhere. `health` is never
/// repeated: a probe tells how it is.
#[derive(Debug)]
pub(crate) struct Retry {
    inner: Arc<dyn Backend>,
    policy: Policy,
}

impl Retry {
    pub(crate) fn new(inner: Arc<dyn Backend>, how: &Operational, clock: Arc<dyn Clock>) -> Self {
        let policy = Policy::new(inner.info().name.clone(), how.retries(), clock);
        Self { inner, policy }
    }

    async fn repeat<'a, T>(
        &self,
        id: Option<&ContentId>,
        doubt: Doubt,
        act: impl Fn() -> BoxFuture<'a, Result<T>>,
    ) -> Result<T> {
        let mut tries = Tries::new(&self.policy, id, doubt);
        loop {
            match act().await {
                Ok(answer) => return Ok(answer),
                Err(err) => tries.again(err).await?,
            }
        }
    }

    /// What an add of unknown effect means for the next try. Where the service assigns names, only a resume token keeps a second add from making a
    /// second copy.
    fn doubt_of_add(&self, opts: &AddOptions, relay: &Relay) -> Doubt {
        let twins = self.info().addressing == Addressing::Assigned && !relay.can_go_on();
        match opts.condition == Condition::Always && !twins {
            true => Doubt::Repeat,
            false => Doubt::Stop,
        }
    }

    async fn add_again(&self, content: &Content, opts: &AddOptions, first: Error, relay: &Relay) -> Result<Metadata> {
        let own = ContentId::from(*content.cid());
        let mut tries = Tries::new(&self.policy, Some(opts.id.as_ref().unwrap_or(&own)), Doubt::Repeat);
        let mut opts = opts.clone();
        let mut failed = first;
        loop {
            tries.set_doubt(self.doubt_of_add(&opts, relay));
            tries.again(failed).await?;
            relay.go_on(&mut opts.write);
            failed = match self.inner.add(content, &opts).await {
                Ok(meta) => return Ok(tries.honest(meta)),
                Err(err) => err,
            };
        }
    }

    async fn pin_again(&self, id: &ContentId, pin: &Pin, first: Error, relay: &Relay) -> Result<Metadata> {
        let mut tries = Tries::new(&self.policy, Some(id), Doubt::Repeat);
        let mut pin = pin.clone();
        let mut failed = first;
        loop {
            tries.again(failed).await?;
            relay.go_on(&mut pin.write);
            failed = match self.inner.pin(id, &pin).await {
                Ok(meta) => return Ok(tries.honest(meta)),
                Err(err) => err,
            };
        }
    }
}

#[async_trait]
impl Backend for Retry {
    fn info(&self) -> &Info {
        self.inner.info()
    }

    async fn health(&self) -> Health {
        self.inner.health().await
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.repeat(Some(&at.id), Doubt::Repeat, || self.inner.stat(at, opts)).await
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        self.repeat(Some(&at.id), Doubt::Repeat, || self.inner.get(at, opts)).await
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let (relay, write) = Relay::around(&opts.write);
        let opts = AddOptions { write, ..opts.clone() };
        match self.inner.add(content, &opts).await {
            Ok(meta) => Ok(meta),
            Err(err) => self.add_again(content, &opts, err, &relay).await,
        }
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        self.repeat(None, Doubt::Repeat, || self.inner.discard(upload)).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        let doubt = if opts.if_match.is_some() { Doubt::Stop } else { Doubt::Repeat };
        self.repeat(Some(&at.id), doubt, || self.inner.remove(at, opts)).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        listing::going_on(self.inner.clone(), opts.clone(), self.policy.clone())
    }

    async fn pin(&self, id: &ContentId, pin: &Pin) -> Result<Metadata> {
        let (relay, write) = Relay::around(&pin.write);
        let pin = Pin { write, ..pin.clone() };
        match self.inner.pin(id, &pin).await {
            Ok(meta) => Ok(meta),
            Err(err) => self.pin_again(id, &pin, err, &relay).await,
        }
    }

    async fn probe(&self) -> Result<Facts> {
        self.repeat(None, Doubt::Repeat, || self.inner.probe()).await
    }

    async fn usage(&self) -> Result<Usage> {
        self.repeat(None, Doubt::Repeat, || self.inner.usage()).await
    }
}

//! The verbs.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Capabilities, Content, Entry, Error, Facts, Fetched, GetOptions, Health, Info,
    Limits, ListOptions, Locator, Metadata, Removal, RemoveOptions, Result, ResumeToken, Settings, StatOptions,
    StorageType, Usage,
};
use futures::stream::{self, BoxStream, StreamExt};

use crate::client::{Learnt, Order, READS, Store, WRITES, target};

/// What a server offers at most.
pub(crate) const OFFERS: Capabilities = Capabilities {
    get: true,
    stat: true,
    add: true,
    mend: true,
    resume: true,
    if_absent: true,
    range: true,
    remove: true,
    list: true,
    usage: true,
    ..Capabilities::NONE
};

/// Content on a server that speaks SFTP.
#[derive(Debug)]
pub struct Sshfs {
    info: Info,
    store: Store,
}

impl Sshfs {
    /// Opens a store: nothing is connected before the first verb.
    ///
    /// # Errors
    /// `InvalidConfig` that names the setting.
    pub fn open(settings: Settings) -> Result<Arc<dyn Backend>> {
        let store = Store::new(&settings)?;
        let learnt: Learnt = settings.learnt();
        let offers = Capabilities { mend: learnt.mend, if_absent: learnt.if_absent, usage: learnt.usage, ..OFFERS };
        let mut info = Info::new(StorageType::Sshfs, settings.name, Addressing::Key, offers);
        info.limits = Limits { reads: READS, writes: WRITES, ..Limits::default() };
        info.gate = Some(store.gate());
        Ok(Arc::new(Self { info, store }))
    }

    fn order(&self, content: &Content, opts: &AddOptions) -> Result<Order> {
        self.info.allows(opts)?;
        let at = Locator::new(opts.key_for(content)?.clone());
        let target = target(&at)?;
        let (condition, write, mend) = (opts.condition.clone(), opts.write.clone(), opts.mend.clone());
        Ok(Order { at, target, condition, write, mend })
    }
}

#[async_trait]
impl Backend for Sshfs {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn health(&self) -> Health {
        self.store.health().await
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.info.allows(at)?;
        self.info.allows(opts)?;
        self.store.stat(at).await
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        self.info.allows(at)?;
        self.info.allows(opts)?;
        self.store.get(at, opts).await
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let order = self.order(content, opts)?;
        self.store.add(content, order).await
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        self.store.discard(upload).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        self.info.allows(at)?;
        self.info.allows(opts)?;
        self.store.remove(at).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        match self.info.allows(opts) {
            Ok(()) => self.store.list(opts),
            Err(err) => stream::once(async { Err(err) }).boxed(),
        }
    }

    async fn probe(&self) -> Result<Facts> {
        Settings::facts(&self.store.probe().await?)
    }

    async fn usage(&self) -> Result<Usage> {
        match self.info.offers.usage {
            true => self.store.usage().await,
            false => Err(Error::unsupported("usage", &self.info.name)),
        }
    }
}

//! The verbs.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Capabilities, Content, Entry, Fetched, GetOptions, Health, Info, Limits,
    ListOptions, Locator, Metadata, Removal, RemoveOptions, Result, Settings, StatOptions, StorageType, Usage,
};
use futures::stream::{self, BoxStream, StreamExt};

use crate::client::{About, MAX_BATCH, Order, Store, target};
use crate::config::{Connection, Labels};

/// What a folder offers at most.
pub(crate) const OFFERS: Capabilities = Capabilities {
    get: true,
    stat: true,
    add: true,
    mend: true,
    if_absent: true,
    if_match: true,
    range: true,
    remove: true,
    list: true,
    usage: true,
    labels: true,
    ..Capabilities::NONE
};

/// Content in a folder of this machine.
#[derive(Debug)]
pub struct Local {
    info: Info,
    store: Store,
}

impl Local {
    /// Opens a store: nothing is looked at before the first verb.
    ///
    /// # Errors
    /// `InvalidConfig` that names the key.
    pub fn open(settings: Settings) -> Result<Arc<dyn Backend>> {
        let connection = Connection::from_settings(&settings)?;
        let offers = Capabilities { labels: connection.labels != Labels::Off, ..OFFERS };
        let mut info = Info::new(StorageType::Local, settings.name, Addressing::Key, offers);
        info.limits = Limits { reads: 64, writes: MAX_BATCH, batch: Some(MAX_BATCH), ..Limits::default() };
        Ok(Arc::new(Self { info, store: Store::new(connection, settings.clock) }))
    }

    fn order(&self, content: &Content, opts: &AddOptions) -> Result<(Locator, Order)> {
        self.info.allows(opts)?;
        let at = Locator::new(opts.key_for(content)?.clone());
        let order = Order {
            target: target(&at)?,
            condition: opts.condition.clone(),
            about: About { content_type: opts.content_type.clone(), labels: opts.write.labels.clone() },
            progress: opts.write.progress.clone(),
            mend: opts.mend.clone(),
        };
        order.about.encode()?;
        Ok((at, order))
    }
}

#[async_trait]
impl Backend for Local {
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
        let (at, order) = self.order(content, opts)?;
        self.store.add(content, at, order).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        self.info.allows(at)?;
        self.info.allows(opts)?;
        self.store.remove(at, opts).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        match self.info.allows(opts) {
            Ok(()) => self.store.list(opts),
            Err(err) => stream::once(async { Err(err) }).boxed(),
        }
    }

    async fn usage(&self) -> Result<Usage> {
        self.store.usage().await
    }
}

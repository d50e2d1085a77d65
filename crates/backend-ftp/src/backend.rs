//! The verbs.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Capabilities, Content, Entry, Fetched, GetOptions, Health, Info, Limits,
    ListOptions, Locator, Metadata, Removal, RemoveOptions, Result, ResumeToken, Settings, StatOptions, StorageType,
};
use futures::stream::{self, BoxStream, StreamExt};

use crate::client::{Order, Store, share};
use crate::config::Connection;

/// What an FTP server offers. No condition: the protocol has none, and a time in seconds with a length is no etag.
pub(crate) const OFFERS: Capabilities = Capabilities {
    get: true,
    stat: true,
    add: true,
    resume: true,
    range: true,
    remove: true,
    list: true,
    ..Capabilities::NONE
};

/// Content on an FTP server.
#[derive(Debug)]
pub struct Ftp {
    info: Info,
    store: Store,
}

impl Ftp {
    /// Opens a store: nothing is connected before the first verb.
    ///
    /// # Errors
    /// `InvalidConfig` that names the key.
    pub fn open(settings: Settings) -> Result<Arc<dyn Backend>> {
        let (connection, credentials) = Connection::from_settings(&settings)?;
        let mut info = Info::new(StorageType::Ftp, settings.name, Addressing::Key, OFFERS);
        let share = share(connection.max_connections);
        info.limits = Limits { reads: share, writes: share, ..Limits::default() };
        let store = Store::new(connection, credentials, settings.clock, settings.connect_timeout)?;
        Ok(Arc::new(Self { info, store }))
    }

    fn order(&self, content: &Content, opts: &AddOptions) -> Result<Order> {
        self.info.allows(opts)?;
        Ok(Order {
            at: Locator::new(opts.key_for(content)?.clone()),
            resume: opts.write.resume.clone(),
            checkpoint: opts.write.checkpoint.clone(),
            progress: opts.write.progress.clone(),
        })
    }
}

#[async_trait]
impl Backend for Ftp {
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
}

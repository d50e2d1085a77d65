//! The verbs.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Capabilities, Condition, Content, Entry, Error, Fetched, Form, GetOptions, Health,
    Info, Limits, ListOptions, Locator, Metadata, Removal, RemoveOptions, Result, ResumeToken, Settings, Shape,
    StatOptions, StorageType,
};
use futures::stream::{self, BoxStream, StreamExt};

use crate::client::{Order, Store, share};
use crate::config::Connection;
use crate::error::input;

/// What an FTP server offers. No condition: the protocol has none, and a time in seconds with a length is no etag.
pub(crate) const OFFERS: Capabilities = Capabilities {
    get: true,
    stat: true,
    add: true,
    mend: false,
    resume: true,
    if_absent: false,
    if_match: false,
    range: true,
    block: false,
    remove: true,
    list: true,
    pin: false,
    usage: false,
    versions: false,
    search: false,
    labels: false,
    link: false,
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

    fn unsupported<T>(&self, what: &'static str) -> Result<T> {
        Err(Error::unsupported(what, &self.info.name))
    }

    fn order(&self, content: &Content, opts: &AddOptions) -> Result<Order> {
        match opts.condition {
            Condition::Always => {}
            Condition::IfAbsent => return self.unsupported("if_absent"),
            _ => return self.unsupported("if_match"),
        }
        if !opts.write.labels.is_empty() {
            return self.unsupported("labels");
        }
        if content.shape() == Shape::Tree {
            return Err(input("an FTP server keeps files, not trees"));
        }
        let Some(id) = &opts.id else {
            return Err(input("an FTP server speaks keys, and none is given"));
        };
        Ok(Order {
            at: Locator::new(id.clone()),
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
        match opts.link {
            true => self.unsupported("link"),
            false => self.store.stat(at).await,
        }
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        match opts {
            GetOptions { if_match: Some(_), .. } => self.unsupported("if_match"),
            GetOptions { form: Form::File, .. } => self.store.get(at, opts).await,
            _ => self.unsupported("block"),
        }
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let order = self.order(content, opts)?;
        self.store.add(content, order).await
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        self.store.discard(upload).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        match opts {
            RemoveOptions { if_match: Some(_), .. } => self.unsupported("if_match"),
            RemoveOptions { all_versions: true, .. } => self.unsupported("versions"),
            _ => self.store.remove(at).await,
        }
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let refused = match opts {
            ListOptions { pinned: true, .. } => self.unsupported("pin"),
            ListOptions { versions: true, .. } => self.unsupported("versions"),
            ListOptions { query: Some(_), .. } => self.unsupported("search"),
            _ => Ok(()),
        };
        match refused {
            Ok(()) => self.store.list(opts),
            Err(err) => stream::once(async { Err(err) }).boxed(),
        }
    }
}

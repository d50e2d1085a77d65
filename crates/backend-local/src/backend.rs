//! The verbs.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Capabilities, Content, Entry, Error, ErrorKind, Fetched, Form, GetOptions, Health,
    Info, Limits, ListOptions, Locator, Metadata, Removal, RemoveOptions, Result, Settings, Shape, StatOptions,
    StorageType, Usage,
};
use futures::stream::{self, BoxStream, StreamExt};

use crate::client::{About, MAX_BATCH, Order, Store, Target};
use crate::config::{Connection, Labels};

/// What a folder offers at most.
pub(crate) const OFFERS: Capabilities = Capabilities {
    get: true,
    stat: true,
    add: true,
    mend: true,
    resume: false,
    if_absent: true,
    if_match: true,
    range: true,
    block: false,
    remove: true,
    list: true,
    pin: false,
    usage: true,
    versions: false,
    search: false,
    labels: true,
    link: false,
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

    fn unsupported<T>(&self, what: &'static str) -> Result<T> {
        Err(Error::unsupported(what, &self.info.name))
    }

    fn order(&self, content: &Content, opts: &AddOptions) -> Result<(Locator, Order)> {
        if opts.write.resume.is_some() {
            return self.unsupported("resume");
        }
        if !self.info.offers.labels && !opts.write.labels.is_empty() {
            return self.unsupported("labels");
        }
        if content.shape() == Shape::Tree {
            return Err(Error::new(ErrorKind::InvalidInput, "a folder keeps files, not trees"));
        }
        let Some(id) = &opts.id else {
            return Err(Error::new(ErrorKind::InvalidInput, "a folder speaks keys, and none is given"));
        };
        let order = Order {
            target: Target::from_id(id)?,
            condition: opts.condition.clone(),
            about: About { content_type: opts.content_type.clone(), labels: opts.write.labels.clone() },
            progress: opts.write.progress.clone(),
            mend: opts.mend.clone(),
        };
        order.about.encode()?;
        Ok((Locator::new(id.clone()), order))
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
        match opts.link {
            true => self.unsupported("link"),
            false => self.store.stat(at).await,
        }
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        match opts.form {
            Form::File => self.store.get(at, opts).await,
            _ => self.unsupported("block"),
        }
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let (at, order) = self.order(content, opts)?;
        self.store.add(content, at, order).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        self.store.remove(at, opts).await
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

    async fn usage(&self) -> Result<Usage> {
        self.store.usage().await
    }
}

//! The verbs.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Capabilities, Condition, Content, Entry, Error, ErrorKind, Facts, Fetched, Form,
    GetOptions, Health, Info, Limits, ListOptions, Locator, Metadata, Removal, RemoveOptions, Result, ResumeToken,
    Settings, Shape, StatOptions, StorageType, Usage,
};
use futures::stream::{self, BoxStream, StreamExt};

use crate::client::{Learnt, Order, READS, Store, Target, WRITES};

/// What a server offers at most.
pub(crate) const OFFERS: Capabilities = Capabilities {
    get: true,
    stat: true,
    add: true,
    mend: true,
    resume: true,
    if_absent: true,
    // Version 3 has times in whole seconds and no numbers of files: nothing changes whenever the bytes do.
    if_match: false,
    range: true,
    block: false,
    remove: true,
    list: true,
    pin: false,
    usage: true,
    versions: false,
    search: false,
    labels: false,
    link: false,
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

    fn unsupported<T>(&self, what: &'static str) -> Result<T> {
        Err(Error::unsupported(what, &self.info.name))
    }

    fn order(&self, content: &Content, opts: &AddOptions) -> Result<Order> {
        match &opts.condition {
            Condition::IfMatch(_) => return self.unsupported("if_match"),
            Condition::IfAbsent if !self.info.offers.if_absent => return self.unsupported("if_absent"),
            _ => {}
        }
        if !opts.write.labels.is_empty() {
            return self.unsupported("labels");
        }
        if content.shape() == Shape::Tree {
            return Err(Error::new(ErrorKind::InvalidInput, "a folder keeps files, not trees"));
        }
        let Some(id) = &opts.id else {
            return Err(Error::new(ErrorKind::InvalidInput, "a folder speaks keys, and none is given"));
        };
        let (at, target) = (Locator::new(id.clone()), Target::from_id(id)?);
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

    async fn probe(&self) -> Result<Facts> {
        let learnt = self.store.probe().await?;
        serde_json::to_value(learnt)
            .map_err(|err| Error::new(ErrorKind::Internal, "what was learnt cannot be written down").with_source(err))
    }

    async fn usage(&self) -> Result<Usage> {
        match self.info.offers.usage {
            true => self.store.usage().await,
            false => self.unsupported("usage"),
        }
    }
}

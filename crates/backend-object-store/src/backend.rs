//! The verbs: what is refused before anything is asked, and who answers the rest.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Capabilities, Content, Entry, Error, ErrorKind, Facts, Fetched, GetOptions,
    Health, Info, Key, ListOptions, Locator, MAX_KEY, Metadata, Power, Removal, RemoveOptions, Result, ResumeToken,
    Settings, StatOptions, StorageType,
};
use futures::stream::{self, BoxStream, StreamExt};

use crate::client::bucket::{Bucket, Recipe, max_size};
use crate::client::folder::Folder;
use crate::client::wire::Wire;
use crate::client::{Learnt, Service};

/// What a bucket offers at most: conditions, when a probe has seen them honoured; links, when the credentials can sign.
pub(crate) const BUCKET: Capabilities =
    Capabilities { resume: true, if_absent: true, if_match: true, labels: true, link: true, ..FOLDER };

/// What a WebDAV folder offers.
pub(crate) const FOLDER: Capabilities =
    Capabilities { get: true, stat: true, add: true, range: true, remove: true, list: true, ..Capabilities::NONE };

/// Content in a bucket, a container or a folder of a server.
#[derive(Debug)]
pub struct Objects {
    info: Info,
    service: Arc<dyn Service>,
    settings: Settings,
}

impl Objects {
    /// Opens a bucket of Google Cloud Storage. Nothing is asked, and no file is read.
    ///
    /// # Errors
    /// `InvalidConfig` that names the setting.
    pub fn gcs(settings: Settings) -> Result<Arc<dyn Backend>> {
        Self::bucket(StorageType::Gcs, Recipe::gcs(&settings)?, settings)
    }

    /// Opens a container of Azure Blob Storage. Nothing is asked.
    ///
    /// # Errors
    /// `InvalidConfig` that names the setting.
    pub fn azure(settings: Settings) -> Result<Arc<dyn Backend>> {
        Self::bucket(StorageType::Azure, Recipe::azure(&settings)?, settings)
    }

    /// Opens a folder of a WebDAV server. Nothing is asked.
    ///
    /// # Errors
    /// `InvalidConfig` that names the setting.
    pub fn webdav(settings: Settings) -> Result<Arc<dyn Backend>> {
        let info = Info::new(StorageType::Webdav, &settings.name, Addressing::Key, FOLDER);
        let service = Arc::new(Folder::new(&settings)?);
        Ok(Arc::new(Self { info, service, settings }))
    }

    fn bucket(kind: StorageType, recipe: Recipe, settings: Settings) -> Result<Arc<dyn Backend>> {
        let learnt: Learnt = settings.learnt();
        let offers =
            Capabilities { if_absent: learnt.if_absent, if_match: learnt.if_match, link: recipe.can_link(), ..BUCKET };
        let (home, prefix) = (recipe.home().clone(), recipe.prefix()?);
        let mut info = Info::new(kind, &settings.name, Addressing::Key, offers);
        info.limits.max_key = MAX_KEY - prefix.len();
        info.limits.max_size = Some(max_size(kind == StorageType::Azure));
        let wire = Wire::new(&settings, home.clone())?;
        let service = Arc::new(Bucket::new(recipe, wire, home, prefix)?);
        Ok(Arc::new(Self { info, service, settings }))
    }

    fn lacks<T>(&self, what: &'static str) -> Result<T> {
        Err(Error::unsupported(what, &self.info.name))
    }

    fn key<'a>(&self, at: &'a Locator) -> Result<&'a Key> {
        self.info.allows(at)?;
        self.short(at.id.as_key()?)
    }

    fn short<'a>(&self, key: &'a Key) -> Result<&'a Key> {
        match key.as_str().len() <= self.info.limits.max_key {
            true => Ok(key),
            false => Err(Error::new(ErrorKind::InvalidInput, "the name is longer than the service takes")),
        }
    }

    /// Whether all that is wanted is offered, and fits; before the source is opened.
    fn admitted<'a>(&self, content: &Content, opts: &'a AddOptions) -> Result<&'a Key> {
        self.info.allows(opts)?;
        let key = self.short(opts.key_for(content)?)?;
        if self.info.limits.max_size.is_some_and(|most| most < content.len()) {
            return Err(Error::new(ErrorKind::TooLarge, "it is larger than the service takes in parts of 64 MiB"));
        }
        self.service.admit(key, opts)?;
        Ok(key)
    }
}

#[async_trait]
impl Backend for Objects {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn health(&self) -> Health {
        let begun = self.settings.clock.monotonic();
        let looked = self.service.look().await;
        let latency = self.settings.clock.monotonic().saturating_sub(begun);
        match looked {
            Ok(identity) => Health { identity: Some(identity), ..Health::new(Power::Works, Power::Unknown, latency) },
            Err(err) => {
                let fails = Power::Fails(err.kind());
                Health { note: Some(err.message().to_owned()), ..Health::new(fails, fails, latency) }
            }
        }
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.info.allows(opts)?;
        self.service.stat(self.key(at)?, opts.link).await
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        self.info.allows(opts)?;
        self.service.get(self.key(at)?, opts).await
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let key = self.admitted(content, opts)?;
        self.service.add(content, key, opts).await
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        match self.info.offers.resume {
            true => self.service.discard(upload).await,
            false => self.lacks("discard"),
        }
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        self.info.allows(opts)?;
        self.service.remove(self.key(at)?, opts.if_match.as_deref()).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        match self.info.allows(opts) {
            Ok(()) => self.service.list(opts),
            Err(err) => stream::once(async { Err(err) }).boxed(),
        }
    }

    async fn probe(&self) -> Result<Facts> {
        match self.info.kind {
            StorageType::Webdav => self.lacks("probe"),
            _ => self.service.probe().await,
        }
    }
}

//! The verbs: what is refused before anything is asked, and who answers the rest.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Capabilities, Condition, Content, ContentId, Entry, Error, ErrorKind, Facts,
    Fetched, Form, GetOptions, Health, Info, Key, ListOptions, Locator, MAX_KEY, Metadata, Power, Removal,
    RemoveOptions, Result, ResumeToken, Settings, Shape, StatOptions, Status, StorageType,
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
pub(crate) const FOLDER: Capabilities = Capabilities {
    get: true,
    stat: true,
    add: true,
    mend: false,
    resume: false,
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
        match &at.id {
            _ if at.version.is_some() => self.lacks("versions"),
            ContentId::Key(key) if key.as_str().len() <= self.info.limits.max_key => Ok(key),
            ContentId::Key(_) => invalid("the name is longer than the service takes"),
            ContentId::Cid(_) => invalid("this store names content by key"),
        }
    }

    /// Whether all that is wanted is offered, and fits; before the source is opened.
    fn admitted<'a>(&self, content: &Content, opts: &'a AddOptions) -> Result<&'a Key> {
        let offers = self.info.offers;
        match &opts.condition {
            Condition::IfAbsent if !offers.if_absent => return self.lacks("if_absent"),
            Condition::IfMatch(_) if !offers.if_match => return self.lacks("if_match"),
            _ => {}
        }
        if opts.write.resume.is_some() && !offers.resume {
            return self.lacks("resume");
        }
        if !opts.write.labels.is_empty() && !offers.labels {
            return self.lacks("labels");
        }
        if content.shape() == Shape::Tree {
            return invalid("a tree is kept only by a store that names content by cid");
        }
        if self.info.limits.max_size.is_some_and(|most| most < content.len()) {
            return Err(Error::new(ErrorKind::TooLarge, "it is larger than the service takes in parts of 64 MiB"));
        }
        let key = match &opts.id {
            Some(ContentId::Key(key)) if key.as_str().len() <= self.info.limits.max_key => key,
            Some(ContentId::Key(_)) => return invalid("the name is longer than the service takes"),
            _ => return invalid("this store names content by key, and none is given"),
        };
        self.service.admit(key, opts)?;
        Ok(key)
    }

    fn refused(&self, opts: &ListOptions) -> Option<Error> {
        let what = match opts {
            ListOptions { pinned: true, .. } => "pin",
            ListOptions { versions: true, .. } => "versions",
            ListOptions { query: Some(_), .. } => "search",
            ListOptions { status: Some(status), .. } if *status != Status::Stored => "status",
            _ => return None,
        };
        Some(Error::unsupported(what, &self.info.name))
    }
}

fn invalid<T>(why: &str) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidInput, why))
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
        match opts.link && !self.info.offers.link {
            true => self.lacks("link"),
            false => self.service.stat(self.key(at)?, opts.link).await,
        }
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        match opts.form {
            Form::File if opts.if_match.is_some() && !self.info.offers.if_match => self.lacks("if_match"),
            Form::File => self.service.get(self.key(at)?, opts).await,
            _ => self.lacks("block"),
        }
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
        match opts {
            RemoveOptions { if_match: Some(_), .. } if !self.info.offers.if_match => self.lacks("if_match"),
            RemoveOptions { all_versions: true, .. } => self.lacks("versions"),
            _ => self.service.remove(self.key(at)?, opts.if_match.as_deref()).await,
        }
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        match self.refused(opts) {
            Some(err) => stream::once(async move { Err(err) }).boxed(),
            None => self.service.list(opts),
        }
    }

    async fn probe(&self) -> Result<Facts> {
        match self.info.kind {
            StorageType::Webdav => self.lacks("probe"),
            _ => self.service.probe().await,
        }
    }
}

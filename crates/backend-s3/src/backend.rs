//! The verbs: what each answers, and what is refused before anything is sent.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Condition, Content, ContentId, Entry, Error, ErrorKind, Facts, Fetched, Form,
    GetOptions, Health, Info, ListOptions, Locator, MAX_KEY, Metadata, Removal, RemoveOptions, Result, ResumeToken,
    Settings, Shape, StatOptions, Status, StorageType, Usage,
};
use futures::stream::{self, BoxStream, StreamExt};
use ipld::address;

use crate::client::{Client, Kept, Learnt};
use crate::error::refused;
use crate::rules::Rules;

/// The most bytes of one object (S3 API; AWS takes more since 2025-12, others do not).
const MAX_SIZE: u64 = 5 << 40;

/// An opened bucket.
#[derive(Debug)]
pub struct S3 {
    info: Info,
    client: Arc<Client>,
}

impl S3 {
    /// Opens a bucket without asking anybody.
    ///
    /// # Errors
    /// `InvalidConfig` for an unknown or unusable setting.
    pub fn open(settings: Settings) -> Result<Self> {
        let rules = Rules::read(&settings)?;
        let learnt: Learnt = settings.learnt();
        let offers = rules.offers(&learnt);
        let mut info = Info::new(StorageType::S3, &settings.name, Addressing::Key, offers);
        info.limits.max_size = Some(MAX_SIZE);
        info.limits.max_key =
            learnt.max_key.map_or(MAX_KEY, |most| most.min(MAX_KEY)).saturating_sub(rules.prefix.len());
        info.needs = rules.needs(&learnt);
        info.gate = Some(gate(&rules));
        Ok(Self { info, client: Client::new(rules, &settings) })
    }

    fn lacks(&self, what: &'static str) -> Error {
        Error::unsupported(what, &self.info.name)
    }

    fn needs(&self, wanted: bool, offered: bool, what: &'static str) -> Result<()> {
        match wanted && !offered {
            true => Err(self.lacks(what)),
            false => Ok(()),
        }
    }

    /// The full key of an id.
    fn key(&self, id: &ContentId) -> Result<String> {
        let key = id.key().ok_or_else(|| refused("this store names content by key"))?;
        if self.info.limits.max_key < key.as_str().len() {
            return Err(refused(format!("the key is longer than {} bytes", self.info.limits.max_key)));
        }
        let key = self.client.key(key.as_str());
        match self.client.learnt.max_segment {
            Some(most) if key.split('/').any(|segment| most < segment.len()) => {
                Err(refused(format!("a part of the key between slashes is longer than {most} bytes")))
            }
            _ => Ok(key),
        }
    }

    /// The full key of what is there.
    fn place(&self, at: &Locator) -> Result<String> {
        self.needs(at.version.is_some(), self.info.offers.versions, "versions")?;
        self.key(&at.id)
    }

    fn admit(&self, content: &Content, opts: &AddOptions) -> Result<()> {
        let offers = &self.info.offers;
        self.needs(opts.condition == Condition::IfAbsent, offers.if_absent, "if_absent")?;
        self.needs(matches!(opts.condition, Condition::IfMatch(_)), offers.if_match, "if_match")?;
        self.needs(!opts.write.labels.is_empty(), offers.labels, "labels")?;
        if content.shape() == Shape::Tree {
            return Err(refused("a tree is kept only by a store that names content by cid"));
        }
        match content.len() <= MAX_SIZE {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::TooLarge, format!("S3 takes objects of up to {MAX_SIZE} bytes"))),
        }
    }
}

/// Host and a hash of the key's name: whoever shares both shares the service's limits.
fn gate(rules: &Rules) -> String {
    let host = rules.endpoint.as_ref().map_or("aws", |url| url.authority());
    let who = match (&rules.keys, &rules.profile) {
        (Some(keys), _) => keys.id.reveal().to_owned(),
        (None, profile) => profile.clone().unwrap_or_default(),
    };
    let hash = address::text(&address::sha256(address::RAW, format!("s3 gate {who}").as_bytes()));
    format!("{host} {}", &hash[hash.len().saturating_sub(16)..])
}

#[async_trait]
impl Backend for S3 {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn health(&self) -> Health {
        self.client.health().await
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        self.needs(opts.link, self.info.offers.link, "link")?;
        let key = self.place(at)?;
        let mut meta = self.client.stat(at, &key).await?;
        if opts.link {
            meta.link = Some(self.client.link(at, &key).await?);
        }
        Ok(meta)
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        self.needs(opts.form != Form::File, self.info.offers.block, "block")?;
        self.needs(opts.if_match.is_some(), self.info.offers.if_match, "if_match")?;
        self.client.get(at, &self.place(at)?, opts).await
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        let id = opts.id.as_ref().ok_or_else(|| refused("this store names content by key: one is needed"))?;
        let (at, key) = (Locator::new(id.clone()), self.key(id)?);
        self.admit(content, opts)?;
        let kept = Kept::of(opts, self.client.rules.labels)?;
        self.client.room(&key).await?;
        match self.client.is_large(content.len()) || self.client.mends(content.len(), opts) {
            true => self.client.large(&at, &key, content, opts, &kept).await,
            false => self.client.small(&at, &key, content, opts, &kept).await,
        }
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        self.client.discard(upload).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        self.needs(opts.if_match.is_some(), self.info.offers.if_match, "if_match")?;
        self.needs(opts.all_versions, self.info.offers.versions, "versions")?;
        self.client.remove(at, &self.place(at)?, opts).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        let refused = match opts {
            ListOptions { pinned: true, .. } => Some(self.lacks("pin")),
            ListOptions { query: Some(_), .. } => Some(self.lacks("search")),
            ListOptions { status: Some(status), .. } if *status != Status::Stored => Some(self.lacks("status")),
            ListOptions { versions: true, .. } if !self.info.offers.versions => Some(self.lacks("versions")),
            _ => None,
        };
        match refused {
            Some(err) => stream::once(async move { Err(err) }).boxed(),
            None => self.client.list(opts),
        }
    }

    async fn probe(&self) -> Result<Facts> {
        let learnt = self.client.probe().await?;
        serde_json::to_value(learnt)
            .map_err(|err| Error::new(ErrorKind::Internal, "what was learnt cannot be written down").with_source(err))
    }

    async fn usage(&self) -> Result<Usage> {
        self.client.usage().await
    }
}

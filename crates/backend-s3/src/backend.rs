//! The verbs: what each answers, and what is refused before anything is sent.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Backend, Content, ContentId, Entry, Error, ErrorKind, Facts, Fetched, GetOptions, Health,
    Info, ListOptions, Locator, MAX_KEY, Metadata, Removal, RemoveOptions, Result, ResumeToken, Settings, StatOptions,
    StorageType, Usage,
};
use futures::stream::{self, BoxStream, StreamExt};
use ipld::address;

use crate::client::{Client, Kept, Learnt};
use crate::error::refused;
use crate::rules::Rules;

/// The most bytes of one object (S3 API; AWS takes more since 2025-12, others do not).
const MAX_SIZE: u64 = 5 << 40;

/// Reads at a time, and writes. One prefix takes thousands of either in a second (AWS, "Optimizing performance"), each with a wait of tens of milliseconds;
/// who is asked too much says so.
const AT_ONCE: u32 = 64;

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
        (info.limits.reads, info.limits.writes) = (AT_ONCE, AT_ONCE);
        info.limits.max_key =
            learnt.max_key.map_or(MAX_KEY, |most| most.min(MAX_KEY)).saturating_sub(rules.prefix.len());
        info.needs = rules.needs(&learnt);
        info.gate = Some(gate(&rules));
        Ok(Self { info, client: Client::new(rules, &settings) })
    }

    /// The full key of an id.
    fn key(&self, id: &ContentId) -> Result<String> {
        let key = id.as_key()?;
        if self.info.limits.max_key < key.as_str().len() {
            return Err(refused(format!("the key is longer than {} bytes", self.info.limits.max_key)));
        }
        let key = self.client.key(key.as_str());
        if self.client.learnt.backslash && key.contains('\\') {
            return Err(refused("this service takes a backslash for a slash, or not at all"));
        }
        match self.client.learnt.max_segment {
            Some(most) if key.split('/').any(|segment| most < segment.len()) => {
                Err(refused(format!("a part of the key between slashes is longer than {most} bytes")))
            }
            _ => Ok(key),
        }
    }

    /// The full key of what is there.
    fn place(&self, at: &Locator) -> Result<String> {
        self.info.allows(at)?;
        self.key(&at.id)
    }

    fn admit(&self, content: &Content) -> Result<()> {
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
        self.info.allows(opts)?;
        let key = self.place(at)?;
        let mut meta = self.client.stat(at, &key).await?;
        if opts.link {
            meta.link = Some(self.client.link(at, &key).await?);
        }
        Ok(meta)
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        self.info.allows(opts)?;
        self.client.get(at, &self.place(at)?, opts).await
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        self.info.allows(opts)?;
        let at = Locator::new(opts.key_for(content)?.clone());
        let key = self.key(&at.id)?;
        self.admit(content)?;
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
        self.info.allows(opts)?;
        self.client.remove(at, &self.place(at)?, opts).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        match self.info.allows(opts) {
            Ok(()) => self.client.list(opts),
            Err(err) => stream::once(async { Err(err) }).boxed(),
        }
    }

    async fn probe(&self) -> Result<Facts> {
        Settings::facts(&self.client.probe().await?)
    }

    async fn usage(&self) -> Result<Usage> {
        self.client.usage().await
    }
}

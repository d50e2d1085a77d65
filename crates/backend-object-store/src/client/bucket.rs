//! A bucket of Google Cloud Storage, or a container of Azure: flat names, conditions, pages and parts.

mod azure;
mod build;
mod gcs;
mod labels;
mod listing;
mod probe;
mod read;
mod token;
mod upload;

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use backend_core::{
    AddOptions, Condition, Content, Entry, Error, ErrorKind, Evidence, Facts, Fetched, GetOptions, Key, ListOptions,
    Locator, Metadata, Removal, Result, ResumeToken,
};
use futures::stream::BoxStream;
use http::HeaderValue;
use object_store::azure::MicrosoftAzure;
use object_store::gcp::GoogleCloudStorage;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use super::Service;
use super::call::Call;
use super::wire::Wire;

pub(crate) use build::Recipe;
pub(crate) use read::whole;
pub(crate) use upload::max_size;

/// The condition on a generation, of reads, writes and removals (GCS, XML API, "Headers").
const IF_GENERATION: &str = "x-goog-if-generation-match";

/// An opened bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    shared: Arc<Shared>,
}

struct Shared {
    recipe: Recipe,
    /// Made when it is first needed: credentials may stand in a file, and opening reads none.
    store: OnceLock<Store>,
    wire: Wire,
    /// Where the service is.
    home: Url,
    /// What every name begins with: nothing, or a name and a slash.
    prefix: String,
}

impl std::fmt::Debug for Shared {
    /// Without the clients: `object_store` shows their tokens.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("recipe", &self.recipe).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Which dialect it speaks.
#[derive(Clone)]
enum Store {
    Gcs(GoogleCloudStorage),
    Azure(MicrosoftAzure),
}

impl Store {
    fn plain(&self) -> &dyn ObjectStore {
        match self {
            Store::Gcs(store) => store,
            Store::Azure(store) => store,
        }
    }

    fn pages(&self) -> &dyn PaginatedListStore {
        match self {
            Store::Gcs(store) => store,
            Store::Azure(store) => store,
        }
    }

    fn signer(&self) -> &dyn Signer {
        match self {
            Store::Gcs(store) => store,
            Store::Azure(store) => store,
        }
    }
}

impl Bucket {
    /// A bucket of which nothing is asked yet.
    pub(crate) fn new(recipe: Recipe, wire: Wire, home: Url, prefix: String) -> Result<Self> {
        let shared = Shared { recipe, store: OnceLock::new(), wire, home, prefix };
        let bucket = Self { shared: Arc::new(shared) };
        match bucket.shared.recipe.reads_a_file() {
            true => Ok(bucket),
            false => bucket.store().map(|_| bucket.clone()),
        }
    }

    fn store(&self) -> Result<&Store> {
        if let Some(store) = self.shared.store.get() {
            return Ok(store);
        }
        let made = self.shared.recipe.make(&self.shared.wire)?;
        Ok(self.shared.store.get_or_init(|| made))
    }

    /// The name of `key` as the service knows it.
    fn path(&self, key: &Key) -> Result<Path> {
        let name = format!("{}{key}", self.shared.prefix);
        Path::parse(&name).map_err(|_| Error::new(ErrorKind::InvalidInput, "the service has no such names"))
    }

    fn is_azure(&self) -> bool {
        matches!(self.shared.recipe, Recipe::Azure { .. })
    }

    /// A negative is believed only of a bucket that shows itself: a HEAD cannot tell which of the two is missing.
    async fn recognised<T>(&self, answer: Result<T>) -> Result<T> {
        match answer {
            Err(err) if err.kind() == ErrorKind::NotFound => self.glance().await.and(Err(err)),
            answer => answer,
        }
    }

    async fn glance(&self) -> Result<()> {
        let opts = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
        let prefix = Some(self.shared.prefix.as_str()).filter(|it| !it.is_empty());
        let looked = Call::read().run("look at the bucket", self.store()?.pages().list_paginated(prefix, opts)).await;
        match looked {
            Err(err) if err.kind() == ErrorKind::NotFound => {
                Err(Error::new(ErrorKind::InvalidConfig, "the bucket or container is not there"))
            }
            looked => looked.map(drop),
        }
    }

    /// Whether an etag can be one of this service's at all. Another one matches nothing, and need not be sent.
    fn may_match(&self, etag: &str) -> bool {
        match self.is_azure() {
            true => {
                2 < etag.len() && etag.starts_with('"') && etag.ends_with('"') && HeaderValue::from_str(etag).is_ok()
            }
            false => etag.len() <= 20 && etag.parse::<u64>().is_ok_and(|generation| 0 < generation),
        }
    }

    fn checked<'a>(&self, etag: Option<&'a str>) -> Result<Option<&'a str>> {
        match etag {
            Some(etag) if !self.may_match(etag) => {
                Err(Error::new(ErrorKind::Precondition, "what is stored does not have this etag"))
            }
            etag => Ok(etag),
        }
    }

    /// With the condition on the generation, where that is what an etag is.
    fn conditional(&self, call: Call, etag: Option<&str>) -> Call {
        match etag.and_then(|it| HeaderValue::from_str(it).ok()) {
            Some(value) if !self.is_azure() => call.header(IF_GENERATION, value),
            _ => call,
        }
    }

    async fn delete(&self, path: &Path, if_match: Option<&str>) -> Result<()> {
        let call = self.conditional(Call::write(None), if_match);
        match self.store()? {
            Store::Gcs(store) => call.run("remove the content", store.delete(path)).await,
            Store::Azure(store) => self.azure(store).delete(call, path, if_match).await,
        }
    }
}

#[async_trait]
impl Service for Bucket {
    async fn look(&self) -> Result<String> {
        self.glance().await?;
        Ok(format!("{}/{}", self.shared.recipe.identity(&self.shared.home), self.shared.prefix))
    }

    async fn stat(&self, key: &Key, link: bool) -> Result<Metadata> {
        let mut meta = self.recognised(self.head(key).await).await?;
        if link {
            meta.link = Some(self.link(key).await?);
        }
        Ok(meta)
    }

    async fn get(&self, key: &Key, opts: &GetOptions) -> Result<Fetched> {
        self.recognised(self.read(key, opts).await).await
    }

    fn admit(&self, key: &Key, opts: &AddOptions) -> Result<()> {
        labels::check(&opts.write.labels, self.is_azure())?;
        if let Condition::IfMatch(etag) = &opts.condition {
            self.checked(Some(etag))?;
        }
        self.path(key)?;
        match refused_name(key.as_str(), self.is_azure()) {
            Some(why) => {
                Err(Error::new(ErrorKind::InvalidInput, format!("the service does not keep names that {why}")))
            }
            None => Ok(()),
        }
    }

    async fn add(&self, content: &Content, key: &Key, opts: &AddOptions) -> Result<Metadata> {
        let etag = self.upload(content, key, opts).await.map_err(|err| match (err.kind(), &opts.condition) {
            (ErrorKind::Precondition, Condition::IfAbsent) => {
                Error::new(ErrorKind::AlreadyExists, "something is there already")
            }
            // A removal between the look and the write: what the condition named is not there.
            (ErrorKind::NotFound, Condition::IfMatch(_)) => {
                Error::new(ErrorKind::Precondition, "what the condition named is not there")
            }
            (ErrorKind::NotFound, _) => Error::new(ErrorKind::InvalidConfig, "the bucket or container is not there"),
            _ => err,
        })?;
        let mut meta = Metadata::new(Locator::new(key.clone()), Evidence::Acknowledged);
        meta.size = Some(content.len());
        meta.etag = etag;
        Ok(meta)
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        self.give_up(upload).await
    }

    async fn remove(&self, key: &Key, if_match: Option<&str>) -> Result<Removal> {
        let if_match = self.checked(if_match)?;
        match self.recognised(self.delete(&self.path(key)?, if_match).await).await {
            // Both services keep what was removed for some days unless somebody has switched that off, and do not say so.
            Ok(()) => Ok(Removal::Hidden),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(Removal::Absent),
            Err(err) => Err(err),
        }
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        listing::list(self.clone(), opts)
    }

    async fn probe(&self) -> Result<Facts> {
        self.try_conditions().await
    }
}

/// Azure, "Naming and Referencing Containers, Blobs, and Metadata"; GCS, "About Cloud Storage objects".
fn refused_name(name: &str, is_azure: bool) -> Option<&'static str> {
    match is_azure {
        // The XML of listings is read without spaces around a name.
        _ if name.starts_with(' ') || name.ends_with(' ') => Some("begin or end with a space"),
        true if name.contains('\\') => Some("have a backslash"),
        true if name.split('/').any(|segment| segment.ends_with('.')) => {
            Some("have a dot before a slash or at the end")
        }
        true if MAX_SEGMENTS < name.split('/').count() => Some("have so many slashes"),
        true if name.contains(['\u{fffe}', '\u{ffff}']) => Some("have a noncharacter"),
        false if name.starts_with(".well-known/acme-challenge/") => Some("begin like this"),
        _ => None,
    }
}

/// The most segments of a blob's name, less those of a prefix.
const MAX_SEGMENTS: usize = 200;

//! A store that is broken in one way, and right in every other.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Backend, Content, Entry, Facts, Fetched, GetOptions, Health, Info, Key, ListOptions, Locator, Metadata,
    Power, Removal, RemoveOptions, Result, ResumeToken, StatOptions, StorageType, Usage,
};
use backend_testkit::{CANARY, small};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use ipld::Cid;

use crate::{adding, kinds, listing, reading};

/// In which way. Most names say what the store does; what it should do is the sentence of the case that notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[rustfmt::skip]
pub(crate) enum How {
    AllIsInternal, AlwaysNew, AnyBlock, AnyVersion, AttestsAll, BeginsAgain, BelievesNames, BrokenPlugin, CountsHalf,
    DropsLabels,
    EmptyOutside, ErasesAll, FitsLength, FlattensTrees, FoldsCase, ForgetsCursor, ForgetsFacts, GoesOnAlone, GuessesMedia,
    HealthWrites, HidesLabels, HidesRange, HidesUsage, IgnoresCheckpoint, InventsKey, KeepsFirst, KeepsHalf, KeepsWrong,
    LeaksBodies, LeaksListings, ListsBilled, ListsDeep, ListsTwice, LogsToken, LooksFirst, MixesParts, MixesWriters,
    NeedsHandle, NoConditions, NoPrefix, Nothing, OffersMore, OneAtATime, PrefixIsFolder, RemovesBelow, RemovesFirst,
    MendsAll, MendsHalf, RepeatsCursor, SaysSize, SaysVerified, SendsFirst, ShowsSecret, TellsNothing, TreeIsEmptyFile, TrimsKeys,
    TrimsLabels, UsesMore,
}

pub(crate) struct Mutant {
    pub(crate) inner: Arc<dyn Backend>,
    pub(crate) how: How,
    info: Info,
    /// Bodies and listings that were begun, where none is ever given back.
    pub(crate) begun: AtomicUsize,
    /// What several writers put into one place.
    pub(crate) shared: Mutex<Vec<u8>>,
    /// Which content is being added.
    pub(crate) busy: Mutex<Vec<Cid>>,
}

impl fmt::Debug for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.how == How::ShowsSecret { CANARY } else { "Mutant" })
    }
}

impl Mutant {
    pub(crate) fn new(inner: Arc<dyn Backend>, how: How) -> Self {
        let mut info = inner.info().clone();
        match how {
            How::OffersMore => info.offers.search = true,
            How::HidesUsage => info.offers.usage = false,
            How::HidesRange => info.offers.range = false,
            How::HidesLabels => info.offers.labels = false,
            How::BrokenPlugin => info.kind = StorageType::Other(kinds::BROKEN),
            _ => {}
        }
        let (begun, shared, busy) = Default::default();
        Self { inner, how, info, begun, shared, busy }
    }

    pub(crate) fn is(&self, how: How) -> bool {
        self.how == how
    }

    /// What the store makes of a name.
    pub(crate) fn key(&self, key: &Key) -> Result<Key> {
        match self.how {
            How::FoldsCase => Key::new(key.as_str().to_lowercase()),
            How::TrimsKeys => Key::new(key.as_str().trim()),
            _ => Ok(key.clone()),
        }
    }

    pub(crate) fn at(&self, at: &Locator) -> Result<Locator> {
        let at = match at.id.key() {
            Some(key) => Locator { id: self.key(key)?.into(), ..at.clone() },
            None => at.clone(),
        };
        Ok(if self.is(How::AnyVersion) { at.with_version(None) } else { at })
    }

    /// Whether there is room for one more of what is never given back.
    pub(crate) fn leaks(&self, how: How) -> bool {
        self.is(how) && 5 < self.begun.fetch_add(1, Ordering::Relaxed)
    }
}

#[async_trait]
impl Backend for Mutant {
    fn info(&self) -> &Info {
        &self.info
    }

    async fn health(&self) -> Health {
        if self.is(How::HealthWrites) {
            // Where the case looks: beside whatever it has stored there.
            let listed: Vec<Entry> = self.inner.list(&ListOptions::default()).try_collect().await.unwrap_or_default();
            let n = listed.len();
            for entry in listed {
                let Entry::Content { meta, .. } = entry else { continue };
                let key = Key::new(format!("{}-probe-{n}", meta.at.id)).unwrap();
                let opts = AddOptions { id: Some(key.into()), ..AddOptions::default() };
                self.inner.add(&small(Bytes::from_static(b"probe")), &opts).await.unwrap();
            }
            return Health::new(Power::Works, Power::Unknown, Duration::ZERO);
        }
        self.inner.health().await
    }

    async fn stat(&self, at: &Locator, opts: &StatOptions) -> Result<Metadata> {
        reading::stat(self, at, opts).await
    }

    async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        reading::get(self, at, opts).await
    }

    async fn add(&self, content: &Content, opts: &AddOptions) -> Result<Metadata> {
        adding::add(self, content, opts).await
    }

    async fn discard(&self, upload: &ResumeToken) -> Result<()> {
        self.inner.discard(upload).await
    }

    async fn remove(&self, at: &Locator, opts: &RemoveOptions) -> Result<Removal> {
        listing::remove(self, &self.at(at)?, opts).await
    }

    fn list(&self, opts: &ListOptions) -> BoxStream<'static, Result<Entry>> {
        listing::list(self, opts)
    }

    async fn probe(&self) -> Result<Facts> {
        match self.how {
            How::ForgetsFacts => Ok(self.begun.fetch_add(1, Ordering::Relaxed).into()),
            _ => self.inner.probe().await,
        }
    }

    async fn usage(&self) -> Result<Usage> {
        let usage = self.inner.usage().await?;
        match self.how {
            How::UsesMore => Ok(Usage { used: Some(2), limit: Some(1), ..usage }),
            _ => Ok(usage),
        }
    }
}

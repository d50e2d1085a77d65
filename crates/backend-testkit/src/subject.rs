//! One opened backend under test, and what every case does with it: name things, store, read back, look whether something is there.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use backend_core::{
    AddOptions, Addressing, Backend, Capabilities, Content, ContentId, Entry, ErrorKind, GetOptions, Key, ListOptions,
    Locator, Metadata, Result, StatOptions,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::check::{Failure, Outcome, ensure, must_fail};
use crate::content;

/// The most entries of a listing that a case looks at: a backend that lists for ever fails instead of hanging the suite.
const MAX_LISTED: usize = 100_000;

/// A backend under test. Names and contents are new for every case, so that a store may be shared and need not be empty.
pub struct Subject {
    backend: Arc<dyn Backend>,
    nonce: String,
    settle: Duration,
    small: bool,
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("backend", &self.backend).field("nonce", &self.nonce).finish_non_exhaustive()
    }
}

impl Subject {
    /// `backend`, which may take `settle` to show what was done; `small` leaves out what is large.
    pub fn new(backend: Arc<dyn Backend>, settle: Duration) -> Self {
        let nonce = format!("suite-{:016x}", RandomState::new().hash_one(0));
        Self { backend, nonce, settle, small: false }
    }

    /// Without large bodies and long listings.
    #[must_use]
    pub fn small(mut self) -> Self {
        self.small = true;
        self
    }

    /// Whether large bodies and long listings are to be left out.
    pub(crate) fn is_small(&self) -> bool {
        self.small
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    pub(crate) fn offers(&self) -> Capabilities {
        self.backend.info().offers
    }

    pub(crate) fn addressing(&self) -> Addressing {
        self.backend.info().addressing
    }

    /// Whether the caller chooses names, so that one name can stand for one content after the other.
    pub(crate) fn has_keys(&self) -> bool {
        self.addressing() == Addressing::Key
    }

    /// Pseudo-random content that no other case has.
    pub(crate) fn content(&self, seed: &str, len: u64) -> Content {
        content::random(&self.seed(seed), len)
    }

    /// What that content is made of.
    pub(crate) fn seed(&self, seed: &str) -> String {
        format!("{}/{seed}", self.nonce)
    }

    /// Names that belong to this case begin with this.
    pub(crate) fn folder(&self) -> String {
        format!("{}/", self.nonce)
    }

    pub(crate) fn key(&self, name: &str) -> Result<Key> {
        Key::new(format!("{}/{name}", self.nonce))
    }

    /// What the manager would call `content`: by `name` where it chooses names.
    pub(crate) fn at(&self, name: &str, content: &Content) -> Result<Locator> {
        match self.has_keys() {
            true => self.key(name).map(Locator::new),
            false => Ok(Locator::new(*content.cid())),
        }
    }

    /// Adds under `name`, where names are chosen, with these options.
    pub(crate) async fn add_with(&self, name: &str, content: &Content, opts: AddOptions) -> Result<Metadata> {
        let id: Option<ContentId> = if self.has_keys() { Some(self.key(name)?.into()) } else { None };
        self.backend.add(content, &AddOptions { id, ..opts }).await
    }

    pub(crate) async fn add(&self, name: &str, content: &Content) -> Outcome<Metadata> {
        let meta = self.add_with(name, content, AddOptions::default()).await?;
        self.seen(&meta.at).await?;
        Ok(meta)
    }

    /// All bytes that the body delivers.
    pub(crate) async fn read(&self, at: &Locator, opts: &GetOptions) -> Result<Vec<u8>> {
        let fetched = self.backend.get(at, opts).await?;
        let frames: Vec<Bytes> = fetched.body.try_collect().await?;
        Ok(frames.concat())
    }

    /// Holds that `content` is what is stored at `at`, as far as the backend lets one look. Neither is ever held in memory.
    pub(crate) async fn holds(&self, at: &Locator, content: &Content) -> Outcome {
        if self.offers().stat {
            let meta = self.backend.stat(at, &StatOptions::default()).await?;
            let size = meta.size;
            ensure!(size.is_none_or(|size| size == content.len()), "{at:?} has {size:?} bytes, not {}", content.len());
        }
        if !self.offers().get {
            return Ok(());
        }
        let fetched = self.backend.get(at, &GetOptions::default()).await?;
        let range = fetched.range;
        ensure!(range == (0..content.len()), "{at:?} answers {range:?} instead of all {} bytes", content.len());
        same(&format!("{at:?}"), fetched.body, content.open_all().await?).await
    }

    /// Waits until what was written is seen, for as long as the store may take.
    pub(crate) async fn seen(&self, at: &Locator) -> Outcome {
        self.until(async || match self.is_there(at).await? {
            true => Ok(()),
            false => Err(Failure::new(format!("{at:?} was added, but is not there"))),
        })
        .await
    }

    /// Waits until nothing is seen at `at`: not by `stat`, not by `get`, not in a listing.
    pub(crate) async fn gone(&self, at: &Locator) -> Outcome {
        self.until(async || self.lacks(at).await).await
    }

    /// Nothing is seen at `at` at this moment.
    pub(crate) async fn lacks(&self, at: &Locator) -> Outcome {
        if self.offers().stat {
            must_fail("stat", self.backend.stat(at, &StatOptions::default()).await, &[ErrorKind::NotFound])?;
        }
        if self.offers().get {
            must_fail("get", self.backend.get(at, &GetOptions::default()).await, &[ErrorKind::NotFound])?;
        }
        ensure!(!self.is_listed(at).await?, "{at:?} must not be there, but is listed");
        Ok(())
    }

    /// Whether it is there, by the cheapest look that is offered.
    pub(crate) async fn is_there(&self, at: &Locator) -> Outcome<bool> {
        let answer = match (self.offers().stat, self.offers().get) {
            (true, _) => self.backend.stat(at, &StatOptions::default()).await.map(|_| ()),
            (_, true) => self.backend.get(at, &GetOptions::default()).await.map(|_| ()),
            _ => return self.is_listed(at).await,
        };
        match answer {
            Ok(()) => Ok(true),
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(false),
            Err(err) => Err(err.into()),
        }
    }

    async fn is_listed(&self, at: &Locator) -> Outcome<bool> {
        if !self.offers().list {
            return Ok(false);
        }
        let listed = self.list(&self.everything()).await?;
        Ok(listed.iter().any(|entry| matches!(entry, Entry::Content { meta, .. } if meta.at.id == at.id)))
    }

    /// A listing of all that may belong to this case.
    pub(crate) fn everything(&self) -> ListOptions {
        ListOptions { prefix: self.has_keys().then(|| self.folder()), ..ListOptions::default() }
    }

    /// All entries, of a bounded number.
    pub(crate) async fn list(&self, opts: &ListOptions) -> Outcome<Vec<Entry>> {
        let entries: Vec<Entry> = self.backend.list(opts).take(MAX_LISTED).try_collect().await?;
        ensure!(entries.len() < MAX_LISTED, "the listing does not end within {MAX_LISTED} entries");
        Ok(entries)
    }

    /// Tries `look` until it succeeds, or the store has had its time.
    pub(crate) async fn until(&self, look: impl AsyncFn() -> Outcome) -> Outcome {
        let begun = Instant::now();
        loop {
            match look().await {
                Err(_) if begun.elapsed() < self.settle => tokio::time::sleep(self.settle / 20).await,
                outcome => return outcome,
            }
        }
    }
}

/// Holds that two streams are the same bytes.
async fn same(what: &str, mut found: backend_core::ByteStream, mut wanted: backend_core::ByteStream) -> Outcome {
    let (mut left, mut right, mut at) = (Bytes::new(), Bytes::new(), 0);
    loop {
        while left.is_empty()
            && let Some(frame) = found.next().await
        {
            left = frame?;
        }
        while right.is_empty()
            && let Some(frame) = wanted.next().await
        {
            right = frame?;
        }
        let len = left.len().min(right.len());
        if len == 0 {
            ensure!(left.len() == right.len(), "{what} ends at {at}: {} more, {} wanted", left.len(), right.len());
            return Ok(());
        }
        ensure!(left.split_to(len) == right.split_to(len), "{what} has other bytes between {at} and {}", at + len);
        at += len;
    }
}

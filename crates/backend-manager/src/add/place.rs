//! Sends one content to one backend: sidecar first, so that no content is there that cannot be verified.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Checkpoint, Condition, Content, ContentId, Effect, Error, ErrorKind, GetOptions, Key,
    Locator, Mend, Metadata, Progress, Result, ResumeToken, StatOptions, Write,
};

use super::car::{car_content, name_stream};
use super::{Item, Placed};
use crate::catalog::replicas::{Moved, ReplicaAt};
use crate::catalog::{Catalog, transfers};
use crate::fault;
use crate::fleet::Member;
use crate::layout;
use crate::views::ContentKind;

/// Which parts of a copy are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Parts {
    /// The inner nodes, and then the content.
    Both,
    /// The content alone: its inner nodes were looked at and are right.
    Content,
    /// The inner nodes alone: the content was read at this place, and is right.
    Sidecar(Locator),
}

/// What is sent, and as whom.
pub(crate) struct Job<'a> {
    pub(crate) member: &'a Member,
    pub(crate) item: &'a Item,
    pub(crate) at: ReplicaAt,
    /// An earlier upload ended without an answer.
    pub(crate) look_first: bool,
    /// What is there was read and is wrong.
    pub(crate) mend: Option<Mend>,
    pub(crate) parts: Parts,
    pub(crate) condition: Condition,
    pub(crate) catalog: &'a Catalog,
    pub(crate) progress: &'a Progress,
}

impl Job<'_> {
    /// Sends it. On an answer that was lost it looks, once, whether it is there all the same.
    pub(crate) async fn run(&self) -> Result<Placed> {
        if self.look_first
            && let Some(mut meta) = self.look().await?
        {
            if !self.item.look {
                return Ok(Placed::found(meta));
            }
            // What lies under a user's key and is in no row was there before us, and without its inner nodes.
            meta.existed = meta.existed.or(Some(true));
            let addressing = self.member.addressing();
            let sidecar = self.sidecar().await?.map(|meta| layout::sidecar_handle(addressing, &meta.at));
            return Ok(Placed { sidecar, ..Placed::found(meta) });
        }
        match self.send().await {
            Ok(placed) => Ok(placed),
            // What was wrong is there and has its length: to see it says nothing of whether it was mended.
            Err(err) if err.effect() == Effect::Unknown && self.mend.is_none() => match self.look().await {
                Ok(Some(meta)) => Ok(Placed::found(meta)),
                // Anybody may write under a user's key, so that nothing follows from what lies there now.
                Ok(None) if self.item.key.is_none() => Err(err.with_effect(Effect::None)),
                _ => Err(err),
            },
            Err(err) => Err(err),
        }
    }

    async fn send(&self) -> Result<Placed> {
        fault::point("before-sidecar");
        let sidecar = match self.parts {
            Parts::Content => None,
            Parts::Both | Parts::Sidecar(_) => self.sidecar().await?,
        };
        fault::point("before-content");
        let meta = match (self.item.kind, &self.parts) {
            (ContentKind::Directory, _) => match (&sidecar, &self.item.whole) {
                (Some(meta), _) => meta.clone(),
                (None, Some(whole)) => self.folder(whole).await?,
                (None, None) => return Err(Error::unsupported("directories", &self.member.name)),
            },
            (_, Parts::Sidecar(at)) => self.member.backend.stat(at, &StatOptions::default()).await?,
            _ => self.content().await?,
        };
        fault::point("after-content");
        let addressing = self.member.addressing();
        let sidecar = sidecar.map(|meta| layout::sidecar_handle(addressing, &meta.at));
        Ok(Placed { meta, sidecar, is_found: false })
    }

    async fn folder(&self, whole: &Content) -> Result<Metadata> {
        let opts = AddOptions { write: self.write(None, None), mend: self.mend.clone(), ..AddOptions::default() };
        self.member.backend.add(whole, &opts).await
    }

    async fn content(&self) -> Result<Metadata> {
        let content = &self.item.content;
        let key = match &self.item.key {
            Some(key) => key.clone(),
            None => layout::content(content.cid())?,
        };
        let journal = self.journal();
        let resume = match &journal {
            Some(_) => self.token().await?,
            None => None,
        };
        let (condition, write) = (self.condition.clone(), self.write(resume, journal));
        self.put(content, key, AddOptions { condition, write, mend: self.mend.clone(), ..AddOptions::default() }).await
    }

    /// The inner nodes, where the store does not keep them by itself.
    async fn sidecar(&self) -> Result<Option<Metadata>> {
        if self.item.content.dag().is_empty() || self.member.addressing() == Addressing::Cid {
            return Ok(None);
        }
        let root = self.item.content.cid();
        let car = car_content(self.item.content.dag(), root, &self.member.backend.info().needs).await?;
        let mend = self.mend.as_ref().map(|_| Mend::all());
        let opts = AddOptions { write: self.write(None, None), mend, ..AddOptions::default() };
        let meta = self.put(&car, layout::sidecar(root)?, opts).await?;
        Ok(Some(meta))
    }

    async fn put(&self, content: &Content, key: Key, opts: AddOptions) -> Result<Metadata> {
        let id = match self.member.addressing() {
            Addressing::Key => Some(ContentId::Key(key)),
            _ => None,
        };
        self.member.backend.add(content, &AddOptions { id, ..opts }).await
    }

    fn write(&self, resume: Option<ResumeToken>, checkpoint: Option<Arc<dyn Checkpoint>>) -> Write {
        let name = self.item.name.clone();
        Write { name, resume, checkpoint, progress: self.progress.child(), ..Write::default() }
    }

    /// Where begun uploads are noted, for stores that can go on with them.
    fn journal(&self) -> Option<Arc<dyn Checkpoint>> {
        let journal = || Journal { catalog: self.catalog.clone(), at: self.at.clone() };
        self.member.backend.info().offers.resume.then(|| Arc::new(journal()) as Arc<dyn Checkpoint>)
    }

    async fn token(&self) -> Result<Option<ResumeToken>> {
        let id = self.at.replica.clone();
        let transfer = self.catalog.read(move |conn| transfers::find(conn, &id)).await?;
        Ok(transfer.map(|it| it.token))
    }

    /// Whether it is there already, whole.
    async fn look(&self) -> Result<Option<Metadata>> {
        let Some(at) = locator(self.member, self.item)? else { return Ok(None) };
        match self.member.backend.stat(&at, &StatOptions::default()).await {
            Ok(meta) if self.item.key.is_some() => Ok(self.is_this(&at, &meta).await?.then_some(meta)),
            Ok(meta) => {
                let whole = self.item.kind == ContentKind::Directory || meta.size == Some(self.item.content.len());
                Ok(whole.then_some(meta))
            }
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// Whether what lies under the user's key is this content: by a digest that the service names, else by reading it.
    async fn is_this(&self, at: &Locator, meta: &Metadata) -> Result<bool> {
        let content = &self.item.content;
        if meta.size.is_some_and(|size| size != content.len()) {
            return Ok(false);
        }
        let mut both = meta.digests.iter().filter_map(|it| content.digest(it.kind).map(|own| *own == it.value));
        if let Some(same) = both.next() {
            return Ok(same && both.all(|same| same));
        }
        let fetched = self.member.backend.get(at, &GetOptions::default()).await?;
        let (entry, _) = name_stream(&self.item.profile, fetched.body, &mut |_| {}).await?;
        Ok(ipld::address::to_v1(&entry.cid) == *content.cid())
    }
}

/// Where content lies on a backend whose names we choose; `None` where the service assigns them.
pub(super) fn locator(member: &Member, item: &Item) -> Result<Option<Locator>> {
    match member.addressing() {
        Addressing::Assigned => Ok(None),
        other => layout::locator(other, item.content.cid(), item.kind, item.place()).map(Some),
    }
}

/// Resume tokens go to the catalog before bytes follow.
#[derive(Debug)]
struct Journal {
    catalog: Catalog,
    at: ReplicaAt,
}

#[async_trait]
impl Checkpoint for Journal {
    async fn save(&self, token: &ResumeToken, at: Option<&Locator>, sent: u64) -> Result<()> {
        let (replica, token) = (self.at.clone(), token.clone());
        let handle = at.and_then(|at| at.handle.clone());
        let save = move |conn: &rusqlite::Connection| {
            let checkpoint = transfers::Checkpoint { token: &token, handle: handle.as_deref(), sent, source: "" };
            transfers::save(conn, &replica, &checkpoint, crate::manager::now())
        };
        let moved = self.catalog.write(save).await?;
        fault::point("after-checkpoint");
        match moved {
            Moved::Won(_) => Ok(()),
            Moved::Lost => Err(Error::new(ErrorKind::Internal, "another process has taken this upload over")),
        }
    }
}

//! Sends one content to one backend: sidecar first, so that no content is there that cannot be verified.

use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{
    AddOptions, Addressing, Checkpoint, Content, ContentId, Effect, Error, ErrorKind, Key, Locator, Metadata, Progress,
    Result, ResumeToken, StatOptions, Write,
};

use super::car::car_content;
use super::{Item, Placed};
use crate::catalog::replicas::{Moved, ReplicaAt};
use crate::catalog::{Catalog, transfers};
use crate::fault;
use crate::fleet::Member;
use crate::layout;
use crate::views::ContentKind;

/// What is sent, and as whom.
pub(super) struct Job<'a> {
    pub(super) member: &'a Member,
    pub(super) item: &'a Item,
    pub(super) at: ReplicaAt,
    /// An earlier upload ended without an answer.
    pub(super) look_first: bool,
    pub(super) catalog: &'a Catalog,
    pub(super) progress: &'a Progress,
}

impl Job<'_> {
    /// Sends it. On an answer that was lost it looks, once, whether it is there all the same.
    pub(super) async fn run(&self) -> Result<Placed> {
        if self.look_first
            && let Some(meta) = self.look().await?
        {
            return Ok(Placed::found(meta));
        }
        match self.send().await {
            Ok(placed) => Ok(placed),
            Err(err) if err.effect() == Effect::Unknown => match self.look().await {
                Ok(Some(meta)) => Ok(Placed::found(meta)),
                Ok(None) => Err(err.with_effect(Effect::None)),
                Err(_) => Err(err),
            },
            Err(err) => Err(err),
        }
    }

    async fn send(&self) -> Result<Placed> {
        fault::point("before-sidecar");
        let sidecar = self.sidecar().await?;
        fault::point("before-content");
        let meta = match self.item.kind {
            ContentKind::Directory => match &sidecar {
                Some(meta) => meta.clone(),
                None => return Err(Error::unsupported("directories", &self.member.name)),
            },
            _ => self.put(&self.item.content, layout::content(self.item.content.cid())?, true).await?,
        };
        fault::point("after-content");
        Ok(Placed { meta, sidecar: sidecar.map(|meta| meta.at.handle) })
    }

    /// The inner nodes, where the store does not keep them by itself.
    async fn sidecar(&self) -> Result<Option<Metadata>> {
        if self.item.content.dag().is_empty() || self.member.addressing() == Addressing::Cid {
            return Ok(None);
        }
        let root = self.item.content.cid();
        let car = car_content(self.item.content.dag(), root, &self.member.backend.info().needs).await?;
        let meta = self.put(&car, layout::sidecar(root)?, false).await?;
        Ok(Some(meta))
    }

    async fn put(&self, content: &Content, key: Key, resumable: bool) -> Result<Metadata> {
        let checkpoint: Option<Arc<dyn Checkpoint>> = match resumable && self.member.backend.info().offers.resume {
            true => Some(Arc::new(Journal { catalog: self.catalog.clone(), at: self.at.clone() })),
            false => None,
        };
        let resume = match &checkpoint {
            Some(_) => self.token().await?,
            None => None,
        };
        let id = match self.member.addressing() {
            Addressing::Key => Some(ContentId::Key(key)),
            _ => None,
        };
        let write = Write { resume, checkpoint, progress: self.progress.child(), ..Write::default() };
        self.member.backend.add(content, &AddOptions { id, write, ..AddOptions::default() }).await
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
            Ok(meta) => {
                let whole = self.item.kind == ContentKind::Directory || meta.size == Some(self.item.content.len());
                Ok(whole.then_some(meta))
            }
            Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
            Err(err) => Err(err),
        }
    }
}

/// Where content lies on a backend whose names we choose; `None` where the service assigns them.
pub(super) fn locator(member: &Member, item: &Item) -> Result<Option<Locator>> {
    let cid = item.content.cid();
    Ok(match member.addressing() {
        Addressing::Key if item.kind == ContentKind::Directory => Some(Locator::new(layout::sidecar(cid)?)),
        Addressing::Key => Some(Locator::new(layout::content(cid)?)),
        Addressing::Cid => Some(Locator::new(*cid)),
        _ => None,
    })
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

//! What is wrong with a copy, as far as a cheap look tells: the rest was found when it was read.

use backend_core::{Addressing, Error, ErrorKind, Mend, Metadata, Result, StatOptions};

use super::Repair;
use crate::catalog::contents::ContentKind;
use crate::catalog::replicas::BadChunk;
use crate::verify::Finding;

/// How much of the content is wrong.
#[derive(Debug)]
pub(super) enum Extent {
    /// Nothing: it was read just now, and is right. What the store says of it.
    Nothing(Box<Metadata>),
    /// These.
    Chunks(Vec<BadChunk>),
    /// All of it, or it is not there.
    Everything,
}

/// The inner nodes beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// Right, or not wanted.
    Good,
    /// Wrong, or not there.
    Wrong,
}

#[derive(Debug)]
pub(super) struct Damage {
    pub(super) extent: Extent,
    pub(super) beside: Beside,
    /// Nothing is there.
    pub(super) is_gone: bool,
    /// What the store calls what is there.
    pub(super) etag: Option<String>,
    /// Bytes that were read to know it.
    pub(super) read: u64,
}

impl Damage {
    fn everything() -> Self {
        Self { extent: Extent::Everything, beside: Beside::Wrong, is_gone: true, etag: None, read: 0 }
    }

    /// What a leaf is told. Of what is gone nothing may be kept, and nothing is in the way.
    pub(super) fn mend(&self) -> Option<Mend> {
        match &self.extent {
            _ if self.is_gone => None,
            Extent::Chunks(chunks) => {
                Some(Mend::wrong(chunks.iter().map(|it| it.offset..it.offset.saturating_add(it.len))))
            }
            Extent::Everything | Extent::Nothing(_) => Some(Mend::all()),
        }
    }
}

impl Repair<'_> {
    pub(super) async fn damage(&self) -> Result<Damage> {
        if !self.row.is_wrong() {
            return Ok(Damage::everything());
        }
        let meta = match self.meta().await {
            Ok(meta) => meta,
            Err(err) if err.kind() == ErrorKind::NotFound => {
                // Believed only of a store that is recognised at this very moment.
                self.member.recognise_now(self.manager.catalog()).await?;
                return Ok(Damage::everything());
            }
            Err(err) => return Err(err),
        };
        self.unwritten(&meta)?;
        let etag = meta.etag.clone();
        let damage = |extent, beside, read| Damage { extent, beside, is_gone: false, etag, read };
        if self.content.content.kind == ContentKind::Directory {
            return Ok(damage(Extent::Everything, Beside::Wrong, 0));
        }
        let (extent, read) = self.extent(meta).await?;
        // The inner nodes are small, and what was found of the content says nothing of them.
        let beside = match self.manager.has_sidecar(&self.stored, &self.replica).await? {
            true => Beside::Good,
            false => Beside::Wrong,
        };
        Ok(match (beside, extent) {
            // A store of blocks is sent its inner nodes with whatever leaf is sent: the first will do.
            (Beside::Wrong, Extent::Nothing(_)) if self.member.addressing() == Addressing::Cid => {
                damage(Extent::Chunks(vec![BadChunk { offset: 0, len: 1 }]), beside, read)
            }
            (beside, extent) => damage(extent, beside, read),
        })
    }

    /// What the row lists; where it lists nothing, the copy is read: only its length or its inner nodes were seen to be wrong.
    async fn extent(&self, meta: Metadata) -> Result<(Extent, u64)> {
        let listed = &self.row.bad_chunks;
        if listed.iter().any(|chunk| 0 < chunk.len) {
            return Ok((Extent::Chunks(listed.clone()), 0));
        }
        if !listed.is_empty() {
            return Ok((Extent::Everything, 0));
        }
        Ok(match self.manager.read_back(&self.stored, &self.replica).await? {
            Finding::Good(bytes) => (Extent::Nothing(Box::new(meta)), bytes),
            Finding::Bad(bytes, bad) if bad.is_empty() => (Extent::Nothing(Box::new(meta)), bytes),
            Finding::Bad(_, bad) => (Extent::Chunks(bad), 0),
            Finding::Missing => (Extent::Everything, 0),
        })
    }

    async fn meta(&self) -> Result<Metadata> {
        // What lies in a folder has no name to be asked for.
        match self.member.backend.info().offers.stat && !self.is_within() {
            true => self.member.backend.stat(&self.replica.at, &StatOptions::default()).await,
            false => Ok(Metadata::new(self.replica.at.clone(), backend_core::Evidence::Claimed)),
        }
    }

    /// Whoever wrote under a user's key since wants that kept: it is no damage, and is not overwritten.
    fn unwritten(&self, meta: &Metadata) -> Result<()> {
        if self.row.replica.key.is_empty() || self.is_within() {
            return Ok(());
        }
        let is_ours = match (&self.row.etag, &meta.etag) {
            (Some(ours), Some(there)) => ours == there,
            _ => meta.size.is_none() || meta.size == self.content.content.size,
        };
        match is_ours {
            true => Ok(()),
            false => {
                let text = format!("other bytes were written under {} since it was stored", self.row.replica.key);
                Err(Error::new(ErrorKind::Precondition, text))
            }
        }
    }
}

//! Content that the catalog does not know, or of which no copy is left: read block by block from the services that are asked by CID. Each block is hashed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use backend_core::{Addressing, Dag, Error, ErrorKind, GetOptions, Locator, Node, Nodes, Result, Role};
use bytes::Bytes;
use ipld::{Cid, address};

use crate::catalog::contents::{ContentKind, NewContent};
use crate::find::Stored;
use crate::fleet::Member;
use crate::manager::Manager;
use crate::naming::BLOCK_MAX;
use crate::read::{self, How, Replica};
use crate::trouble;

/// Bytes of blocks that are kept, over all reads of a manager: a path is walked node by node, and each is wanted several times.
const KEPT: usize = 16 << 20;

impl Manager {
    /// Whatever can be asked for `cid` by its name alone, stores before sources.
    ///
    /// # Errors
    /// What reading the configuration answers. A backend that cannot be opened is left out.
    pub(crate) async fn by_cid(&self, cid: &Cid) -> Result<Vec<Replica>> {
        let mut members = Vec::new();
        for name in self.fleet().names()? {
            match self.fleet().member(&name).await {
                Ok(member) if is_asked_by_cid(&member) => members.push(member),
                Ok(_) => {}
                Err(err) => tracing::warn!(backend = %name, error = %err, "a backend cannot be asked"),
            }
        }
        members.sort_by_key(|member| member.backend.info().role != Role::Store);
        let replica = |member: Member| Replica {
            name: member.name,
            backend: member.backend,
            hasty: member.hasty,
            at: Locator::new(*cid),
            how: How::Block,
            bad: Vec::new(),
            fresh: false,
            gauge: None,
            cached: None,
            row: None,
        };
        Ok(members.into_iter().map(replica).collect())
    }

    /// `cid` as content of those services.
    ///
    /// # Errors
    /// `NotFound` when there is nobody to ask.
    pub(crate) async fn foreign(&self, cid: &Cid) -> Result<Stored> {
        let replicas = self.by_cid(cid).await?;
        if replicas.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, format!("{} is not known here", address::text(cid))));
        }
        let nodes = Foreign { replicas: replicas.clone(), blocks: self.blocks() };
        let content = NewContent { cid: *cid, size: None, kind: ContentKind::Dag, profile: 0 };
        Ok(Stored { content, dag: Dag::new(Arc::new(nodes)), replicas, number: None, is_foreign: true })
    }
}

fn is_asked_by_cid(member: &Member) -> bool {
    let info = member.backend.info();
    info.addressing == Addressing::Cid && info.role != Role::Witness && info.offers.get && info.offers.block
}

/// Nodes that are fetched when they are asked for. They are not counted, and not listed.
#[derive(Debug)]
struct Foreign {
    replicas: Vec<Replica>,
    blocks: Arc<Blocks>,
}

#[async_trait]
impl Nodes for Foreign {
    fn count(&self) -> u64 {
        0
    }

    fn bytes(&self) -> u64 {
        0
    }

    async fn page(&self, _: u64) -> Result<Vec<Node>> {
        Ok(Vec::new())
    }

    /// Never `None`: whoever is told that there is no such node takes it for a leaf.
    async fn find(&self, cid: &Cid) -> Result<Option<Bytes>> {
        if let Some(known) = self.blocks.get(cid) {
            return Ok(Some(known));
        }
        let mut failed: Option<Error> = None;
        for replica in &self.replicas {
            match block(replica, cid).await {
                Ok(bytes) => {
                    self.blocks.keep(*cid, bytes.clone());
                    return Ok(Some(bytes));
                }
                // That one service does not have it says less than that another could not be asked.
                Err(err) if err.kind() == ErrorKind::NotFound => {}
                Err(err) => {
                    failed.get_or_insert(err);
                }
            }
        }
        let absent =
            || Error::new(ErrorKind::NotFound, format!("no service that was asked has {}", address::text(cid)));
        Err(failed.unwrap_or_else(absent))
    }
}

async fn block(replica: &Replica, cid: &Cid) -> Result<Bytes> {
    let fetched = replica.backend.get(&Locator::new(*cid), &GetOptions::block()).await?;
    let bytes = read::collect(fetched.body, BLOCK_MAX).await?;
    address::verify(cid, &bytes).map_err(trouble::ipld)?;
    Ok(bytes)
}

/// The blocks that were last asked for.
#[derive(Debug, Default)]
pub(crate) struct Blocks(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    blocks: HashMap<Cid, Bytes>,
    order: VecDeque<Cid>,
    bytes: usize,
}

impl Blocks {
    fn get(&self, cid: &Cid) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).blocks.get(cid).cloned()
    }

    fn keep(&self, cid: Cid, bytes: Bytes) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += bytes.len();
        match kept.blocks.insert(cid, bytes) {
            Some(before) => kept.bytes -= before.len(),
            None => kept.order.push_back(cid),
        }
        while KEPT < kept.bytes
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.bytes -= kept.blocks.remove(&oldest).map_or(0, |it| it.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let blocks = Blocks::default();
        let name = |n: u8| address::sha256(address::RAW, &[n]);
        (0..20).for_each(|n| blocks.keep(name(n), vec![n; 1 << 20].into()));
        (0..20).for_each(|_| blocks.keep(name(19), vec![19; 1 << 20].into()));
        assert!(blocks.get(&name(0)).is_none() && blocks.get(&name(3)).is_none());
        assert!((4..20).all(|n| blocks.get(&name(n)).is_some()), "the last 16 MiB are there");
    }
}

//! The inner nodes of stored content: from the catalog, and where it has none (or wrong ones), from the sidecars beside the content.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use backend_core::{Addressing, Dag, Error, ErrorKind, GetOptions, Locator, Node, Nodes, Result};
use bytes::Bytes;
use futures::StreamExt;
use ipld::Cid;
use ipld::address;
use ipld::car::{Decoder, Item, Options};
use tokio::sync::OnceCell;

use super::Replica;
use crate::layout;
use crate::naming::BLOCK_MAX;
use crate::trouble;

/// The nodes of one sidecar that are kept in memory at the most, bytes. More means a file above one tebibyte, whose catalog rows are then needed.
const SIDECAR_MAX: usize = 64 << 20;

/// Nodes of `root`, from wherever they can be had. Each is hashed.
#[derive(Debug, Clone)]
pub(crate) struct Outboard {
    catalog: Dag,
    root: Cid,
    replicas: Arc<Vec<Replica>>,
    fetched: Arc<OnceCell<HashMap<Cid, Bytes>>>,
}

impl Outboard {
    pub(crate) fn new(catalog: Dag, root: Cid, replicas: Vec<Replica>) -> Self {
        Self { catalog, root, replicas: Arc::new(replicas), fetched: Arc::default() }
    }

    pub(crate) fn dag(&self) -> Dag {
        Dag::new(Arc::new(self.clone()))
    }

    async fn sidecar(&self) -> &HashMap<Cid, Bytes> {
        self.fetched
            .get_or_init(|| async {
                let keepers = self.replicas.iter().filter(|it| it.backend.info().addressing != Addressing::Cid);
                for replica in keepers {
                    match fetch_sidecar(replica, &self.root).await {
                        Ok(nodes) => return nodes,
                        Err(err) => {
                            tracing::warn!(backend = %replica.name, root = %self.root, error = %err, "no sidecar")
                        }
                    }
                }
                HashMap::new()
            })
            .await
    }

    async fn block(&self, cid: &Cid) -> Option<Bytes> {
        for replica in self.replicas.iter().filter(|it| it.backend.info().offers.block) {
            let fetched = replica.backend.get(&Locator::new(*cid), &GetOptions::block()).await;
            if let Ok(fetched) = fetched {
                let bytes = super::collect(fetched.body, BLOCK_MAX).await;
                if let Some(bytes) = bytes.ok().filter(|bytes| address::verify(cid, bytes).is_ok()) {
                    return Some(bytes);
                }
            }
        }
        None
    }
}

#[async_trait]
impl Nodes for Outboard {
    fn count(&self) -> u64 {
        self.catalog.count()
    }

    fn bytes(&self) -> u64 {
        self.catalog.bytes()
    }

    async fn page(&self, from: u64) -> Result<Vec<Node>> {
        self.catalog.page(from).await
    }

    async fn find(&self, cid: &Cid) -> Result<Option<Bytes>> {
        match self.catalog.find(cid).await? {
            Some(node) if address::verify(cid, &node).is_ok() => return Ok(Some(node)),
            Some(_) => tracing::warn!(%cid, "the catalog's copy of an inner node is wrong"),
            // A catalog that has nodes of this content has all of them: what it does not list is a leaf.
            None if !self.catalog.is_empty() => return Ok(None),
            None => {}
        }
        match self.sidecar().await.get(&address::to_v1(cid)) {
            Some(node) => Ok(Some(node.clone())),
            None => Ok(self.block(cid).await),
        }
    }
}

/// All nodes of a sidecar, each hashed, under version 1 names: as the catalog has them.
///
/// # Errors
/// `Integrity` for a node that does not hash to its name, or a broken archive; `TooLarge` above what is kept in memory; else the store's own.
pub(crate) async fn fetch_sidecar(replica: &Replica, root: &Cid) -> Result<HashMap<Cid, Bytes>> {
    let handle = replica.row.as_ref().and_then(|row| row.sidecar_handle.as_deref());
    let at = layout::sidecar_at(replica.backend.info().addressing, root, handle)?;
    let at = at.ok_or_else(|| Error::new(ErrorKind::NotFound, "this store keeps no sidecar"))?;
    let mut body = replica.backend.get(&at, &GetOptions::default()).await?.body;
    let mut decoder = Decoder::new(Options::default());
    let (mut nodes, mut bytes) = (HashMap::new(), 0);
    while let Some(frame) = body.next().await {
        decoder.feed(frame?);
        while let Some(item) = decoder.next().map_err(trouble::ipld)? {
            if let Item::Block(block) = item {
                bytes += block.data.len();
                if SIDECAR_MAX < bytes {
                    return Err(Error::new(ErrorKind::TooLarge, "the sidecar is larger than 64 MiB"));
                }
                block.verify().map_err(trouble::ipld)?;
                nodes.insert(address::to_v1(&block.cid), block.data);
            }
        }
    }
    decoder.finish().map_err(trouble::ipld)?;
    Ok(nodes)
}

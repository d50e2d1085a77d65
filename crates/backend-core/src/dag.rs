//! The inner nodes of content: its *outboard*. With them, plain bytes from any store can be checked chunk by chunk.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cid::Cid;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::error::{Error, ErrorKind, Result};

/// One inner node: its CID and its block, byte for byte.
pub type Node = (Cid, Bytes);

/// Where the inner nodes lie: memory, a temporary file, the catalog. They are in pre-order, root first, each once.
///
/// Whoever *uses* a node hashes it first: what lies on a disk is not trusted.
#[async_trait]
pub trait Nodes: fmt::Debug + Send + Sync + 'static {
    /// How many there are.
    fn count(&self) -> u64;

    /// The sum of their lengths in bytes.
    fn bytes(&self) -> u64;

    /// A page of nodes, beginning with number `from`; empty at and behind the end. The implementation bounds the page.
    ///
    /// # Errors
    /// Whatever reading them answers.
    async fn page(&self, from: u64) -> Result<Vec<Node>>;

    /// One node by its CID, `None` if it is not among them.
    ///
    /// # Errors
    /// Whatever reading it answers.
    async fn find(&self, cid: &Cid) -> Result<Option<Bytes>>;
}

/// The inner nodes of one content. Leaves are slices of the plain bytes and not in it, so content of one raw chunk has an empty dag. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dag {
    nodes: Arc<dyn Nodes>,
}

impl Dag {
    /// No inner nodes: the content is one raw block.
    pub fn empty() -> Self {
        Self::from_nodes(Vec::new())
    }

    /// Nodes in memory, in pre-order.
    pub fn from_nodes(nodes: Vec<Node>) -> Self {
        Self::new(Arc::new(InMemory(nodes)))
    }

    /// Nodes that lie somewhere else.
    pub fn new(nodes: Arc<dyn Nodes>) -> Self {
        Self { nodes }
    }

    /// How many nodes there are.
    pub fn count(&self) -> u64 {
        self.nodes.count()
    }

    /// The sum of their lengths in bytes.
    pub fn bytes(&self) -> u64 {
        self.nodes.bytes()
    }

    /// Whether there is no inner node.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// One node by its CID. Not yet hashed.
    ///
    /// # Errors
    /// `Integrity` if it is not among them; otherwise whatever reading answers.
    pub async fn node(&self, cid: &Cid) -> Result<Bytes> {
        let found = self.nodes.find(cid).await?;
        found.ok_or_else(|| Error::new(ErrorKind::Integrity, format!("the inner node {cid} is missing")))
    }

    /// One node by its CID, `None` if it is not among them: then it is a leaf, or it is missing. Not yet hashed.
    ///
    /// # Errors
    /// Whatever reading answers.
    pub async fn find(&self, cid: &Cid) -> Result<Option<Bytes>> {
        self.nodes.find(cid).await
    }

    /// A page of nodes in pre-order, beginning with number `from`; empty at the end. Not yet hashed.
    ///
    /// # Errors
    /// Whatever reading answers.
    pub async fn page(&self, from: u64) -> Result<Vec<Node>> {
        self.nodes.page(from).await
    }

    /// All nodes in pre-order, root first. Not yet hashed.
    pub fn walk(&self) -> BoxStream<'static, Result<Node>> {
        let nodes = self.nodes.clone();
        let pages = stream::try_unfold((nodes, 0u64), |(nodes, from)| async move {
            let page = nodes.page(from).await?;
            let next = from + page.len() as u64;
            Ok::<_, Error>((!page.is_empty()).then_some((page, (nodes, next))))
        });
        pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten().boxed()
    }
}

#[derive(Debug)]
struct InMemory(Vec<Node>);

#[async_trait]
impl Nodes for InMemory {
    fn count(&self) -> u64 {
        self.0.len() as u64
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(|(_, data)| data.len() as u64).sum()
    }

    async fn page(&self, from: u64) -> Result<Vec<Node>> {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(self.0.len());
        let to = from.saturating_add(64).min(self.0.len());
        Ok(self.0[from..to].to_vec())
    }

    async fn find(&self, cid: &Cid) -> Result<Option<Bytes>> {
        Ok(self.0.iter().find(|(name, _)| name == cid).map(|(_, data)| data.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: u8) -> Node {
        let mut mh = vec![0x01, 0x70, 0x12, 0x20];
        mh.extend([n; 32]);
        (Cid::try_from(mh).unwrap(), Bytes::from(vec![n; 3]))
    }

    #[test]
    fn a_walk_crosses_pages_and_keeps_the_order() {
        let nodes: Vec<Node> = (0..200).map(node).collect();
        let dag = Dag::from_nodes(nodes.clone());
        let walked: Vec<Node> = futures::executor::block_on(dag.walk().try_collect()).unwrap();
        assert_eq!(walked, nodes);
        assert_eq!((dag.count(), dag.bytes()), (200, 600));
    }

    #[test]
    fn a_missing_node_is_an_integrity_error() {
        let err = futures::executor::block_on(Dag::empty().node(&node(1).0)).unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Integrity);
    }
}

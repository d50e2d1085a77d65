//! The inner nodes of a file or of a whole directory tree, root first: the order of the outboard.
//!
//! An inner node is every dag-pb block that its plain bytes alone do not make: file nodes, directories, shards, symlinks, and leaves with
//! something besides bytes in them. Raw blocks and canonical dag-pb leaves are left out.

use bytes::Bytes;
use cid::Cid;

use crate::{
    address,
    asked::{Asked, answer},
    block::Block,
    bounds::{Seen, check_pending, check_tree_depth},
    canonical,
    error::Result,
    unixfs::{self, Node},
};

/// What a walk wants or says next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Give me this block ([`Preorder::feed`]), or say that it is a leaf ([`Preorder::leaf`]). Asked again until answered.
    Need(Cid),
    /// The next inner node, verified.
    Node(Block),
    /// That was all.
    Done,
}

/// A walk over the inner nodes of a DAG, each once, parents before children, in the order of the links. Memory: 40 bytes a node.
#[derive(Debug)]
pub struct Preorder {
    /// Blocks to be looked at and how deep they lie; the next one last.
    pending: Vec<(Cid, u32)>,
    asked: Asked<u32>,
    ready: Option<Block>,
    seen: Seen,
}

impl Preorder {
    /// A walk from `root`. A raw root has no inner node.
    pub fn new(root: Cid) -> Preorder {
        Preorder { pending: vec![(root, 0)], asked: Asked::default(), ready: None, seen: Seen::default() }
    }

    /// What is wanted or found next.
    ///
    /// # Errors
    /// `Limit` when the DAG is larger or deeper than any of ours; `Malformed` for an identity CID that is no UnixFS.
    #[expect(clippy::should_implement_trait, reason = "a step may fail, and asks again until it is answered")]
    pub fn next(&mut self) -> Result<Step> {
        loop {
            if let Some(block) = self.ready.take() {
                return Ok(Step::Node(block));
            }
            if let Some(cid) = self.asked.open() {
                return Ok(Step::Need(cid));
            }
            let Some((cid, depth)) = self.pending.pop() else { return Ok(Step::Done) };
            if let Err(err) = self.open(cid, depth) {
                self.pending.push((cid, depth));
                return Err(err);
            }
        }
    }

    /// A block that was asked for, under either version of its CID. Its hash is checked here. After an error it is asked for again.
    ///
    /// # Errors
    /// `Unexpected` when it was not asked for, `Mismatch`, `Malformed`, `Limit`.
    pub fn feed(&mut self, cid: &Cid, block: &Bytes) -> Result<()> {
        answer(
            self,
            |walk| &mut walk.asked,
            (cid, block),
            |walk, cid, depth, block| {
                if walk.expand(cid, depth, block)? {
                    walk.ready = Some(Block { cid: *cid, data: block.clone() });
                }
                Ok(())
            },
        )
    }

    /// Says that the needed block is a leaf: a small file with dag-pb around it, which an importer of files does not keep as a node.
    ///
    /// # Errors
    /// `Unexpected` when it was not asked for.
    pub fn leaf(&mut self, cid: &Cid) -> Result<()> {
        self.asked.take(cid).map(|_| ())
    }

    fn open(&mut self, cid: Cid, depth: u32) -> Result<()> {
        if cid.codec() != address::DAG_PB {
            return Ok(());
        }
        if let Some(bytes) = address::inline(&cid) {
            return self.expand(&cid, depth, &Bytes::copy_from_slice(bytes)).map(|_| ());
        }
        if self.seen.insert(&cid)? {
            self.asked.ask(cid, depth);
        }
        Ok(())
    }

    /// Remembers the children; whether the block is an inner node.
    fn expand(&mut self, cid: &Cid, depth: u32, block: &Bytes) -> Result<bool> {
        check_tree_depth(depth)?;
        let first = self.pending.len();
        let node = unixfs::decode(cid, block)?;
        let inner = !matches!(&node, Node::File(file) if file.children.is_empty() && canonical::form_of(cid, &file.data).is_some());
        self.pending.extend(children(node).filter(|cid| cid.codec() == address::DAG_PB).map(|cid| (cid, depth + 1)));
        if let Err(err) = check_pending(self.pending.len()) {
            self.pending.truncate(first);
            return Err(err);
        }
        self.pending[first..].reverse();
        Ok(inner)
    }
}

/// What a node links to, but for the leaves that can be told by their link.
fn children(node: Node) -> Box<dyn Iterator<Item = Cid>> {
    match node {
        Node::Raw(_) | Node::Symlink(_) => Box::new(std::iter::empty()),
        Node::Directory(links) => Box::new(links.into_iter().map(|link| link.cid)),
        Node::Shard(shard) => Box::new(shard.slots.into_iter().map(|slot| slot.link.cid)),
        Node::File(file) => {
            let inner = file.children.into_iter().filter(|child| !canonical::looks_like_leaf(child.size, child.tsize));
            Box::new(inner.map(|child| child.cid))
        }
    }
}

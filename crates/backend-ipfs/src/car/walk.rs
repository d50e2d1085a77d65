//! Which blocks content has, in the order of its source: a walk over its inner nodes that needs no byte of a leaf.

use std::collections::HashSet;

use backend_core::{Content, Mend, Result, Shape};
use bytes::Bytes;
use cid::Version;
use ipld::plan::{Chunk, Plan, Step, Wrap};
use ipld::unixfs::{self, Node};
use ipld::{Cid, address};

use crate::error;

/// Nodes and leaves that are visited in any tree, and how often each of its nodes may be visited more than that together with each byte: a few links to
/// one folder can stand for any number of visits.
const MIN_VISITS: u64 = 1 << 20;
const VISITS_PER_NODE: u64 = 64;
/// Blocks that are remembered as sent; about 64 MiB. What comes behind them may be sent twice, which does no harm.
const MAX_SEEN: usize = 1 << 20;

/// A part of the content.
#[derive(Debug)]
pub(super) enum Piece {
    /// An inner node, hashed.
    Node(Cid, Bytes),
    /// The next bytes of the source, and the block that they are.
    Leaf(Chunk),
    /// A small file with dag-pb around it. Only the length of its block is known.
    Wrapped(Cid, u64),
}

/// A walk over one content.
#[derive(Debug)]
pub(super) struct Walk {
    content: Content,
    file: Option<Plan>,
    /// What is still to be looked at, the next one last, with the length that its link tells.
    pending: Vec<(Cid, u64)>,
    /// The root, if the source is its only block.
    single: Option<Chunk>,
    visits_left: u64,
}

impl Walk {
    pub(super) async fn new(content: &Content) -> Result<Self> {
        let root = address::to_v1(content.cid());
        let more = content.dag().count().saturating_mul(VISITS_PER_NODE).saturating_add(content.len());
        let visits_left = MIN_VISITS.saturating_add(more);
        let mut walk = Self { content: content.clone(), file: None, pending: Vec::new(), single: None, visits_left };
        match content.shape() {
            Shape::Tree => walk.pending.push((root, 0)),
            Shape::File if content.is_empty() && address::inline(&root).is_some() => {}
            Shape::File if content.is_empty() && walk.node(&root).await?.is_none() => {
                let wrap = if root.codec() == address::RAW { Wrap::Raw } else { Wrap::Node };
                walk.single = Some(Chunk { cid: root, offset: 0, len: 0, wrap });
            }
            Shape::File => walk.file = Some(Plan::new(root, Some(content.len()), 0..u64::MAX)),
        }
        Ok(walk)
    }

    /// The next part, or `None` when that was all.
    ///
    /// # Errors
    /// `Integrity` for nodes that are not what they should be, `InvalidInput` for a tree that never ends; what reading the nodes answers.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>> {
        loop {
            if let Some(chunk) = self.single.take() {
                return Ok(Some(Piece::Leaf(chunk)));
            }
            if let Some(mut plan) = self.file.take() {
                if let Some(piece) = self.in_file(&mut plan).await? {
                    self.file = Some(plan);
                    return Ok(Some(piece));
                }
                continue;
            }
            let Some((cid, len)) = self.pending.pop() else { return Ok(None) };
            if let Some(piece) = self.in_tree(address::to_v1(&cid), len).await? {
                return Ok(Some(piece));
            }
        }
    }

    async fn in_file(&mut self, plan: &mut Plan) -> Result<Option<Piece>> {
        loop {
            match plan.next().map_err(error::broken)? {
                Step::Done => return Ok(None),
                Step::Chunk(chunk) => return Ok(Some(Piece::Leaf(chunk))),
                Step::Need(cid) => match self.node(&cid).await? {
                    Some(node) => {
                        plan.feed(&cid, &node).map_err(error::broken)?;
                        return Ok(Some(Piece::Node(address::to_v1(&cid), node)));
                    }
                    None => plan.leaf(&cid).map_err(error::broken)?,
                },
            }
        }
    }

    /// Depth first, in the order of the links, as the source of a tree is.
    async fn in_tree(&mut self, cid: Cid, len: u64) -> Result<Option<Piece>> {
        let left = self.visits_left.checked_sub(1);
        self.visits_left = left.ok_or_else(|| error::input("the tree stands for more entries than it can have"))?;
        let Some(node) = self.node(&cid).await? else { return Ok(small_file(cid, len)) };
        address::verify(&cid, &node).map_err(error::broken)?;
        let links = match unixfs::decode(&cid, &node).map_err(error::broken)? {
            Node::File(_) => {
                self.file = Some(Plan::new(cid, None, 0..u64::MAX));
                return Ok(None);
            }
            Node::Directory(links) => links,
            Node::Shard(shard) => shard.slots.into_iter().map(|slot| slot.link).collect(),
            Node::Raw(_) | Node::Symlink(_) => Vec::new(),
        };
        self.pending.extend(links.into_iter().rev().map(|link| (link.cid, link.size)));
        Ok(Some(Piece::Node(cid, node)))
    }

    /// An inner node, under either version of its name.
    async fn node(&self, cid: &Cid) -> Result<Option<Bytes>> {
        let dag = self.content.dag();
        match dag.find(cid).await? {
            None if cid.codec() == address::DAG_PB => match other_version(cid) {
                Some(other) => dag.find(&other).await,
                None => Ok(None),
            },
            found => Ok(found),
        }
    }
}

/// The same name in the other version, if it has one: only sha2-256 of dag-pb has a version 0.
pub(crate) fn other_version(cid: &Cid) -> Option<Cid> {
    match cid.version() {
        Version::V0 => Some(address::to_v1(cid)),
        Version::V1 if cid.codec() == address::DAG_PB => Cid::new_v0(*cid.hash()).ok(),
        Version::V1 => None,
    }
}

/// A file of one block, whose length its link tells.
fn small_file(cid: Cid, len: u64) -> Option<Piece> {
    match cid.codec() {
        _ if address::inline(&cid).is_some() => None,
        address::RAW => Some(Piece::Leaf(Chunk { cid, offset: 0, len, wrap: Wrap::Raw })),
        _ => Some(Piece::Wrapped(cid, len)),
    }
}

/// Which leaves are sent. Inner nodes always are: they are few, and nobody reads them back by ranges.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// `None`: all.
    wrong: Option<Mend>,
}

impl Wanted {
    /// Those that are wrong. Of a tree nobody can say which: its files are not where its source has them.
    pub(crate) fn of(content: &Content, mend: &Mend) -> Self {
        let is_some = content.shape() == Shape::File && !mend.ranges().is_empty();
        Self { wrong: is_some.then(|| mend.clone()) }
    }

    pub(super) fn is_all(&self) -> bool {
        self.wrong.is_none()
    }

    pub(super) fn has(&self, chunk: &Chunk) -> bool {
        let end = chunk.offset.saturating_add(chunk.len);
        let hits = |mend: &Mend| mend.ranges().iter().any(|wrong| wrong.start < end && chunk.offset < wrong.end);
        self.wrong.as_ref().is_none_or(hits)
    }
}

/// Which blocks were sent.
#[derive(Debug, Default)]
pub(super) struct Seen(HashSet<[u8; 32]>);

impl Seen {
    /// Whether this block is new, as far as is remembered.
    pub(super) fn insert(&mut self, cid: &Cid) -> bool {
        let digest = cid.hash().digest();
        let Ok(digest) = <[u8; 32]>::try_from(digest) else { return true };
        match self.0.len() < MAX_SEEN {
            true => self.0.insert(digest),
            false => !self.0.contains(&digest),
        }
    }
}

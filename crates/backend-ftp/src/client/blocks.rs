//! The blocks of content that came as plain bytes, each proved against its name. Only a store that names content by CID keeps them.

use std::collections::HashMap;

use backend_core::{Content, Result, Shape};
use bytes::Bytes;
use cid::Cid;
use futures::TryStreamExt;
use ipld::plan::{Chunk, Plan, Step, Wrap};
use ipld::unixfs::{self, Node};
use ipld::{Block, address};

use super::parts::Parts;
use crate::error::Fault;

/// The most visits to nodes of one tree: a few links to one node can stand for any number of visits.
const MAX_VISITS: u64 = 1 << 20;

/// What dag-pb puts around the bytes of a leaf, at most.
const MAX_OVERHEAD: u64 = 24;

/// Every block of `content`: inner nodes and leaves, under version 1 names.
pub(crate) async fn seal(content: &Content, parts: &Parts) -> Result<Vec<Block>> {
    let nodes: Vec<(Cid, Bytes)> = content.dag().walk().try_collect().await?;
    let nodes = nodes.into_iter().map(|(cid, data)| (address::to_v1(&cid), data)).collect();
    let mut sealer = Sealer { nodes, parts, at: 0, blocks: Vec::new() };
    let root = address::to_v1(content.cid());
    match content.shape() {
        Shape::File => sealer.file(root, Some(content.len()))?,
        Shape::Tree => sealer.tree(root)?,
    }
    match sealer.at == parts.len() {
        true => Ok(sealer.blocks),
        false => Err(Fault::Mismatch(None).into()),
    }
}

struct Sealer<'a> {
    nodes: HashMap<Cid, Bytes>,
    parts: &'a Parts,
    /// How many bytes of the source belong to leaves that were already met.
    at: u64,
    blocks: Vec<Block>,
}

impl Sealer<'_> {
    fn file(&mut self, root: Cid, size: Option<u64>) -> Result<(), Fault> {
        if size == Some(0) && !self.nodes.contains_key(&root) {
            return self.leaf(root, 0);
        }
        let mut plan = Plan::new(root, size, 0..u64::MAX);
        loop {
            match plan.next()? {
                Step::Need(cid) => match self.nodes.get(&address::to_v1(&cid)) {
                    Some(node) => {
                        plan.feed(&cid, node)?;
                        self.blocks.push(Block { cid: address::to_v1(&cid), data: node.clone() });
                    }
                    None => plan.leaf(&cid)?,
                },
                Step::Chunk(chunk) => self.chunk(&chunk)?,
                Step::Done => return Ok(()),
            }
        }
    }

    fn chunk(&mut self, chunk: &Chunk) -> Result<(), Fault> {
        let plain = self.take(chunk.len)?;
        match chunk.wrap {
            Wrap::Inline(_) => chunk.verify(&plain)?,
            _ => {
                let block = chunk.seal(&plain)?;
                self.blocks.push(Block { cid: address::to_v1(&block.cid), ..block });
            }
        }
        Ok(())
    }

    fn leaf(&mut self, cid: Cid, len: u64) -> Result<(), Fault> {
        let wrap = if cid.codec() == address::RAW { Wrap::Raw } else { Wrap::Node };
        self.chunk(&Chunk { cid, offset: 0, len, wrap })
    }

    fn take(&mut self, len: u64) -> Result<Bytes, Fault> {
        let plain = self.parts.slice(self.at, len).ok_or(Fault::Mismatch(None))?;
        self.at += len;
        Ok(plain)
    }

    /// Depth first, in the order of the links, as the source of a tree is.
    fn tree(&mut self, root: Cid) -> Result<(), Fault> {
        let mut pending = vec![(root, 0)];
        for _ in 0..MAX_VISITS {
            let Some((cid, tsize)) = pending.pop() else { return Ok(()) };
            let cid = address::to_v1(&cid);
            let Some(node) = self.nodes.get(&cid).cloned() else {
                self.small_file(cid, tsize)?;
                continue;
            };
            address::verify(&cid, &node)?;
            let links = match unixfs::decode(&cid, &node)? {
                Node::File(_) => {
                    self.file(cid, None)?;
                    continue;
                }
                Node::Directory(links) => links,
                Node::Shard(shard) => shard.slots.into_iter().map(|slot| slot.link).collect(),
                Node::Raw(_) | Node::Symlink(_) => Vec::new(),
            };
            self.blocks.push(Block { cid, data: node });
            pending.extend(links.into_iter().rev().map(|link| (link.cid, link.size)));
        }
        Err(Fault::Input("the tree is too large for memory"))
    }

    /// A file of one block. A link tells the length of a raw block, but not quite that of one with dag-pb around it.
    fn small_file(&mut self, cid: Cid, tsize: u64) -> Result<(), Fault> {
        if address::inline(&cid).is_some() {
            return Ok(());
        }
        if cid.codec() == address::RAW {
            return self.leaf(cid, tsize);
        }
        let shortest = tsize.saturating_sub(MAX_OVERHEAD);
        match (shortest..=tsize).any(|len| self.leaf_or_back(cid, len)) {
            true => Ok(()),
            false => Err(Fault::Mismatch(None)),
        }
    }

    fn leaf_or_back(&mut self, cid: Cid, len: u64) -> bool {
        let before = self.at;
        let fits = self.leaf(cid, len).is_ok();
        if !fits {
            self.at = before;
        }
        fits
    }
}

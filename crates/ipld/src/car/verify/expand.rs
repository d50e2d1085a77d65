//! What a block of a walk asks for next: its children in the scope, and the bytes it adds to the file.

use std::ops::Range;

use bytes::Bytes;
use cid::Cid;

use super::super::links::links;
use crate::{
    Block, Error, Result, address,
    unixfs::{self, FileNode, Node, ShardNode},
};

/// A block the walk will come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) cid: Cid,
    pub(super) depth: u32,
    pub(super) part: Part,
}

/// What the block is to the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// On the way to what is wanted.
    Path,
    /// Wanted for itself.
    Single,
    /// Wanted with everything below.
    Whole,
    /// The root of an entity: a file, a directory or neither.
    Entity,
    /// A part of the file, where its parent says it lies.
    File { start: u64, size: u64 },
    /// A further shard of the directory.
    Shard,
}

/// What was found in a block.
#[derive(Debug, Default)]
pub(super) struct Expansion {
    /// In the order of the links.
    pub(super) children: Vec<Want>,
    /// Parts without bytes at the edge of or in the range: servers differ in whether they send them.
    pub(super) optional: Vec<Cid>,
    /// It has links, or is no part of a file.
    pub(super) inner: bool,
    pub(super) file: Option<Span>,
}

/// A part of the file.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) size: u64,
    /// The bytes in the block itself, the first of the span.
    pub(super) own: Bytes,
}

impl Want {
    fn child(&self, cid: Cid, part: Part) -> Want {
        Want { cid, depth: self.depth + 1, part }
    }

    /// Looks into the block that was wanted.
    pub(super) fn expand(&self, block: &Block, range: Option<&Range<u64>>) -> Result<Expansion> {
        let unixfs = [address::RAW, address::DAG_PB].contains(&self.cid.codec());
        match self.part {
            Part::Single | Part::Path => {
                Ok(Expansion { inner: self.cid.codec() != address::RAW, ..Expansion::default() })
            }
            Part::Entity if !unixfs => Ok(Expansion { inner: true, ..Expansion::default() }),
            Part::Whole => self.whole(block),
            Part::Entity | Part::File { .. } | Part::Shard => self.node(unixfs::decode(&self.cid, &block.data)?, range),
        }
    }

    fn whole(&self, block: &Block) -> Result<Expansion> {
        if self.cid.codec() == address::RAW {
            return Ok(Expansion::default());
        }
        let links = links(&self.cid, &block.data)?;
        let leaf = links.is_empty() && matches!(unixfs::decode(&self.cid, &block.data), Ok(Node::File(_)));
        let children = links.into_iter().map(|cid| self.child(cid, Part::Whole)).collect();
        Ok(Expansion { children, inner: !leaf, ..Expansion::default() })
    }

    fn node(&self, node: Node, range: Option<&Range<u64>>) -> Result<Expansion> {
        match (node, self.part) {
            (Node::Raw(data), Part::Entity | Part::File { .. }) => {
                let size = data.len() as u64;
                self.file(FileNode { data, size, ..FileNode::default() }, range)
            }
            (Node::File(file), Part::Entity | Part::File { .. }) => self.file(file, range),
            (Node::Shard(shard), Part::Entity | Part::Shard) => Ok(self.shard(shard)),
            (Node::Directory(_) | Node::Symlink(_), Part::Entity) => {
                Ok(Expansion { inner: true, ..Expansion::default() })
            }
            (other, Part::Shard) => Err(Error::wrong_kind(&self.cid, other.kind(), "shard")),
            (other, _) => Err(Error::wrong_kind(&self.cid, other.kind(), "file")),
        }
    }

    fn shard(&self, shard: ShardNode) -> Expansion {
        let further = shard.slots.into_iter().filter(|slot| slot.link.name.is_empty());
        let children = further.map(|slot| self.child(slot.link.cid, Part::Shard)).collect();
        Expansion { children, inner: true, ..Expansion::default() }
    }

    fn file(&self, file: FileNode, range: Option<&Range<u64>>) -> Result<Expansion> {
        let start = match self.part {
            Part::File { size, .. } if size != file.size => {
                let detail = format!("{} has {} bytes, not the {size} said of it", self.cid, file.size);
                return Err(Error::malformed("unixfs", detail));
            }
            Part::File { start, .. } => start,
            _ => 0,
        };
        let mut found = Expansion { inner: !file.children.is_empty(), ..Expansion::default() };
        // The sum was checked against overflow when the node was decoded, and against the parent's just now.
        let mut at = start + file.data.len() as u64;
        for child in file.children {
            match range.map(|range| touch(range, at, child.size)) {
                None | Some(Touch::Inside) => {
                    found.children.push(self.child(child.cid, Part::File { start: at, size: child.size }));
                }
                Some(Touch::Edge) => found.optional.push(child.cid),
                Some(Touch::Outside) => {}
            }
            at += child.size;
        }
        found.file = Some(Span { start, size: file.size, own: file.data });
        Ok(found)
    }
}

enum Touch {
    Inside,
    /// No bytes, so it can neither be in the range nor out of it.
    Edge,
    Outside,
}

fn touch(range: &Range<u64>, start: u64, size: u64) -> Touch {
    match start < range.end && range.start < start + size && !range.is_empty() {
        true if 0 < size => Touch::Inside,
        _ if size == 0 && (range.start..=range.end).contains(&start) => Touch::Edge,
        _ => Touch::Outside,
    }
}

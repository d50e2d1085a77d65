//! The balanced layout: groups of `width` nodes get a parent, until one is left.
//!
//! One buffer per level. A level is folded only when it holds more than a parent takes, so that the last node of each level is made at
//! the end and a single leaf is never wrapped. The same result as boxo's `balanced.Layout`, without knowing the length.

use super::{Entry, leaf, node};
use crate::{
    block::Block,
    profile::Profile,
    unixfs::{Child, FileNode},
};

/// Builds a file from its leaves. Memory: about 100 bytes x width x levels.
#[derive(Debug, Clone)]
pub struct FileBuilder {
    profile: Profile,
    /// Nodes without a parent, by height; leaves first.
    levels: Vec<Vec<Entry>>,
}

impl FileBuilder {
    /// A builder of one file.
    pub fn new(profile: Profile) -> FileBuilder {
        FileBuilder { profile, levels: vec![Vec::new()] }
    }

    /// The next leaf, in the order of the file.
    pub fn push(&mut self, leaf: Entry, sink: &mut dyn FnMut(Block)) {
        self.place(0, leaf, sink);
    }

    /// The root. Of one leaf it is that leaf; of none it is the empty leaf.
    pub fn finish(mut self, sink: &mut dyn FnMut(Block)) -> Entry {
        let mut level = 0;
        loop {
            let nodes = std::mem::take(&mut self.levels[level]);
            match nodes[..] {
                [] => return leaf(&self.profile, b""),
                [root] if level + 1 == self.levels.len() => return root,
                _ => {}
            }
            level += 1;
            let parent = self.parent(&nodes, sink);
            self.place(level, parent, sink);
        }
    }

    fn place(&mut self, mut level: usize, mut entry: Entry, sink: &mut dyn FnMut(Block)) {
        let width = self.profile.width.max(2) as usize;
        loop {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let nodes = &mut self.levels[level];
            if nodes.len() < width {
                return nodes.push(entry);
            }
            let full = std::mem::replace(nodes, vec![entry]);
            entry = self.parent(&full, sink);
            level += 1;
        }
    }

    fn parent(&self, children: &[Entry], sink: &mut dyn FnMut(Block)) -> Entry {
        let size = children.iter().fold(0, |sum: u64, child| sum.saturating_add(child.size));
        let below = children.iter().fold(0, |sum: u64, child| sum.saturating_add(child.tsize));
        let children = children.iter().map(|entry| Child { cid: entry.cid, size: entry.size, tsize: entry.tsize });
        let block =
            node(&self.profile, FileNode { size, children: children.collect(), ..FileNode::default() }.encode());
        let entry = Entry { cid: block.cid, size, tsize: below.saturating_add(block.data.len() as u64) };
        sink(block);
        entry
    }
}

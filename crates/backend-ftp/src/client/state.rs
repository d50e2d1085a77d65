//! All that a store holds, and the moves that keep it consistent. Whoever calls has the lock.

use std::collections::{BTreeMap, HashMap};

use backend_core::{Condition, Removal};
use bytes::Bytes;
use cid::Cid;
use ipld::Block;

use super::object::Object;
use super::uploads::Uploads;
use crate::error::Fault;

/// What is, and was, under one name.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Oldest first.
    pub(super) versions: Vec<Object>,
    /// A delete marker lies on top.
    pub(super) hidden: bool,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) names: BTreeMap<String, History>,
    /// Every block, and how many objects have it.
    pub(super) blocks: HashMap<Cid, (Bytes, usize)>,
    pub(super) uploads: Uploads,
    pub(super) used: u64,
    pub(super) last: u64,
}

impl State {
    /// A number that was never given out before.
    pub(super) fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn newest(&self, name: &str) -> Option<&Object> {
        self.names.get(name).and_then(History::visible)
    }

    /// Whether `condition` holds at this moment.
    pub(super) fn check(&self, name: &str, condition: &Condition) -> Result<(), Fault> {
        let newest = self.newest(name);
        match condition {
            Condition::Always => Ok(()),
            Condition::IfAbsent if newest.is_some() => Err(Fault::Exists),
            Condition::IfAbsent => Ok(()),
            Condition::IfMatch(tag) if newest.is_some_and(|object| object.tag() == *tag) => Ok(()),
            Condition::IfMatch(_) => Err(Fault::Changed),
            _ => Err(Fault::Input("this condition is not known here")),
        }
    }

    /// Puts `object` on top of what is there, or in its place.
    pub(super) fn put(&mut self, name: &str, object: Object, blocks: Vec<Block>, keep_older: bool) {
        for block in blocks {
            self.blocks.entry(block.cid).or_insert((block.data, 0)).1 += 1;
        }
        if !keep_older {
            self.erase(name);
        }
        self.used += object.parts.len();
        let history = self.names.entry(name.to_owned()).or_default();
        history.versions.push(object);
        history.hidden = false;
    }

    /// Every version.
    pub(super) fn erase(&mut self, name: &str) -> Removal {
        let versions = self.names.remove(name).map(|history| history.versions).unwrap_or_default();
        let removal = if versions.is_empty() { Removal::Absent } else { Removal::Erased };
        versions.into_iter().for_each(|object| self.release(&object));
        removal
    }

    /// Exactly this version.
    pub(super) fn erase_version(&mut self, name: &str, version: &str) -> Removal {
        let Some(history) = self.names.get_mut(name) else { return Removal::Absent };
        let Some(place) = history.versions.iter().position(|object| object.tag() == version) else {
            return Removal::Absent;
        };
        let object = history.versions.remove(place);
        if history.versions.is_empty() {
            self.names.remove(name);
        }
        self.release(&object);
        Removal::Erased
    }

    fn release(&mut self, object: &Object) {
        self.used = self.used.saturating_sub(object.parts.len());
        for cid in &object.blocks {
            let Some((_, holders)) = self.blocks.get_mut(cid) else { continue };
            *holders -= 1;
            if *holders == 0 {
                self.blocks.remove(cid);
            }
        }
    }

    /// Drops an upload and what it took.
    pub(super) fn forget(&mut self, number: u64) {
        if let Some(upload) = self.uploads.remove(&number) {
            self.used = self.used.saturating_sub(upload.len());
        }
    }

    /// Whether anything that is not hidden lies under `folder`, which ends with a slash.
    pub(super) fn folder_is_visible(&self, folder: &str) -> bool {
        let behind = self.names.range(folder.to_owned()..).take_while(|(name, _)| name.starts_with(folder));
        behind.map(|(_, history)| history.visible()).any(|it| it.is_some())
    }
}

impl History {
    pub(super) fn visible(&self) -> Option<&Object> {
        self.versions.last().filter(|_| !self.hidden)
    }

    pub(super) fn visible_mut(&mut self) -> Option<&mut Object> {
        self.versions.last_mut().filter(|_| !self.hidden)
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Object> {
        self.versions.iter().rev()
    }
}

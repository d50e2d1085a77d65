//! Directories: one block, or a HAMT where the profile's rule says so.

use std::collections::HashSet;

use cid::Cid;

use super::{Entry, arena::Arena, node, shards};
use crate::{
    block::Block,
    dagpb,
    error::{Error, Result},
    murmur::murmur3,
    profile::{Estimate, Profile},
    unixfs,
};

/// The longest name, in bytes: what file systems can hold.
const MAX_NAME: usize = 255;
/// How many names with the same 64-bit hash are compared one by one. There is no HAMT of two of them; a small directory may have some.
const MAX_COLLISIONS: u32 = 16;

/// Builds a directory from its entries, given in any order. About 90 bytes an entry.
#[derive(Debug)]
pub struct DirectoryBuilder {
    profile: Profile,
    arena: Arena,
    hashes: HashSet<u64>,
    collisions: u32,
    totals: Totals,
}

#[derive(Debug, Default)]
struct Totals {
    /// Bytes of the files below.
    size: u64,
    /// Bytes of the blocks below.
    tsize: u64,
    names_and_cids: u64,
    links: u64,
}

impl DirectoryBuilder {
    /// A builder of one directory.
    pub fn new(profile: Profile) -> DirectoryBuilder {
        let (arena, hashes, totals) = Default::default();
        DirectoryBuilder { profile, arena, hashes, collisions: 0, totals }
    }

    /// How many entries it has so far.
    pub fn len(&self) -> usize {
        self.arena.places.len()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.arena.places.is_empty()
    }

    /// One entry.
    ///
    /// # Errors
    /// `Malformed` for a name that [`check_name`] refuses or that is there already, and for sizes that add up to more than 64 bits;
    /// `Limit` for the seventeenth name whose hash is that of another.
    pub fn add(&mut self, name: &[u8], entry: Entry) -> Result<()> {
        check_name(name)?;
        self.check_new(name)?;
        let sum =
            |total: u64, more: u64| total.checked_add(more).ok_or_else(|| malformed("sizes of more than 64 bits"));
        let cid_len = entry.cid.encoded_len();
        self.totals = Totals {
            size: sum(self.totals.size, entry.size)?,
            tsize: sum(self.totals.tsize, entry.tsize)?,
            names_and_cids: self.totals.names_and_cids + (name.len() + cid_len) as u64,
            links: self.totals.links + dagpb::link_len(cid_len, name.len(), entry.tsize) as u64,
        };
        self.hashes.insert(murmur3(name));
        self.arena.push(name, &entry);
        Ok(())
    }

    /// The directory; its nodes go to the sink, the root last.
    ///
    /// # Errors
    /// `Malformed` when names collide over the whole hash, so that no HAMT can hold both; `Limit` when a directory that must be one block
    /// would be larger than a block may be.
    pub fn finish(mut self, sink: &mut dyn FnMut(Block)) -> Result<Entry> {
        // Freed before the shards are made.
        self.hashes = HashSet::new();
        let size = self.totals.size;
        let (cid, tsize) =
            if self.is_sharded() { shards::build(&self.profile, self.arena, sink)? } else { self.basic(sink)? };
        Ok(Entry { cid, size, tsize })
    }

    fn is_sharded(&self) -> bool {
        let rule = self.profile.directory;
        let estimate = match rule.estimate {
            Estimate::LinksBytes => self.totals.names_and_cids,
            // The type of the node takes 4 bytes.
            Estimate::BlockBytes => self.totals.links + 4,
            Estimate::Entries => self.len() as u64,
        };
        estimate > rule.threshold
    }

    fn basic(mut self, sink: &mut dyn FnMut(Block)) -> Result<(Cid, u64)> {
        if self.totals.links + 4 > dagpb::MAX_NODE as u64 {
            return Err(Error::Limit { what: "bytes of a directory block", limit: dagpb::MAX_NODE as u64 });
        }
        let mut places = std::mem::take(&mut self.arena.places);
        places.sort_unstable_by(|left, right| self.arena.name(*left).cmp(self.arena.name(*right)));
        let links = places.into_iter().map(|place| self.arena.link(place)).collect::<Result<Vec<_>>>()?;
        let links = links.iter().map(|link| (&link.cid, link.name.as_ref(), link.size));
        let block = node(&self.profile, unixfs::encode_directory(links));
        let answer = (block.cid, self.totals.tsize.saturating_add(block.data.len() as u64));
        sink(block);
        Ok(answer)
    }

    fn check_new(&mut self, name: &[u8]) -> Result<()> {
        let hash = murmur3(name);
        if !self.hashes.contains(&hash) {
            return Ok(());
        }
        let mut alike = self.arena.places.iter().filter(|place| place.hash == hash);
        if alike.any(|place| self.arena.name(*place) == name) {
            return Err(malformed(format!("{:?} twice", String::from_utf8_lossy(name))));
        }
        if self.collisions == MAX_COLLISIONS {
            return Err(Error::Limit { what: "names of one hash", limit: u64::from(MAX_COLLISIONS) });
        }
        self.collisions += 1;
        Ok(())
    }
}

/// Whether a name can be an entry, and be made a file of: not empty, `.` or `..`, no `/` and no NUL, at most 255 bytes. Names that come out of
/// somebody else's directory must pass this before they touch a disk.
///
/// # Errors
/// `Malformed`.
pub fn check_name(name: &[u8]) -> Result<()> {
    let bad = name.is_empty()
        || name == b"."
        || name == b".."
        || name.len() > MAX_NAME
        || name.iter().any(|byte| matches!(byte, b'/' | 0));
    if bad { Err(malformed(format!("name {:?}", String::from_utf8_lossy(name)))) } else { Ok(()) }
}

fn malformed(detail: impl Into<String>) -> Error {
    Error::malformed("directory", detail)
}

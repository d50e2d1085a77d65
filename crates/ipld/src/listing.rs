//! The entries of a directory, whether it is one block or a HAMT of many.
//!
//! Order: as the blocks have them, which is by name in one block and by hash in a HAMT. Names are somebody else's bytes: hold them against
//! [`check_name`](crate::import::check_name) before they touch a disk.

use bytes::Bytes;
use cid::Cid;

use crate::{
    address,
    asked::{Asked, answer},
    bounds::{Seen, check_depth, check_pending},
    dagpb::Link,
    error::{Error, Result},
    unixfs::{self, Node, ShardNode},
};

/// What a listing wants or says next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Give me this block ([`Listing::feed`]). Asked again until answered.
    Need(Cid),
    /// An entry.
    Entry(Entry),
    /// That was all.
    Done,
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name: raw bytes, not judged.
    pub name: Bytes,
    /// What it names.
    pub cid: Cid,
    /// Bytes of all blocks under it, as the directory claims.
    pub tsize: u64,
}

/// A walk over one directory.
#[derive(Debug)]
pub struct Listing {
    /// The next one last.
    pending: Vec<Pending>,
    asked: Asked<Shard>,
    seen: Seen,
}

#[derive(Debug, Clone)]
enum Pending {
    Entry(Link),
    Node(Cid, Shard),
}

/// What the parent shard says of a block: its depth, and its fanout unless it is the root.
#[derive(Debug, Clone, Copy)]
struct Shard {
    depth: u32,
    fanout: Option<u32>,
}

impl Listing {
    /// A listing of the directory `root`.
    pub fn new(root: Cid) -> Listing {
        let pending = vec![Pending::Node(root, Shard { depth: 0, fanout: None })];
        Listing { pending, asked: Asked::default(), seen: Seen::default() }
    }

    /// What is wanted or found next.
    ///
    /// # Errors
    /// `WrongKind` when the root is no directory; `Malformed` for a shard that is no shard, or occurs twice; `Limit`.
    #[expect(clippy::should_implement_trait, reason = "a step may fail, and asks again until it is answered")]
    pub fn next(&mut self) -> Result<Step> {
        loop {
            if let Some(cid) = self.asked.open() {
                return Ok(Step::Need(cid));
            }
            match self.pending.pop() {
                None => return Ok(Step::Done),
                Some(Pending::Entry(Link { cid, name, size })) => {
                    return Ok(Step::Entry(Entry { name, cid, tsize: size }));
                }
                Some(Pending::Node(cid, shard)) => {
                    self.open(cid, shard).inspect_err(|_| self.pending.push(Pending::Node(cid, shard)))?;
                }
            }
        }
    }

    /// A block that was asked for, under either version of its CID. Its hash is checked here. After an error it is asked for again.
    ///
    /// # Errors
    /// `Unexpected` when it was not asked for, `Mismatch`, and what [`Listing::next`] answers.
    pub fn feed(&mut self, cid: &Cid, block: &Bytes) -> Result<()> {
        answer(self, |walk| &mut walk.asked, (cid, block), Listing::expand)
    }

    fn open(&mut self, cid: Cid, shard: Shard) -> Result<()> {
        if let Some(bytes) = address::inline(&cid) {
            return self.expand(&cid, shard, &Bytes::copy_from_slice(bytes));
        }
        if cid.codec() != address::DAG_PB {
            return Err(self.wrong(&cid, shard, "block without entries"));
        }
        // Two shards of one directory are never alike: their names differ.
        if !self.seen.insert(&cid)? {
            return Err(Error::malformed("hamt", format!("shard {cid} twice")));
        }
        self.asked.ask(cid, shard);
        Ok(())
    }

    fn expand(&mut self, cid: &Cid, shard: Shard, block: &Bytes) -> Result<()> {
        check_depth(shard.depth)?;
        let entries = match unixfs::decode(cid, block)? {
            Node::Shard(node) if shard.fanout.is_none_or(|fanout| fanout == node.fanout) => of_shard(node, shard.depth),
            Node::Directory(links) if shard.fanout.is_none() => links.into_iter().map(Pending::Entry).collect(),
            other => return Err(self.wrong(cid, shard, other.kind())),
        };
        check_pending(self.pending.len() + entries.len())?;
        self.pending.extend(entries.into_iter().rev());
        Ok(())
    }

    fn wrong(&self, cid: &Cid, shard: Shard, is: &'static str) -> Error {
        match shard.fanout {
            None => Error::wrong_kind(cid, is, "directory"),
            Some(fanout) => {
                Error::malformed("hamt", format!("{cid} is a {is} where a shard of {fanout} slots should be"))
            }
        }
    }
}

fn of_shard(node: ShardNode, depth: u32) -> Vec<Pending> {
    let below = Shard { depth: depth + 1, fanout: Some(node.fanout) };
    let pending = |link: Link| if link.name.is_empty() { Pending::Node(link.cid, below) } else { Pending::Entry(link) };
    node.slots.into_iter().map(|slot| pending(slot.link)).collect()
}

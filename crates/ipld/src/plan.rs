//! Which chunks make up a range of a file: the verifying plan behind every read.
//!
//! The plan asks for the inner nodes it needs, one at a time, from the root down, hashes each, and says which chunks to fetch: by name from a
//! store of blocks, or by place from a store that keeps the plain file. Only subtrees that touch the range are asked for. The layout does not
//! matter: balanced, trickle, any chunker.
//!
//! ```text
//! loop { match plan.next()? { Need(cid)    => plan.feed(&cid, &node_of(cid))?,      // or plan.leaf(&cid) when the outboard has no such node
//!                             Chunk(chunk) => give(&chunk.verify(&read(chunk.offset, chunk.len))),
//!                             Done         => break } }
//! ```

use std::ops::Range;

use bytes::Bytes;
use cid::Cid;

use crate::{
    address,
    asked::{Asked, answer},
    bounds::{Count, check_depth, check_pending},
    canonical,
    error::{Error, Result},
    unixfs::{self, FileNode, Node},
};

mod chunk;

pub use chunk::{Chunk, Wrap};

/// What a plan wants or says next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Give me this node ([`Plan::feed`]), or say that it is a leaf ([`Plan::leaf`]). Asked again until answered.
    Need(Cid),
    /// The next chunk, in the order of the file. Whole chunks, also where the range cuts them: see [`Chunk::within`].
    Chunk(Chunk),
    /// The range is complete.
    Done,
}

/// A walk over one range of one file.
#[derive(Debug)]
pub struct Plan {
    range: Range<u64>,
    size: Option<u64>,
    /// Still to be walked; the next one last.
    parts: Vec<Part>,
    asked: Asked<Part>,
    nodes: Count,
}

/// A subtree at its place in the file. Only the root's size may be unknown.
#[derive(Debug, Clone)]
struct Part {
    place: Place,
    depth: u32,
    what: What,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    cid: Cid,
    start: u64,
    size: Option<u64>,
}

#[derive(Debug, Clone)]
enum What {
    /// A dag-pb block by whose Tsize nothing can be said, a root, or an identity CID.
    Unknown,
    Chunk(Wrap),
}

impl Plan {
    /// A plan for `range` of the file `root`. `size` is the file's length where it is known: it is then held against what the nodes say, and a raw
    /// root needs no fetch. A raw root of unknown size is asked for as if it were a node. An end of `u64::MAX` means the end of the file.
    pub fn new(root: Cid, size: Option<u64>, range: Range<u64>) -> Plan {
        let place = Place { cid: root, start: 0, size };
        let what = match (root.codec(), size) {
            (address::RAW, Some(_)) if address::inline(&root).is_none() => What::Chunk(Wrap::Raw),
            _ => What::Unknown,
        };
        Plan {
            range,
            size,
            parts: vec![Part { place, depth: 0, what }],
            asked: Asked::default(),
            nodes: Count::default(),
        }
    }

    /// The file's length: as given to [`Plan::new`], or from the root once it was fed.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// What is wanted or found next. After an error the same question meets the same error: nothing is ever skipped.
    ///
    /// # Errors
    /// `Range` once the file is known to be shorter; `Malformed`, `WrongKind` or `Limit` for identity CIDs that are not what they should be.
    #[expect(clippy::should_implement_trait, reason = "a step may fail, and asks again until it is answered")]
    pub fn next(&mut self) -> Result<Step> {
        loop {
            if let Some(cid) = self.asked.open() {
                return Ok(Step::Need(cid));
            }
            let Some(part) = self.parts.pop() else { return Ok(Step::Done) };
            match self.walk(&part) {
                Ok(Some(chunk)) => return Ok(Step::Chunk(chunk)),
                Ok(None) => {}
                Err(err) => {
                    self.parts.push(part);
                    return Err(err);
                }
            }
        }
    }

    /// A node that was asked for, under either version of its CID. Its hash is checked here. After an error it is asked for again: another
    /// replica may do better.
    ///
    /// # Errors
    /// `Unexpected` when it was not asked for, `Mismatch`, `Malformed` (also: sizes that do not agree with the parent's), `WrongKind`, `Limit`.
    pub fn feed(&mut self, cid: &Cid, node: &Bytes) -> Result<()> {
        answer(self, |walk| &mut walk.asked, (cid, node), |walk, _, part, node| walk.expand(&part, node))
    }

    /// Says that the needed block is no inner node: an outboard that has all inner nodes does not have it. It is then a chunk with dag-pb around it.
    ///
    /// # Errors
    /// `Unexpected` when it was not asked for; `Missing` when its size is unknown, or said to be nothing, so that it must be fetched after all.
    pub fn leaf(&mut self, cid: &Cid) -> Result<()> {
        let (asked, part) = self.asked.take(cid)?;
        if part.place.size.unwrap_or(0) == 0 {
            self.asked.ask(asked, part);
            return Err(Error::Missing { cid: Box::new(asked) });
        }
        let wrap = if cid.codec() == address::RAW { Wrap::Raw } else { Wrap::Node };
        self.parts.push(Part { what: What::Chunk(wrap), ..part });
        Ok(())
    }

    /// Whether a part has bytes of the range. A root's size, once known, is what the range is held against.
    fn touches(&self, part: &Part) -> Result<bool> {
        let Some(file) = self.size else { return Ok(true) };
        let end = if self.range.end == u64::MAX { file } else { self.range.end };
        if self.range.start > end || end > file {
            return Err(Error::Range { start: self.range.start, end: self.range.end, size: file });
        }
        let size = part.place.size.unwrap_or(file);
        Ok(self.range.start.max(part.place.start) < end.min(part.place.start + size))
    }

    /// A chunk, if the part is one; else what it is must be found out.
    fn walk(&mut self, part: &Part) -> Result<Option<Chunk>> {
        if !self.touches(part)? {
            // Of an empty file there is no chunk to prove, so it is the name that must be that of nothing.
            let empty = part.depth == 0 && part.place.size == Some(0);
            if empty && canonical::form_of(&part.place.cid, b"").is_none() {
                self.prove_empty(part)?;
            }
            return Ok(None);
        }
        match (&part.what, part.place.size) {
            (What::Chunk(wrap), Some(len)) => {
                Ok(Some(Chunk { cid: part.place.cid, offset: part.place.start, len, wrap: wrap.clone() }))
            }
            _ => self.open(part).map(|()| None),
        }
    }

    fn prove_empty(&mut self, root: &Part) -> Result<()> {
        if root.place.cid.codec() == address::RAW { address::verify(&root.place.cid, b"") } else { self.open(root) }
    }

    /// The CID may hold the block; else it is asked for.
    fn open(&mut self, part: &Part) -> Result<()> {
        match address::inline(&part.place.cid).map(Bytes::copy_from_slice) {
            Some(bytes) => self.expand(part, &bytes),
            None => {
                self.asked.ask(part.place.cid, part.clone());
                Ok(())
            }
        }
    }

    fn expand(&mut self, part: &Part, block: &Bytes) -> Result<()> {
        self.nodes.one()?;
        check_depth(part.depth)?;
        let file = match unixfs::decode(&part.place.cid, block)? {
            Node::File(file) => file,
            Node::Raw(data) => FileNode { size: data.len() as u64, data, ..FileNode::default() },
            other => return Err(Error::wrong_kind(&part.place.cid, other.kind(), "file")),
        };
        if part.place.size.is_some_and(|claimed| claimed != file.size) {
            let detail =
                format!("{} has {} bytes, not the {:?} said of it", part.place.cid, file.size, part.place.size);
            return Err(Error::malformed("unixfs", detail));
        }
        if part.depth == 0 {
            self.size = Some(file.size);
        }
        self.push_parts(part, file)
    }

    /// Own bytes and children, last first, so that the first is walked next.
    fn push_parts(&mut self, part: &Part, file: FileNode) -> Result<()> {
        let first = self.parts.len();
        let mut start = part.place.start;
        let own = (!file.data.is_empty())
            .then(|| (part.place.cid, file.data.len() as u64, What::Chunk(Wrap::Inline(file.data))));
        let children = file.children.into_iter().map(|child| (child.cid, child.size, what(&child)));
        for (cid, size, what) in own.into_iter().chain(children) {
            let part = Part { place: Place { cid, start, size: Some(size) }, depth: part.depth + 1, what };
            // The sum was checked when the node was decoded.
            start += size;
            if self.touches(&part)? {
                self.parts.push(part);
            }
        }
        if let Err(err) = check_pending(self.parts.len()) {
            self.parts.truncate(first);
            return Err(err);
        }
        self.parts[first..].reverse();
        Ok(())
    }
}

/// What a child is, as far as its link tells: raw blocks and the Tsize of a canonical leaf need no look.
fn what(child: &unixfs::Child) -> What {
    match child.cid.codec() {
        _ if address::inline(&child.cid).is_some() => What::Unknown,
        address::RAW => What::Chunk(Wrap::Raw),
        _ if canonical::looks_like_leaf(child.size, child.tsize) => What::Chunk(Wrap::Node),
        _ => What::Unknown,
    }
}

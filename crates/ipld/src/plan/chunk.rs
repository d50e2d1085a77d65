//! A chunk: the unit that is fetched, and proved before a byte of it is given away.

use std::ops::Range;

use bytes::Bytes;
use cid::Cid;

use crate::{
    address,
    block::Block,
    canonical,
    error::{Error, Result},
    unixfs::{self, Node},
};

/// A piece of a file that one block proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The block.
    pub cid: Cid,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// How many bytes of the file it is.
    pub len: u64,
    /// How the block holds them.
    pub wrap: Wrap,
}

/// How a block holds the bytes of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrap {
    /// The block is the bytes.
    Raw,
    /// dag-pb is around the bytes.
    Node,
    /// The bytes are here already, proved: they sit in an inner node, or in the CID itself.
    Inline(Bytes),
}

impl Chunk {
    /// Whether these plain bytes of the file make the named block. A wrapped leaf is rebuilt in each form that is legal for it.
    ///
    /// # Errors
    /// `Mismatch`; `Malformed` when the bytes are right and it is the file's nodes that lie about their number.
    pub fn verify(&self, plain: &[u8]) -> Result<()> {
        let proved = match &self.wrap {
            Wrap::Raw => address::verify(&self.cid, plain),
            Wrap::Node => canonical::form_of(&self.cid, plain).map(|_| ()).ok_or_else(|| self.mismatch()),
            Wrap::Inline(bytes) if bytes == plain => Ok(()),
            Wrap::Inline(_) => Err(self.mismatch()),
        };
        proved.and_then(|()| self.check_len(plain.len()))
    }

    /// The plain bytes in a block that came from a store of blocks. Hash and length are checked. What is inline needs no block, and is answered.
    ///
    /// # Errors
    /// `Mismatch`; `Malformed` when the block is not a leaf of this length.
    pub fn unwrap(&self, block: &Bytes) -> Result<Bytes> {
        if let Wrap::Inline(bytes) = &self.wrap {
            return Ok(bytes.clone());
        }
        address::verify(&self.cid, block)?;
        let plain = match unixfs::decode(&self.cid, block)? {
            Node::Raw(data) => data,
            Node::File(file) if file.children.is_empty() => file.data,
            other => {
                return Err(Error::malformed(
                    "unixfs",
                    format!("{} is a {} with parts, not a leaf", self.cid, other.kind()),
                ));
            }
        };
        self.check_len(plain.len()).map(|()| plain)
    }

    /// The block of these plain bytes, proved: for serving blocks from a store that keeps the plain file.
    ///
    /// # Errors
    /// As [`Chunk::verify`]; `Unexpected` for inline bytes, whose block is an inner node.
    pub fn seal(&self, plain: &Bytes) -> Result<Block> {
        self.check_len(plain.len()).map_err(|_| self.mismatch())?;
        let data = match &self.wrap {
            Wrap::Raw => address::verify(&self.cid, plain).map(|()| plain.clone())?,
            Wrap::Node => canonical::form_of(&self.cid, plain).ok_or_else(|| self.mismatch())?.block(plain).into(),
            Wrap::Inline(_) => return Err(Error::Unexpected { cid: Box::new(self.cid) }),
        };
        Ok(Block { cid: self.cid, data })
    }

    /// Where the chunk lies in the file.
    pub fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.len)
    }

    /// Which of the chunk's bytes belong to `range` of the file, counted from the chunk's first byte.
    pub fn within(&self, range: &Range<u64>) -> Range<usize> {
        let clip = |at: u64| at.clamp(self.offset, self.range().end) - self.offset;
        clip(range.start) as usize..clip(range.end.max(range.start)) as usize
    }

    fn check_len(&self, len: usize) -> Result<()> {
        if len as u64 == self.len {
            return Ok(());
        }
        Err(Error::malformed("unixfs", format!("{} has {len} bytes, not the {} said of it", self.cid, self.len)))
    }

    fn mismatch(&self) -> Error {
        Error::Mismatch { cid: Box::new(self.cid) }
    }
}

//! A block: a name and the bytes it names.

use bytes::Bytes;
use cid::Cid;

use crate::{address, error::Result};

/// Bytes and the CID they are given under. That they belong together is known only after [`Block::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The name.
    pub cid: Cid,
    /// The bytes.
    pub data: Bytes,
}

impl Block {
    /// A raw block named by its sha2-256 (CIDv1).
    pub fn raw(data: impl Into<Bytes>) -> Block {
        Block::of(address::RAW, data)
    }

    /// A block of any codec, named by its sha2-256 (CIDv1).
    pub fn of(codec: u64, data: impl Into<Bytes>) -> Block {
        let data = data.into();
        Block { cid: address::sha256(codec, &data), data }
    }

    /// Whether the bytes hash to the name.
    ///
    /// # Errors
    /// `Mismatch` when they do not, `InvalidCid` when the hash is not one that proves anything.
    pub fn verify(&self) -> Result<()> {
        address::verify(&self.cid, &self.data)
    }
}

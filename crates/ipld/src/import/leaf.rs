//! Chunks: one block each, raw or with dag-pb around it.

use bytes::Bytes;
use cid::Version;
use sha2::{Digest, Sha256};

use super::Entry;
use crate::{
    address,
    block::Block,
    canonical::Form,
    error::{Error, Result},
    profile::Profile,
};

/// Hashes one chunk. Free of state: call it on any thread.
pub fn leaf(profile: &Profile, data: &[u8]) -> Entry {
    let mut hasher = LeafHasher::new(profile, data.len() as u64);
    hasher.update(data);
    hasher.entry()
}

/// The block of one chunk, as a store of blocks keeps it.
pub fn leaf_block(profile: &Profile, data: &Bytes) -> Block {
    let data = if profile.raw_leaves { data.clone() } else { Form::WRITTEN.block(data).into() };
    let cid = match profile.raw_leaves {
        true => address::sha256(address::RAW, &data),
        false => address::from_sha256(profile.cid_version, address::DAG_PB, &Sha256::digest(&data).into()),
    };
    Block { cid, data }
}

/// Hashes one chunk that arrives in pieces.
#[derive(Debug, Clone)]
pub struct LeafHasher {
    hash: Sha256,
    len: u64,
    wrapped: Option<Wrapped>,
}

/// A leaf with dag-pb around it: its length stands before its bytes.
#[derive(Debug, Clone)]
struct Wrapped {
    version: Version,
    len: u64,
    overhead: u64,
    tail: Vec<u8>,
}

impl LeafHasher {
    /// A hasher for a chunk of `len` bytes. Raw leaves do not need the length in advance, and ignore it.
    pub fn new(profile: &Profile, len: u64) -> LeafHasher {
        let mut hash = Sha256::new();
        let wrapped = (!profile.raw_leaves).then(|| {
            let (head, tail) = Form::WRITTEN.around(len);
            hash.update(&head);
            Wrapped { version: profile.cid_version, len, overhead: (head.len() + tail.len()) as u64, tail }
        });
        LeafHasher { hash, len: 0, wrapped }
    }

    /// The next bytes of the chunk.
    pub fn update(&mut self, data: &[u8]) {
        self.hash.update(data);
        self.len += data.len() as u64;
    }

    /// The chunk's entry.
    ///
    /// # Errors
    /// `Malformed` when a wrapped leaf was given another number of bytes than it was announced with.
    pub fn finish(self) -> Result<Entry> {
        match &self.wrapped {
            Some(wrapped) if wrapped.len != self.len => {
                Err(Error::malformed("leaf", format!("{} bytes instead of {}", self.len, wrapped.len)))
            }
            _ => Ok(self.entry()),
        }
    }

    fn entry(mut self) -> Entry {
        let (version, codec, overhead) = match &self.wrapped {
            None => (Version::V1, address::RAW, 0),
            Some(wrapped) => {
                self.hash.update(&wrapped.tail);
                (wrapped.version, address::DAG_PB, wrapped.overhead)
            }
        };
        let cid = address::from_sha256(version, codec, &self.hash.finalize().into());
        Entry { cid, size: self.len, tsize: self.len + overhead }
    }
}

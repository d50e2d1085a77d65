//! Names of blocks as keys of tables, half as large as a CID, and what is remembered under them.

use std::collections::HashMap;

use cid::Cid;
use sha2::{Digest as _, Sha256};

use super::expand::{Part, Want};
use crate::{Error, Result, address};

/// Marks a key whose digest was hashed once more because it is not a plain sha2-256. Codes have at most 63 bits.
const REHASHED: u64 = 1 << 63;

/// Equal for two CIDs exactly when they name the same block, whatever their version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    digest: [u8; 32],
    codec: u64,
}

impl Key {
    pub(super) fn of(cid: &Cid) -> Key {
        let codec = address::to_v1(cid).codec();
        match <[u8; 32]>::try_from(cid.hash().digest()) {
            Ok(digest) if cid.hash().code() == address::SHA2_256 => Key { digest, codec },
            _ => Key { digest: Sha256::digest(cid.hash().to_bytes()).into(), codec: codec | REHASHED },
        }
    }
}

/// What is known of a block that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Where the bytes under it were told completely; `None` when only a part of them lay in the range.
    pub(super) from: Option<u64>,
    /// The bytes of the file under it; zero for what is no part of a file.
    pub(super) size: u64,
}

impl Seen {
    /// Fails when a second parent says another size of the same block.
    pub(super) fn check(&self, want: &Want) -> Result<()> {
        match want.part {
            Part::File { size, .. } if size != self.size => {
                let detail = format!("{} has {} bytes, not the {size} said of it", want.cid, self.size);
                Err(Error::malformed("unixfs", detail))
            }
            _ => Ok(()),
        }
    }
}

/// The blocks that were met, up to a bound; what comes later is not remembered.
#[derive(Debug)]
pub(super) struct Memory {
    seen: HashMap<Key, Seen>,
    most: usize,
}

impl Memory {
    pub(super) fn new(most: usize) -> Memory {
        Memory { seen: HashMap::new(), most }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Seen> {
        self.seen.get(key).copied()
    }

    /// Remembers the first place where everything under the block was in the range.
    pub(super) fn note(&mut self, key: Key, seen: Seen) {
        if let Some(known) = self.seen.get_mut(&key) {
            if known.from.is_none() && known.size <= seen.size {
                *known = seen;
            }
        } else if self.seen.len() < self.most {
            self.seen.insert(key, seen);
        }
    }
}

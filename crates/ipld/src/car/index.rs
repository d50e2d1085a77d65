//! Where in a CAR a block is: the indexes of CARv2, and one made by scanning.
//!
//! Both codecs are read as go-car writes them, which is not what the specification's text says: the length field of a group counts
//! bytes, not entries (reference 9.5). The index of the specification's own fixture has no codec at all; that one is refused here, and
//! [`Index::scan`] makes another from the data.

use std::collections::BTreeMap;

use bytes::{Buf as _, Bytes};
use cid::Cid;

use super::{Decoder, Item, Options};
use crate::{Error, Result, address, varint};

/// `IndexSorted`: groups by digest length.
const SORTED: u64 = 0x0400;
/// `MultihashIndexSorted`: groups by hash code, then by digest length.
const MULTIHASH_SORTED: u64 = 0x0401;
/// How long the offset behind each digest is.
const OFFSET_LEN: usize = 8;
/// The most entries of an index made by [`Index::scan`]; 16 Mi.
const MAX_SCANNED: usize = 1 << 24;
const TRUNCATED: Error = Error::Truncated("car index");

/// Offsets of sections by the hash of their block, counted from the start of the CARv1. They are hints of whoever wrote the file: read
/// the section there ([`super::section_head`]) and verify the block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    groups: Vec<Group>,
}

/// Entries of one length: digest, then the offset as little-endian u64; sorted by digest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    /// The multihash code, when the index tells.
    code: Option<u64>,
    width: usize,
    entries: Bytes,
}

impl Index {
    /// Reads a whole index, from a CARv2's `index_offset` to the end of the file. The entries are not copied.
    ///
    /// # Errors
    /// `Malformed` for an index without a known codec, unsorted, or whose lengths do not fit; `Truncated`. The remedy is [`Index::scan`].
    pub fn parse(mut bytes: Bytes) -> Result<Index> {
        let (codec, used) = varint::read(&bytes)?;
        bytes.advance(used);
        let mut groups = Vec::new();
        match codec {
            SORTED => read_widths(&mut bytes, None, &mut groups)?,
            MULTIHASH_SORTED => {
                for _ in 0..read_count(&mut bytes)? {
                    let code = bytes.try_get_u64_le().map_err(|_| TRUNCATED)?;
                    read_widths(&mut bytes, Some(code), &mut groups)?;
                }
            }
            _ => return Err(malformed("index without a known codec")),
        }
        if bytes.is_empty() { Ok(Index { groups }) } else { Err(malformed("bytes behind the index")) }
    }

    /// Makes an index by reading the data, for a file whose own cannot be used. Blocks under identity CIDs are left out.
    ///
    /// # Errors
    /// Whatever [`Decoder`] answers, and `Limit` for more than 16 Mi blocks.
    pub fn scan(pieces: impl IntoIterator<Item = Bytes>, options: Options) -> Result<Index> {
        let mut decoder = Decoder::new(options);
        let mut found = Entries::new();
        let mut blocks = 0;
        for piece in pieces {
            decoder.feed(piece);
            while let Some(item) = decoder.next()? {
                match item {
                    Item::Block(block) if address::inline(&block.cid).is_none() => {
                        note(&mut found, &block.cid, decoder.position());
                    }
                    Item::Block(_) | Item::Header { .. } => {}
                }
                blocks += 1;
                if MAX_SCANNED < blocks {
                    return Err(Error::Limit { what: "blocks of an index", limit: MAX_SCANNED as u64 });
                }
            }
        }
        decoder.finish()?;
        Ok(Index { groups: group(found) })
    }

    /// The offsets of all sections that seem to hold this CID's hash, smallest first where the writer kept the order.
    pub fn offsets(&self, cid: &Cid) -> Vec<u64> {
        let (code, digest) = (cid.hash().code(), cid.hash().digest());
        let of_hash = |group: &&Group| group.code.is_none_or(|known| known == code);
        self.groups.iter().filter(of_hash).flat_map(|group| group.offsets(digest)).collect()
    }

    /// How many sections are indexed.
    pub fn len(&self) -> usize {
        self.groups.iter().map(Group::len).sum()
    }

    /// Whether no section is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Group {
    fn len(&self) -> usize {
        self.entries.len() / self.width
    }

    fn digest(&self, at: usize) -> &[u8] {
        &self.entries[at * self.width..(at + 1) * self.width - OFFSET_LEN]
    }

    fn offset(&self, at: usize) -> u64 {
        let end = (at + 1) * self.width;
        self.entries[end - OFFSET_LEN..end].iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
    }

    fn offsets(&self, digest: &[u8]) -> Vec<u64> {
        if self.width != digest.len() + OFFSET_LEN {
            return Vec::new();
        }
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.digest(middle) < digest { low = middle + 1 } else { high = middle }
        }
        (low..self.len()).take_while(|&at| self.digest(at) == digest).map(|at| self.offset(at)).collect()
    }

    fn is_sorted(&self) -> bool {
        (1..self.len()).all(|at| self.digest(at - 1) <= self.digest(at))
    }
}

/// The body of an `IndexSorted`: a count of groups, then for each the length of an entry, the bytes of all, the entries.
fn read_widths(bytes: &mut Bytes, code: Option<u64>, groups: &mut Vec<Group>) -> Result<()> {
    for _ in 0..read_count(bytes)? {
        let width = bytes.try_get_u32_le().map_err(|_| TRUNCATED)? as usize;
        let len = bytes.try_get_i64_le().map_err(|_| TRUNCATED)?;
        let len = usize::try_from(len).map_err(|_| malformed("index with a negative length"))?;
        if width <= OFFSET_LEN || !len.is_multiple_of(width) {
            return Err(malformed("index entries do not fit their length"));
        }
        if bytes.len() < len {
            return Err(TRUNCATED);
        }
        let group = Group { code, width, entries: bytes.split_to(len) };
        if !group.is_sorted() {
            return Err(malformed("index that is not sorted"));
        }
        groups.push(group);
    }
    Ok(())
}

fn read_count(bytes: &mut Bytes) -> Result<u32> {
    let count = bytes.try_get_i32_le().map_err(|_| TRUNCATED)?;
    u32::try_from(count).map_err(|_| malformed("index with a negative count"))
}

type Entries = BTreeMap<(u64, usize), Vec<(Vec<u8>, u64)>>;

fn note(found: &mut Entries, cid: &Cid, offset: u64) {
    let digest = cid.hash().digest().to_vec();
    found.entry((cid.hash().code(), digest.len() + OFFSET_LEN)).or_default().push((digest, offset));
}

fn group(found: Entries) -> Vec<Group> {
    let pack = |((code, width), mut entries): (_, Vec<(Vec<u8>, u64)>)| {
        entries.sort_unstable();
        let mut packed = Vec::with_capacity(entries.len() * width);
        for (digest, offset) in entries {
            packed.extend(digest);
            packed.extend(offset.to_le_bytes());
        }
        Group { code: Some(code), width, entries: packed.into() }
    };
    found.into_iter().map(pack).collect()
}

fn malformed(detail: &str) -> Error {
    Error::malformed("car", detail)
}

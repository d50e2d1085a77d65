//! Shards of large directories (HAMT): a bit per used slot, a link per bit, the slot's number before each name.
//!
//! Source: UnixFS specification, HAMT directories; murmur3-x64-64, at most 1024 slots. The bitfield is a big-endian number without
//! leading zero bytes: slot k is bit `k % 8` of byte `len - 1 - k / 8`. Names begin with the slot in upper-case hexadecimal, as many digits as
//! the last slot needs; a link with nothing after it is another shard.

use bytes::Bytes;

use super::data::{self, Data};
use crate::{
    dagpb::{self, Link},
    error::{Error, Result},
    protobuf::{put_bytes, put_varint},
};

/// Multihash code of murmur3-x64-64, the only hash of shards.
const MURMUR3: u64 = 0x22;
const FORMAT: &str = "hamt";

/// A shard of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardNode {
    /// How many slots each shard of this directory has: a power of two, 8 to 1024.
    pub fanout: u32,
    /// The used slots, ascending.
    pub slots: Vec<Slot>,
}

/// A used slot of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Its number, below the fanout.
    pub index: u32,
    /// The entry's name and what it points to. An empty name: the next shard.
    pub link: Link,
}

impl ShardNode {
    pub(super) fn new(data: Data, links: Vec<Link>) -> Result<ShardNode> {
        if data.hash_type != Some(MURMUR3) {
            return Err(malformed(format!("hash type {:?}", data.hash_type)));
        }
        let fanout = match data.fanout {
            Some(fanout @ 8..=1024) if fanout.is_power_of_two() => fanout as u32,
            fanout => return Err(malformed(format!("fanout {fanout:?}"))),
        };
        let bits = used_slots(&data.data.unwrap_or_default(), fanout)?;
        if bits.len() != links.len() {
            return Err(malformed(format!("{} slots but {} links", bits.len(), links.len())));
        }
        let slots = bits.into_iter().zip(links).map(|(index, link)| strip(index, link, fanout));
        Ok(ShardNode { fanout, slots: slots.collect::<Result<_>>()? })
    }

    /// The slot of this number, if it is used.
    pub fn slot(&self, index: u32) -> Option<&Slot> {
        self.slots.binary_search_by_key(&index, |slot| slot.index).ok().map(|at| &self.slots[at])
    }
}

fn used_slots(bitfield: &[u8], fanout: u32) -> Result<Vec<u32>> {
    if bitfield.len() > fanout as usize / 8 {
        return Err(malformed(format!("{} byte bitfield of {fanout} slots", bitfield.len())));
    }
    let bytes = (0_u32..).zip(bitfield.iter().rev());
    let bits =
        bytes.flat_map(|(byte, bits)| (0..8).filter(move |bit| bits & (1 << bit) != 0).map(move |bit| byte * 8 + bit));
    Ok(bits.collect())
}

fn strip(index: u32, mut link: Link, fanout: u32) -> Result<Slot> {
    let prefix = prefix(index, fanout);
    if !link.name.starts_with(prefix.as_bytes()) {
        return Err(malformed(format!("a name in slot {index} does not begin with {prefix}")));
    }
    link.name = link.name.slice(prefix.len()..);
    Ok(Slot { index, link })
}

fn prefix(index: u32, fanout: u32) -> String {
    format!("{index:0width$X}", width = prefix_len(fanout))
}

/// How many hexadecimal digits stand before a name.
fn prefix_len(fanout: u32) -> usize {
    let bits = fanout.saturating_sub(1).max(1).ilog2() + 1;
    bits.div_ceil(4) as usize
}

/// The canonical block of a shard whose slots are ascending.
pub(crate) fn encode(fanout: u32, slots: &[Slot]) -> Bytes {
    let mut bitfield = vec![0_u8; fanout as usize / 8];
    let mut out = Vec::with_capacity(slots.len() * 64 + 64);
    for Slot { index, link } in slots {
        let at = bitfield.len() - 1 - *index as usize / 8;
        bitfield[at] |= 1 << (index % 8);
        let mut name = prefix(*index, fanout).into_bytes();
        name.extend_from_slice(&link.name);
        dagpb::put_link(&mut out, &link.cid, &name, link.size);
    }
    let zeros = bitfield.iter().take_while(|byte| **byte == 0).count();
    let mut data = vec![0x08, data::SHARD as u8];
    put_bytes(&mut data, 2, &bitfield[zeros..]);
    put_varint(&mut data, 5, MURMUR3);
    put_varint(&mut data, 6, u64::from(fanout));
    dagpb::put_data(&mut out, &data);
    out.into()
}

fn malformed(detail: impl Into<String>) -> Error {
    Error::malformed(FORMAT, detail)
}

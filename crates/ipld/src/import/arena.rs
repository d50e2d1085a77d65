//! The entries of a directory, packed: about 70 bytes for a name of 12 and a sha2-256 CID.
//!
//! Records lie in pages, so that growing copies nothing; an index of hash and place is what is sorted.

use cid::Version;

use super::Entry;
use crate::{
    address,
    dagpb::Link,
    error::{Error, Result},
    murmur::murmur3,
    varint,
};

const PAGE_BITS: u32 = 20;
const PAGE: usize = 1 << PAGE_BITS;

/// Where an entry is, and the hash of its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) hash: u64,
    at: u64,
}

/// The usual CIDs, by a byte before their digest. Any other: `OTHER`, its length, its bytes.
const USUAL: [(Version, u64); 3] =
    [(Version::V1, address::RAW), (Version::V1, address::DAG_PB), (Version::V0, address::DAG_PB)];
const OTHER: u8 = 3;

#[derive(Debug, Default)]
pub(super) struct Arena {
    pages: Vec<Vec<u8>>,
    pub(super) places: Vec<Place>,
}

impl Arena {
    /// Keeps an entry. The name has at most 255 bytes.
    pub(super) fn push(&mut self, name: &[u8], entry: &Entry) {
        let record = record(name, entry);
        if self.pages.last().is_none_or(|page| page.len() + record.len() > PAGE) {
            // The first page grows as it must: most directories are small.
            self.pages.push(Vec::with_capacity(if self.pages.is_empty() { 0 } else { PAGE }));
        }
        let page_number = self.pages.len() as u64 - 1;
        if let Some(page) = self.pages.last_mut() {
            self.places.push(Place { hash: murmur3(name), at: (page_number << PAGE_BITS) | page.len() as u64 });
            page.extend_from_slice(&record);
        }
    }

    /// The name of an entry.
    pub(super) fn name(&self, place: Place) -> &[u8] {
        let record = self.record(place);
        &record[1..=usize::from(record[0])]
    }

    /// The entry as a link.
    pub(super) fn link(&self, place: Place) -> Result<Link> {
        let name = self.name(place);
        let rest = &self.record(place)[1 + name.len()..];
        let (cid, rest) = match USUAL.get(usize::from(rest[0])) {
            Some((version, codec)) => {
                let (digest, rest) = rest[1..].split_first_chunk::<32>().ok_or(Error::Truncated("arena"))?;
                (address::from_sha256(*version, *codec, digest), rest)
            }
            None => {
                let (cid, used) = address::read(&rest[1..])?;
                (cid, &rest[1 + used..])
            }
        };
        let (size, _) = varint::read_protobuf(rest)?;
        Ok(Link { cid, name: name.to_vec().into(), size })
    }

    fn record(&self, place: Place) -> &[u8] {
        &self.pages[(place.at >> PAGE_BITS) as usize][place.at as usize % PAGE..]
    }
}

fn record(name: &[u8], entry: &Entry) -> Vec<u8> {
    let mut out = Vec::with_capacity(300);
    out.push(name.len() as u8);
    out.extend_from_slice(name);
    let hash = entry.cid.hash();
    let plain = hash.code() == address::SHA2_256 && hash.size() == 32;
    match USUAL.iter().position(|usual| plain && *usual == (entry.cid.version(), entry.cid.codec())) {
        Some(usual) => {
            out.push(usual as u8);
            out.extend_from_slice(hash.digest());
        }
        None => {
            out.push(OTHER);
            out.extend_from_slice(&entry.cid.to_bytes());
        }
    }
    varint::write(&mut out, entry.tsize);
    out
}

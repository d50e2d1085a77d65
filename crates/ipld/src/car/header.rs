//! The headers of a CAR: the dag-cbor map of version 1, and the fixed fields of version 2.

use bytes::Bytes;
use cid::Cid;

use super::cbor::{Head, Reader};
use crate::{Error, Result, varint};

/// What stands before the fields of a CARv2: a version 1 header that says 2.
pub(super) const PRAGMA_LEN: u64 = 11;
/// How long the fields of a CARv2 are.
pub(super) const V2_LEN: usize = 40;

/// The first bytes of a CARv1 (reference 9.4): its length as a varint, then dag-cbor `{roots, version: 1}`.
pub fn header(roots: &[Cid]) -> Bytes {
    let mut map = b"\xa2\x65roots".to_vec();
    put_head(&mut map, 4, roots.len() as u64);
    for root in roots {
        map.extend([0xd8, 0x2a]);
        put_head(&mut map, 2, root.encoded_len() as u64 + 1);
        map.push(0);
        map.extend(root.to_bytes());
    }
    map.extend(b"\x67version\x01");
    let mut out = Vec::with_capacity(map.len() + varint::MAX_LEN);
    varint::write(&mut out, map.len() as u64);
    out.extend(map);
    out.into()
}

/// What the map of a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Map {
    pub(super) version: u64,
    pub(super) roots: Option<Vec<Cid>>,
}

impl Map {
    /// Reads the map behind the length. Either order of its keys is accepted, other keys are not.
    pub(super) fn decode(bytes: &[u8]) -> Result<Map> {
        let mut reader = Reader::new(bytes);
        let Head::Map(pairs @ 1..=2) = reader.head()? else { return Err(malformed("header is not a map of two")) };
        let (mut version, mut roots) = (None, None);
        for _ in 0..pairs {
            let Head::Text(len) = reader.head()? else { return Err(malformed("header key is not text")) };
            match reader.take(len)? {
                b"roots" if roots.is_none() => roots = Some(reader.link_list()?),
                b"version" if version.is_none() => version = Some(reader.head()?),
                _ => return Err(malformed("unknown or repeated header key")),
            }
        }
        reader.end()?;
        match version {
            Some(Head::Unsigned(version)) => Ok(Map { version, roots }),
            _ => Err(malformed("header has no version")),
        }
    }
}

/// The fields of a CARv2, all offsets from the start of the file (CARv2 specification, header).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct V2 {
    /// The bit field; its highest bit promises that the index names every section.
    pub characteristics: [u8; 16],
    /// Where the inner CARv1 begins.
    pub data_offset: u64,
    /// How many bytes the inner CARv1 has.
    pub data_size: u64,
    /// Where the index begins; zero when there is none.
    pub index_offset: u64,
}

impl V2 {
    /// Reads the 40 bytes that follow the pragma; refuses a data window that overlaps them, is empty or cannot be.
    pub fn parse(bytes: &[u8; V2_LEN]) -> Result<V2> {
        let number = |at: usize| bytes[at..at + 8].iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte));
        let mut characteristics = [0; 16];
        characteristics.copy_from_slice(&bytes[..16]);
        let v2 = V2 { characteristics, data_offset: number(16), data_size: number(24), index_offset: number(32) };
        let fits = v2.data_offset.checked_add(v2.data_size).is_some();
        match v2.data_offset {
            at if at < PRAGMA_LEN + V2_LEN as u64 => Err(malformed("data begins inside of the header")),
            _ if v2.data_size == 0 || !fits => Err(malformed("data size is zero or too large")),
            _ => Ok(v2),
        }
    }
}

fn put_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    match argument {
        0..24 => out.push(major | argument as u8),
        24..0x100 => out.extend([major | 24, argument as u8]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend((argument as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend((argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend(argument.to_be_bytes());
        }
    }
}

fn malformed(detail: &str) -> Error {
    Error::malformed("car", detail)
}

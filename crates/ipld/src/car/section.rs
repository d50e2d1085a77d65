//! One section of a CAR: a varint of its length, the CID, the bytes.

use std::ops::Range;

use bytes::Bytes;
use cid::Cid;

use crate::{Block, Error, Result, address, varint};

/// What Kubo's gateway writes behind the last whole section when it has to give up: `\n\n[Gateway Error: CAR stream truncated, …`.
/// Its first byte reads as a section of ten bytes, which are these (kubo 0.43.1, captured: `gw-car-missing-root`).
const GATEWAY_TAIL: &[u8] = b"\n[Gateway ";

/// Everything of a section that stands before the `len` bytes of its block.
pub fn section(cid: &Cid, len: usize) -> Bytes {
    let mut out = Vec::with_capacity(varint::MAX_LEN + cid.encoded_len());
    varint::write(&mut out, (cid.encoded_len() + len) as u64);
    out.extend(cid.to_bytes());
    out.into()
}

/// How long the whole section of a block of `len` bytes is; with [`super::header`] a writer knows its Content-Length in advance.
pub fn section_len(cid: &Cid, len: u64) -> u64 {
    let body = (cid.encoded_len() as u64).saturating_add(len);
    body.saturating_add(varint::len(body) as u64)
}

/// Reads the head of the section that begins at `bytes[0]`: whose it is, and where its data lies relative to there. The data need not
/// be in `bytes`, so 128 bytes are enough to find a block at an offset that an [`super::Index`] gave.
///
/// # Errors
/// `Truncated` when `bytes` ends inside of the head, `Limit` for a section of more than `most` bytes, `Malformed`, `InvalidCid`.
pub fn section_head(bytes: &[u8], most: usize) -> Result<(Cid, Range<u64>)> {
    let (len, used) = varint::read(bytes)?;
    check_len(len, most)?;
    let body = &bytes[used..];
    let body = &body[..body.len().min(len as usize)];
    let (cid, head) = address::read(body).map_err(|error| match (body.len() as u64) < len {
        true => Error::Truncated("car section"),
        false => error,
    })?;
    Ok((cid, (used + head) as u64..used as u64 + len))
}

/// Whether a section may be of that length; asked before anything is allocated for it.
pub(super) fn check_len(len: u64, most: usize) -> Result<()> {
    match len {
        0 => Err(Error::malformed("car", "section of length zero")),
        len if (most as u64) < len => Err(Error::Limit { what: "car section", limit: most as u64 }),
        _ => Ok(()),
    }
}

/// Takes the body of a section apart. The bytes are not hashed here.
pub(super) fn split(mut body: Bytes) -> Result<Block> {
    match address::read(&body) {
        Ok((cid, used)) => Ok(Block { cid, data: body.split_off(used) }),
        Err(_) if body == GATEWAY_TAIL => Err(Error::Truncated("car (the gateway says so at its end)")),
        Err(error) => Err(error),
    }
}

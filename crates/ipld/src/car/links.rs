//! What a block links to, as far as its codec is known.

use bytes::Bytes;
use cid::Cid;

use super::cbor;
use crate::{Error, Result, address, dagpb::PbNode};

/// Codec of dag-cbor.
const DAG_CBOR: u64 = 0x71;
/// Codecs of plain cbor and json, which have no links.
const LINKLESS: [u64; 2] = [0x51, 0x0200];

/// The links of a block, in the order in which they are written: those of dag-pb and dag-cbor. Raw, cbor and json have none. The block is not hashed here.
///
/// # Errors
/// `Malformed` for a codec whose links are not known, and for a block that breaks the rules of its own; `Limit`.
pub fn links(cid: &Cid, block: &Bytes) -> Result<Vec<Cid>> {
    match cid.codec() {
        address::RAW => Ok(Vec::new()),
        address::DAG_PB => Ok(PbNode::decode(block)?.links.into_iter().map(|link| link.cid).collect()),
        DAG_CBOR => cbor::links(block),
        codec if LINKLESS.contains(&codec) => Ok(Vec::new()),
        codec => Err(Error::malformed("car", format!("links of codec 0x{codec:x} are not known"))),
    }
}

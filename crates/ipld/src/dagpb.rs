//! dag-pb: nodes that are named links and a piece of data.
//!
//! Source: IPLD dag-pb specification. Written canonically: links sorted by name and before the data, every link with hash, name
//! (even an empty one) and size. Read strictly: no unknown or repeated field, the three fields of a link in order, links in one
//! run; data may stand before or after them, as both were written in the wild.

use bytes::Bytes;
use cid::Cid;

use crate::{
    address,
    error::{Error, Result},
    protobuf::{Fields, Value},
    varint,
};

/// The largest node that is decoded, in bytes: the limit of a block on the IPFS network.
pub const MAX_NODE: usize = 2 << 20;

const FORMAT: &str = "dag-pb";

/// A named reference to another block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it points to.
    pub cid: Cid,
    /// Its name, raw bytes; empty inside of files.
    pub name: Bytes,
    /// Tsize: bytes of the block and of all below it, as the writer counted them. Never verified, never relied upon.
    pub size: u64,
}

/// A dag-pb node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PbNode {
    /// The links, in the order of the block.
    pub links: Vec<Link>,
    /// The data, if the field is there.
    pub data: Option<Bytes>,
}

impl PbNode {
    /// Reads a node.
    ///
    /// # Errors
    /// `Limit` above [`MAX_NODE`] bytes, `Truncated`, `InvalidCid` of a link, `Malformed` for every other broken rule.
    pub fn decode(block: &Bytes) -> Result<PbNode> {
        if block.len() > MAX_NODE {
            return Err(Error::Limit { what: "bytes of a dag-pb node", limit: MAX_NODE as u64 });
        }
        let mut node = PbNode::default();
        let mut links_over = false;
        let mut fields = Fields::new(block.clone(), FORMAT);
        while let Some(field) = fields.next()? {
            match field {
                (2, Value::Bytes(_)) if links_over => return Err(malformed("links in two runs")),
                (2, Value::Bytes(link)) => node.links.push(decode_link(link)?),
                (1, Value::Bytes(_)) if node.data.is_some() => return Err(malformed("data twice")),
                (1, Value::Bytes(data)) => {
                    node.data = Some(data);
                    links_over = !node.links.is_empty();
                }
                (number, _) => return Err(malformed(format!("field {number} in a node"))),
            }
        }
        Ok(node)
    }

    /// The canonical bytes of the node; links are sorted by name, those of one name keep their order.
    pub fn encode(&self) -> Bytes {
        let mut links: Vec<&Link> = self.links.iter().collect();
        links.sort_by(|left, right| left.name.cmp(&right.name));
        let mut out = Vec::new();
        for link in links {
            put_link(&mut out, &link.cid, &link.name, link.size);
        }
        if let Some(data) = &self.data {
            put_data(&mut out, data);
        }
        out.into()
    }
}

fn decode_link(bytes: Bytes) -> Result<Link> {
    let (mut cid, mut name, mut size) = (None, None, None);
    let mut last = 0;
    let mut fields = Fields::new(bytes, FORMAT);
    while let Some((number, value)) = fields.next()? {
        if number <= last {
            return Err(malformed(format!("field {number} of a link after field {last}")));
        }
        last = number;
        match (number, value) {
            (1, Value::Bytes(hash)) => cid = Some(address::from_bytes(&hash)?),
            (2, Value::Bytes(bytes)) => name = Some(bytes),
            (3, Value::Varint(value)) => size = Some(value),
            _ => return Err(malformed(format!("field {number} in a link"))),
        }
    }
    let cid = cid.ok_or_else(|| malformed("a link without a hash"))?;
    Ok(Link { cid, name: name.unwrap_or_default(), size: size.unwrap_or_default() })
}

/// Appends one link of a node. Callers keep the order of names.
pub(crate) fn put_link(out: &mut Vec<u8>, cid: &Cid, name: &[u8], size: u64) {
    out.push(0x12);
    varint::write(out, link_body_len(cid.encoded_len(), name.len(), size) as u64);
    out.push(0x0a);
    varint::write(out, cid.encoded_len() as u64);
    // Writing to a Vec cannot fail.
    let _ = cid.write_bytes(&mut *out);
    out.push(0x12);
    varint::write(out, name.len() as u64);
    out.extend_from_slice(name);
    out.push(0x18);
    varint::write(out, size);
}

/// Appends the data of a node.
pub(crate) fn put_data(out: &mut Vec<u8>, data: &[u8]) {
    out.push(0x0a);
    varint::write(out, data.len() as u64);
    out.extend_from_slice(data);
}

/// How many bytes a link adds to its node.
pub(crate) fn link_len(cid_len: usize, name_len: usize, size: u64) -> usize {
    let body = link_body_len(cid_len, name_len, size);
    1 + varint::len(body as u64) + body
}

fn link_body_len(cid_len: usize, name_len: usize, size: u64) -> usize {
    let field = |len: usize| 1 + varint::len(len as u64) + len;
    field(cid_len) + field(name_len) + 1 + varint::len(size)
}

fn malformed(detail: impl Into<String>) -> Error {
    Error::malformed(FORMAT, detail)
}

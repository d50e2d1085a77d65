//! As much of dag-cbor as a CAR needs: reading heads strictly, and finding the links of a block.
//!
//! Values are skipped, not decoded. Rules: reference 9.6 (shortest integers, definite lengths, no tag but 42).

use cid::Cid;

use crate::{Error, Result, address};

/// How deep arrays and maps may nest.
const MAX_DEPTH: usize = 256;

/// The tag of a link; its content is a byte string of a zero byte and the CID.
const LINK: u64 = 42;

/// The first bytes of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Head {
    /// An integer of zero or more.
    Unsigned(u64),
    /// Anything that is complete with its head and is neither a link nor an unsigned integer.
    Other,
    /// A byte string of that length.
    Bytes(u64),
    /// A text of that length.
    Text(u64),
    /// An array of that many items.
    Array(u64),
    /// A map of that many pairs.
    Map(u64),
    /// A tag before the next item.
    Tag(u64),
}

/// Reads items one after the other.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// Fails unless everything was read.
    pub(crate) fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(malformed("bytes after the end")) }
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: u64) -> Result<&'a [u8]> {
        let len = usize::try_from(len).map_err(|_| Error::Truncated("dag-cbor"))?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Error::Truncated("dag-cbor"))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The head of the next item.
    pub(crate) fn head(&mut self) -> Result<Head> {
        let first = self.take(1)?.iter().fold(0, |_, &byte| byte);
        let (major, info) = (first >> 5, first & 0x1f);
        if major == 7 {
            return self.simple(info);
        }
        let argument = self.argument(info)?;
        Ok(match major {
            0 => Head::Unsigned(argument),
            2 => Head::Bytes(argument),
            3 => Head::Text(argument),
            4 => Head::Array(argument),
            5 => Head::Map(argument),
            6 => Head::Tag(argument),
            _ => Head::Other,
        })
    }

    /// The content of a link whose tag was read.
    pub(crate) fn link(&mut self) -> Result<Cid> {
        let Head::Bytes(len) = self.head()? else { return Err(malformed("a link that is not a byte string")) };
        match self.take(len)?.split_first() {
            Some((0, bytes)) => address::from_bytes(bytes),
            _ => Err(malformed("a link that does not begin with a zero byte")),
        }
    }

    /// An array of nothing but links.
    pub(crate) fn link_list(&mut self) -> Result<Vec<Cid>> {
        let Head::Array(count) = self.head()? else { return Err(malformed("a list of links is not an array")) };
        let mut links = Vec::new();
        for _ in 0..count {
            match self.head()? {
                Head::Tag(LINK) => links.push(self.link()?),
                _ => return Err(malformed("a list of links has something else in it")),
            }
        }
        Ok(links)
    }

    fn argument(&mut self, info: u8) -> Result<u64> {
        let (width, smallest) = match info {
            0..24 => return Ok(u64::from(info)),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return Err(malformed("indefinite or reserved length")),
        };
        let value = self.take(width)?.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
        if value < smallest { Err(malformed("integer longer than needed")) } else { Ok(value) }
    }

    fn simple(&mut self, info: u8) -> Result<Head> {
        match info {
            20..=22 => Ok(Head::Other),
            27 => self.take(8).map(|_| Head::Other),
            _ => Err(malformed("a simple value that dag-cbor does not have")),
        }
    }
}

/// The links of a dag-cbor block, in the order they are written.
pub(crate) fn links(block: &[u8]) -> Result<Vec<Cid>> {
    let mut reader = Reader::new(block);
    let mut links = Vec::new();
    let mut open = vec![1u64];
    while let Some(left) = open.last_mut() {
        if *left == 0 {
            open.pop();
            continue;
        }
        *left -= 1;
        match reader.head()? {
            Head::Unsigned(_) | Head::Other => {}
            Head::Bytes(len) | Head::Text(len) => drop(reader.take(len)?),
            Head::Array(count) => open.push(count),
            Head::Map(count) => open.push(count.checked_mul(2).ok_or(Error::Truncated("dag-cbor"))?),
            Head::Tag(LINK) => links.push(reader.link()?),
            Head::Tag(_) => return Err(malformed("a tag that is not a link")),
        }
        if MAX_DEPTH < open.len() {
            return Err(Error::Limit { what: "dag-cbor depth", limit: MAX_DEPTH as u64 });
        }
    }
    reader.end().map(|()| links)
}

fn malformed(detail: &str) -> Error {
    Error::malformed("dag-cbor", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> (Cid, Vec<u8>) {
        let cid = address::sha256(address::RAW, b"linked");
        (cid, [&[0xd8, 0x2a, 0x58, 37, 0][..], &cid.to_bytes()].concat())
    }

    #[test]
    fn links_are_found_wherever_they_are() {
        let (cid, link) = link();
        let blocks = [
            (link.clone(), 1),
            ([&[0x82][..], &link, &link].concat(), 2),
            ([&[0xa1, 0x61, b'a', 0x81][..], &link].concat(), 1),
            ([&[0x84, 0xf6, 0x20, 0xfb, 0, 0, 0, 0, 0, 0, 0, 0][..], &link].concat(), 1),
            (vec![0x80], 0),
            (vec![0x18, 24], 0),
        ];
        for (block, count) in blocks {
            assert_eq!(links(&block), Ok(vec![cid; count]), "{block:x?}");
        }
    }

    #[test]
    fn what_dag_cbor_does_not_have_is_refused() {
        let blocks: [(&str, &[u8]); 11] = [
            ("nothing", &[]),
            ("integer longer than needed", &[0x18, 23]),
            ("length longer than needed", &[0x59, 0, 1, 7]),
            ("indefinite array", &[0x9f, 0xff]),
            ("another tag", &[0xc0, 0x60]),
            ("link to text", &[0xd8, 0x2a, 0x60]),
            ("link without zero byte", &[0xd8, 0x2a, 0x41, 1]),
            ("undefined", &[0xf7]),
            ("half float", &[0xf9, 0, 0]),
            ("bytes behind", &[0x80, 0x80]),
            ("an array of more than there is", &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]),
        ];
        for (what, block) in blocks {
            assert!(links(block).is_err(), "{what}");
        }
        assert_eq!(links(&[vec![0x81; 254], vec![0x80]].concat()), Ok(vec![]));
        assert!(matches!(links(&[0x81; 5000]), Err(Error::Limit { .. })));
    }
}

//! Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02) as bytes: what is sent, and what is answered. No I/O is done here.

use backend_core::Result;
use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::error::{Code, malformed};

/// The most bytes that a packet of a server may have: OpenSSH's own limit (sftp-common.h, `SFTP_MAX_MSG_LENGTH`), and a little more.
pub(crate) const MAX_PACKET: usize = 257 * 1024;
/// The most names in one reply.
const MAX_NAMES: usize = 8192;
/// The most extensions of a server that are looked at.
const MAX_EXTENSIONS: usize = 128;

/// Kinds of packets that are sent.
pub(crate) mod kind {
    pub(crate) const INIT: u8 = 1;
    pub(crate) const OPEN: u8 = 3;
    pub(crate) const CLOSE: u8 = 4;
    pub(crate) const READ: u8 = 5;
    pub(crate) const WRITE: u8 = 6;
    pub(crate) const LSTAT: u8 = 7;
    pub(crate) const FSTAT: u8 = 8;
    pub(crate) const OPENDIR: u8 = 11;
    pub(crate) const READDIR: u8 = 12;
    pub(crate) const REMOVE: u8 = 13;
    pub(crate) const MKDIR: u8 = 14;
    pub(crate) const RMDIR: u8 = 15;
    pub(crate) const REALPATH: u8 = 16;
    pub(crate) const STAT: u8 = 17;
    pub(crate) const RENAME: u8 = 18;
    pub(crate) const EXTENDED: u8 = 200;
}

/// How a file is opened (section 6.3).
pub(crate) mod flag {
    pub(crate) const READ: u32 = 1;
    pub(crate) const WRITE: u32 = 2;
    pub(crate) const CREATE: u32 = 8;
    pub(crate) const EXCLUSIVE: u32 = 0x20;
}

/// A part of a packet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field<'a> {
    Number(u32),
    Long(u64),
    Text(&'a [u8]),
    /// A text that lies in several places.
    Pieces(&'a [Bytes]),
    /// Attributes: permissions, or none.
    Mode(Option<u32>),
}

/// What is known of a file. Absent: the server does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Attrs {
    pub(crate) size: Option<u64>,
    pub(crate) mode: Option<u32>,
    /// Seconds since 1970.
    pub(crate) modified: Option<u32>,
}

/// What a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    File,
    Folder,
    /// A link, a pipe, a device, a socket.
    Other,
    /// The server does not say.
    Unsaid,
}

impl Attrs {
    pub(crate) fn what(&self) -> What {
        match self.mode.map(|it| it & 0o170_000) {
            Some(0o100_000) => What::File,
            Some(0o040_000) => What::Folder,
            None | Some(0) => What::Unsaid,
            Some(_) => What::Other,
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Status(Code),
    Handle(Bytes),
    Data(Bytes),
    Names(Vec<(Bytes, Attrs)>),
    Attrs(Attrs),
    Extended(Bytes),
}

/// Puts a packet behind `out`.
pub(crate) fn put(out: &mut BytesMut, kind: u8, id: u32, fields: &[Field<'_>]) {
    let start = out.len();
    out.put_u32(0);
    out.put_u8(kind);
    out.put_u32(id);
    for field in fields {
        match field {
            Field::Number(n) => out.put_u32(*n),
            Field::Long(n) => out.put_u64(*n),
            Field::Text(text) => {
                out.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
                out.put_slice(text);
            }
            Field::Pieces(pieces) => {
                let len: usize = pieces.iter().map(Bytes::len).sum();
                out.put_u32(u32::try_from(len).unwrap_or(u32::MAX));
                pieces.iter().for_each(|it| out.put_slice(it));
            }
            Field::Mode(None) => out.put_u32(0),
            Field::Mode(Some(mode)) => {
                out.put_u32(4);
                out.put_u32(*mode);
            }
        }
    }
    let len = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&len.to_be_bytes());
    }
}

/// Takes one whole packet, without its length, from what was received.
///
/// # Errors
/// For a packet of no bytes, or of more than [`MAX_PACKET`].
pub(crate) fn cut(received: &mut BytesMut) -> Result<Option<Bytes>> {
    let Some(len) = received.first_chunk::<4>().map(|it| u32::from_be_bytes(*it) as usize) else { return Ok(None) };
    if len == 0 || MAX_PACKET < len {
        return Err(malformed("a packet of an impossible length"));
    }
    if received.len() < 4 + len {
        received.reserve(4 + len - received.len());
        return Ok(None);
    }
    received.advance(4);
    Ok(Some(received.split_to(len).freeze()))
}

/// Reads an answer, and the number of the request that it answers.
///
/// # Errors
/// For whatever is no such packet.
pub(crate) fn reply(packet: Bytes) -> Result<(u32, Reply)> {
    let mut rest = Rest(packet);
    let kind = rest.byte()?;
    let id = rest.number()?;
    let reply = match kind {
        // What the server says beside the number is text for people, and is left where it is.
        101 => Reply::Status(Code(rest.number()?)),
        102 => Reply::Handle(rest.text()?),
        103 => Reply::Data(rest.text()?),
        104 => Reply::Names(rest.names()?),
        105 => Reply::Attrs(rest.attrs()?),
        201 => Reply::Extended(rest.0),
        _ => return Err(malformed("an unknown kind of reply")),
    };
    Ok((id, reply))
}

/// Reads a server's first packet: its version, and its extensions with their data.
///
/// # Errors
/// For whatever is no such packet.
pub(crate) fn version(packet: Bytes) -> Result<(u32, Vec<(Bytes, Bytes)>)> {
    let mut rest = Rest(packet);
    if rest.byte()? != 2 {
        return Err(malformed("no version"));
    }
    let version = rest.number()?;
    let mut extensions = Vec::new();
    while !rest.0.is_empty() && extensions.len() < MAX_EXTENSIONS {
        extensions.push((rest.text()?, rest.text()?));
    }
    Ok((version, extensions))
}

/// What is still to be read of a packet.
#[derive(Debug)]
pub(crate) struct Rest(pub(crate) Bytes);

impl Rest {
    fn byte(&mut self) -> Result<u8> {
        self.0.try_get_u8().map_err(|_| malformed("a packet that is cut off"))
    }

    pub(crate) fn number(&mut self) -> Result<u32> {
        self.0.try_get_u32().map_err(|_| malformed("a packet that is cut off"))
    }

    pub(crate) fn long(&mut self) -> Result<u64> {
        self.0.try_get_u64().map_err(|_| malformed("a packet that is cut off"))
    }

    fn text(&mut self) -> Result<Bytes> {
        let len = self.number()? as usize;
        match len <= self.0.len() {
            true => Ok(self.0.split_to(len)),
            false => Err(malformed("a text that is longer than its packet")),
        }
    }

    fn names(&mut self) -> Result<Vec<(Bytes, Attrs)>> {
        let count = self.number()? as usize;
        if MAX_NAMES < count {
            return Err(malformed("too many names in a packet"));
        }
        let mut names = Vec::new();
        for _ in 0..count {
            let name = self.text()?;
            // As `ls -l` would print it: for people.
            self.text()?;
            names.push((name, self.attrs()?));
        }
        Ok(names)
    }

    /// Section 5.
    fn attrs(&mut self) -> Result<Attrs> {
        let flags = self.number()?;
        let has = |bit: u32| flags & bit != 0;
        let size = has(1).then(|| self.long()).transpose()?;
        if has(2) {
            self.long()?;
        }
        let mode = has(4).then(|| self.number()).transpose()?;
        let times = has(8).then(|| Ok::<_, backend_core::Error>((self.number()?, self.number()?))).transpose()?;
        if has(0x8000_0000) {
            for _ in 0..self.number()?.min(64) {
                self.text()?;
                self.text()?;
            }
        }
        Ok(Attrs { size, mode, modified: times.map(|(_, modified)| modified) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_framed_and_cut() {
        let mut out = BytesMut::new();
        put(
            &mut out,
            kind::OPEN,
            7,
            &[Field::Text(b"a/b"), Field::Number(3), Field::Mode(Some(0o600)), Field::Long(1)],
        );
        let wanted = [0, 0, 0, 32, 3, 0, 0, 0, 7, 0, 0, 0, 3, b'a', b'/', b'b', 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 1, 128];
        assert_eq!(out[..28], wanted);
        let whole = out.clone();
        for at in 0..whole.len() {
            assert_eq!(cut(&mut BytesMut::from(&whole[..at])).unwrap(), None, "{at}");
        }
        assert_eq!(cut(&mut out).unwrap().unwrap().len(), 32);
        assert!(out.is_empty());
    }

    #[test]
    fn a_text_in_pieces_is_one_text() {
        let (mut whole, mut cut) = (BytesMut::new(), BytesMut::new());
        put(&mut whole, kind::WRITE, 1, &[Field::Text(b"abcdef"), Field::Long(2)]);
        let pieces = [Bytes::from_static(b"ab"), Bytes::new(), Bytes::from_static(b"cdef")];
        put(&mut cut, kind::WRITE, 1, &[Field::Pieces(&pieces), Field::Long(2)]);
        assert_eq!(whole, cut);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        for len in [0, MAX_PACKET as u32 + 1, u32::MAX] {
            assert!(cut(&mut BytesMut::from(&len.to_be_bytes()[..])).is_err(), "{len}");
        }
    }

    #[test]
    fn no_cut_or_changed_reply_is_more_than_an_error() {
        let mut names = BytesMut::new();
        let one = [
            Field::Text(b"name"),
            Field::Text(b"-rw- name"),
            Field::Number(5),
            Field::Long(9),
            Field::Number(0o100_644),
        ];
        put(&mut names, 104, 1, &[&[Field::Number(1)], &one[..]].concat());
        let names = names.freeze().slice(4..);
        let Reply::Names(found) = reply(names.clone()).unwrap().1 else { panic!("no names") };
        assert_eq!(found, [(Bytes::from("name"), Attrs { size: Some(9), mode: Some(0o100_644), modified: None })]);
        assert_eq!(found[0].1.what(), What::File);
        for at in 0..names.len() {
            assert!(reply(names.slice(..at)).is_err(), "{at}");
            for byte in [0, 1, 0x7f, 0xff] {
                let mut changed = BytesMut::from(&names[..]);
                changed[at] = byte;
                // It may be another legal reply; it must not be a panic or a loop.
                let _ = reply(changed.freeze());
            }
        }
    }
}

//! Requests as they are read, and answers as they are written (draft-ietf-secsh-filexfer-02).

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// What is still to be read of a request.
pub(super) struct Rest(pub(super) Bytes);

fn short() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a request that is cut off")
}

impl Rest {
    pub(super) fn byte(&mut self) -> io::Result<u8> {
        self.0.try_get_u8().map_err(|_| short())
    }

    pub(super) fn number(&mut self) -> io::Result<u32> {
        self.0.try_get_u32().map_err(|_| short())
    }

    pub(super) fn long(&mut self) -> io::Result<u64> {
        self.0.try_get_u64().map_err(|_| short())
    }

    pub(super) fn text(&mut self) -> io::Result<Bytes> {
        let len = self.number()? as usize;
        match len <= self.0.len() {
            true => Ok(self.0.split_to(len)),
            false => Err(short()),
        }
    }
}

/// An answer under way.
pub(super) struct Answer(BytesMut);

impl Answer {
    pub(super) fn new(kind: u8, id: u32) -> Self {
        let mut bytes = BytesMut::new();
        bytes.put_u32(0);
        bytes.put_u8(kind);
        bytes.put_u32(id);
        Self(bytes)
    }

    pub(super) fn status(id: u32, code: u32) -> Self {
        // The words are hostile on purpose: nobody may repeat them.
        Self::new(101, id).number(code).text(b"canary-5f0c7e \x1b[31m words of the server").text(b"")
    }

    pub(super) fn number(mut self, n: u32) -> Self {
        self.0.put_u32(n);
        self
    }

    pub(super) fn long(mut self, n: u64) -> Self {
        self.0.put_u64(n);
        self
    }

    pub(super) fn text(mut self, text: &[u8]) -> Self {
        self.0.put_u32(text.len() as u32);
        self.0.put_slice(text);
        self
    }

    pub(super) fn attrs(self, seen: &Seen, modes: bool) -> Self {
        match modes {
            true => self.number(1 | 4 | 8).long(seen.size).number(seen.mode).number(seen.time).number(seen.time),
            false => self.number(1 | 8).long(seen.size).number(seen.time).number(seen.time),
        }
    }

    pub(super) fn finish(mut self) -> Bytes {
        let len = self.0.len() as u32 - 4;
        self.0[..4].copy_from_slice(&len.to_be_bytes());
        self.0.freeze()
    }
}

/// What is told of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) time: u32,
}

impl From<Metadata> for Seen {
    fn from(about: Metadata) -> Self {
        Self { size: about.size(), mode: about.mode(), time: about.mtime() as u32 }
    }
}

//! One SFTP session: requests go out, answers come in, many at once. Whoever holds it drives it; nothing runs behind its back.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use backend_core::Result;
use bytes::{Buf, Bytes, BytesMut};
use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite};

use super::link::Slot;
use super::wire::{self, Attrs, Field, Reply, Rest, kind};
use crate::error::{Code, failed, lost, malformed};

/// Bytes of a read or a write where the server does not say what it takes: what every server must take (section 3 of the draft).
const PLAIN_LEN: u64 = 32 * 1024;
/// The most bytes of a read or a write. OpenSSH takes 255 KiB.
const MAX_LEN: u64 = 255 * 1024;
/// What a write or a read has around its bytes, at most.
const AROUND: u64 = 1024;
/// How much is read from the connection at a time.
const READ: usize = 64 * 1024;

/// Bytes that wait to be sent while more is taken from a source.
const CONGESTED: usize = 512 * 1024;

/// A connection as a stream of bytes.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// What a server offers beyond the draft (OpenSSH's PROTOCOL, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Features {
    pub(crate) posix_rename: bool,
    pub(crate) hardlink: bool,
    pub(crate) fsync: bool,
    pub(crate) statvfs: bool,
    pub(crate) copy_data: bool,
    /// The most bytes of one read, and of one write.
    pub(crate) read: u64,
    pub(crate) write: u64,
}

/// What every server offers.
const PLAIN: Features = Features {
    posix_rename: false,
    hardlink: false,
    fsync: false,
    statvfs: false,
    copy_data: false,
    read: PLAIN_LEN,
    write: PLAIN_LEN,
};

/// A session. What it holds on the server is given back when it is dropped, because the server then closes its files.
pub(crate) struct Session {
    stream: Box<dyn Duplex>,
    /// Its place on the connection, which is given back with it.
    slot: Option<Slot>,
    to_send: BytesMut,
    received: BytesMut,
    next: u32,
    /// Requests without an answer yet.
    asked: Vec<u32>,
    handles: usize,
    is_broken: bool,
    /// What is on its way makes something visible, or takes it away.
    pub(crate) is_decisive: bool,
    pub(crate) features: Features,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("asked", &self.asked.len())
            .field("handles", &self.handles)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Says hello. `known`: what an earlier session on this connection has learnt.
    pub(crate) async fn begin(stream: Box<dyn Duplex>, slot: Option<Slot>, known: Option<Features>) -> Result<Self> {
        let features = known.unwrap_or(PLAIN);
        let mut session = Self { stream, slot, features, is_broken: false, ..Self::dead() };
        // Where others have a request's number, this packet has the version.
        wire::put(&mut session.to_send, kind::INIT, 3, &[]);
        let packet = poll_fn(|context| session.poll_packet(context)).await?;
        let (version, extensions) = wire::version(packet)?;
        if version != 3 {
            return Err(malformed("it speaks another version than 3"));
        }
        if known.is_none() {
            session.learn(&extensions).await?;
        }
        Ok(session)
    }

    /// What stands in the place of a session that was given back.
    pub(crate) fn dead() -> Self {
        let features = PLAIN;
        let (to_send, received) = (BytesMut::new(), BytesMut::new());
        let (asked, next, handles, is_broken, is_decisive) = (Vec::new(), 0, 0, true, false);
        let stream = Box::new(tokio::io::empty());
        Self { stream, slot: None, to_send, received, next, asked, handles, is_broken, is_decisive, features }
    }

    async fn learn(&mut self, extensions: &[(Bytes, Bytes)]) -> Result<()> {
        let has = |name: &str, data: &str| extensions.iter().any(|(it, of)| it == name && of == data);
        self.features.posix_rename = has("posix-rename@openssh.com", "1");
        self.features.hardlink = has("hardlink@openssh.com", "1");
        self.features.fsync = has("fsync@openssh.com", "1");
        self.features.statvfs = has("statvfs@openssh.com", "2");
        self.features.copy_data = has("copy-data", "1");
        if !has("limits@openssh.com", "1") {
            return Ok(());
        }
        if let Reply::Extended(reply) = self.call(kind::EXTENDED, &[Field::Text(b"limits@openssh.com")]).await? {
            let mut rest = Rest(reply);
            let (packet, read, write) = (rest.long()?, rest.long()?, rest.long()?);
            // 0: without a limit.
            let most = |len: u64| match len {
                0 => MAX_LEN,
                _ => len.min(MAX_LEN),
            };
            let packet = most(packet.saturating_sub(AROUND)).max(1);
            self.features.read = most(read).min(packet);
            self.features.write = most(write).min(packet);
        }
        Ok(())
    }

    pub(crate) fn slot(&self) -> Option<&Slot> {
        self.slot.as_ref()
    }

    /// Whether somebody else may go on with it: nothing is under way, nothing is held open.
    pub(crate) fn is_clean(&self) -> bool {
        self.is_whole() && self.asked.is_empty() && self.to_send.is_empty() && self.handles == 0
    }

    /// Whether the connection is still there, as far as is known.
    pub(crate) fn is_whole(&self) -> bool {
        !self.is_broken && self.slot.as_ref().is_none_or(|it| !it.0.is_closed())
    }

    /// Whether it only waits for answers, or for one that tells whether something has become visible.
    pub(crate) fn can_settle(&self) -> bool {
        self.is_whole() && !self.asked.is_empty() && (self.is_decisive || self.handles == 0)
    }

    /// Whether more waits to be sent than is needed to keep the wire busy: the server's window is full.
    pub(crate) fn is_congested(&self) -> bool {
        CONGESTED <= self.to_send.len()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.asked.len()
    }

    /// Puts a request behind those that wait to be sent; its number comes with its answer.
    pub(crate) fn ask(&mut self, kind: u8, fields: &[Field<'_>]) -> u32 {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        wire::put(&mut self.to_send, kind, id, fields);
        self.asked.push(id);
        if kind == kind::CLOSE {
            self.handles = self.handles.saturating_sub(1);
        }
        id
    }

    /// Sends and receives until there is an answer to any request.
    pub(crate) fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<(u32, Reply)>> {
        let answer = self.poll_packet(context).map(|packet| packet.and_then(wire::reply));
        let answer = answer.map(|it| it.and_then(|(id, reply)| self.arrived(id, reply)));
        if let Poll::Ready(Err(_)) = answer {
            self.is_broken = true;
        }
        answer
    }

    fn arrived(&mut self, id: u32, reply: Reply) -> Result<(u32, Reply)> {
        let Some(at) = self.asked.iter().position(|it| *it == id) else {
            return Err(malformed("an answer to what nobody asked"));
        };
        self.asked.swap_remove(at);
        if matches!(reply, Reply::Handle(_)) {
            self.handles += 1;
        }
        Ok((id, reply))
    }

    fn poll_packet(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes>> {
        while !self.to_send.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.to_send) {
                Poll::Ready(Ok(n)) if 0 < n => self.to_send.advance(n),
                Poll::Ready(_) => return self.ended(),
                Poll::Pending => break,
            }
        }
        loop {
            match wire::cut(&mut self.received) {
                Ok(None) => {}
                Ok(Some(packet)) => return Poll::Ready(Ok(packet)),
                Err(err) => {
                    self.is_broken = true;
                    return Poll::Ready(Err(err));
                }
            }
            self.received.reserve(READ);
            let stream = Pin::new(&mut self.stream);
            match tokio_util::io::poll_read_buf(stream, context, &mut self.received) {
                Poll::Ready(Ok(n)) if 0 < n => {}
                Poll::Ready(_) => return self.ended(),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn ended<T>(&mut self) -> Poll<Result<T>> {
        self.is_broken = true;
        Poll::Ready(Err(lost()))
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> Result<(u32, Reply)> {
        poll_fn(|context| self.poll_answer(context)).await
    }

    /// The next answer if it is there already; also sends what waits.
    pub(crate) fn answer_now(&mut self) -> Option<Result<(u32, Reply)>> {
        self.answer().now_or_never()
    }

    /// Asks, and waits for the answer. Nothing else may be under way.
    pub(crate) async fn call(&mut self, kind: u8, fields: &[Field<'_>]) -> Result<Reply> {
        self.ask(kind, fields);
        self.answer().await.map(|(_, reply)| reply)
    }

    /// The same for what is answered by a status.
    pub(crate) async fn status(&mut self, kind: u8, fields: &[Field<'_>]) -> Result<Code> {
        code(self.call(kind, fields).await?)
    }

    /// Waits for all answers, and throws them away.
    pub(crate) async fn drain(&mut self) -> Result<()> {
        while !self.asked.is_empty() {
            self.answer().await?;
        }
        Ok(())
    }

    /// Opens a file or a folder.
    pub(crate) async fn open(&mut self, kind: u8, fields: &[Field<'_>]) -> Result<Result<Bytes, Code>> {
        match self.call(kind, fields).await? {
            Reply::Handle(handle) if handle.len() <= 256 => Ok(Ok(handle)),
            Reply::Status(code) if code != Code::OK => Ok(Err(code)),
            _ => Err(self.unexpected()),
        }
    }

    /// Closes what [`Session::open`] opened. A file that was written to may tell only now that it could not be.
    pub(crate) async fn close(&mut self, handle: &[u8]) -> Result<Code> {
        self.status(kind::CLOSE, &[Field::Text(handle)]).await
    }

    /// The attributes of a name, or why there are none.
    pub(crate) async fn attrs(&mut self, kind: u8, path: &[u8]) -> Result<Result<Attrs, Code>> {
        match self.call(kind, &[Field::Text(path)]).await? {
            Reply::Attrs(attrs) => Ok(Ok(attrs)),
            Reply::Status(code) if code != Code::OK => Ok(Err(code)),
            _ => Err(self.unexpected()),
        }
    }

    /// Room on the server's disk.
    pub(crate) async fn room(&mut self, path: &[u8]) -> Result<Room> {
        let fields = [Field::Text(b"statvfs@openssh.com"), Field::Text(path)];
        match self.call(kind::EXTENDED, &fields).await? {
            Reply::Extended(reply) => Room::read(reply),
            Reply::Status(code) => Err(failed("ask for room", code)),
            _ => Err(self.unexpected()),
        }
    }

    /// An answer of a kind that does not belong to the question.
    pub(crate) fn unexpected(&mut self) -> backend_core::Error {
        self.is_broken = true;
        malformed("an answer to another question")
    }
}

/// What an answer by a status says.
pub(crate) fn code(reply: Reply) -> Result<Code> {
    match reply {
        Reply::Status(code) => Ok(code),
        _ => Err(malformed("an answer to another question")),
    }
}

/// What `statvfs@openssh.com` tells, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) limit: u64,
    pub(crate) used: u64,
    pub(crate) free: u64,
    /// Files that may still be made.
    pub(crate) files: u64,
}

impl Room {
    fn read(reply: Bytes) -> Result<Self> {
        let mut rest = Rest(reply);
        let (_, size) = (rest.long()?, rest.long()?);
        let (blocks, unused, free) = (rest.long()?, rest.long()?, rest.long()?);
        let (_, _, files) = (rest.long()?, rest.long()?, rest.long()?);
        let bytes = |n: u64| n.saturating_mul(size);
        let limit = bytes(blocks);
        let used = bytes(blocks.saturating_sub(unused));
        Ok(Self { limit, used, free: bytes(free).min(limit - used.min(limit)), files })
    }
}

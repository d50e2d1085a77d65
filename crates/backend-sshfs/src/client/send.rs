//! The bytes of an add on their way: many writes at once, bounded in number and in bytes, and an account of what the server has for certain.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Range;
use std::sync::Arc;
use std::task::Poll;

use backend_core::{ByteStream, Content, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::stream::StreamExt;
use tokio::sync::watch;

use super::AT_ONCE;
use super::add::Order;
use super::folders;
use super::pool::Pool;
use super::root::Root;
use super::session::{Session, code};
use super::temp::Temp;
use super::wire::{Attrs, Field, Reply, kind};
use crate::config::Sync;
use crate::error::{Code, failed};

/// After so many bytes more that the server has for certain the checkpoint is told.
const CHECKPOINT: u64 = 16 << 20;

/// An add that is being sent.
pub(crate) struct Sending<'a> {
    pub(crate) content: &'a Content,
    pub(crate) order: &'a Order,
    pub(crate) temp: &'a Temp,
    pub(crate) root: &'a Root,
    pub(crate) pool: &'a Arc<Pool>,
}

/// Writes that wait for their answers, in the order of the file.
#[derive(Debug, Default)]
struct Account {
    writes: VecDeque<Sent>,
    bytes: u64,
    /// The server has everything before this.
    certain: u64,
}

#[derive(Debug)]
struct Sent {
    id: u32,
    len: u64,
    is_written: bool,
}

enum Turn {
    Frame(Option<Result<Bytes>>),
    /// The source pauses, and only what is held is left to send.
    Pause,
    Answer(Result<(u32, Reply)>),
}

impl Account {
    fn is_full(&self, budget: u64) -> bool {
        AT_ONCE <= self.writes.len() || budget <= self.bytes
    }

    fn sent(&mut self, id: u32, len: u64) {
        self.bytes += len;
        self.writes.push_back(Sent { id, len, is_written: false });
    }

    /// How many bytes that was; `None` if nobody wrote it.
    fn written(&mut self, id: u32) -> Option<u64> {
        let write = self.writes.iter_mut().find(|it| it.id == id)?;
        write.is_written = true;
        let len = write.len;
        while let Some(first) = self.writes.pop_front() {
            if !first.is_written {
                self.writes.push_front(first);
                break;
            }
            self.bytes -= first.len;
            self.certain += first.len;
        }
        Some(len)
    }
}

impl Sending<'_> {
    /// Sends these bytes, and waits until the server has them. `tell`: how much it has for certain meanwhile.
    pub(crate) async fn stretch(
        &self,
        session: &mut Session,
        handle: &Bytes,
        range: Range<u64>,
        tell: &watch::Sender<u64>,
    ) -> Result<()> {
        let Range { start: from, end: len } = range;
        let mut source = self.content.open(from..len).await?;
        let mut account = Account { certain: from, ..Account::default() };
        let mut held = Held { at: from, ..Held::default() };
        let (mut at, mut told, mut is_over) = (from, from, false);
        while !(is_over && account.writes.is_empty()) {
            match self.turn(session, &mut source, &account, &held, is_over).await {
                Turn::Pause => held.flush(session, handle, &mut account),
                Turn::Frame(None) => {
                    is_over = true;
                    held.flush(session, handle, &mut account);
                }
                Turn::Frame(Some(frame)) => {
                    let frame = frame?;
                    at = fits(at + frame.len() as u64, len)?;
                    held.put(session, handle, &mut account, frame);
                }
                Turn::Answer(answer) => {
                    let (id, reply) = answer?;
                    self.count(session, &mut account, id, reply).await?;
                    tell.send_replace(account.certain);
                }
            }
            if told + CHECKPOINT <= account.certain {
                told = account.certain;
                self.order.save(self.content, self.temp, told).await?;
            }
        }
        match at == len {
            true => Ok(()),
            false => Err(changed()),
        }
    }

    /// Whether the copy is on the server's disk when it is closed.
    pub(crate) fn is_synced(&self, session: &Session) -> bool {
        session.features.fsync && self.pool.plan.connection.sync == Sync::Full
    }

    /// What comes first: a frame of the source, if there is room for it, or an answer. What is held of a source that pauses waits for the writes that are on
    /// their way, and for nothing else.
    async fn turn(
        &self,
        session: &mut Session,
        source: &mut ByteStream,
        account: &Account,
        held: &Held,
        is_over: bool,
    ) -> Turn {
        poll_fn(|context| {
            if !account.writes.is_empty()
                && let Poll::Ready(answer) = session.poll_answer(context)
            {
                return Poll::Ready(Turn::Answer(answer));
            }
            if is_over || account.is_full(self.pool.budget()) || session.is_congested() {
                return Poll::Pending;
            }
            match source.poll_next_unpin(context).map(Turn::Frame) {
                Poll::Pending if account.writes.is_empty() && 0 < held.len => Poll::Ready(Turn::Pause),
                turn => turn,
            }
        })
        .await
    }

    async fn count(&self, session: &mut Session, account: &mut Account, id: u32, reply: Reply) -> Result<()> {
        match reply {
            Reply::Status(Code::OK) => {}
            Reply::Status(code) => {
                session.drain().await?;
                return Err(folders::explain(session, self.root, "write the copy", code).await);
            }
            _ => return Err(session.unexpected()),
        }
        match account.written(id) {
            Some(len) => self.order.write.progress.moved(len),
            None => return Err(session.unexpected()),
        }
        Ok(())
    }

    /// Holds the length against what was sent, brings it to the disk where that is offered, and closes: in one flight.
    pub(crate) async fn close(&self, session: &mut Session, handle: &Bytes) -> Result<Attrs> {
        let looked = session.ask(kind::FSTAT, &[Field::Text(handle)]);
        if self.is_synced(session) {
            session.ask(kind::EXTENDED, &[Field::Text(b"fsync@openssh.com"), Field::Text(handle)]);
        }
        let closed = session.ask(kind::CLOSE, &[Field::Text(handle)]);
        let mut attrs = Attrs::default();
        let mut refused = None;
        while 0 < session.in_flight() {
            let (id, reply) = session.answer().await?;
            match reply {
                Reply::Attrs(found) if id == looked => attrs = found,
                reply if id == looked => drop(code(reply)?),
                reply => match code(reply)? {
                    Code::OK => {}
                    Code::UNSUPPORTED if id != closed => {}
                    other => refused = Some(other),
                },
            }
        }
        match (refused, attrs.size) {
            (Some(code), _) => Err(folders::explain(session, self.root, "finish the copy", code).await),
            (None, Some(size)) if size != self.content.len() => {
                Err(Error::new(ErrorKind::Integrity, "the server has another number of bytes than were sent"))
            }
            (None, None) => Err(failed("look at the copy", Code::FAILURE)),
            _ => Ok(attrs),
        }
    }
}

/// Bytes of the source that are not in a write yet, because a write takes more: each has as many as the server takes, however the source cuts them. So there
/// are fewer to answer.
#[derive(Debug, Default)]
struct Held {
    pieces: Vec<Bytes>,
    len: usize,
    /// Where in the file they begin.
    at: u64,
}

impl Held {
    fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.len += piece.len();
            self.pieces.push(piece);
        }
    }

    /// Puts full writes on their way, with what is held and then a frame.
    fn put(&mut self, session: &mut Session, handle: &Bytes, account: &mut Account, mut frame: Bytes) {
        let most = usize::try_from(session.features.write).unwrap_or(usize::MAX);
        while most <= self.len + frame.len() {
            self.push(frame.split_to(most - self.len));
            self.flush(session, handle, account);
        }
        self.push(frame);
    }

    /// Puts what is held on its way.
    fn flush(&mut self, session: &mut Session, handle: &Bytes, account: &mut Account) {
        if 0 < self.len {
            let fields = [Field::Text(handle), Field::Long(self.at), Field::Pieces(&self.pieces)];
            let id = session.ask(kind::WRITE, &fields);
            account.sent(id, self.len as u64);
            self.at += self.len as u64;
        }
        self.pieces.clear();
        self.len = 0;
    }
}

fn fits(end: u64, most: u64) -> Result<u64> {
    match end <= most {
        true => Ok(end),
        false => Err(changed()),
    }
}

fn changed() -> Error {
    Error::new(ErrorKind::SourceChanged, "the source is not as long as it was")
}

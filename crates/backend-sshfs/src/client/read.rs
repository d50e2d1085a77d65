//! Reading: many requests at once, answered in order, in memory that does not grow with the file.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use backend_core::{ByteStream, Error, ErrorKind, Evidence, Fetched, GetOptions, Locator, Metadata, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt};

use super::look::{content, describe, look};
use super::name;
use super::pool::{Lease, Pool, Use};
use super::session::Session;
use super::wire::{Field, Reply, flag, kind};
use super::{AT_ONCE, Store};
use crate::error::{Code, failed};

/// A part of a file that was asked for.
#[derive(Debug)]
struct Part {
    id: u32,
    range: Range<u64>,
    data: Option<Bytes>,
}

/// Reads a range of an open file.
#[derive(Debug)]
pub(crate) struct Reader {
    pool: Arc<Pool>,
    handle: Bytes,
    /// What was not asked for yet.
    rest: Range<u64>,
    parts: VecDeque<Part>,
}

impl Reader {
    pub(crate) fn new(pool: &Arc<Pool>, handle: Bytes, range: Range<u64>) -> Self {
        Self { pool: pool.clone(), handle, rest: range, parts: VecDeque::new() }
    }

    /// The next bytes; `None` at the end of the range.
    ///
    /// # Errors
    /// `Integrity` if the file ends before the range does.
    pub(crate) async fn next(&mut self, session: &mut Session) -> Result<Option<Bytes>> {
        loop {
            self.fill(session);
            self.pump(session)?;
            match self.parts.front_mut() {
                None => return Ok(None),
                Some(part) => {
                    if let Some(data) = part.data.take() {
                        self.parts.pop_front();
                        return Ok(Some(data));
                    }
                }
            }
            let (id, reply) = session.answer().await?;
            self.arrive(session, id, reply)?;
        }
    }

    fn fill(&mut self, session: &mut Session) {
        let held = |parts: &VecDeque<Part>| parts.iter().map(|it| it.range.end - it.range.start).sum::<u64>();
        let budget = self.pool.budget();
        while !self.rest.is_empty() && self.parts.len() < AT_ONCE && held(&self.parts) < budget {
            let range = self.rest.start..self.rest.end.min(self.rest.start + session.features.read);
            self.rest.start = range.end;
            let part = self.asked(session, range);
            self.parts.push_back(part);
        }
    }

    /// Sends what was asked for just now, also while there is data to give away, and takes what has come. Else the way there and back lies idle.
    fn pump(&mut self, session: &mut Session) -> Result<()> {
        while self.parts.iter().any(|it| it.data.is_none()) {
            let Some(answer) = session.answer_now() else { break };
            let (id, reply) = answer?;
            self.arrive(session, id, reply)?;
        }
        Ok(())
    }

    fn asked(&self, session: &mut Session, range: Range<u64>) -> Part {
        let len = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
        let id = session.ask(kind::READ, &[Field::Text(&self.handle), Field::Long(range.start), Field::Number(len)]);
        Part { id, range, data: None }
    }

    fn arrive(&mut self, session: &mut Session, id: u32, reply: Reply) -> Result<()> {
        let Some(at) = self.parts.iter().position(|it| it.id == id && it.data.is_none()) else {
            return Err(session.unexpected());
        };
        let data = match reply {
            Reply::Data(data) => data,
            Reply::Status(Code::EOF) => {
                return Err(Error::new(ErrorKind::Integrity, "the file is shorter than the server said"));
            }
            Reply::Status(code) if code != Code::OK => return Err(failed("read the file", code)),
            _ => return Err(session.unexpected()),
        };
        let range = self.parts.get(at).map(|it| it.range.clone()).unwrap_or_default();
        let end = range.start + data.len() as u64;
        if data.is_empty() || range.end < end {
            return Err(session.unexpected());
        }
        if end < range.end {
            // A server may give less than was asked for (section 6.4): the rest is asked for at once.
            let part = self.asked(session, end..range.end);
            self.parts.insert(at + 1, part);
        }
        if let Some(part) = self.parts.get_mut(at) {
            part.range.end = end;
            part.data = Some(data);
        }
        Ok(())
    }

    fn is_read(&self) -> bool {
        self.rest.is_empty() && self.parts.iter().all(|it| it.data.is_some())
    }
}

/// A body, which has its session to itself.
struct Body {
    lease: Lease,
    reader: Reader,
    is_closing: bool,
}

impl Body {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        let frame = self.reader.next(&mut self.lease).await?;
        if self.reader.is_read() && !self.is_closing {
            self.is_closing = true;
            self.lease.ask(kind::CLOSE, &[Field::Text(&self.reader.handle)]);
            // It goes out with the last bytes; what it answers, a file that was only read does not care for.
            if let Some(answer) = self.lease.answer_now() {
                answer?;
            }
        }
        match frame {
            Some(frame) => Ok(Some((frame, self))),
            None => {
                self.lease.drain().await?;
                Ok(None)
            }
        }
    }
}

impl Store {
    pub(crate) async fn stat(&self, at: &Locator) -> Result<Metadata> {
        let target = name::target(at)?;
        let mut lease = self.pool.lend(Use::Short).await?;
        let attrs = content(look(&mut lease, &self.root, &target).await?)?;
        Ok(describe(at.clone(), &attrs, Evidence::Acknowledged))
    }

    pub(crate) async fn get(&self, at: &Locator, opts: &GetOptions) -> Result<Fetched> {
        let target = name::target(at)?;
        let mut lease = self.pool.lend(Use::Read).await?;
        let attrs = content(look(&mut lease, &self.root, &target).await?)?;
        let size =
            attrs.size.ok_or_else(|| Error::new(ErrorKind::Internal, "the server does not say how large it is"))?;
        let range = opts.range.map_or(Ok(0..size), |it| it.within(size))?;
        let meta = describe(at.clone(), &attrs, Evidence::Acknowledged);
        if range.is_empty() {
            return Ok(Fetched { meta, range, body: stream::empty().boxed() });
        }
        let path = self.root.path(target.as_str());
        let fields = [Field::Text(&path), Field::Number(flag::READ), Field::Mode(None)];
        let handle = match lease.open(kind::OPEN, &fields).await? {
            Ok(handle) => handle,
            Err(Code::NO_SUCH_FILE) => return Err(Error::new(ErrorKind::NotFound, "there is no such file")),
            Err(code) => return Err(failed("open the file", code)),
        };
        let reader = Reader::new(lease.pool(), handle, range.clone());
        let body = Body { lease, reader, is_closing: false };
        let body: ByteStream = stream::try_unfold(body, Body::next).boxed();
        Ok(Fetched { meta, range, body })
    }
}

//! Begun uploads: what has arrived, but is not visible under any name.

use std::collections::BTreeMap;
use std::sync::Arc;

use backend_core::{Content, ErrorKind, Locator, Result, ResumeToken, Write};
use bytes::{Bytes, BytesMut};
use cid::Cid;
use futures::StreamExt;

use super::Store;
use super::good::Good;
use super::parts::{PART, Parts};
use crate::error::Fault;

/// All uploads that can be gone on with, and those that are under way.
pub(super) type Uploads = BTreeMap<u64, Upload>;

/// What an upload is of. Bytes of one content never become part of another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    name: String,
    cid: Cid,
    len: u64,
}

#[derive(Debug)]
pub(super) struct Upload {
    target: Target,
    parts: Parts,
    /// Somebody is sending: nobody else may.
    busy: bool,
}

impl Upload {
    /// Bytes that have arrived.
    pub(super) fn len(&self) -> u64 {
        self.parts.len()
    }
}

/// One upload in the hands of the `add` that sends it. Dropped, its parts stay only if somebody has a token for them.
#[derive(Debug)]
pub(crate) struct Sending {
    store: Arc<Store>,
    number: u64,
    known: bool,
}

impl Store {
    /// Goes on with the upload of `token`, or begins one. A token that is not known any more, or is in use, is not an error.
    ///
    /// # Errors
    /// `InvalidInput` when the token is of another content or another name; `QuotaExceeded` when what is still to come does not fit.
    pub(crate) fn begin(
        self: &Arc<Self>,
        name: &str,
        content: &Content,
        token: Option<&ResumeToken>,
    ) -> Result<Sending> {
        let target = Target { name: name.to_owned(), cid: *content.cid(), len: content.len() };
        let mut state = self.lock();
        let known = token.and_then(|token| self.number(token)).filter(|number| {
            let upload = state.uploads.get(number);
            upload.is_some_and(|upload| !upload.busy)
        });
        let number = known.unwrap_or_else(|| state.next());
        let upload = state.uploads.remove(&number);
        let upload = upload.unwrap_or_else(|| Upload { target: target.clone(), parts: Parts::default(), busy: false });
        let refused = match upload.target == target {
            false => Some(Fault::Input("the resume token is of another upload")),
            true if !self.has_room(&state, content.len().saturating_sub(upload.len())) => Some(Fault::Full),
            true => None,
        };
        let known = known.is_some();
        if known || refused.is_none() {
            state.uploads.insert(number, Upload { busy: refused.is_none(), ..upload });
        }
        match refused {
            Some(fault) => Err(fault.into()),
            None => Ok(Sending { store: self.clone(), number, known }),
        }
    }

    /// Forgets an upload that nobody is sending; `token` may be of any store.
    pub(crate) fn discard(&self, token: &ResumeToken) {
        let mut state = self.lock();
        if let Some(number) = self.number(token)
            && state.uploads.get(&number).is_some_and(|upload| !upload.busy)
        {
            state.forget(number);
        }
    }

    fn number(&self, token: &ResumeToken) -> Option<u64> {
        let text = std::str::from_utf8(token.reveal()).ok()?;
        let (store, number) = text.split_once('-')?;
        number.parse().ok().filter(|_| store == self.identity)
    }
}

impl Sending {
    /// Collects the source, part by part, each told before it is sent.
    pub(crate) async fn receive(
        &mut self,
        content: &Content,
        good: &Good,
        write: &Write,
        at: &Locator,
    ) -> Result<Parts> {
        let mut part = BytesMut::new();
        let mut sent = self.sent();
        self.checkpoint(write, at, sent).await?;
        for (range, run) in good.runs(content.len(), sent) {
            let mut left = range.end - range.start;
            let mut body = good.open(content, range, run).await?;
            while let Some(frame) = body.next().await {
                let mut frame = frame?;
                write.progress.moved(frame.len() as u64);
                left = left.checked_sub(frame.len() as u64).ok_or(Fault::Source)?;
                while PART <= (part.len() + frame.len()) as u64 {
                    part.extend_from_slice(&frame.split_to(PART as usize - part.len()));
                    self.push(part.split().freeze())?;
                    sent += PART;
                    self.checkpoint(write, at, sent).await?;
                }
                part.extend_from_slice(&frame);
            }
            if 0 < left {
                return Err(Fault::Source.into());
            }
        }
        match part.is_empty() {
            true => Ok(self.parts()),
            false => self.push(part.freeze()).map(|()| self.parts()),
        }
    }

    /// Tells how to go on, if anybody wants to know. From then on what was sent outlives the future.
    async fn checkpoint(&mut self, write: &Write, at: &Locator, sent: u64) -> Result<()> {
        let Some(keeper) = &write.checkpoint else { return Ok(()) };
        keeper.save(&self.token()?, Some(at), sent).await?;
        self.known = true;
        Ok(())
    }

    fn token(&self) -> Result<ResumeToken> {
        ResumeToken::new(format!("{}-{}", self.store.identity, self.number))
    }

    /// Nobody should go on with it.
    pub(crate) fn give_up(&mut self) {
        self.known = false;
    }

    fn sent(&self) -> u64 {
        self.store.lock().uploads.get(&self.number).map_or(0, |upload| upload.parts.len())
    }

    /// One more part.
    ///
    /// # Errors
    /// `QuotaExceeded` when it does not fit.
    fn push(&self, part: Bytes) -> Result<()> {
        let mut state = self.store.lock();
        let room = self.store.has_room(&state, part.len() as u64);
        let Some(upload) = state.uploads.get_mut(&self.number).filter(|_| room) else { return Err(Fault::Full.into()) };
        let len = part.len() as u64;
        upload.parts.push(part);
        state.used += len;
        Ok(())
    }

    fn parts(&self) -> Parts {
        self.store.lock().uploads.get(&self.number).map(|upload| upload.parts.clone()).unwrap_or_default()
    }

    /// Whether an error makes what has arrived worthless.
    pub(crate) fn spoilt_by(kind: ErrorKind) -> bool {
        matches!(kind, ErrorKind::SourceChanged | ErrorKind::Integrity)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        let mut state = self.store.lock();
        match (self.known, state.uploads.get_mut(&self.number)) {
            (true, Some(upload)) => upload.busy = false,
            _ => state.forget(self.number),
        }
    }
}

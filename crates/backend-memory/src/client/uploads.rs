//! Begun uploads: what has arrived, but is not visible under any name.

use std::collections::BTreeMap;
use std::sync::Arc;

use backend_core::{Content, ErrorKind, Result, ResumeToken};
use bytes::Bytes;
use cid::Cid;

use super::Store;
use super::parts::Parts;
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
    /// `InvalidInput` when the token is of another content or another name.
    pub(crate) fn begin(
        self: &Arc<Self>,
        name: &str,
        content: &Content,
        token: Option<&ResumeToken>,
    ) -> Result<Sending> {
        let target = Target { name: name.to_owned(), cid: *content.cid(), len: content.len() };
        let mut state = self.lock();
        if let Some(number) = token.and_then(|token| self.number(token))
            && let Some(upload) = state.uploads.get_mut(&number)
        {
            if upload.target != target {
                return Err(Fault::Input("the resume token is of another upload").into());
            }
            if !std::mem::replace(&mut upload.busy, true) {
                return Ok(Sending { store: self.clone(), number, known: true });
            }
        }
        let number = state.next();
        state.uploads.insert(number, Upload { target, parts: Parts::default(), busy: true });
        Ok(Sending { store: self.clone(), number, known: false })
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
    /// How to go on with it later.
    pub(crate) fn token(&self) -> Result<ResumeToken> {
        ResumeToken::new(format!("{}-{}", self.store.identity, self.number))
    }

    /// Somebody keeps the token now: what was sent outlives this `add`.
    pub(crate) fn keep(&mut self) {
        self.known = true;
    }

    /// Nobody should go on with it.
    pub(crate) fn give_up(&mut self) {
        self.known = false;
    }

    /// Bytes that have arrived.
    pub(crate) fn sent(&self) -> u64 {
        self.store.lock().uploads.get(&self.number).map_or(0, |upload| upload.parts.len())
    }

    /// One more part.
    ///
    /// # Errors
    /// `QuotaExceeded` when it does not fit.
    pub(crate) fn push(&self, part: Bytes) -> Result<()> {
        let mut state = self.store.lock();
        let room = self.store.rules.max_bytes.is_none_or(|max| state.used + part.len() as u64 <= max);
        let Some(upload) = state.uploads.get_mut(&self.number).filter(|_| room) else { return Err(Fault::Full.into()) };
        let len = part.len() as u64;
        upload.parts.push(part);
        state.used += len;
        Ok(())
    }

    /// All that has arrived.
    pub(crate) fn parts(&self) -> Parts {
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

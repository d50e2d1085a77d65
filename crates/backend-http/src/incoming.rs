//! A body on its way in: it ends well only when it is complete, and the trailers behind it agree.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context as Task, Poll, ready};

use backend_core::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::Stream;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, StatusCode};
use http_body::Body as _;

use crate::error::broken;
use crate::response::Context;

/// How the end of a body is told (RFC 9112, 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By its length.
    Length(u64),
    /// By a last chunk; trailers may follow.
    Chunked,
    /// By the end of the connection: whether it is complete cannot be told.
    Close,
}

impl Framing {
    pub(crate) fn of(status: StatusCode, headers: &HeaderMap, is_head: bool) -> Self {
        if is_head || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Framing::Length(0);
        }
        let chunked = |text: &str| text.to_ascii_lowercase().contains("chunked");
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        match (text(TRANSFER_ENCODING).is_some_and(chunked), text(CONTENT_LENGTH).map(str::parse)) {
            (true, _) => Framing::Chunked,
            (false, Some(Ok(len))) => Framing::Length(len),
            _ => Framing::Close,
        }
    }
}

/// What followed a body. Empty until the body was read to its end.
#[derive(Debug, Clone, Default)]
pub struct Trailers(Arc<OnceLock<HeaderMap>>);

impl Trailers {
    /// A trailer, if it came and is text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get()?.get(name)?.to_str().ok()
    }
}

type Judge = Box<dyn Fn(&HeaderMap) -> Result<()> + Send>;

pub(crate) struct Incoming {
    body: Pin<Box<reqwest::Body>>,
    framing: Framing,
    until_close: bool,
    read: u64,
    trailers: Trailers,
    context: Context,
    judge: Judge,
    over: bool,
}

impl Incoming {
    pub(crate) fn new(
        body: reqwest::Body,
        framing: Framing,
        until_close: bool,
        trailers: Trailers,
        context: Context,
        judge: Judge,
    ) -> Self {
        Self { body: Box::pin(body), framing, until_close, read: 0, trailers, context, judge, over: false }
    }

    /// The verdict when no more comes.
    fn end(&self) -> Result<()> {
        if let Some(fault) = self.context.sent.fault(self.context.changes) {
            return Err(fault);
        }
        let cut = |why: &str| {
            let err = Error::new(ErrorKind::Unavailable, format!("{}: {why}", self.context.origin));
            Err(self.context.unsure(err))
        };
        match self.framing {
            Framing::Length(len) if len != self.read => return cut("the answer was cut off"),
            Framing::Close if !self.until_close => return cut("whether the answer is complete cannot be told"),
            _ => {}
        }
        let judged = self.trailers.0.get().map_or(Ok(()), |trailers| (self.judge)(trailers));
        judged.map_err(|err| self.context.clean(self.context.unsure(err)))
    }

    fn failed(&self, err: reqwest::Error) -> Error {
        let changes = self.context.changes;
        self.context.sent.fault(changes).unwrap_or_else(|| broken(&self.context.origin, changes, err))
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while !this.over {
            match ready!(this.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => {
                        this.read += data.len() as u64;
                        return Poll::Ready(Some(Ok(data)));
                    }
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            // A second block of trailers cannot come.
                            let _ = this.trailers.0.set(trailers);
                        }
                    }
                },
                Some(Err(err)) => {
                    this.over = true;
                    return Poll::Ready(Some(Err(this.failed(err))));
                }
                None => {
                    this.over = true;
                    if let Err(err) = this.end() {
                        return Poll::Ready(Some(Err(err)));
                    }
                }
            }
        }
        Poll::Ready(None)
    }
}

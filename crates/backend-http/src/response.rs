//! An answer: status, headers, and a body that is still to be read, in bounds.

use std::fmt;
use std::sync::Arc;

use backend_core::{ByteStream, Effect, Error, ErrorKind, Result, RetryAdvice};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, ETAG};
use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use crate::auth::Redactor;
use crate::endpoint::Origin;
use crate::error::{address, lie};
use crate::incoming::{Framing, Incoming, Trailers};
use crate::lines;
use crate::refusal::Refusal;
use crate::sending::State;

/// The most that is read of a refusal's body.
const REFUSAL: usize = 64 << 10;

/// What an answer has to know of its request.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) redactor: Redactor,
    pub(crate) advice: Option<RetryAdvice>,
    pub(crate) origin: Origin,
    pub(crate) changes: bool,
    pub(crate) is_head: bool,
    pub(crate) sent: Arc<State>,
}

/// An answer, whatever its status.
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: reqwest::Body,
    pub(crate) framing: Framing,
    pub(crate) context: Context,
    trailers: Trailers,
    until_close: bool,
}

impl Response {
    pub(crate) fn new(
        method: Method,
        url: Url,
        answer: http::Response<reqwest::Body>,
        context: Context,
    ) -> Result<Self> {
        let (parts, body) = answer.into_parts();
        let framing = Framing::of(parts.status, &parts.headers, context.is_head);
        let encoding = parts.headers.get(CONTENT_ENCODING).filter(|it| *it != "identity");
        if parts.status.is_success() && encoding.is_some() {
            return Err(lie(format!("{}: the answer is compressed although that was not allowed", context.origin)));
        }
        let (status, headers, trailers) = (parts.status, parts.headers, Trailers::default());
        Ok(Self { status, headers, method, url, body, framing, context, trailers, until_close: false })
    }

    /// A header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The media type without its parameters, in lower case.
    pub fn media_type(&self) -> Option<String> {
        let whole = self.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        whole.split(';').next().map(|it| it.trim().to_ascii_lowercase())
    }

    /// The etag as it stands, quotes included.
    pub fn etag(&self) -> Option<&str> {
        self.header(ETAG.as_str())
    }

    /// How the end of the body is told.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The address that answered, behind all redirects. It may hold a secret in its query.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// How long the service wants to be left alone, if it says so; an hour at most.
    pub fn advice(&self) -> Option<RetryAdvice> {
        self.context.advice
    }

    /// Whether the service answered before the whole body of the request was sent.
    pub fn is_early(&self) -> bool {
        !self.context.sent.is_done()
    }

    /// What follows the body; filled when the body was read to its end.
    pub fn trailers(&self) -> Trailers {
        self.trailers.clone()
    }

    /// Lets a body end with the connection, where neither a length nor chunks tell its end: only for what is verified afterwards.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.until_close = true;
        self
    }

    /// The body. It ends without an error only when it came whole, and no trailer `X-Stream-Error` says otherwise.
    pub fn body(self) -> ByteStream {
        self.body_with(stream_error)
    }

    /// The body, with a leaf's own word on the trailers.
    pub fn body_with(self, judge: impl Fn(&HeaderMap) -> Result<()> + Send + 'static) -> ByteStream {
        Incoming::new(self.body, self.framing, self.until_close, self.trailers, self.context, Box::new(judge)).boxed()
    }

    /// The whole body.
    ///
    /// # Errors
    /// `Internal` when it has more than `most` bytes; what reading it answers.
    pub async fn bytes(self, most: usize) -> Result<Bytes> {
        let origin = self.context.origin.clone();
        let too_long = || lie(format!("{origin}: the answer has more than {most} bytes"));
        if let Framing::Length(len) = self.framing
            && (most as u64) < len
        {
            return Err(too_long());
        }
        let mut body = self.body();
        let mut whole = BytesMut::new();
        while let Some(frame) = body.next().await {
            let frame = frame?;
            if most - whole.len() < frame.len() {
                return Err(too_long());
            }
            whole.extend_from_slice(&frame);
        }
        Ok(whole.freeze())
    }

    /// The whole body as JSON.
    ///
    /// # Errors
    /// `Internal` when it is too long, or not the JSON that was expected; the message quotes nothing of it.
    pub async fn json<T: DeserializeOwned>(self, most: usize) -> Result<T> {
        let origin = self.context.origin.clone();
        let bytes = self.bytes(most).await?;
        serde_json::from_slice(&bytes).map_err(|err| lines::no_json(&origin, &err))
    }

    /// The lines of the body as they come, without their ends; empty ones are left out.
    pub fn lines(self, most: usize) -> BoxStream<'static, Result<Bytes>> {
        let origin = self.context.origin.clone();
        lines::lines(self.body(), origin, most)
    }

    /// One JSON value after the other (NDJSON; values may also follow each other on one line).
    pub fn json_lines<T: DeserializeOwned + Send + 'static>(self, most: usize) -> BoxStream<'static, Result<T>> {
        let origin = self.context.origin.clone();
        lines::json(self.body(), origin, most)
    }

    /// The same for a body that a leaf has made by [`Response::body_with`].
    pub fn json_lines_of<T: DeserializeOwned + Send + 'static>(
        origin: &Origin,
        body: ByteStream,
        most: usize,
    ) -> BoxStream<'static, Result<T>> {
        lines::json(body, origin.clone(), most)
    }

    /// The origin that answered.
    pub fn origin(&self) -> &Origin {
        &self.context.origin
    }

    /// What a service says that does not do what was asked. At most 64 KiB of its body are read; what fails in reading it is left out.
    pub async fn refusal(self) -> Refusal {
        let (status, headers, context) = (self.status, self.headers.clone(), self.context.clone());
        let (method, address) = (self.method.clone(), address(&self.url));
        let mut body = self.until_close().body();
        let mut text = BytesMut::new();
        while let Some(Ok(frame)) = body.next().await {
            let room = REFUSAL - text.len();
            text.extend_from_slice(&frame[..frame.len().min(room)]);
            if text.len() == REFUSAL {
                break;
            }
        }
        Refusal { status, headers, body: text.freeze(), method, address, context }
    }

    /// Itself, if the status is 2xx.
    ///
    /// # Errors
    /// The refusal, by the common table ([`Refusal::error`]).
    pub async fn successful(self) -> Result<Self> {
        match self.status.is_success() {
            true => Ok(self),
            false => Err(self.refusal().await.error()),
        }
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("url", &address(&self.url))
            .field("framing", &self.framing)
            .finish_non_exhaustive()
    }
}

/// Kubo and IPFS Cluster tell what goes wrong in mid-stream in this trailer and nowhere else.
fn stream_error(trailers: &HeaderMap) -> Result<()> {
    match trailers.get("x-stream-error") {
        Some(text) => {
            let text = crate::error::shown(&String::from_utf8_lossy(text.as_bytes()));
            Err(Error::new(ErrorKind::Unavailable, format!("the service broke off: {text}")))
        }
        None => Ok(()),
    }
}

impl Context {
    /// Marks what may have happened all the same.
    pub(crate) fn unsure(&self, err: Error) -> Error {
        match self.changes {
            true => err.with_effect(Effect::Unknown),
            false => err,
        }
    }

    /// Blots our secrets out of an error's message.
    pub(crate) fn clean(&self, err: Error) -> Error {
        let cleaned = self.redactor.clean(err.message());
        match cleaned == err.message() {
            true => err,
            false => Error::new(err.kind(), cleaned).with_advice(err.advice()).with_effect(err.effect()),
        }
    }
}

//! A request from its head to its answer: written down, faulted, refused, or handed to `s3s`.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use s3s::StdError;
use s3s::dto::Range;

use super::answer::{Answer, Twist};
use super::fault::Fault;
use super::log::{self, Entry, Request};
use super::operation::Operation;
use super::refusal;
use super::state::{DOMAIN, Shared};

/// The connection ends here.
#[derive(Debug)]
pub(super) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was cut, as the test wants it")
    }
}

impl std::error::Error for Cut {}

/// Another range than was asked for. Told beside the request, for its headers are signed.
#[derive(Debug, Clone, Copy)]
pub(super) enum OtherRange {
    Whole,
    Behind(u64),
}

impl OtherRange {
    /// What is answered instead of this range.
    pub(super) fn instead(self, asked: Range) -> Option<Range> {
        match (self, asked) {
            (Self::Whole, _) => None,
            (Self::Behind(by), Range::Int { first, last }) => {
                Some(Range::Int { first: first + by, last: last.map(|last| last + by) })
            }
            (Self::Behind(by), Range::Suffix { length }) => {
                Some(Range::Suffix { length: length.saturating_sub(by).max(1) })
            }
        }
    }
}

/// A body that comes in, counted, and broken where a fault wants it.
struct Counted {
    inner: Incoming,
    shared: Arc<Shared>,
    entry: Arc<Entry>,
    /// How many bytes may still come.
    left: Option<u64>,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        if self.left == Some(0) {
            return Poll::Ready(Some(Err(Cut.into())));
        }
        let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(cx)) else { return Poll::Ready(None) };
        let frame = frame.map_err(StdError::from)?;
        if let Some(bytes) = frame.data_ref() {
            let n_bytes = bytes.len() as u64;
            self.shared.log.count(&self.entry, n_bytes);
            self.left = self.left.map(|left| left.saturating_sub(n_bytes));
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.left != Some(0) && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// One request.
pub(super) struct Exchange {
    pub(super) shared: Arc<Shared>,
    /// Raised when the connection is to be reset instead of closed.
    pub(super) reset: Arc<AtomicBool>,
    pub(super) serial: u64,
    pub(super) endpoint: String,
}

impl Exchange {
    /// Answers it.
    pub(super) async fn serve(self, req: http::Request<Incoming>) -> Result<Response<Answer>, Cut> {
        let request = told(&req);
        let (method, operation) = (req.method().clone(), request.operation);
        let entry = self.shared.log.add(request.clone());
        let fault = self.shared.script.next(operation, &request.key);
        if fault == Some(Fault::ResetBefore) {
            return Err(self.cut());
        }
        let left = match fault {
            Some(Fault::ResetUploadAt(at)) => Some(at),
            _ => None,
        };
        let (mut head, body) = req.into_parts();
        let body = Counted { inner: body, shared: self.shared.clone(), entry: entry.clone(), left };
        if let Some(answer) = fault.as_ref().and_then(|fault| self.instead(&method, fault)) {
            return self.told(drained(body, answer).await, &entry);
        }
        if let Some(answer) = refusal::of(&self.shared.service.opts, &method, &request, &self.endpoint) {
            return self.told(drained(body, answer).await, &entry);
        }
        match &fault {
            Some(Fault::Hang) => return std::future::pending().await,
            Some(Fault::WholeFor206) => drop(head.extensions.insert(OtherRange::Whole)),
            Some(Fault::ShiftRange(by)) => drop(head.extensions.insert(OtherRange::Behind(*by))),
            _ => {}
        }
        let req = http::Request::from_parts(head, s3s::Body::http_body_unsync(body));
        let answer = self.shared.s3.call(req).await.map_err(|_| Cut)?;
        match &fault {
            Some(Fault::ResetAfter | Fault::ResetUploadAt(_)) => Err(self.cut()),
            Some(Fault::HangAfter) => {
                // It is done, and whoever looks may know it; only the client never does.
                entry.answered(answer.status().as_u16());
                std::future::pending().await
            }
            fault => self.told(twisted(answer, fault.as_ref()), &entry),
        }
    }

    fn cut(&self) -> Cut {
        self.reset.store(true, Ordering::Relaxed);
        Cut
    }

    fn told(&self, mut answer: Response<Answer>, entry: &Entry) -> Result<Response<Answer>, Cut> {
        refusal::sign(&self.shared.service.opts, answer.headers_mut(), self.serial);
        entry.answered(answer.status().as_u16());
        Ok(answer)
    }

    /// What is answered where nothing is done.
    fn instead(&self, method: &Method, fault: &Fault) -> Option<Response<Answer>> {
        match fault {
            Fault::Answer { status, code, retry_after_s } => {
                let mut answer = refusal::error(method, *status, code, "");
                if let Some(seconds) = retry_after_s {
                    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
                }
                Some(answer)
            }
            Fault::Html(status) => {
                let mut answer = refusal::error(method, *status, "", "");
                *answer.body_mut() =
                    Answer::text("<!doctype html><html><body><h1>Bad Gateway</h1><p>&nbsp;</body></html>".to_owned());
                answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
                Some(answer)
            }
            Fault::Redirect { status, location } => {
                let code = if *status == 301 { "PermanentRedirect" } else { "TemporaryRedirect" };
                let mut answer = refusal::error(method, *status, code, &format!("<Endpoint>{location}</Endpoint>"));
                answer.headers_mut().insert(header::LOCATION, HeaderValue::from_str(location).ok()?);
                Some(answer)
            }
            Fault::ErrorIn200(code) => Some(refusal::error(method, 200, code, "")),
            _ => None,
        }
    }
}

/// The answer, given when the body was read: a client that still sends might not see it otherwise.
async fn drained(mut body: Counted, answer: Response<Answer>) -> Response<Answer> {
    while let Some(Ok(_)) = body.frame().await {}
    answer
}

fn twisted(answer: http::Response<s3s::Body>, fault: Option<&Fault>) -> Response<Answer> {
    let twist = match fault {
        Some(Fault::CutBodyAt(at)) => Twist::CutAt(*at),
        Some(Fault::HangBodyAt(at)) => Twist::HangAt(*at),
        Some(Fault::FlipByteAt(at)) => Twist::FlipAt(*at),
        Some(Fault::ShortBody(at)) => Twist::EndAt(*at),
        Some(Fault::LongBody(more)) => Twist::Longer(*more),
        Some(Fault::EndlessBody) => Twist::Endless,
        _ => Twist::None,
    };
    let (mut head, body) = answer.into_parts();
    if matches!(twist, Twist::EndAt(_) | Twist::Longer(_) | Twist::Endless) {
        // Told anew, by the body.
        head.headers.remove(header::CONTENT_LENGTH);
    }
    Response::from_parts(head, Answer::new(body, twist))
}

/// What a request asks for. A host below the domain is a bucket.
fn told(req: &http::Request<Incoming>) -> Request {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(&value.replace('+', " ")))
    };
    let query: Vec<(String, String)> =
        req.uri().query().unwrap_or_default().split('&').filter(|it| !it.is_empty()).map(pair).collect();
    let host = req.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let path = req.uri().path().trim_start_matches('/');
    let (bucket, key) = match name.strip_suffix(DOMAIN).and_then(|it| it.strip_suffix('.')) {
        Some(bucket) => (bucket, path),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    let (bucket, key) = (decoded(bucket), decoded(key));
    Request {
        operation: Operation::of(req.method(), &bucket, &key, &query, req.headers()),
        method: req.method().as_str().to_owned(),
        bucket,
        key,
        path: req.uri().path().to_owned(),
        query,
        headers: log::headers(req.headers()),
        received: 0,
        status: None,
    }
}

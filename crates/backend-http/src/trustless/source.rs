//! One endpoint: what it is asked, what its answers mean, and how well it has done so far.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend_core::{Error, ErrorKind, Result, RetryAdvice};
use bytes::Bytes;
use cid::Cid;
use http::header::{ACCEPT, CONTENT_LENGTH, HeaderValue};
use http::{Method, StatusCode};
use ipld::address;

use super::{Inner, fault};
use crate::endpoint::Endpoint;
use crate::request::Request;
use crate::response::Response;

/// The identity CID of nothing: every gateway has to answer it with an empty block (trustless gateway specification, "probing").
const EMPTY: &str = "bafkqaaa";
const RAW: &str = "application/vnd.ipld.raw";
/// What a lie costs, in failures.
const LIE: u32 = 5;
/// More failures than this make no difference.
const MOST_FAILURES: u32 = 20;

/// An endpoint.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) endpoint: Endpoint,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Failures since, with every success, half of them were forgiven.
    failures: u32,
    /// Until when it wants to be left alone, on the clock that never runs backwards.
    rests_until: Duration,
    /// It has answered as a gateway does.
    recognised: bool,
}

impl Source {
    pub(super) fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn origin(&self) -> String {
        self.endpoint.origin().to_string()
    }

    /// How long it still wants to be left alone.
    pub(super) fn rests(&self, now: Duration) -> Option<Duration> {
        self.lock().rests_until.checked_sub(now).filter(|wait| !wait.is_zero())
    }

    pub(super) fn failures(&self) -> u32 {
        self.lock().failures
    }

    pub(super) fn succeeded(&self) {
        let mut state = self.lock();
        state.failures /= 2;
        state.recognised = true;
    }

    /// Counts a failure. That content is not there is none.
    pub(super) fn failed(&self, err: &Error, now: Duration) {
        let mut state = self.lock();
        let cost = match err.kind() {
            ErrorKind::NotFound | ErrorKind::InvalidInput | ErrorKind::Denied => 0,
            ErrorKind::Integrity | ErrorKind::Internal => LIE,
            _ => 1,
        };
        state.failures = state.failures.saturating_add(cost).min(MOST_FAILURES);
        if let RetryAdvice::After(wait) = err.advice() {
            state.rests_until = now.saturating_add(wait);
        }
    }

    /// Another one, asked later, was quicker.
    pub(super) fn was_slow(&self) {
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1).min(MOST_FAILURES);
    }

    fn is_recognised(&self) -> bool {
        self.lock().recognised
    }

    /// A request for `cid` in a form, both by the query and by `Accept`: the first wins where both are understood.
    pub(super) fn ask(&self, method: Method, cid: &str, format: &str, accept: &'static str) -> Result<Request> {
        let mut request = self.endpoint.request(method, &["ipfs", cid])?.query(&[("format", format)]);
        request.headers.insert(ACCEPT, HeaderValue::from_static(accept));
        Ok(request)
    }
}

impl Inner {
    /// One block from one endpoint, hashed.
    pub(super) async fn raw(&self, source: &Source, cid: &Cid) -> Result<Bytes> {
        let request = source.ask(Method::GET, &address::text(cid), "raw", RAW)?;
        let answer = self.client.send(request).await?;
        let answer = self.accepted(source, answer).await?;
        let is_raw = answer.media_type().as_deref() == Some(RAW);
        let data = answer.until_close().bytes(self.options.max_block).await?;
        match address::verify(cid, &data) {
            Ok(()) => Ok(data),
            Err(err @ ipld::Error::Mismatch { .. }) if is_raw => Err(fault::of_gateway(&source.origin(), err)),
            // A plain web server, or a gateway that serves pages alone: not a copy that is damaged.
            Err(ipld::Error::Mismatch { .. }) => Err(no_gateway(source, "answers with something that is no block")),
            Err(err) => Err(fault::of_content(err)),
        }
    }

    /// How long a raw block is, as the endpoint says.
    pub(super) async fn length(&self, source: &Source, cid: &Cid) -> Result<Option<u64>> {
        address::check_hash(cid).map_err(fault::of_content)?;
        let request = source.ask(Method::HEAD, &address::text(cid), "raw", RAW)?;
        let answer = self.client.send(request).await?;
        let answer = self.accepted(source, answer).await?;
        if answer.media_type().as_deref() != Some(RAW) {
            return Err(no_gateway(source, "answers with something that is no block"));
        }
        Ok(answer.header(CONTENT_LENGTH.as_str()).and_then(|len| len.parse().ok()))
    }

    /// Whether it answers as a gateway does.
    pub(super) async fn probe(&self, source: &Source) -> Result<()> {
        let answer = self.client.send(source.ask(Method::GET, EMPTY, "raw", RAW)?).await?;
        let answer = match answer.status {
            StatusCode::NOT_FOUND => return Err(no_gateway(source, "does not know the empty block")),
            _ => answer.successful().await?,
        };
        let is_raw = answer.media_type().as_deref() == Some(RAW);
        let is_empty = answer.until_close().bytes(0).await.is_ok();
        match is_raw && is_empty {
            true => {
                source.succeeded();
                Ok(())
            }
            false => Err(no_gateway(source, "does not answer the empty block with nothing")),
        }
    }

    /// An answer of status 200, or what it means instead.
    pub(super) async fn accepted(&self, source: &Source, answer: Response) -> Result<Response> {
        if answer.status == StatusCode::OK {
            return Ok(answer);
        }
        let refusal = answer.refusal().await;
        let kind = match refusal.status.as_u16() {
            404 | 412 => {
                // Believed only of what is known to be a gateway: any web server says 404.
                if !source.is_recognised() {
                    self.probe(source).await?;
                }
                ErrorKind::NotFound
            }
            // "Gone" and "unavailable for legal reasons": this one serves it to nobody, which says nothing of the others.
            410 | 451 => ErrorKind::Denied,
            200..=299 => ErrorKind::Internal,
            _ => refusal.kind(),
        };
        Err(refusal.error_as(kind))
    }
}

pub(super) fn no_gateway(source: &Source, what: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, format!("{}: no trustless gateway: it {what}", source.origin()))
}

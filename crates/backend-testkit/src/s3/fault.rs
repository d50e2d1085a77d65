//! What can go wrong, and when.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::operation::Operation;

/// Which requests a fault is for.
#[derive(Debug, Clone)]
pub struct When {
    operation: Operation,
    /// Only of this key.
    key: Option<String>,
    /// How many matching requests pass before it holds.
    skip: u64,
    /// How many requests it holds for; for ever if absent.
    times: Option<u64>,
}

impl When {
    /// Every request of this operation, from now on.
    pub fn always(operation: Operation) -> Self {
        Self { operation, key: None, skip: 0, times: None }
    }

    /// The next request of this operation.
    pub fn next(operation: Operation) -> Self {
        Self::nth(operation, 1)
    }

    /// Only the `n`-th request of this operation, counted from one and from now.
    pub fn nth(operation: Operation, n: u64) -> Self {
        Self { operation, key: None, skip: n.saturating_sub(1), times: Some(1) }
    }

    /// Every request of this operation but the next `n`.
    pub fn after(operation: Operation, n: u64) -> Self {
        Self { operation, key: None, skip: n, times: None }
    }

    /// Holds for so many requests.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Only requests for this key; others are not counted.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done, and this error is answered (S3 API, Error Responses).
    Answer {
        /// The status of the answer.
        status: u16,
        /// The code within the body.
        code: String,
        /// What `Retry-After` says.
        retry_after_s: Option<u64>,
    },
    /// Nothing is done, and a page of HTML is answered, as a proxy does.
    Html(u16),
    /// Nothing is done, and the client is sent elsewhere.
    Redirect {
        /// 301, 302, 307 or 308.
        status: u16,
        /// What `Location` says.
        location: String,
    },
    /// 200, and an error in the body (Complete, Copy). Nothing is done.
    ErrorIn200(String),
    /// The connection is reset when the head was read. Nothing is done.
    ResetBefore,
    /// The connection is reset after so many bytes of the request's body. Nothing is done.
    ResetUploadAt(u64),
    /// It is done; then the connection is reset instead of an answer.
    ResetAfter,
    /// No answer, ever. Nothing is done.
    Hang,
    /// It is done, and no answer is given, ever.
    HangAfter,
    /// The answer's body breaks off after so many bytes, with the connection.
    CutBodyAt(u64),
    /// The answer's body stands still after so many bytes.
    HangBodyAt(u64),
    /// One bit of this byte of the answer's body is inverted.
    FlipByteAt(u64),
    /// The answer has only so many bytes, and its `Content-Length` says so too.
    ShortBody(u64),
    /// The answer has so many bytes more than was asked for, and its `Content-Length` says so too.
    LongBody(u64),
    /// The answer's body never ends.
    EndlessBody,
    /// The range is ignored: 200 and the whole object.
    WholeFor206,
    /// Another range than was asked for is answered, so many bytes further on, and told in `Content-Range`.
    ShiftRange(u64),
}

impl Fault {
    /// An error answer.
    pub fn answer(status: u16, code: &str) -> Self {
        Self::Answer { status, code: code.to_owned(), retry_after_s: None }
    }

    /// 503 `SlowDown`, with `Retry-After`.
    pub fn slow_down(retry_after_s: u64) -> Self {
        Self::Answer { status: 503, code: "SlowDown".to_owned(), retry_after_s: Some(retry_after_s) }
    }

    /// 403 `AccessDenied`.
    pub fn forbidden() -> Self {
        Self::answer(403, "AccessDenied")
    }

    /// 409 `ConditionalRequestConflict`: another conditional write is under way.
    pub fn conflict() -> Self {
        Self::answer(409, "ConditionalRequestConflict")
    }

    /// 403 `RequestTimeTooSkewed`.
    pub fn skewed() -> Self {
        Self::answer(403, "RequestTimeTooSkewed")
    }
}

/// The rules that were given.
#[derive(Debug, Default)]
pub(super) struct Script(Mutex<Vec<(When, Fault)>>);

impl Script {
    fn lock(&self) -> MutexGuard<'_, Vec<(When, Fault)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, when: When, fault: Fault) {
        self.lock().push((when, fault));
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// What happens to this request. Each rule counts the requests that it sees; one that another rule took is not seen.
    pub(super) fn next(&self, operation: Operation, key: &str) -> Option<Fault> {
        let mut rules = self.lock();
        for (when, fault) in rules.iter_mut() {
            let other_key = when.key.as_deref().is_some_and(|it| it != key);
            if !when.operation.covers(operation) || other_key || when.times == Some(0) {
                continue;
            }
            match when.skip {
                0 => {
                    when.times = when.times.map(|times| times - 1);
                    return Some(fault.clone());
                }
                skip => when.skip = skip - 1,
            }
        }
        None
    }
}

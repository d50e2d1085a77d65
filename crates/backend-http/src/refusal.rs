//! A service that does not do what was asked: its words, bounded and fit to print, and the error they become.

use std::fmt;

use backend_core::{Effect, Error, ErrorKind, RetryAdvice};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use crate::error::{kind_of, may_have_happened, shown};
use crate::response::Context;

/// An answer that is not the one that was hoped for. Leaves look at [`Refusal::text`] by their own table.
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The first 64 KiB of the body, as they came. They may echo a secret: never print them.
    pub body: Bytes,
    pub(crate) method: Method,
    pub(crate) address: String,
    pub(crate) context: Context,
}

impl Refusal {
    /// The body as it may be printed: one line, at most 300 characters, without our secrets.
    pub fn text(&self) -> String {
        // Cleaned before it is cut: half a secret is one too.
        shown(&self.context.redactor.clean(&String::from_utf8_lossy(&self.body)))
    }

    /// When to ask again, if the service says so.
    pub fn advice(&self) -> Option<RetryAdvice> {
        self.context.advice
    }

    /// What it is by its status alone.
    pub fn kind(&self) -> ErrorKind {
        kind_of(self.status)
    }

    /// The error that its status stands for.
    pub fn error(&self) -> Error {
        self.error_as(self.kind())
    }

    /// The error of another kind, with the service's words, its advice, and whether it may have happened all the same.
    pub fn error_as(&self, kind: ErrorKind) -> Error {
        self.error_saying(kind, &self.text())
    }

    /// The same with other words of the service, of which the leaf has taken them out of the body. They are made fit to print here.
    pub fn error_saying(&self, kind: ErrorKind, words: &str) -> Error {
        let words = shown(&self.context.redactor.clean(words));
        let address = self.context.redactor.clean(&self.address);
        let colon = if words.is_empty() { "" } else { ": " };
        let message = format!("{} {address} is answered with {}{colon}{words}", self.method, self.status.as_u16());
        let err = Error::new(kind, message);
        let err = match (self.context.advice, err.advice()) {
            (Some(advice), RetryAdvice::Backoff) => err.with_advice(advice),
            _ => err,
        };
        match self.context.changes && may_have_happened(self.status) {
            true => err.with_effect(Effect::Unknown),
            false => err,
        }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal").field("status", &self.status).field("text", &self.text()).finish_non_exhaustive()
    }
}

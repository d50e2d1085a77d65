//! One verb's part in the requests that `object_store` makes for it: what to add, and what was seen.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use backend_core::{ByteStream, Error, Progress, Result};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::error::{Seen, failed};

tokio::task_local! {
    static CALL: Arc<Call>;
}

/// Travels beside a request, because the interface of `object_store` has no place for it.
#[derive(Default)]
pub(crate) struct Call {
    /// Sent with the request, in place of what is there.
    pub(crate) headers: HeaderMap,
    /// The answer is a body of any length.
    pub(crate) is_content: bool,
    /// It may have an effect.
    pub(crate) writes: bool,
    /// Ticked as bytes are sent.
    pub(crate) progress: Option<Progress>,
    body: Mutex<Option<(u64, ByteStream)>>,
    seen: Mutex<Option<Seen>>,
    fault: Mutex<Option<Error>>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("writes", &self.writes).finish_non_exhaustive()
    }
}

impl Call {
    /// A question.
    pub(crate) fn read() -> Self {
        Self::default()
    }

    /// Something that may have an effect.
    pub(crate) fn write(progress: Option<&Progress>) -> Self {
        Self { writes: true, progress: progress.cloned(), ..Self::default() }
    }

    /// The question for content itself.
    pub(crate) fn content() -> Self {
        Self { is_content: true, ..Self::default() }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(HeaderName::from_static(name), value);
        self
    }

    /// Sends this instead of the request's own body: `object_store` takes no streams.
    #[must_use]
    pub(crate) fn body(self, len: u64, body: ByteStream) -> Self {
        Self { body: Mutex::new(Some((len, body))), ..self }
    }

    /// Runs `request`, with this call beside it.
    ///
    /// # Errors
    /// The source's own, if it failed; else by what the wire has seen. The error of the request itself is only a sign.
    pub(crate) async fn run<T, E>(
        self,
        what: &str,
        request: impl Future<Output = std::result::Result<T, E>>,
    ) -> Result<T> {
        let call = Arc::new(self);
        let answer = CALL.scope(call.clone(), request).await;
        answer.map_err(|_| call.failure(what))
    }

    fn failure(&self, what: &str) -> Error {
        match take(&self.fault) {
            Some(fault) => fault,
            None => failed(what, &take(&self.seen).unwrap_or(Seen::Nothing), self.writes),
        }
    }

    /// The call that is under way here.
    pub(crate) fn current() -> Arc<Self> {
        CALL.try_with(Arc::clone).unwrap_or_default()
    }

    pub(crate) fn saw(&self, seen: Seen) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
    }

    /// The source failed: that, and not the broken request, is the error.
    pub(crate) fn source_failed(&self, err: Error) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(err);
    }

    pub(crate) fn take_body(&self) -> Option<(u64, ByteStream)> {
        take(&self.body)
    }
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

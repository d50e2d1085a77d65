//! A stream whose next item must come in time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use backend_core::Result;
use futures::stream::{BoxStream, Stream, StreamExt};

use super::still;
use super::timer::Timer;

/// Counts only while somebody waits: a slow reader is not an idle service.
pub(super) struct Idle<T> {
    /// Absent behind the end.
    inner: Option<BoxStream<'static, Result<T>>>,
    timer: Timer,
    allowed: Duration,
    waiting_since: Option<Duration>,
}

impl<T> Idle<T> {
    pub(super) fn new(inner: BoxStream<'static, Result<T>>, timer: Timer, allowed: Duration) -> Self {
        Self { inner: Some(inner), timer, allowed, waiting_since: None }
    }
}

impl<T> Stream for Idle<T> {
    type Item = Result<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        if let Poll::Ready(item) = inner.poll_next_unpin(cx) {
            this.waiting_since = None;
            if item.is_none() {
                this.inner = None;
            }
            return Poll::Ready(item);
        }
        let since = *this.waiting_since.get_or_insert_with(|| this.timer.now());
        ready!(this.timer.poll_until(cx, since.saturating_add(this.allowed)));
        this.inner = None;
        Poll::Ready(Some(Err(still(this.allowed))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}

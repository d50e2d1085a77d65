//! Bodies and listings go on after their verb has answered: so does the watching.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use backend_core::{ByteStream, ContentId, Entry, Result};
use bytes::Bytes;
use futures::stream::{BoxStream, Stream, StreamExt};

use super::shared::Shared;
use crate::meter::Verb;

/// The body of a `get`: its bytes are counted as they pass, and the time in which somebody waited for them.
pub(super) struct Body {
    inner: ByteStream,
    shared: Arc<Shared>,
    id: ContentId,
    works: bool,
    bytes: u64,
    waited: Duration,
    waits_since: Option<Duration>,
}

impl Body {
    pub(super) fn new(inner: ByteStream, shared: Arc<Shared>, id: ContentId) -> Self {
        Self { inner, shared, id, works: false, bytes: 0, waited: Duration::ZERO, waits_since: None }
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let polled = self.inner.poll_next_unpin(cx);
        match polled {
            Poll::Pending => self.waits_since = self.waits_since.or_else(|| Some(self.shared.now())),
            Poll::Ready(_) => {
                if let Some(since) = self.waits_since.take() {
                    self.waited += self.shared.now().saturating_sub(since);
                }
            }
        }
        polled
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.shared.flowed(self.bytes, self.waited);
    }
}

impl Stream for Body {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.poll_inner(cx));
        if let Some(Ok(frame)) = &item {
            self.bytes += frame.len() as u64;
            self.shared.moved(Verb::Get, frame.len() as u64);
        }
        // A service that opens and then sends nothing does not work: its first bytes, or an honest end, show that it does.
        if !self.works && !matches!(item, Some(Err(_))) {
            self.works = true;
            self.shared.works(Verb::Get);
        }
        Poll::Ready(item.map(|item| item.map_err(|err| self.shared.failed(Verb::Get, Some(&self.id), err))))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

/// A listing: its call begins when somebody first asks for an entry, and has answered with the first one.
pub(super) struct Entries {
    inner: BoxStream<'static, Result<Entry>>,
    shared: Arc<Shared>,
    begun: Option<Duration>,
    answered: bool,
}

impl Entries {
    pub(super) fn new(inner: BoxStream<'static, Result<Entry>>, shared: Arc<Shared>) -> Self {
        Self { inner, shared, begun: None, answered: false }
    }

    fn told(&mut self, item: Option<Result<Entry>>, begun: Duration) -> Option<Result<Entry>> {
        match item {
            Some(Err(err)) => Some(Err(self.shared.failed(Verb::List, None, err))),
            item => {
                if !self.answered {
                    self.shared.answered(Verb::List, begun);
                    self.answered = true;
                }
                item
            }
        }
    }
}

impl Stream for Entries {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let begun = match self.begun {
            Some(begun) => begun,
            None => self.shared.begun(Verb::List),
        };
        self.begun = Some(begun);
        let item = ready!(self.inner.poll_next_unpin(cx));
        Poll::Ready(self.told(item, begun))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

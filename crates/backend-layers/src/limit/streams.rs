//! Bodies and listings hold permits, and may be the first to hear of a rate limit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use backend_core::{ByteStream, Entry, RateClass, Result};
use bytes::Bytes;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::gate::Pass;
use super::permit;

/// A body that holds its permit until it is dropped. The guard drops it as soon as it has ended or failed.
pub(super) struct Held {
    inner: ByteStream,
    _permit: OwnedSemaphorePermit,
    pass: Pass,
}

impl Held {
    pub(super) fn new(inner: ByteStream, permit: OwnedSemaphorePermit, pass: Pass) -> Self {
        Self { inner, _permit: permit, pass }
    }
}

impl Stream for Held {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.inner.poll_next_unpin(cx));
        Poll::Ready(item.map(|item| self.pass.told(item)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

struct Entries {
    inner: BoxStream<'static, Result<Entry>>,
    reads: Arc<Semaphore>,
    pass: Pass,
    entered: bool,
}

/// A listing that needs a permit for each wait. The rate counts it once: how many requests a listing makes, only its leaf knows.
pub(super) fn entries(
    inner: BoxStream<'static, Result<Entry>>,
    reads: Arc<Semaphore>,
    pass: Pass,
) -> BoxStream<'static, Result<Entry>> {
    let listing = Entries { inner, reads, pass, entered: false };
    stream::unfold(listing, |mut listing| async move {
        let entry = listing.next().await?;
        Some((entry, listing))
    })
    .boxed()
}

impl Entries {
    async fn next(&mut self) -> Option<Result<Entry>> {
        let _permit = match permit(&self.reads).await {
            Ok(permit) => permit,
            Err(err) => return Some(Err(err)),
        };
        if !self.entered
            && let Err(err) = self.pass.enter(RateClass::List).await
        {
            return Some(Err(err));
        }
        self.entered = true;
        self.inner.next().await.map(|entry| self.pass.told(entry))
    }
}

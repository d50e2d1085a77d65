//! A source that remembers how it was read, and that can be read in many small steps.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use async_trait::async_trait;
use backend_core::{ByteStream, Content, Open, Result, Shape};
use futures::stream::StreamExt;

/// Where a source was opened, from a copy of it that was lent.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    opened: Arc<Mutex<Vec<Range<u64>>>>,
}

#[derive(Debug)]
struct Watched {
    content: Content,
    watch: Watch,
}

impl Watch {
    /// Watches `content`. Its source also gives way once before every frame, so that there is an await to be dropped at.
    pub fn over(content: &Content) -> (Content, Watch) {
        let watch = Watch::default();
        let source = Arc::new(Watched { content: content.clone(), watch: watch.clone() });
        let (cid, len, dag) = (*content.cid(), content.len(), content.dag().clone());
        let made = match content.shape() {
            Shape::File => Content::file(cid, len, dag, source),
            Shape::Tree => Content::tree(cid, len, dag, source),
        };
        (made.with_digests(content.digests().to_vec()), watch)
    }

    /// The first byte of every range that was opened.
    pub fn opened(&self) -> Vec<u64> {
        self.ranges().into_iter().map(|range| range.start).collect()
    }

    /// Every range that was opened.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Open for Watched {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        self.watch.opened.lock().unwrap_or_else(PoisonError::into_inner).push(range.clone());
        let body = self.content.open(range).await?;
        Ok(body.then(|frame| async move { give_way().await.and(frame) }).boxed())
    }
}

/// Is pending once.
async fn give_way() -> Result<()> {
    let mut gave_way = false;
    std::future::poll_fn(|context| match std::mem::replace(&mut gave_way, true) {
        true => Poll::Ready(Ok(())),
        false => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

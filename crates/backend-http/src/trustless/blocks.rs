//! A range of a file block by block: several on their way, handed out in order.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use backend_core::{ByteStream, Result};
use bytes::Bytes;
use cid::Cid;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesOrdered, Stream, StreamExt};
use ipld::plan::{Chunk, Plan, Step, Wrap};
use ipld::{Block, unixfs};

use super::{Inner, fault};

type Node = BoxFuture<'static, (Cid, Result<Bytes>)>;

/// Memory is bounded by the window times the largest block.
struct Blocks {
    inner: Arc<Inner>,
    plan: Plan,
    range: Range<u64>,
    chunks: FuturesOrdered<BoxFuture<'static, Result<Bytes>>>,
    /// The inner node that the plan waits for; chunks before it are handed out meanwhile.
    node: Option<Node>,
    planned: bool,
    over: bool,
}

impl Inner {
    /// `range` of the file `root`, whose block is known already.
    pub(super) fn by_blocks(self: &Arc<Self>, root: &Block, range: Range<u64>) -> ByteStream {
        let mut plan = Plan::new(root.cid, None, range.clone());
        // It asks for its root first; what it does not take here it asks for again.
        let fed = matches!(plan.next(), Ok(Step::Need(_))) && plan.feed(&root.cid, &root.data).is_ok();
        let (chunks, over) = (FuturesOrdered::new(), range.is_empty() && fed);
        Blocks { inner: self.clone(), plan, range, chunks, node: None, planned: false, over }.boxed()
    }
}

impl Blocks {
    /// Plans ahead until the window is full.
    fn fill(&mut self) -> Result<()> {
        while self.node.is_none() && !self.planned && self.chunks.len() < self.inner.options.window.max(1) {
            match self.plan.next().map_err(fault::of_content)? {
                Step::Done => self.planned = true,
                Step::Chunk(chunk) => self.chunks.push_back(fetch(self.inner.clone(), chunk, self.range.clone())),
                Step::Need(cid) => {
                    let inner = self.inner.clone();
                    self.node = Some(async move { (cid, inner.block(&cid).await) }.boxed());
                }
            }
        }
        Ok(())
    }

    /// Whether there is something new to plan.
    fn poll_node(&mut self, cx: &mut Context<'_>) -> Result<bool> {
        let Some(node) = &mut self.node else { return Ok(false) };
        let Poll::Ready((cid, block)) = node.poll_unpin(cx) else { return Ok(false) };
        self.node = None;
        self.plan.feed(&cid, &block?).map_err(fault::of_content)?;
        Ok(true)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        loop {
            self.fill()?;
            if self.poll_node(cx)? {
                continue;
            }
            match self.chunks.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(bytes))) if bytes.is_empty() => {}
                Poll::Ready(Some(bytes)) => return Poll::Ready(Some(bytes)),
                Poll::Ready(None) if self.planned => return Poll::Ready(None),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Stream for Blocks {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.over {
            return Poll::Ready(None);
        }
        let polled = this.poll(cx);
        this.over = matches!(polled, Poll::Ready(None | Some(Err(_))));
        polled
    }
}

fn fetch(inner: Arc<Inner>, chunk: Chunk, range: Range<u64>) -> BoxFuture<'static, Result<Bytes>> {
    async move {
        let block = match &chunk.wrap {
            Wrap::Inline(bytes) => bytes.clone(),
            _ => inner.block(&chunk.cid).await?,
        };
        let plain = plain(&chunk, block).map_err(fault::of_content)?;
        Ok(plain.slice(chunk.within(&range)))
    }
    .boxed()
}

/// The bytes in a block that was hashed when it came: `Chunk::unwrap` would hash it once more.
fn plain(chunk: &Chunk, block: Bytes) -> ipld::Result<Bytes> {
    let plain = match &chunk.wrap {
        Wrap::Raw | Wrap::Inline(_) => block,
        Wrap::Node => match unixfs::decode(&chunk.cid, &block)? {
            unixfs::Node::Raw(data) => data,
            unixfs::Node::File(file) if file.children.is_empty() => file.data,
            _ => return Err(unfit(chunk)),
        },
    };
    match plain.len() as u64 == chunk.len {
        true => Ok(plain),
        false => Err(unfit(chunk)),
    }
}

fn unfit(chunk: &Chunk) -> ipld::Error {
    let detail = format!("{} is not a leaf of {} bytes", chunk.cid, chunk.len);
    ipld::Error::Malformed { format: "unixfs", detail }
}

//! A source that stands still in its middle until it is let go on.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use backend_core::{ByteStream, Content, Open, Result};
use futures::stream::{StreamExt, once};

/// Stops whoever reads a source before its last byte, until it is opened.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_open: bool,
    reached: bool,
    /// Who stands before the gate.
    waiting: Vec<Waker>,
    /// Who waits for somebody to stand there.
    watching: Vec<Waker>,
}

#[derive(Debug)]
struct Gated {
    content: Content,
    gate: Gate,
}

impl Gate {
    /// `content` with a closed gate before its last byte. It has at least one.
    pub fn before_the_end(content: &Content) -> (Content, Gate) {
        let gate = Gate::default();
        let source = Arc::new(Gated { content: content.clone(), gate: gate.clone() });
        let made = Content::file(*content.cid(), content.len(), content.dag().clone(), source);
        (made.with_digests(content.digests().to_vec()), gate)
    }

    /// Ready as soon as somebody has read up to the gate, in whatever task.
    pub fn poll_reached(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.reached {
            return Poll::Ready(());
        }
        state.watching.push(context.waker().clone());
        Poll::Pending
    }

    /// Lets everybody through.
    pub fn open(&self) {
        let waiting = {
            let mut state = self.lock();
            state.is_open = true;
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        state.reached = true;
        state.watching.drain(..).for_each(Waker::wake);
        if state.is_open {
            return Poll::Ready(());
        }
        state.waiting.push(context.waker().clone());
        Poll::Pending
    }
}

#[async_trait]
impl Open for Gated {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        let last = self.content.len().saturating_sub(1).clamp(range.start, range.end);
        let first = self.content.open(range.start..last).await?;
        let (content, gate) = (self.content.clone(), self.gate.clone());
        let rest = once(async move {
            std::future::poll_fn(|context| gate.poll(context)).await;
            content.open(last..range.end).await
        });
        let rest = rest.flat_map(|opened| match opened {
            Ok(body) => body,
            Err(err) => once(async { Err(err) }).boxed(),
        });
        Ok(first.chain(rest).boxed())
    }
}

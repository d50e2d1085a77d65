//! A body on its way out: exactly as long as announced, never complete on the wire when its source is not, frames without a copy.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use backend_core::{ByteStream, Effect, Error, ErrorKind, Progress, Result};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body::{Frame, SizeHint};
use sync_wrapper::SyncWrapper;

use crate::body::Body;

/// Bytes in memory are sent in pieces of this size, so that progress can be seen.
const PIECE: usize = 256 << 10;

/// What became of a body; shared with whoever waits for the answer.
#[derive(Debug, Default)]
pub(crate) struct State {
    fault: Mutex<Option<Error>>,
    done: AtomicBool,
}

impl State {
    /// Why the source gave up, once. With `changes`, what was sent so far may have done something.
    pub(crate) fn fault(&self, changes: bool) -> Option<Error> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(if changes { fault.with_effect(Effect::Unknown) } else { fault })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    fn fail(&self, err: Error) -> Stopped {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(err);
        Stopped
    }
}

/// Ends the conversation; the reason stands in [`State`].
#[derive(Debug)]
pub(crate) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the source of the request's body failed")
    }
}

impl std::error::Error for Stopped {}

pub(crate) struct Sending {
    stream: SyncWrapper<ByteStream>,
    left: Option<u64>,
    /// The last frame waits here until the source has ended: content that is longer than announced must not look complete.
    held: Option<Bytes>,
    progress: Progress,
    state: Arc<State>,
}

impl Sending {
    /// Opens the body; nothing for an empty one.
    pub(crate) async fn open(body: &Body, progress: &Progress, state: &Arc<State>) -> Result<Option<Self>> {
        let stream = match body {
            Body::Empty => None,
            Body::Bytes(bytes) => Some(pieces(bytes.clone())),
            Body::Open { open, .. } => Some(open().await?),
            Body::Once { stream, .. } => {
                let taken = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
                Some(taken.ok_or_else(|| Error::new(ErrorKind::Internal, "a body is to be sent a second time"))?)
            }
        };
        let Some(mut stream) = stream else {
            state.done.store(true, Ordering::Release);
            return Ok(None);
        };
        if body.is_empty() {
            // Nobody asks a body of no bytes for its frames, and it has to be looked at all the same.
            while let Some(frame) = stream.next().await {
                if !frame?.is_empty() {
                    return Err(other_length());
                }
            }
            state.done.store(true, Ordering::Release);
        }
        let (progress, state) = (progress.clone(), state.clone());
        Ok(Some(Self { stream: SyncWrapper::new(stream), left: body.len(), held: None, progress, state }))
    }

    pub(crate) fn announced(&self) -> Option<u64> {
        self.left
    }

    fn end(&mut self) -> Option<Result<Frame<Bytes>, Stopped>> {
        match (self.held.take(), self.left) {
            (Some(last), _) => {
                self.state.done.store(true, Ordering::Release);
                self.progress.moved(last.len() as u64);
                Some(Ok(Frame::data(last)))
            }
            (None, None | Some(0)) => {
                self.state.done.store(true, Ordering::Release);
                None
            }
            (None, Some(_)) => Some(Err(self.state.fail(other_length()))),
        }
    }

    /// The frame that may be sent now, if it may.
    fn take(&mut self, frame: Bytes) -> Option<Result<Frame<Bytes>, Stopped>> {
        let len = frame.len() as u64;
        match self.left {
            _ if len == 0 => return None,
            Some(left) if left < len => return Some(Err(self.state.fail(other_length()))),
            Some(left) => self.left = Some(left - len),
            None => {}
        }
        if self.left == Some(0) {
            self.held = Some(frame);
            return None;
        }
        self.progress.moved(len);
        Some(Ok(Frame::data(frame)))
    }
}

impl http_body::Body for Sending {
    type Data = Bytes;
    type Error = Stopped;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Stopped>>> {
        let this = self.get_mut();
        loop {
            let frame = ready!(this.stream.get_mut().poll_next_unpin(cx));
            let out = match frame {
                None => return Poll::Ready(this.end()),
                Some(Err(err)) => Some(Err(this.state.fail(err))),
                Some(Ok(frame)) => this.take(frame),
            };
            if let Some(out) = out {
                return Poll::Ready(Some(out));
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().map_or(0, |held| held.len() as u64);
        self.left.map_or_else(SizeHint::default, |left| SizeHint::with_exact(left + held))
    }
}

fn other_length() -> Error {
    Error::new(ErrorKind::SourceChanged, "the source has not as many bytes as announced")
}

fn pieces(bytes: Bytes) -> ByteStream {
    let starts = (0..bytes.len()).step_by(PIECE);
    stream::iter(starts.map(move |at| Ok(bytes.slice(at..bytes.len().min(at + PIECE))))).boxed()
}

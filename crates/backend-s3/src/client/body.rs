//! Bytes on their way out: exactly as many as announced, or none that the service would take for whole.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use aws_sdk_s3::primitives::{ByteStream as SdkStream, SdkBody};
use backend_core::{ByteStream, Content, DigestKind, Effect, Error, ErrorKind, Progress, Result, Shape};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http_body::{Body, Frame, SizeHint};
use ipld::address;
use sync_wrapper::SyncWrapper;

use crate::failure::Failure;

/// Content of at most so many bytes is collected before it is sent: a source that fails then costs no request.
const SMALL: u64 = 256 << 10;

/// What became of a body: its error, and whether the service can have all of it.
#[derive(Debug, Default)]
pub(super) struct Sent {
    fault: Mutex<Option<Error>>,
    whole: AtomicBool,
    dropped: AtomicBool,
}

/// The sender's end. When it is dropped, the body never ends well, whoever still reads it.
#[derive(Debug)]
pub(super) struct Sending(Arc<Sent>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::Release);
    }
}

impl Sending {
    /// The source's own error where there was one. What never was whole cannot have been stored.
    pub(super) fn judge(&self, failed: Failure) -> Failure {
        match self.0.fault.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(fault) => fault.into(),
            None if self.0.whole.load(Ordering::Acquire) => failed,
            None => Failure { error: failed.error.with_effect(Effect::None), ..failed },
        }
    }
}

/// Opens `range` of the content as the body of a request.
///
/// # Errors
/// What the source answers; `SourceChanged` when it has another length, as far as that is seen before anything is sent.
pub(super) async fn open(
    content: &Content,
    range: std::ops::Range<u64>,
    progress: &Progress,
) -> Result<(SdkStream, Sending)> {
    let len = range.end - range.start;
    let source = content.open(range).await?;
    let sent = Arc::new(Sent::default());
    let feed = Feed { source, held: None, left: len, over: false, sent: sent.clone(), progress: progress.clone() };
    let sending = Sending(sent);
    if len <= SMALL {
        let bytes = collected(feed, len).await?;
        return Ok((SdkStream::from(bytes), sending));
    }
    let body = Outgoing { feed: SyncWrapper::new(feed), len };
    Ok((SdkStream::new(SdkBody::from_body_1_x(body)), sending))
}

async fn collected(mut feed: Feed, len: u64) -> Result<Bytes> {
    let mut all = BytesMut::new();
    while let Some(frame) = feed.next().await {
        let frame = frame?;
        if frame.len() as u64 == len {
            return Ok(frame);
        }
        all.extend_from_slice(&frame);
    }
    Ok(all.freeze())
}

/// The SHA-256 of the whole content, where somebody who named it has computed it. The name of a file of one raw block is one.
pub(crate) fn digest_of(content: &Content) -> Option<Bytes> {
    let cid = content.cid();
    let is_plain = content.shape() == Shape::File && cid.codec() == address::RAW && cid.hash().code() == SHA2_256;
    match content.digest(DigestKind::Sha256) {
        Some(digest) => Some(digest.clone()),
        None if is_plain => Some(Bytes::copy_from_slice(cid.hash().digest())),
        None => None,
    }
    .filter(|digest| digest.len() == 32)
}

/// The multihash code of SHA-256.
const SHA2_256: u64 = 0x12;

/// The source, counted. Its last frame is held back until the source has ended, so that a source which fails, or has more to say, at its very end
/// leaves an unfinished request and nothing stored.
struct Feed {
    source: ByteStream,
    held: Option<Bytes>,
    left: u64,
    over: bool,
    sent: Arc<Sent>,
    progress: Progress,
}

impl Feed {
    fn fail(&mut self, err: Error) -> Poll<Option<Result<Bytes>>> {
        self.over = true;
        Poll::Ready(Some(Err(err)))
    }

    fn release(&self, frame: Bytes) -> Poll<Option<Result<Bytes>>> {
        self.progress.moved(frame.len() as u64);
        Poll::Ready(Some(Ok(frame)))
    }

    fn end(&mut self) -> Poll<Option<Result<Bytes>>> {
        if 0 < self.left {
            return self.fail(changed(format!("the source ended {} bytes early", self.left)));
        }
        self.over = true;
        self.sent.whole.store(true, Ordering::Release);
        match self.held.take() {
            Some(last) => self.release(last),
            None => Poll::Ready(None),
        }
    }
}

impl futures::Stream for Feed {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if this.over {
                return Poll::Ready(None);
            }
            if this.sent.dropped.load(Ordering::Acquire) {
                return this.fail(Error::new(ErrorKind::Internal, "nobody waits for the answer any more"));
            }
            match ready!(this.source.poll_next_unpin(cx)) {
                None => return this.end(),
                Some(Err(err)) => return this.fail(err),
                Some(Ok(frame)) if frame.is_empty() => {}
                Some(Ok(frame)) => {
                    let Some(left) = this.left.checked_sub(frame.len() as u64) else {
                        return this.fail(changed("the source has more bytes than announced".to_owned()));
                    };
                    this.left = left;
                    if let Some(before) = this.held.replace(frame) {
                        return this.release(before);
                    }
                }
            }
        }
    }
}

fn changed(why: String) -> Error {
    Error::new(ErrorKind::SourceChanged, why)
}

/// A feed as the SDK takes it.
struct Outgoing {
    feed: SyncWrapper<Feed>,
    len: u64,
}

/// Where the true error is kept beside: the SDK makes text of this one.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the source failed")
    }
}

impl std::error::Error for Broken {}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let feed = self.get_mut().feed.get_mut();
        match ready!(feed.poll_next_unpin(cx)) {
            None => Poll::Ready(None),
            Some(Ok(frame)) => Poll::Ready(Some(Ok(Frame::data(frame)))),
            Some(Err(err)) => {
                *feed.sent.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(err);
                Poll::Ready(Some(Err(Broken)))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len)
    }
}

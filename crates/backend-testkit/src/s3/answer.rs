//! The body of an answer, and what is done to it on its way.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use s3s::StdError;

/// How much of an endless body comes at once, in bytes.
const FRAME: usize = 64 << 10;

/// What is done to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twist {
    None,
    CutAt(u64),
    HangAt(u64),
    FlipAt(u64),
    EndAt(u64),
    Longer(u64),
    Endless,
}

/// A body, twisted.
pub(super) struct Answer {
    inner: s3s::Body,
    twist: Twist,
    /// How many bytes went out.
    at: u64,
    /// Whether it stood still before it broke off.
    stood: bool,
}

impl Answer {
    pub(super) fn new(inner: s3s::Body, twist: Twist) -> Self {
        Self { inner, twist, at: 0, stood: false }
    }

    pub(super) fn text(text: String) -> Self {
        Self::new(s3s::Body::from(text), Twist::None)
    }

    /// How many more bytes go out before the twist, where it is at a place.
    fn before(&self) -> Option<u64> {
        match self.twist {
            Twist::CutAt(at) | Twist::HangAt(at) | Twist::EndAt(at) => Some(at.saturating_sub(self.at)),
            _ => None,
        }
    }

    fn twisted(&mut self, bytes: Bytes) -> Bytes {
        let n_bytes = self
            .before()
            .map_or(bytes.len(), |before| usize::try_from(before).map_or(bytes.len(), |it| it.min(bytes.len())));
        let mut bytes = bytes.slice(..n_bytes);
        if let Twist::FlipAt(at) = self.twist
            && let Some(place) = at.checked_sub(self.at).and_then(|place| usize::try_from(place).ok())
            && place < bytes.len()
        {
            let mut copy = bytes.to_vec();
            if let Some(byte) = copy.get_mut(place) {
                *byte ^= 1;
            }
            bytes = copy.into();
        }
        self.at += bytes.len() as u64;
        bytes
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        match (self.twist, self.before()) {
            // What was let through is sent first: the body stands still once.
            (Twist::CutAt(_), Some(0)) if !self.stood => {
                self.stood = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            (Twist::CutAt(_), Some(0)) => {
                return Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::ConnectionReset).into())));
            }
            (Twist::HangAt(_), Some(0)) => return Poll::Pending,
            (Twist::EndAt(_), Some(0)) => return Poll::Ready(None),
            (Twist::Endless, _) => return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; FRAME]))))),
            _ => {}
        }
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(bytes) => Poll::Ready(Some(Ok(Frame::data(self.twisted(bytes))))),
                Err(frame) => Poll::Ready(Some(Ok(frame))),
            },
            Poll::Ready(None) => match self.twist {
                Twist::Longer(more) => {
                    self.twist = Twist::None;
                    let more = vec![0; usize::try_from(more).unwrap_or(FRAME)];
                    Poll::Ready(Some(Ok(Frame::data(more.into()))))
                }
                _ => Poll::Ready(None),
            },
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.twist == Twist::None && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.twist {
            Twist::None | Twist::CutAt(_) | Twist::HangAt(_) | Twist::FlipAt(_) => self.inner.size_hint(),
            Twist::EndAt(at) => {
                let whole = self.inner.size_hint().exact().unwrap_or(at);
                SizeHint::with_exact(at.min(whole))
            }
            Twist::Longer(more) => {
                self.inner.size_hint().exact().map_or_else(SizeHint::default, |it| SizeHint::with_exact(it + more))
            }
            Twist::Endless => SizeHint::default(),
        }
    }
}

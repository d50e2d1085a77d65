//! Whether the answer is the one that was asked for, and whether its body is as long as it says.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use backend_core::{ByteRange, ByteStream, Error, ErrorKind, Fetched, Form, GetOptions, Result};
use bytes::Bytes;
use futures::stream::{Stream, StreamExt};

use super::modest;

/// The same answer, whose body delivers exactly its range or an error.
///
/// # Errors
/// `Integrity` if the range is not the one that was asked for: a whole file instead of a part is no answer to a range.
pub(super) fn exactly(mut fetched: Fetched, opts: &GetOptions) -> Result<Fetched> {
    let size = fetched.meta.size.filter(|_| opts.form == Form::File);
    let asked = opts.range.unwrap_or(ByteRange::From(0));
    let range = fetched.range.clone();
    if !is_answer(&range, asked, size) {
        let of = size.map(|size| format!(" of {size}")).unwrap_or_default();
        let told = format!("asked for the range {asked}{of}, the backend answered {}..{}", range.start, range.end);
        return Err(Error::new(ErrorKind::Integrity, told));
    }
    fetched.meta = modest(fetched.meta);
    fetched.body = Exact { inner: Some(fetched.body), left: range.end - range.start }.boxed();
    Ok(fetched)
}

/// Where the size is known the range is known too; where it is not, as much of it as the question fixes.
fn is_answer(range: &Range<u64>, asked: ByteRange, size: Option<u64>) -> bool {
    if let Some(size) = size {
        return asked.within(size).is_ok_and(|wanted| wanted == *range);
    }
    range.start <= range.end
        && match asked {
            ByteRange::Bounded(start, end) => range.start == start && range.end <= end,
            ByteRange::From(start) => range.start == start,
            ByteRange::Last(most) => {
                range.end - range.start <= most && (range.start == 0 || range.end - range.start == most)
            }
        }
}

struct Exact {
    /// Absent behind the end.
    inner: Option<ByteStream>,
    left: u64,
}

impl Exact {
    fn end(&mut self, err: Error) -> Poll<Option<Result<Bytes>>> {
        self.inner = None;
        Poll::Ready(Some(Err(err)))
    }
}

impl Stream for Exact {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        match ready!(inner.poll_next_unpin(cx)) {
            Some(Ok(frame)) => match this.left.checked_sub(frame.len() as u64) {
                Some(left) => {
                    this.left = left;
                    Poll::Ready(Some(Ok(frame)))
                }
                None => this.end(Error::new(ErrorKind::Integrity, "the body is longer than its range")),
            },
            Some(Err(err)) => this.end(err),
            None if this.left == 0 => {
                this.inner = None;
                Poll::Ready(None)
            }
            None => {
                let missing = format!("body ended early, {} bytes are missing", this.left);
                this.end(Error::new(ErrorKind::Unavailable, missing))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, None)
    }
}

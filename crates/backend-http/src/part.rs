//! Parts of content: what is asked by a `Range` header, and whether the answer is exactly that (RFC 9110, 14).

use std::fmt;
use std::ops::Range;

use backend_core::{ByteRange, ByteStream, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::header::{CONTENT_RANGE, HeaderMap, HeaderValue};

use crate::error::lie;
use crate::incoming::Framing;
use crate::response::Response;

/// The value of the header `Range`.
///
/// # Errors
/// `InvalidRange` for an empty or reversed range: the header cannot say it.
pub fn range_header(range: ByteRange) -> Result<HeaderValue> {
    let text = match range {
        ByteRange::Bounded(start, end) if start < end => format!("bytes={start}-{}", end - 1),
        ByteRange::From(start) => format!("bytes={start}-"),
        ByteRange::Last(n) if 0 < n => format!("bytes=-{n}"),
        _ => return Err(Error::new(ErrorKind::InvalidRange, format!("the range {range} is empty"))),
    };
    HeaderValue::try_from(text).map_err(|_| Error::new(ErrorKind::Internal, "a range cannot be written"))
}

/// What to do when the whole comes although a part was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnWhole {
    /// It is an error, `Unsupported`, before a byte is read.
    Fail,
    /// Read over what was not asked for. Its length must be told.
    Skip,
}

/// Exactly the bytes that were asked for.
pub struct Part {
    /// Which they are, counted in the whole.
    pub range: Range<u64>,
    /// How many bytes the whole has, if the service says so.
    pub total: Option<u64>,
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The bytes; ends without an error only when all of `range` came, and no more.
    pub body: ByteStream,
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").field("range", &self.range).field("total", &self.total).finish_non_exhaustive()
    }
}

impl Response {
    /// The part that was asked for by [`range_header`]; the body has exactly its length.
    ///
    /// # Errors
    /// `InvalidRange` by 416; `Internal` for another part than was asked for; `Unsupported` for the whole, by `on_whole`; every other status
    /// as [`Response::successful`].
    pub async fn part(self, asked: ByteRange, on_whole: OnWhole) -> Result<Part> {
        match self.status.as_u16() {
            206 => self.partial(asked),
            200 => self.of_whole(asked, on_whole),
            416 => self.unsatisfied(asked).await,
            _ => {
                let answer = self.successful().await?;
                Err(lie(format!("{}: status {} for a range", answer.context.origin, answer.status.as_u16())))
            }
        }
    }

    fn partial(self, asked: ByteRange) -> Result<Part> {
        let origin = &self.context.origin;
        let told = self.headers.get(CONTENT_RANGE).and_then(|it| it.to_str().ok()).and_then(content_range);
        let Some((range, total)) = told else {
            return Err(lie(format!("{origin}: an answer of a part does not say which part")));
        };
        if !is_asked(asked, &range, total) {
            let what = format!("{origin}: {asked} was asked for, and {}..{} came", range.start, range.end);
            return Err(lie(what));
        }
        let len = range.end - range.start;
        if let Framing::Length(told) = self.framing
            && told != len
        {
            return Err(lie(format!("{origin}: a part of {len} bytes is announced with {told}")));
        }
        let (headers, origin) = (self.headers.clone(), origin.to_string());
        let body = window(self.until_close().body(), 0, len, true, origin);
        Ok(Part { range, total, headers, body })
    }

    fn of_whole(self, asked: ByteRange, on_whole: OnWhole) -> Result<Part> {
        let origin = self.context.origin.to_string();
        let total = match (on_whole, self.framing) {
            (OnWhole::Skip, Framing::Length(total)) => total,
            _ => {
                let what = format!("{origin}: a part was asked for and the whole came");
                return Err(Error::new(ErrorKind::Unsupported, what));
            }
        };
        let range = asked.within(total)?;
        let headers = self.headers.clone();
        let body = window(self.body(), range.start, range.end - range.start, false, origin);
        Ok(Part { range, total: Some(total), headers, body })
    }

    async fn unsatisfied(self, asked: ByteRange) -> Result<Part> {
        let told = self.headers.get(CONTENT_RANGE).and_then(|it| it.to_str().ok());
        let total = told.and_then(|it| it.strip_prefix("bytes */")).and_then(|it| it.trim().parse::<u64>().ok());
        match total.map(|total| asked.within(total)) {
            // All of nothing: no header can ask for it.
            Some(Ok(range)) if range.is_empty() => {
                Ok(Part { range, total, headers: self.headers.clone(), body: stream::empty().boxed() })
            }
            Some(Err(err)) => Err(err),
            _ => Err(self.refusal().await.error()),
        }
    }
}

/// `bytes 0-99/200`, `bytes 0-99/*`.
fn content_range(text: &str) -> Option<(Range<u64>, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let end = last.checked_add(1)?;
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (first < end && total.is_none_or(|total| end <= total)).then_some((first..end, total))
}

fn is_asked(asked: ByteRange, came: &Range<u64>, total: Option<u64>) -> bool {
    match (total, asked) {
        (Some(total), _) => asked.within(total).is_ok_and(|wanted| wanted == *came),
        (None, ByteRange::Bounded(start, end)) => (start..end) == *came,
        // Without the total nobody can tell whether this is the end.
        (None, ByteRange::From(_) | ByteRange::Last(_)) => false,
    }
}

/// `len` bytes of `body` from `skip` on. With `exact`, more bytes are a fault; else they are not read.
fn window(body: ByteStream, skip: u64, len: u64, exact: bool, origin: String) -> ByteStream {
    let state = (body, skip, len, origin, false);
    stream::try_unfold(state, move |(mut body, mut skip, left, origin, over)| async move {
        if over || (left == 0 && !exact) {
            return Ok(None);
        }
        loop {
            let Some(mut frame) = body.next().await.transpose()? else {
                return match left {
                    0 => Ok(None),
                    _ => Err(Error::new(ErrorKind::Unavailable, format!("{origin}: the answer was cut off"))),
                };
            };
            let over = skip.min(frame.len() as u64);
            skip -= over;
            let _ = frame.split_to(usize::try_from(over).unwrap_or(frame.len()));
            if frame.is_empty() {
                continue;
            }
            let n = left.min(frame.len() as u64);
            if exact && n < frame.len() as u64 {
                return Err(lie(format!("{origin}: more bytes came than were asked for")));
            }
            let data: Bytes = frame.split_to(usize::try_from(n).unwrap_or(frame.len()));
            let left = left - n;
            return Ok(Some((data, (body, skip, left, origin, left == 0 && !exact))));
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_held_against_what_was_asked() {
        let cases = [
            ("bytes 0-99/200", ByteRange::Bounded(0, 100), true),
            ("bytes 0-99/200", ByteRange::Bounded(0, 101), false),
            ("bytes 0-98/200", ByteRange::Bounded(0, 100), false),
            ("bytes 1-99/200", ByteRange::Bounded(0, 100), false),
            ("bytes 100-199/200", ByteRange::Bounded(100, 900), true),
            ("bytes 100-199/200", ByteRange::From(100), true),
            ("bytes 100-198/200", ByteRange::From(100), false),
            ("bytes 190-199/200", ByteRange::Last(10), true),
            ("bytes 0-199/200", ByteRange::Last(1000), true),
            ("bytes 191-199/200", ByteRange::Last(10), false),
            ("bytes 0-99/*", ByteRange::Bounded(0, 100), true),
            ("bytes 0-98/*", ByteRange::Bounded(0, 100), false),
            ("bytes 0-99/*", ByteRange::From(0), false),
            ("bytes 0-99/99", ByteRange::Bounded(0, 100), false),
            ("bytes 5-4/99", ByteRange::Bounded(5, 5), false),
            ("bytes 0-18446744073709551615/*", ByteRange::Bounded(0, 1), false),
            ("items 0-99/200", ByteRange::Bounded(0, 100), false),
            ("bytes */200", ByteRange::Bounded(0, 100), false),
            ("", ByteRange::Bounded(0, 100), false),
        ];
        for (told, asked, wanted) in cases {
            let good = content_range(told).is_some_and(|(range, total)| is_asked(asked, &range, total));
            assert_eq!(good, wanted, "{told} for {asked}");
        }
    }

    #[test]
    fn headers_say_the_range_or_nothing() {
        let text = |range| range_header(range).map(|it| it.to_str().unwrap().to_owned()).map_err(|err| err.kind());
        assert_eq!(text(ByteRange::Bounded(5, 10)).unwrap(), "bytes=5-9");
        assert_eq!(text(ByteRange::From(5)).unwrap(), "bytes=5-");
        assert_eq!(text(ByteRange::Last(5)).unwrap(), "bytes=-5");
        for empty in [ByteRange::Bounded(5, 5), ByteRange::Bounded(6, 5), ByteRange::Last(0)] {
            assert_eq!(text(empty), Err(ErrorKind::InvalidRange));
        }
    }
}

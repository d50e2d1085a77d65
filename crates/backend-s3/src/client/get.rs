//! Bytes on their way back (`GetObject`): exactly the range that was asked for.

use std::ops::Range;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream as SdkStream;
use backend_core::{ByteRange, ByteStream, DigestKind, Error, ErrorKind, Fetched, GetOptions, Locator, Result};
use futures::stream::{self, StreamExt};

use super::Client;
use super::object::{Told, quoted, told_by_get};
use crate::error::lie;
use crate::failure::Act;

const GET: Act = Act::reads("read the object");

impl Client {
    pub(crate) async fn get(&self, at: &Locator, key: &str, opts: &GetOptions) -> Result<Fetched> {
        match opts.range {
            Some(ByteRange::Last(n)) if self.learnt.short_suffix && 0 < n => self.get_end(at, key, opts, n).await,
            _ => self.get_range(at, key, opts).await,
        }
    }

    /// The last `n` bytes of a service that cannot be asked for more than there are: then all of them are asked for.
    async fn get_end(&self, at: &Locator, key: &str, opts: &GetOptions, n: u64) -> Result<Fetched> {
        let size = self.stat(at, key).await?.size.unwrap_or_default();
        let range = if size <= n { None } else { opts.range };
        let fetched = self.get_range(at, key, &GetOptions { range, ..opts.clone() }).await?;
        match fetched.meta.size == Some(size) {
            true => Ok(fetched),
            false => Err(Error::new(ErrorKind::Unavailable, "somebody else is writing it at this moment")),
        }
    }

    async fn get_range(&self, at: &Locator, key: &str, opts: &GetOptions) -> Result<Fetched> {
        let asked = opts.range.filter(|range| *range != ByteRange::From(0));
        let header = asked.map(header).transpose()?;
        let if_match = opts.if_match.as_deref().map(quoted).transpose()?;
        let customer = self.customer_key();
        let answer = self.tried(|sdk| {
            let request = sdk.get_object().bucket(&self.rules.bucket).key(key);
            let request = request.set_version_id(at.version.clone()).set_range(header.clone());
            let request = request.set_if_match(if_match.clone());
            let request = request.set_sse_customer_algorithm(customer.algorithm.clone());
            let request = request.set_sse_customer_key(customer.key.clone());
            self.told(GET, request.set_sse_customer_key_md5(customer.md5.clone()).send())
        });
        match (answer.await, asked) {
            (Ok(answer), asked) => self.fetched(at, answer, asked),
            // Nothing of nothing: the range begins at 0, and the content is empty.
            (Err(failed), Some(range)) if failed.is(ErrorKind::InvalidRange) => {
                let meta = self.stat(at, key).await?;
                let range = range.within(meta.size.unwrap_or_default())?;
                match range.is_empty() {
                    true => Ok(Fetched { meta, range, body: stream::empty().boxed() }),
                    false => Err(failed.into()),
                }
            }
            (Err(failed), _) => Err(self.absence(key, failed, at.version.as_deref()).await),
        }
    }

    fn fetched(&self, at: &Locator, answer: GetObjectOutput, asked: Option<ByteRange>) -> Result<Fetched> {
        let len = answer.content_length().and_then(|len| u64::try_from(len).ok());
        let len = len.ok_or_else(|| lie("an object without a length"))?;
        let (range, size) = match (asked, answer.content_range()) {
            (None, _) => (0..len, len),
            (Some(_), Some(text)) => span(text).ok_or_else(|| lie("a Content-Range that is none"))?,
            (Some(_), None) => return Err(lie("a range was asked for, and all is sent")),
        };
        if range.end - range.start != len || asked.is_some_and(|asked| asked.within(size).ok() != Some(range.clone())) {
            return Err(lie("another range is sent than was asked for"));
        }
        let told = Told { size: Some(size), ..told_by_get(&answer) };
        let mut meta = self.metadata(at, &told)?;
        if asked.is_some() {
            meta.digests.retain(|digest| digest.kind == DigestKind::Md5);
        }
        Ok(Fetched { meta, range, body: frames(answer.body, len) })
    }
}

/// No object is larger, and some services count in signed numbers.
const LAST: u64 = i64::MAX as u64;

/// The `Range` header; both ends are included there.
fn header(range: ByteRange) -> Result<String> {
    let empty = || Error::new(ErrorKind::InvalidRange, format!("the range {range} asks for nothing"));
    match range {
        // A number of that size makes some services overflow (rclone): it means the end.
        ByteRange::Bounded(start, end) if start < end && LAST <= end => Ok(format!("bytes={}-", start.min(LAST))),
        ByteRange::Bounded(start, end) if start < end => Ok(format!("bytes={start}-{}", end - 1)),
        ByteRange::From(start) => Ok(format!("bytes={}-", start.min(LAST))),
        ByteRange::Last(n) if 0 < n => Ok(format!("bytes=-{}", n.min(LAST))),
        _ => Err(empty()),
    }
}

/// `bytes 0-4/10`, as the range and the whole size.
fn span(text: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then(|| (first..last + 1, size))
}

/// The body, counted: it ends well only after exactly `len` bytes.
fn frames(body: SdkStream, len: u64) -> ByteStream {
    let next = |state: Option<(SdkStream, u64)>| async move {
        let (mut body, left) = state?;
        match body.next().await {
            Some(Ok(frame)) => match left.checked_sub(frame.len() as u64) {
                Some(left) => Some((Ok(frame), Some((body, left)))),
                None => Some((Err(lie("more bytes than announced")), None)),
            },
            None if left == 0 => None,
            Some(Err(_)) | None => {
                let missing = format!("the connection broke, {left} bytes are missing");
                Some((Err(Error::new(ErrorKind::Unavailable, missing)), None))
            }
        }
    };
    // Some readers ask again behind the end.
    stream::unfold(Some((body, len)), next).fuse().boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_or_refused() {
        assert_eq!(span("bytes 0-4/10"), Some((0..5, 10)));
        for text in ["", "bytes */10", "bytes 4-3/10", "bytes 0-10/10", "bytes 0-4/*", "bytes -1-4/10", "0-4/10"] {
            assert_eq!(span(text), None, "{text}");
        }
        assert_eq!(span(&format!("bytes 0-{}/{}", u64::MAX, u64::MAX)), None);
    }

    #[test]
    fn headers_include_both_ends() {
        assert_eq!(header(ByteRange::Bounded(2, 5)).unwrap(), "bytes=2-4");
        assert_eq!(header(ByteRange::From(7)).unwrap(), "bytes=7-");
        assert_eq!(header(ByteRange::Last(3)).unwrap(), "bytes=-3");
        assert_eq!(header(ByteRange::Bounded(1, u64::MAX)).unwrap(), "bytes=1-");
        for range in [ByteRange::Bounded(3, 3), ByteRange::Bounded(4, 3), ByteRange::Last(0)] {
            assert_eq!(header(range).unwrap_err().kind(), ErrorKind::InvalidRange);
        }
    }
}

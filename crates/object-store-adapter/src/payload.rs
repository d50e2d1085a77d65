//! A payload in memory as a source that is opened at any range, without a copy.

use std::fmt;
use std::ops::Range;

use async_trait::async_trait;
use backend_core::{ByteStream, Open, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use object_store::PutPayload;

/// Bytes that a caller has put into one call.
pub(crate) struct Payload(pub(crate) PutPayload);

impl Payload {
    /// Bytes in all.
    pub(crate) fn len(&self) -> u64 {
        self.0.content_length() as u64
    }

    /// The slices of `range`.
    pub(crate) fn slices(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> + Send + use<> {
        let mut at = 0;
        let placed = self.0.clone().into_iter().map(move |bytes| {
            let start = at;
            at += bytes.len() as u64;
            (start, bytes)
        });
        placed.filter_map(move |(start, bytes)| {
            let len = bytes.len() as u64;
            let from = range.start.saturating_sub(start).min(len);
            let to = range.end.saturating_sub(start).min(len);
            (from < to).then(|| bytes.slice(from as usize..to as usize))
        })
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes in memory", self.len())
    }
}

#[async_trait]
impl Open for Payload {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        Ok(stream::iter(self.slices(range).map(Ok)).boxed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_crosses_slices() {
        let payload = Payload(["ab", "", "cde", "f"].into_iter().map(Bytes::from).collect());
        let check = |range: Range<u64>| payload.slices(range).collect::<Vec<_>>().concat();
        assert_eq!(payload.len(), 6);
        assert_eq!((check(0..6), check(1..4), check(5..6)), (b"abcdef".to_vec(), b"bcd".to_vec(), b"f".to_vec()));
        assert_eq!((check(2..2), check(6..6)), (Vec::new(), Vec::new()));
    }
}

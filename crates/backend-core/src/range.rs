//! Which bytes of content.

use std::fmt;
use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};

/// A range as a caller asks for it, before the size is known. Offsets count bytes from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ByteRange {
    /// From the first up to, and without, the second. The end may lie behind the end of the content: then it means the end.
    Bounded(u64, u64),
    /// From here to the end.
    From(u64),
    /// The last so many bytes, or all if there are fewer.
    Last(u64),
}

impl ByteRange {
    /// The range within content of `size` bytes.
    ///
    /// # Errors
    /// `InvalidRange` if it is empty, reversed or begins at or behind the end. One exception serves callers that ask for "all": a range that begins at
    /// 0 is answered with the empty range when the content is empty.
    pub fn within(self, size: u64) -> Result<Range<u64>> {
        let range = match self {
            ByteRange::Bounded(start, end) => start..end.min(size),
            ByteRange::From(start) => start..size,
            ByteRange::Last(n) => size.saturating_sub(n)..size,
        };
        let asks_nothing = matches!(self, ByteRange::Bounded(start, end) if end <= start) || self == ByteRange::Last(0);
        match range.start < range.end || (size == 0 && range.start == 0 && !asks_nothing) {
            true => Ok(range.start..range.end.max(range.start)),
            false => Err(Error::new(ErrorKind::InvalidRange, format!("the range {self} is not within {size} bytes"))),
        }
    }
}

impl From<Range<u64>> for ByteRange {
    fn from(range: Range<u64>) -> Self {
        ByteRange::Bounded(range.start, range.end)
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ByteRange::Bounded(start, end) => write!(f, "{start}..{end}"),
            ByteRange::From(start) => write!(f, "{start}.."),
            ByteRange::Last(n) => write!(f, "the last {n}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_clipped_to_the_size() {
        let cases = [
            (ByteRange::Bounded(0, 4), 10, Some(0..4)),
            (ByteRange::Bounded(8, 99), 10, Some(8..10)),
            (ByteRange::Bounded(4, 4), 10, None),
            (ByteRange::Bounded(5, 4), 10, None),
            (ByteRange::Bounded(10, 11), 10, None),
            (ByteRange::From(9), 10, Some(9..10)),
            (ByteRange::From(10), 10, None),
            (ByteRange::From(0), 0, Some(0..0)),
            (ByteRange::From(1), 0, None),
            (ByteRange::Bounded(0, 5), 0, Some(0..0)),
            (ByteRange::Last(3), 10, Some(7..10)),
            (ByteRange::Last(30), 10, Some(0..10)),
            (ByteRange::Last(0), 10, None),
            (ByteRange::From(u64::MAX), 10, None),
        ];
        for (range, size, wanted) in cases {
            assert_eq!(range.within(size).ok(), wanted, "{range} of {size}");
        }
    }
}

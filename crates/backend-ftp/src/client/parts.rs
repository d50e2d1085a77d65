//! Plain bytes in parts of one size: what an upload collects and a reader is served from.

use std::ops::Range;

use bytes::Bytes;

/// Bytes of every part but the last. An upload is gone on with at a multiple of it.
pub(crate) const PART: u64 = 1 << 20;

/// The parts of one content. Cloning does not copy bytes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Parts {
    parts: Vec<Bytes>,
    len: u64,
}

impl Parts {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Appends a part; only the last one may be shorter than [`PART`].
    pub(crate) fn push(&mut self, part: Bytes) {
        self.len += part.len() as u64;
        self.parts.push(part);
    }

    /// The slices that make up `range`, which is clipped to what is there.
    pub(crate) fn slices(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> + Send + use<> {
        let (parts, end) = (self.parts.clone(), range.end.min(self.len));
        let first = usize::try_from(range.start / PART).unwrap_or(usize::MAX);
        let numbered = parts.into_iter().enumerate().skip(first).map(|(n, part)| (n as u64 * PART, part));
        numbered.take_while(move |(at, _)| *at < end).map(move |(at, part)| {
            let from = range.start.saturating_sub(at).min(part.len() as u64);
            let to = (end - at).clamp(from, part.len() as u64);
            part.slice(from as usize..to as usize)
        })
    }

    /// `len` bytes from `at`, without a copy if they lie in one part; `None` if there are fewer.
    pub(crate) fn slice(&self, at: u64, len: u64) -> Option<Bytes> {
        let end = at.checked_add(len).filter(|end| *end <= self.len)?;
        let mut slices = self.slices(at..end);
        let first = slices.next().unwrap_or_default();
        match first.len() as u64 == len {
            true => Some(first),
            false => Some(
                slices
                    .fold(first.to_vec(), |mut all, next| {
                        all.extend_from_slice(&next);
                        all
                    })
                    .into(),
            ),
        }
    }
}

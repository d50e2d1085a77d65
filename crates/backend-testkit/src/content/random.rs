//! Pseudo-random bytes that are made while they are read.

use std::ops::Range;

use async_trait::async_trait;
use backend_core::{ByteStream, Error, ErrorKind, Open, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt};

/// Bytes of a frame.
const FRAME: u64 = 64 * 1024;

/// A source of `len` bytes. The byte at each place depends on the seed and the place alone, so any range can be opened.
#[derive(Debug, Clone, Copy)]
pub struct Random {
    seed: u64,
    len: u64,
}

impl Random {
    /// A source for `seed`.
    pub fn new(seed: &str, len: u64) -> Self {
        // FNV-1a, 64 bit.
        let seed = seed
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { seed, len }
    }

    /// Bytes in all.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// The bytes of `range`, frame by frame.
    pub(crate) fn frames(self, range: Range<u64>) -> impl Iterator<Item = Bytes> + Send + use<> {
        let mut at = range.start;
        std::iter::from_fn(move || {
            let end = range.end.min((at / FRAME + 1) * FRAME);
            let frame = (at < end).then(|| self.bytes(at..end));
            at = end;
            frame
        })
    }

    fn bytes(&self, range: Range<u64>) -> Bytes {
        let words = range.start / 8..range.end.div_ceil(8);
        let mut bytes = Vec::with_capacity((words.end - words.start) as usize * 8);
        words.for_each(|word| bytes.extend_from_slice(&self.word(word)));
        let skipped = (range.start % 8) as usize;
        Bytes::from(bytes).slice(skipped..skipped + (range.end - range.start) as usize)
    }

    /// Splitmix64 as a function of the place: <https://prng.di.unimi.it/splitmix64.c>.
    fn word(&self, at: u64) -> [u8; 8] {
        let mixed = self.seed.wrapping_add(at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).to_le_bytes()
    }
}

#[async_trait]
impl Open for Random {
    async fn open(&self, range: Range<u64>) -> Result<ByteStream> {
        match range.start <= range.end && range.end <= self.len {
            true => Ok(stream::iter(self.frames(range).map(Ok)).boxed()),
            false => Err(Error::new(ErrorKind::InvalidRange, "the range is not within the source")),
        }
    }
}

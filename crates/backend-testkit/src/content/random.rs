//! Pseudo-random bytes that are made while they are read.

use std::ops::Range;

use async_trait::async_trait;
use backend_core::{ByteStream, Error, ErrorKind, Open, Result};
use bytes::Bytes;
use futures::stream::{self, StreamExt};

/// Bytes of a frame.
const FRAME: u64 = 64 * 1024;

/// A source of `len` bytes. The byte at each place depends on the seed and the place alone, so any range can be opened. A frame is a slice of one
/// table, at an offset of its own: making it costs nothing, also in a build that is not optimised.
#[derive(Debug, Clone)]
pub struct Random {
    seed: u64,
    len: u64,
    /// Two frames long.
    table: Bytes,
}

impl Random {
    /// A source for `seed`.
    pub fn new(seed: &str, len: u64) -> Self {
        // FNV-1a, 64 bit.
        let seed = seed
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let words = (0..2 * FRAME.min(len) / 8 + 2).flat_map(|at| mixed(seed, at).to_le_bytes());
        Self { seed, len, table: words.collect() }
    }

    /// The bytes of `range`, frame by frame.
    pub(crate) fn frames(&self, range: Range<u64>) -> impl Iterator<Item = Bytes> + Send + use<> {
        let (random, mut at) = (self.clone(), range.start);
        std::iter::from_fn(move || {
            let end = range.end.min((at / FRAME + 1) * FRAME);
            let frame = (at < end).then(|| random.frame(at..end));
            at = end;
            frame
        })
    }

    /// A range within one frame.
    fn frame(&self, range: Range<u64>) -> Bytes {
        let number = range.start / FRAME;
        let offset = mixed(!self.seed, number) % FRAME.min(self.len);
        let place = |at: u64| (offset + at - number * FRAME) as usize;
        self.table.slice(place(range.start)..place(range.end))
    }
}

/// Splitmix64 as a function of the place: <https://prng.di.unimi.it/splitmix64.c>.
fn mixed(seed: u64, at: u64) -> u64 {
    let mixed = seed.wrapping_add(at.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
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

//! How content is cut into parts, and which of them have arrived.

use std::collections::BTreeMap;
use std::ops::Range;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

const MIB: u64 = 1 << 20;
/// S3 takes no more parts of one upload.
pub(super) const MAX_PARTS: u64 = 10_000;
/// Parts are no smaller, unless the user says so.
const SMALLEST: u64 = 8 * MIB;
/// Content up to this goes in one request, unless the user says how large a part is: beginning, checkpointing and completing an upload cost more
/// than sending so much again.
pub(super) const WHOLE: u64 = 32 * MIB;
/// Parts are no larger, unless there would be too many of them.
const USUAL_MOST: u64 = 64 * MIB;
/// Content is cut into about so many parts, so that few bytes are sent again and few checkpoints are written.
const ABOUT: u64 = 1000;
/// Bytes of parts that are under way at a time.
const BUDGET: u64 = 64 * MIB;
const MOST_AT_ONCE: u64 = 8;

/// Bytes of every part but the last. They are equal, because R2 wants it.
pub(super) fn part_size(len: u64, wanted: Option<u64>) -> u64 {
    let least = len.div_ceil(MAX_PARTS).next_multiple_of(MIB);
    let usual = || (len / ABOUT).next_multiple_of(MIB).clamp(SMALLEST, USUAL_MOST);
    wanted.unwrap_or_else(usual).max(least)
}

/// One part that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Empty where the service tells none, and asks for none.
    pub(super) etag: String,
    /// CRC-64/NVME of it in base64, as the service says it.
    pub(super) crc: Option<String>,
}

/// The parts of one content, by number from 1.
#[derive(Debug)]
pub(super) struct Parts {
    len: u64,
    size: u64,
    arrived: BTreeMap<u64, Part>,
}

impl Parts {
    pub(super) fn new(len: u64, size: u64) -> Self {
        Self { len, size: size.max(1), arrived: BTreeMap::new() }
    }

    pub(super) fn count(&self) -> u64 {
        self.len.div_ceil(self.size)
    }

    /// Where part `number` lies in the content.
    pub(super) fn range(&self, number: u64) -> Range<u64> {
        let start = number.saturating_sub(1).saturating_mul(self.size).min(self.len);
        start..start.saturating_add(self.size).min(self.len)
    }

    /// How many are under way at a time.
    pub(super) fn at_once(&self) -> usize {
        (BUDGET / self.size).clamp(2, MOST_AT_ONCE) as usize
    }

    /// Takes a part that is as long as it must be; another is sent again.
    pub(super) fn found(&mut self, number: u64, len: u64, part: Part) {
        let range = self.range(number);
        if 0 < number && number <= self.count() && range.end - range.start == len {
            self.arrived.insert(number, part);
        }
    }

    pub(super) fn arrive(&mut self, number: u64, part: Part) {
        self.arrived.insert(number, part);
    }

    pub(super) fn has(&self, number: u64) -> bool {
        self.arrived.contains_key(&number)
    }

    pub(super) fn missing(&self) -> Vec<u64> {
        (1..=self.count()).filter(|number| !self.arrived.contains_key(number)).collect()
    }

    /// Bytes from the beginning that have arrived without a gap.
    pub(super) fn certain(&self) -> u64 {
        let gap = (1..=self.count()).find(|number| !self.arrived.contains_key(number));
        gap.map_or(self.len, |number| self.range(number).start)
    }

    /// Bytes that have arrived.
    pub(super) fn bytes(&self) -> u64 {
        self.arrived.keys().map(|number| self.range(*number)).map(|range| range.end - range.start).sum()
    }

    /// The list that `CompleteMultipartUpload` wants.
    pub(super) fn list(&self) -> CompletedMultipartUpload {
        let parts = self.arrived.iter().map(|(number, part)| {
            let number = i32::try_from(*number).unwrap_or(i32::MAX);
            let etag = Some(part.etag.clone()).filter(|etag| !etag.is_empty());
            let done = CompletedPart::builder().part_number(number).set_e_tag(etag);
            done.set_checksum_crc64_nvme(part.crc.clone()).build()
        });
        CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build()
    }

    /// CRC-64/NVME of the whole, composed of the parts', if each is known.
    pub(super) fn crc(&self) -> Option<u64> {
        let mut parts = self.arrived.iter();
        let (_, first) = parts.next()?;
        parts.try_fold(crc_of(first)?, |whole, (number, part)| {
            let range = self.range(*number);
            let algorithm = crc_fast::CrcAlgorithm::Crc64Nvme;
            Some(crc_fast::checksum_combine(algorithm, whole, crc_of(part)?, range.end - range.start))
        })
    }
}

fn crc_of(part: &Part) -> Option<u64> {
    let bytes = BASE64.decode(part.crc.as_deref()?).ok()?;
    bytes.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn every_size_fits_ten_thousand_parts() {
        let cases = [
            (8 * MIB + 1, None, 8 * MIB),
            (GIB, None, 8 * MIB),
            (20 * GIB, None, 21 * MIB),
            (100 * GIB, None, 64 * MIB),
            (5 << 40, None, 525 * MIB),
            (GIB, Some(5 * MIB), 5 * MIB),
            (100 * GIB, Some(5 * MIB), 11 * MIB),
        ];
        for (len, wanted, size) in cases {
            assert_eq!(part_size(len, wanted), size, "{len}");
            assert!(len.div_ceil(size) <= MAX_PARTS, "{len}");
        }
    }

    fn part(crc: u64) -> Part {
        Part { etag: "e".to_owned(), crc: Some(BASE64.encode(crc.to_be_bytes())) }
    }

    #[test]
    fn gaps_are_not_certain() {
        let mut parts = Parts::new(25, 10);
        assert_eq!((parts.count(), parts.range(3), parts.missing()), (3, 20..25, vec![1, 2, 3]));
        parts.arrive(1, part(0));
        parts.found(3, 5, part(0));
        assert_eq!((parts.certain(), parts.bytes(), parts.missing()), (10, 15, vec![2]));
        for (number, len) in [(0, 10), (2, 9), (4, 10), (u64::MAX, 0)] {
            parts.found(number, len, part(0));
        }
        assert_eq!(parts.missing(), vec![2]);
        parts.arrive(2, part(0));
        assert_eq!((parts.certain(), parts.bytes()), (25, 25));
    }

    #[test]
    fn the_checksum_of_the_whole_is_composed() {
        let bytes: Vec<u8> = (0..25).collect();
        let crc = |bytes: &[u8]| crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, bytes);
        let mut parts = Parts::new(25, 10);
        for (n, chunk) in bytes.chunks(10).enumerate() {
            parts.arrive(n as u64 + 1, part(crc(chunk)));
        }
        assert_eq!(parts.crc(), Some(crc(&bytes)));
        parts.arrive(2, Part { etag: "e".to_owned(), crc: None });
        assert_eq!(parts.crc(), None);
    }
}

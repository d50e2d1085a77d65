//! Unsigned varints (multiformats `unsigned-varint`, LEB128): at most nine bytes, and only the shortest form.

use crate::error::{Error, Result};

/// The most bytes a varint may have.
pub const MAX_LEN: usize = 9;

/// Appends `value` in its shortest form. Values of 2^63 and more take a tenth byte, which only protobuf reads.
pub fn write(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`write()`] appends.
pub fn len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// The value at the start of `bytes`, and how many bytes it took.
///
/// # Errors
/// `Truncated` when `bytes` end inside of it (more input may help); `Malformed` when it is over-long (nothing will).
pub fn read(bytes: &[u8]) -> Result<(u64, usize)> {
    read_at_most(bytes, MAX_LEN)
}

/// As [`read`], for protobuf, whose 64-bit values need up to ten bytes.
pub(crate) fn read_protobuf(bytes: &[u8]) -> Result<(u64, usize)> {
    read_at_most(bytes, MAX_LEN + 1)
}

fn read_at_most(bytes: &[u8], most: usize) -> Result<(u64, usize)> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().copied().enumerate().take(most) {
        let part = u64::from(byte & 0x7f);
        if index == MAX_LEN && part > 1 {
            return Err(malformed("value does not fit 64 bits"));
        }
        value |= part << (7 * index);
        if byte & 0x80 == 0 {
            if byte == 0 && index > 0 {
                return Err(malformed("not the shortest form"));
            }
            return Ok((value, index + 1));
        }
    }
    if bytes.len() < most { Err(Error::Truncated("varint")) } else { Err(malformed("longer than any value needs")) }
}

fn malformed(detail: &str) -> Error {
    Error::malformed("varint", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_reads_back() {
        for value in (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit]).chain([u64::MAX]) {
            let mut bytes = Vec::new();
            write(&mut bytes, value);
            assert_eq!(bytes.len(), len(value), "{value}");
            assert_eq!(read_protobuf(&bytes).unwrap(), (value, bytes.len()));
            assert_eq!(read(&bytes).is_ok(), bytes.len() <= MAX_LEN, "{value}");
            for cut in 0..bytes.len() {
                assert_eq!(read_protobuf(&bytes[..cut]), Err(Error::Truncated("varint")), "{value} cut at {cut}");
            }
        }
    }

    #[test]
    fn over_long_forms_are_refused() {
        let cases: [&[u8]; 4] =
            [&[0x80, 0], &[0xff, 0x80, 0], &[0xff; 11], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]];
        for bytes in cases {
            for result in [read(bytes), read_protobuf(bytes)] {
                assert!(matches!(result, Err(Error::Malformed { format: "varint", .. })), "{bytes:x?}: {result:?}");
            }
        }
    }
}

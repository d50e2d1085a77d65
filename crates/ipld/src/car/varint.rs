//! Unsigned LEB128 as multiformats writes it: at most nine bytes and never longer than needed.

use crate::{Error, Result};

/// The most bytes a varint may have (multiformats unsigned-varint: nine bytes, so values below 2^63).
pub(crate) const MAX_LEN: usize = 9;

/// How many bytes `value` takes.
pub(crate) fn len(value: u64) -> usize {
    let bits = 64 - value.leading_zeros() as usize;
    bits.max(1).div_ceil(7)
}

/// Appends `value`.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    while 0x80 <= value {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The number at the head of `bytes` and how many bytes it took, or `None` when `bytes` ends inside of it.
pub(crate) fn take(bytes: &[u8]) -> Result<Option<(u64, usize)>> {
    let mut value = 0u64;
    for (at, &byte) in bytes.iter().take(MAX_LEN).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            let longer_than_needed = byte == 0 && 0 < at;
            return if longer_than_needed { Err(malformed("longer than needed")) } else { Ok(Some((value, at + 1))) };
        }
    }
    if bytes.len() < MAX_LEN { Ok(None) } else { Err(malformed("more than nine bytes")) }
}

fn malformed(detail: &str) -> Error {
    Error::Malformed { format: "varint", detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: u64, bytes: &[u8]) {
        let mut out = Vec::new();
        put(&mut out, value);
        assert_eq!((out.as_slice(), len(value)), (bytes, bytes.len()));
        assert_eq!(take(bytes), Ok(Some((value, bytes.len()))));
        assert_eq!(take(&bytes[..bytes.len() - 1]), Ok(None));
    }

    #[test]
    fn minimal_forms_and_their_ends() {
        check(0, &[0]);
        check(127, &[0x7f]);
        check(128, &[0x80, 1]);
        check(300, &[0xac, 2]);
        check((1 << 63) - 1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    }

    #[test]
    fn overlong_and_endless_are_refused() {
        assert!(take(&[0x80, 0]).is_err());
        assert!(take(&[0xff, 0x80, 0]).is_err());
        assert!(take(&[0xff; 9]).is_err());
        assert!(take(&[0xff; 40]).is_err());
        assert_eq!(take(&[0xff; 8]), Ok(None));
    }
}

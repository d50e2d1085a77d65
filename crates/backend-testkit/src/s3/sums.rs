//! Checksums: which there are, of what bytes, and how those of parts become one of the whole (S3 API, Checking object integrity).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, checksum_combine};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{Checksum, ChecksumType};

/// An algorithm of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64nvme,
    Sha1,
    Sha256,
}

pub(super) const ALL: [Algorithm; 5] =
    [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64nvme, Algorithm::Sha1, Algorithm::Sha256];

/// The checksums that a message holds, as one value.
macro_rules! told {
    ($message:expr) => {
        s3s::dto::Checksum {
            checksum_crc32: $message.checksum_crc32.clone(),
            checksum_crc32c: $message.checksum_crc32c.clone(),
            checksum_crc64nvme: $message.checksum_crc64nvme.clone(),
            checksum_sha1: $message.checksum_sha1.clone(),
            checksum_sha256: $message.checksum_sha256.clone(),
            checksum_type: None,
        }
    };
}

/// Writes checksums into a message.
macro_rules! tell {
    ($message:expr, $sums:expr) => {
        $message.checksum_crc32 = $sums.checksum_crc32.clone();
        $message.checksum_crc32c = $sums.checksum_crc32c.clone();
        $message.checksum_crc64nvme = $sums.checksum_crc64nvme.clone();
        $message.checksum_sha1 = $sums.checksum_sha1.clone();
        $message.checksum_sha256 = $sums.checksum_sha256.clone();
    };
}
pub(super) use {tell, told};

impl Algorithm {
    /// As in `x-amz-checksum-algorithm`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(name))
    }

    /// By the name of its header.
    pub(super) fn of_header(name: &str) -> Option<Self> {
        let prefix = "x-amz-checksum-";
        let name = name.trim();
        let ours = name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        ours.then(|| name.get(prefix.len()..)).flatten().and_then(Self::parse)
    }

    /// What a multipart upload does with it if the client does not say.
    pub(super) fn default_type(self) -> &'static str {
        match self {
            Self::Crc64nvme => ChecksumType::FULL_OBJECT,
            _ => ChecksumType::COMPOSITE,
        }
    }

    fn linear(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    pub(super) fn of(self, sums: &Checksum) -> Option<&str> {
        match self {
            Self::Crc32 => sums.checksum_crc32.as_deref(),
            Self::Crc32c => sums.checksum_crc32c.as_deref(),
            Self::Crc64nvme => sums.checksum_crc64nvme.as_deref(),
            Self::Sha1 => sums.checksum_sha1.as_deref(),
            Self::Sha256 => sums.checksum_sha256.as_deref(),
        }
    }

    pub(super) fn put(self, sums: &mut Checksum, value: String) {
        let place = match self {
            Self::Crc32 => &mut sums.checksum_crc32,
            Self::Crc32c => &mut sums.checksum_crc32c,
            Self::Crc64nvme => &mut sums.checksum_crc64nvme,
            Self::Sha1 => &mut sums.checksum_sha1,
            Self::Sha256 => &mut sums.checksum_sha256,
        };
        *place = Some(value);
    }
}

/// A hasher of these algorithms.
pub(super) fn hasher(algorithms: &[Algorithm]) -> ChecksumHasher {
    let has = |it| algorithms.contains(&it);
    ChecksumHasher {
        crc32: has(Algorithm::Crc32).then(Crc32::new),
        crc32c: has(Algorithm::Crc32c).then(Crc32c::new),
        sha1: has(Algorithm::Sha1).then(Sha1::new),
        sha256: has(Algorithm::Sha256).then(Sha256::new),
        crc64nvme: has(Algorithm::Crc64nvme).then(Crc64Nvme::new),
    }
}

/// The first algorithm by which the two differ, of those that both tell.
pub(super) fn differs(promised: &Checksum, found: &Checksum) -> Option<Algorithm> {
    ALL.into_iter().find(|it| matches!((it.of(promised), it.of(found)), (Some(a), Some(b)) if a != b))
}

/// Whether any is told.
pub(super) fn any(sums: &Checksum) -> bool {
    ALL.into_iter().any(|it| it.of(sums).is_some())
}

/// The checksum of checksums: of the parts' raw digests, and their number.
pub(super) fn composite(algorithm: Algorithm, parts: &[&Checksum]) -> Option<String> {
    let mut hasher = hasher(&[algorithm]);
    for part in parts {
        hasher.update(&STANDARD.decode(algorithm.of(part)?).ok()?);
    }
    let sums = hasher.finalize();
    Some(format!("{}-{}", algorithm.of(&sums)?, parts.len()))
}

/// The checksum of the whole, from those of the parts and their sizes. Only a CRC has one.
pub(super) fn full_object(algorithm: Algorithm, parts: &[(&Checksum, u64)]) -> Option<String> {
    let linear = algorithm.linear()?;
    let mut whole: Option<u64> = None;
    let mut n_bytes = 0;
    for (part, len) in parts {
        let raw = STANDARD.decode(algorithm.of(part)?).ok()?;
        n_bytes = raw.len();
        let value = raw.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        whole = Some(whole.map_or(value, |before| checksum_combine(linear, before, value, *len)));
    }
    let bytes = whole?.to_be_bytes();
    Some(STANDARD.encode(bytes.get(bytes.len() - n_bytes..)?))
}

/// In hexadecimal, lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(bytes: &[u8]) -> Checksum {
        let mut hasher = hasher(&ALL);
        hasher.update(bytes);
        hasher.finalize()
    }

    #[test]
    fn parts_make_the_whole() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|it| (it % 251) as u8).collect();
        let (a, b) = bytes.split_at(70_001);
        let (left, right) = (sums(a), sums(b));
        for it in ALL {
            let found = full_object(it, &[(&left, a.len() as u64), (&right, b.len() as u64)]);
            match it {
                Algorithm::Sha1 | Algorithm::Sha256 => assert_eq!(found, None),
                _ => assert_eq!(found.as_deref(), it.of(&sums(&bytes)), "{it:?}"),
            }
            assert!(composite(it, &[&left, &right]).is_some_and(|sum| sum.ends_with("-2")));
        }
    }

    #[test]
    fn the_check_values() {
        let sums = sums(b"123456789");
        assert_eq!(sums.checksum_crc32.as_deref(), Some("y/Q5Jg=="));
        assert_eq!(sums.checksum_crc32c.as_deref(), Some("4waSgw=="));
        assert_eq!(sums.checksum_crc64nvme.as_deref(), Some("rosUhgp5mIg="));
    }
}

//! Whole-file digests, as services name them.

use std::fmt;

use bytes::Bytes;

/// Which function a digest comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DigestKind {
    /// SHA-256 of the plain bytes.
    Sha256,
    /// SHA-1 of the plain bytes.
    Sha1,
    /// MD5 of the plain bytes.
    Md5,
    /// CRC-64/NVME of the plain bytes, big-endian, as S3 sends it.
    Crc64Nvme,
    /// SHA-1 of `blob <length>\0` and the plain bytes: what git calls a file.
    GitBlob,
    /// A Filecoin piece commitment of the plain bytes (32 bytes).
    PieceCommitment,
}

/// A digest of whole content.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    /// The function.
    pub kind: DigestKind,
    /// Its raw value.
    pub value: Bytes,
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:", self.kind)?;
        self.value.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

//! Whole-file digests, for services that must be given one. Only what some target needs is computed, while the file is named.

use backend_core::{Content, Digest, DigestKind, Error, ErrorKind, Result};
use bytes::Bytes;
use futures::TryStreamExt;
use ipld::piece::PieceHasher;
use ipld::{Cid, address};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::trouble;

/// Whether digests of this kind can be computed here. The contract may grow one that cannot.
pub(crate) fn is_computed(kind: DigestKind) -> bool {
    Hasher::new(kind, 0).is_ok()
}

/// Those of `kinds` that are to be computed by reading the file: the name of a file of one raw block tells its SHA-256.
pub(crate) fn to_compute(kinds: &[DigestKind], is_raw: bool) -> Vec<DigestKind> {
    kinds.iter().copied().filter(|kind| !(is_raw && *kind == DigestKind::Sha256)).collect()
}

/// The SHA-256 that a name tells.
pub(crate) fn told_by(cid: &Cid) -> Option<Digest> {
    let is_told = cid.codec() == address::RAW && cid.hash().code() == address::SHA2_256 && cid.hash().size() == 32;
    let value = || Bytes::copy_from_slice(cid.hash().digest());
    is_told.then(|| Digest { kind: DigestKind::Sha256, value: value() })
}

/// Computes one digest of bytes that arrive in pieces of any size.
pub(crate) struct Hasher {
    kind: DigestKind,
    function: Function,
}

enum Function {
    Sha256(Sha256),
    Sha1(Sha1),
    Md5(Md5),
    Crc64(crc_fast::Digest),
    Piece(Box<PieceHasher>),
}

impl Hasher {
    /// A hasher of `len` bytes that has seen none.
    ///
    /// # Errors
    /// `Unsupported` for a kind that is not computed here.
    pub(crate) fn new(kind: DigestKind, len: u64) -> Result<Self> {
        let function = match kind {
            DigestKind::Sha256 => Function::Sha256(Sha256::new()),
            DigestKind::Sha1 => Function::Sha1(Sha1::new()),
            DigestKind::Md5 => Function::Md5(Md5::new()),
            DigestKind::Crc64Nvme => Function::Crc64(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme)),
            // gitformat-loose: the object's header is hashed before its bytes.
            DigestKind::GitBlob => Function::Sha1(Sha1::new_with_prefix(format!("blob {len}\0"))),
            DigestKind::PieceCommitment => Function::Piece(Box::new(PieceHasher::new())),
            other => {
                let text = format!("a digest that is not computed here: {other:?}");
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
        };
        Ok(Self { kind, function })
    }

    /// One for each kind.
    pub(crate) fn all(kinds: &[DigestKind], len: u64) -> Result<Vec<Self>> {
        kinds.iter().map(|kind| Self::new(*kind, len)).collect()
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.function {
            Function::Sha256(hash) => hash.update(bytes),
            Function::Sha1(hash) => hash.update(bytes),
            Function::Md5(hash) => hash.update(bytes),
            Function::Crc64(hash) => hash.update(bytes),
            Function::Piece(hash) => hash.update(bytes),
        }
    }

    /// # Errors
    /// `TooLarge` for more bytes than a piece can have.
    pub(crate) fn finish(self) -> Result<Digest> {
        let value: Bytes = match self.function {
            Function::Sha256(hash) => hash.finalize().to_vec().into(),
            Function::Sha1(hash) => hash.finalize().to_vec().into(),
            Function::Md5(hash) => hash.finalize().to_vec().into(),
            Function::Crc64(hash) => hash.finalize().to_be_bytes().to_vec().into(),
            Function::Piece(hash) => hash.finish().map_err(trouble::ipld)?.root().to_vec().into(),
        };
        Ok(Digest { kind: self.kind, value })
    }
}

/// The digests of bytes in memory.
///
/// # Errors
/// As [`Hasher::new`].
pub(crate) fn of_bytes(kinds: &[DigestKind], bytes: &[u8]) -> Result<Vec<Digest>> {
    let mut all = Hasher::all(kinds, bytes.len() as u64)?;
    all.iter_mut().for_each(|it| it.update(bytes));
    all.into_iter().map(Hasher::finish).collect()
}

/// `content` with these digests too: one more reading, if there are any.
///
/// # Errors
/// As [`Hasher::new`]; what reading answers.
pub(crate) async fn with_digests(content: Content, kinds: &[DigestKind]) -> Result<Content> {
    let mut hashers = Hasher::all(kinds, content.len())?;
    if hashers.is_empty() {
        return Ok(content);
    }
    let mut frames = content.open_all().await?;
    while let Some(frame) = frames.try_next().await? {
        hashers.iter_mut().for_each(|it| it.update(&frame));
    }
    let found: Vec<Digest> = hashers.into_iter().map(Hasher::finish).collect::<Result<_>>()?;
    let digests = content.digests().iter().cloned().chain(found).collect();
    Ok(content.with_digests(digests))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: DigestKind, bytes: &[u8], wanted: &str) {
        let mut hasher = Hasher::new(kind, bytes.len() as u64).unwrap();
        bytes.chunks(2).for_each(|part| hasher.update(part));
        let found = hasher.finish().unwrap();
        let text: String = found.value.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((found.kind, text.as_str()), (kind, wanted));
        assert_eq!(of_bytes(&[kind], bytes).unwrap(), [found]);
    }

    #[test]
    fn the_values_are_those_of_other_programs() {
        // sha256sum, sha1sum, md5sum, `git hash-object`; the CRC's is the check value of its catalogue entry.
        check(DigestKind::Sha256, b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        check(DigestKind::Sha1, b"abc", "a9993e364706816aba3e25717850c26c9cd0d89d");
        check(DigestKind::Md5, b"abc", "900150983cd24fb0d6963f7d28e17f72");
        check(DigestKind::Crc64Nvme, b"123456789", "ae8b14860a799888");
        check(DigestKind::GitBlob, b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a");
        let zero = ipld::piece::PieceHasher::new().finish().unwrap();
        let root: String = zero.root().iter().map(|byte| format!("{byte:02x}")).collect();
        check(DigestKind::PieceCommitment, &[0; 127], &root);
    }

    #[test]
    fn a_raw_block_tells_its_sha256() {
        let cid = address::sha256(address::RAW, b"abc");
        assert_eq!(of_bytes(&[DigestKind::Sha256], b"abc").unwrap(), [told_by(&cid).unwrap()]);
        assert_eq!(told_by(&address::sha256(address::DAG_PB, b"abc")), None);
        assert_eq!(to_compute(&[DigestKind::Sha256, DigestKind::Md5], true), [DigestKind::Md5]);
    }
}

//! An archive that is to be brought in: read once from end to end, each block hashed, and where each lies remembered. No block is held.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backend_core::{Error, ErrorKind, Progress, Result};
use bytes::Bytes;
use ipld::car::{self, Decoder, Item, Options, V2};
use ipld::{Cid, address};
use sha2::{Digest as _, Sha256};

use crate::naming::Fingerprint;
use crate::trouble;

/// Read at a time.
const PIECE: usize = 1 << 20;
/// Blocks of one archive: some 300 MiB of places, and 4 TiB in chunks of 1 MiB.
const MAX_BLOCKS: usize = 1 << 22;
/// Roots of one archive: each is a content of its own.
const MAX_ROOTS: usize = 256;
/// What stands before the fields of a CARv2, and how long these are (CARv2 specification, header).
const V2_FIELDS: std::ops::Range<usize> = 11..51;

/// An archive (CARv1, or the CARv1 in a CARv2) whose blocks all hash to their names. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Archive {
    inner: Arc<Inner>,
    /// Blocks that no root leads to.
    unused: usize,
}

#[derive(Debug)]
struct Inner {
    file: File,
    path: PathBuf,
    /// `None` for a spool that nobody else can write to.
    fingerprint: Option<Fingerprint>,
    /// Bytes of the file.
    len: u64,
    roots: Vec<Cid>,
    places: HashMap<Name, Place>,
}

/// A digest, or the digest of a multihash that is no plain sha2-256. Whoever finds a block by it hashes the block.
type Name = [u8; 32];

#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    len: u32,
}

/// A file that is to be read.
pub(super) struct Reading<'a> {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) len: u64,
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) progress: &'a Progress,
    pub(super) cancelled: &'a AtomicBool,
}

impl Archive {
    /// What its header says the roots are, each once.
    pub fn roots(&self) -> &[Cid] {
        &self.inner.roots
    }

    /// How many different blocks it has.
    pub fn blocks(&self) -> usize {
        self.inner.places.len()
    }

    /// How many of them no root leads to: they are left out.
    pub fn unused(&self) -> usize {
        self.unused
    }

    /// The same, once it is known how many blocks its roots lead to.
    pub(super) fn with_unused(self, used: usize) -> Self {
        Self { unused: self.blocks().saturating_sub(used), ..self }
    }

    /// How long its file is, bytes.
    pub(super) fn len(&self) -> u64 {
        self.inner.len
    }

    /// Reads all of it. Blocking.
    ///
    /// # Errors
    /// `Integrity` for what is no archive, is cut off, or has a block that does not hash to its name; `InvalidInput` for one that names no root, or a block
    /// by a hash that proves nothing; `TooLarge` beyond the bounds.
    pub(super) fn read(it: Reading<'_>) -> Result<Self> {
        let mut index =
            Index { decoder: Decoder::new(Options::default()), base: 0, roots: Vec::new(), places: HashMap::new() };
        let mut at = 0;
        while at < it.len {
            if it.cancelled.load(Ordering::Relaxed) {
                return Err(Error::new(ErrorKind::Internal, "given up"));
            }
            let mut piece = vec![0; PIECE.min(usize::try_from(it.len - at).unwrap_or(PIECE))];
            it.file.read_exact_at(&mut piece, at).map_err(|err| trouble::file("read", &it.path, err))?;
            if at == 0 {
                index.base = inner_offset(&piece);
            }
            at += piece.len() as u64;
            it.progress.moved(piece.len() as u64);
            index.feed(piece.into())?;
        }
        let Index { decoder, roots, places, .. } = index;
        decoder.finish().map_err(trouble::ipld)?;
        if roots.is_empty() {
            return Err(Error::new(ErrorKind::InvalidInput, "the archive names no root"));
        }
        let Reading { file, path, len, fingerprint, .. } = it;
        Ok(Self { inner: Arc::new(Inner { file, path, fingerprint, len, roots, places }), unused: 0 })
    }

    /// Whether it has this block.
    pub(super) fn has(&self, cid: &Cid) -> bool {
        address::inline(cid).is_some() || self.inner.places.contains_key(&name(cid))
    }

    /// A block, hashed once more: the file may have changed. Blocking.
    ///
    /// # Errors
    /// `Integrity` when it is not there; `SourceChanged`.
    pub(super) fn block(&self, cid: &Cid) -> Result<Bytes> {
        let data = self.unchecked(cid)?;
        match address::verify(cid, &data) {
            Ok(()) => Ok(data),
            Err(_) => Err(self.changed()),
        }
    }

    /// A block as it lies in the file now. Blocking.
    ///
    /// # Errors
    /// As [`Archive::block`].
    pub(super) fn unchecked(&self, cid: &Cid) -> Result<Bytes> {
        if let Some(bytes) = address::inline(cid) {
            return Ok(Bytes::copy_from_slice(bytes));
        }
        let missing = || Error::new(ErrorKind::Integrity, format!("the archive lacks the block {cid}"));
        let place = self.inner.places.get(&name(cid)).ok_or_else(missing)?;
        let mut data = vec![0; place.len as usize];
        self.inner.file.read_exact_at(&mut data, place.at).map_err(|err| self.changed().with_source(err))?;
        Ok(data.into())
    }

    /// That the file is not what was read before.
    pub(super) fn changed(&self) -> Error {
        crate::naming::changed(&self.inner.path)
    }

    /// # Errors
    /// `SourceChanged` when the file is another one, or was written to.
    pub(super) fn unchanged(&self) -> Result<()> {
        self.inner.fingerprint.map_or(Ok(()), |it| it.check(&self.inner.path))
    }
}

struct Index {
    decoder: Decoder,
    /// Where the CARv1 begins in the file.
    base: u64,
    roots: Vec<Cid>,
    places: HashMap<Name, Place>,
}

impl Index {
    fn feed(&mut self, piece: Bytes) -> Result<()> {
        self.decoder.feed(piece);
        while let Some(item) = self.decoder.next().map_err(trouble::ipld)? {
            match item {
                Item::Header { roots, .. } => self.roots = distinct(roots)?,
                Item::Block(block) => {
                    let len = block.data.len() as u64;
                    let head = car::section_len(&block.cid, len) - len;
                    let at = self.base + self.decoder.position() + head;
                    // A section of more than 4 MiB was refused by the decoder.
                    self.places.entry(name(&block.cid)).or_insert(Place { at, len: block.data.len() as u32 });
                }
            }
            if MAX_BLOCKS < self.places.len() {
                return Err(Error::new(ErrorKind::TooLarge, format!("an archive of more than {MAX_BLOCKS} blocks")));
            }
        }
        Ok(())
    }
}

fn distinct(named: Vec<Cid>) -> Result<Vec<Cid>> {
    if MAX_ROOTS < named.len() {
        return Err(Error::new(ErrorKind::TooLarge, format!("an archive of more than {MAX_ROOTS} roots")));
    }
    let mut roots: Vec<Cid> = Vec::new();
    for cid in named {
        if !roots.iter().any(|it| address::same(it, &cid)) {
            roots.push(cid);
        }
    }
    Ok(roots)
}

/// Where the inner archive of a CARv2 begins; 0 for any other file. What the fields say is held against the bounds by the decoder.
fn inner_offset(beginning: &[u8]) -> u64 {
    let is_v2 = beginning.starts_with(b"\x0a\xa1\x67version\x02");
    let fields = beginning.get(V2_FIELDS).and_then(|fields| <&[u8; 40]>::try_from(fields).ok());
    fields.filter(|_| is_v2).and_then(|fields| V2::parse(fields).ok()).map_or(0, |fields| fields.data_offset)
}

fn name(cid: &Cid) -> Name {
    match Name::try_from(cid.hash().digest()) {
        Ok(digest) if cid.hash().code() == address::SHA2_256 => digest,
        _ => Sha256::digest(cid.hash().to_bytes()).into(),
    }
}

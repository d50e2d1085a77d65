//! Names: how a CID is written, which hashes are believed, how a path is cut.
//!
//! Sources: multiformats `cid`, `multihash` and `multibase`; which hashes prove anything is boxo's `verifcid`: digests of 20 to 128
//! bytes of a known cryptographic hash, and identity. A CID here holds at most 64 digest bytes; a longer one (identity only) is refused.

use blake2::{Blake2b, Digest as _, digest::consts::U32};
use cid::{Cid, Version, multibase, multihash::Multihash};
use sha2::{Sha256, Sha512};

use crate::error::{Error, Result};

/// Codec of plain bytes.
pub const RAW: u64 = 0x55;
/// Codec of dag-pb, the form of UnixFS nodes.
pub const DAG_PB: u64 = 0x70;
/// Multihash code of the identity "hash": the digest is the data.
pub const IDENTITY: u64 = 0x00;
/// Multihash code of sha2-256.
pub const SHA2_256: u64 = 0x12;
/// Multihash code of sha2-512.
pub const SHA2_512: u64 = 0x13;
/// Multihash code of blake3.
pub const BLAKE3: u64 = 0x1e;
/// Multihash code of blake2b-256.
pub const BLAKE2B_256: u64 = 0xb220;

/// The shortest digest that is believed.
const MIN_DIGEST: usize = 20;
/// The longest text that is looked at: a 64 byte digest in base 2 is below 600 characters.
const MAX_TEXT: usize = 1024;
/// The longest path, and the most segments in it, that are looked at.
const MAX_PATH: usize = 64 * 1024;
const MAX_SEGMENTS: usize = 1024;

/// Reads the text of a CID: CIDv0, or CIDv1 in any multibase. Base 32, 36 and 16 may be in either case, as multibase says.
///
/// # Errors
/// `InvalidCid`.
pub fn parse(text: &str) -> Result<Cid> {
    if text.len() > MAX_TEXT {
        return Err(invalid(format!("{} characters", text.len())));
    }
    if text.len() == 46 && text.starts_with("Qm") {
        let bytes = multibase::Base::Base58Btc.decode(text).map_err(|err| invalid(format!("{text:?}: {err}")))?;
        return from_bytes(&bytes);
    }
    let (_, bytes) = multibase::decode(text).map_err(|err| invalid(format!("{text:?}: {err}")))?;
    match from_bytes(&bytes)? {
        cid if cid.version() == Version::V0 => Err(invalid(format!("{text:?}: version 0 takes no multibase prefix"))),
        cid => Ok(cid),
    }
}

/// Reads a CID that fills `bytes` completely.
///
/// # Errors
/// `InvalidCid`: bad varints, trailing bytes, a digest longer than 64 bytes.
pub fn from_bytes(bytes: &[u8]) -> Result<Cid> {
    match read(bytes)? {
        (cid, used) if used == bytes.len() => Ok(cid),
        (_, used) => Err(invalid(format!("{} bytes after its end", bytes.len() - used))),
    }
}

/// Reads the CID at the start of `bytes`, and how many bytes it took.
///
/// # Errors
/// `InvalidCid`.
pub fn read(bytes: &[u8]) -> Result<(Cid, usize)> {
    let mut rest = bytes;
    let cid = Cid::read_bytes(&mut rest).map_err(|err| invalid(err.to_string()))?;
    Ok((cid, bytes.len() - rest.len()))
}

/// The same content under version 1; version 1 is answered as it is.
pub fn to_v1(cid: &Cid) -> Cid {
    match cid.version() {
        Version::V0 => Cid::new_v1(DAG_PB, *cid.hash()),
        Version::V1 => *cid,
    }
}

/// Whether two CIDs name the same block, whatever their version.
pub fn same(left: &Cid, right: &Cid) -> bool {
    to_v1(left) == to_v1(right)
}

/// The one text we write: version 1, base 32, lower case.
pub fn text(cid: &Cid) -> String {
    to_v1(cid).to_string()
}

/// The CIDv1 of `data` by sha2-256.
pub fn sha256(codec: u64, data: &[u8]) -> Cid {
    from_sha256(Version::V1, codec, &Sha256::digest(data).into())
}

/// The CID that a finished sha2-256 gives; version 0 when asked for and `codec` is dag-pb.
pub(crate) fn from_sha256(version: Version, codec: u64, digest: &[u8; 32]) -> Cid {
    let hash = wrap(SHA2_256, digest);
    match version {
        Version::V0 if codec == DAG_PB => Cid::new_v0(hash).unwrap_or_else(|_| Cid::new_v1(codec, hash)),
        Version::V0 | Version::V1 => Cid::new_v1(codec, hash),
    }
}

/// The bytes that an identity CID carries in itself.
pub fn inline(cid: &Cid) -> Option<&[u8]> {
    (cid.hash().code() == IDENTITY).then(|| cid.hash().digest())
}

/// Whether `data` hashes to `cid`. Believed are sha2-256, sha2-512, blake2b-256 and blake3 with digests of at least 20 bytes
/// (shorter than the hash: its beginning is compared), and identity.
///
/// # Errors
/// `Mismatch` when it does not; `InvalidCid` for a hash that is unknown, insecure or of an impossible length.
pub fn verify(cid: &Cid, data: &[u8]) -> Result<()> {
    check_hash(cid)?;
    let wanted = cid.hash().digest();
    let equal = match cid.hash().code() {
        IDENTITY => data == wanted,
        SHA2_256 => Sha256::digest(data).starts_with(wanted),
        SHA2_512 => Sha512::digest(data).starts_with(wanted),
        BLAKE2B_256 => Blake2b::<U32>::digest(data).starts_with(wanted),
        _ => {
            let mut digest = vec![0; wanted.len()];
            blake3::Hasher::new().update(data).finalize_xof().fill(&mut digest);
            digest == wanted
        }
    };
    if equal { Ok(()) } else { Err(Error::Mismatch { cid: Box::new(*cid) }) }
}

/// Whether a block under this name could be verified at all.
///
/// # Errors
/// `InvalidCid` for a hash that is unknown, insecure or of an impossible length.
pub fn check_hash(cid: &Cid) -> Result<()> {
    let (code, len) = (cid.hash().code(), usize::from(cid.hash().size()));
    let most = match code {
        IDENTITY => return Ok(()),
        SHA2_256 | BLAKE2B_256 => 32,
        SHA2_512 | BLAKE3 => 64,
        _ => return Err(invalid(format!("hash 0x{code:x} cannot be verified"))),
    };
    if (MIN_DIGEST..=most).contains(&len) {
        Ok(())
    } else {
        Err(invalid(format!("{len} byte digest of hash 0x{code:x}")))
    }
}

/// Cuts `CID`, `CID/a/b`, `/ipfs/CID/a` or `ipfs://CID/a` into the CID and the names below it. Empty segments collapse. Only `ipfs://` is
/// a URL, so only there `%41` is decoded (once, after the cut: a `%2F` cannot make a segment), and a query or fragment refused.
///
/// # Errors
/// `InvalidCid` for the first part; `Malformed` for `.`, `..`, NUL, a `/` inside of a name, bad percent-encoding or a path over its bounds.
pub fn split_path(text: &str) -> Result<(Cid, Vec<String>)> {
    if text.len() > MAX_PATH {
        return Err(Error::Limit { what: "path", limit: MAX_PATH as u64 });
    }
    let url = text.strip_prefix("ipfs://");
    let path = url.or_else(|| text.strip_prefix("/ipfs/")).unwrap_or(text);
    if url.is_some() && path.contains(['?', '#']) {
        return Err(Error::malformed("path", "an ipfs:// address takes neither query nor fragment"));
    }
    let mut parts = path.split('/');
    let cid = parse(parts.next().unwrap_or_default())?;
    let mut names = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        if names.len() == MAX_SEGMENTS {
            return Err(Error::Limit { what: "path segments", limit: MAX_SEGMENTS as u64 });
        }
        names.push(segment(part, url.is_some())?);
    }
    Ok((cid, names))
}

fn segment(part: &str, encoded: bool) -> Result<String> {
    let name = if encoded { percent_decode(part)? } else { part.to_owned() };
    if name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(Error::malformed("path", format!("segment {name:?}")));
    }
    Ok(name)
}

fn percent_decode(part: &str) -> Result<String> {
    let bad = || Error::malformed("path", format!("percent-encoding in {part:?}"));
    let mut out = Vec::with_capacity(part.len());
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let (high, low) = (digit().ok_or_else(bad)?, digit().ok_or_else(bad)?);
        out.push((high * 16 + low) as u8);
    }
    String::from_utf8(out).map_err(|_| bad())
}

/// A multihash of a digest that is known to fit (at most 64 bytes).
pub(crate) fn wrap(code: u64, digest: &[u8; 32]) -> Multihash<64> {
    Multihash::wrap(code, digest).unwrap_or_default()
}

fn invalid(detail: String) -> Error {
    Error::InvalidCid(detail)
}

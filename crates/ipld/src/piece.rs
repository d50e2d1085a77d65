//! Piece commitments: what Filecoin calls content by, and the two CIDs that write it (reference 9.8, FRC-0069).
//!
//! A piece is the content, padded with zeros to 127 · 2^k bytes, expanded to 128 · 2^k by two zero bits after every 254 (fr32), and
//! hashed as a binary tree of 32-byte leaves. It names the same bytes as a CID of ours but says nothing about chunks.

use cid::{Cid, multihash::Multihash};
use sha2::{Digest as _, Sha256};

use crate::{Error, Result, address, varint};

/// Codec `fil-commitment-unsealed` of a version 1 piece CID.
const COMMITMENT: u64 = 0xf101;
/// Multihash `sha2-256-trunc254-padded` of a version 1 piece CID: the digest is the root alone.
const TRUNCATED: u64 = 0x1012;
/// Multihash `fr32-sha256-trunc254-padbintree` of a version 2 piece CID: padding, height and root.
const PADDED_TREE: u64 = 0x1011;

/// Payload bytes that become four leaves.
const QUAD: usize = 127;
/// The height of a tree of four leaves, the lowest there is.
const MIN_HEIGHT: u8 = 2;
/// The height at which 127 · 2^(height − 2) is the last that fits 64 bits with room for the sums; 2^55 times 127 bytes.
const MAX_HEIGHT: u8 = 57;

type Node = [u8; 32];

/// The commitment to one content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Piece {
    root: Node,
    height: u8,
    payload: u64,
}

impl Piece {
    /// The root of the tree ("commP").
    pub fn root(&self) -> &[u8; 32] {
        &self.root
    }

    /// The height of the tree above its 32-byte leaves; 2 at least.
    pub fn height(&self) -> u8 {
        self.height
    }

    /// The bytes of the content.
    pub fn payload_len(&self) -> u64 {
        self.payload
    }

    /// The bytes of the piece after fr32 expansion, a power of two: what a deal calls the piece size.
    pub fn padded_len(&self) -> u64 {
        32 << self.height
    }

    /// The zero bytes appended to the content before expansion.
    pub fn padding(&self) -> u64 {
        capacity(self.height) - self.payload
    }

    /// `baga6ea4seaq…`: the root alone. The length has to be carried beside it.
    pub fn cid_v1(&self) -> Cid {
        Cid::new_v1(COMMITMENT, address::wrap(TRUNCATED, &self.root))
    }

    /// `bafkzcib…` (FRC-0069): root, height and padding, so that it tells the length of the content too.
    pub fn cid_v2(&self) -> Cid {
        let mut digest = Vec::with_capacity(varint::MAX_LEN + 1 + self.root.len());
        varint::write(&mut digest, self.padding());
        digest.push(self.height);
        digest.extend(self.root);
        // At most 42 bytes, and a CID here takes 64.
        Cid::new_v1(address::RAW, Multihash::wrap(PADDED_TREE, &digest).unwrap_or_default())
    }

    /// The piece of a version 1 CID whose content has `payload` bytes.
    ///
    /// # Errors
    /// `InvalidCid` when it is none, `Limit` for a length no tree can have.
    pub fn from_v1(cid: &Cid, payload: u64) -> Result<Piece> {
        match (cid.codec(), cid.hash().code(), <&Node>::try_from(cid.hash().digest())) {
            (COMMITMENT, TRUNCATED, Ok(root)) => Ok(Piece { root: checked(root)?, height: height(payload)?, payload }),
            _ => Err(invalid("not a piece CID of version 1")),
        }
    }

    /// The piece of a version 2 CID.
    ///
    /// # Errors
    /// `InvalidCid` when it is none, or when it claims a padding that no content has: FRC-0069 wants the lowest tree that holds it.
    pub fn from_v2(cid: &Cid) -> Result<Piece> {
        if (cid.codec(), cid.hash().code()) != (address::RAW, PADDED_TREE) {
            return Err(invalid("not a piece CID of version 2"));
        }
        let digest = cid.hash().digest();
        let (padding, used) = varint::read(digest)?;
        let (height, root) = match digest[used..].split_first() {
            Some((&height @ MIN_HEIGHT..=MAX_HEIGHT, root)) => (height, <&Node>::try_from(root)),
            _ => return Err(invalid("piece height out of bounds")),
        };
        let root = checked(root.map_err(|_| invalid("piece root is not 32 bytes"))?)?;
        let payload = capacity(height).checked_sub(padding).ok_or_else(|| invalid("more padding than piece"))?;
        match self::height(payload)? {
            lowest if lowest == height => Ok(Piece { root, height, payload }),
            _ => Err(invalid("piece padded more than its content needs")),
        }
    }
}

/// Computes a [`Piece`] from content that arrives in pieces of any size. Memory: one node a level.
#[derive(Debug, Clone)]
pub struct PieceHasher {
    tail: [u8; QUAD],
    tail_len: usize,
    payload: u64,
    /// At `[level]` the left node that still waits for its right neighbour; levels below 2 are never used.
    waiting: [Option<Node>; MAX_HEIGHT as usize + 1],
}

impl Default for PieceHasher {
    fn default() -> PieceHasher {
        PieceHasher::new()
    }
}

impl PieceHasher {
    /// A hasher that has seen nothing.
    pub fn new() -> PieceHasher {
        PieceHasher { tail: [0; QUAD], tail_len: 0, payload: 0, waiting: [None; MAX_HEIGHT as usize + 1] }
    }

    /// Takes the next bytes of the content.
    pub fn update(&mut self, mut data: &[u8]) {
        self.payload = self.payload.saturating_add(data.len() as u64);
        if 0 < self.tail_len {
            let part = data.len().min(QUAD - self.tail_len);
            self.tail[self.tail_len..self.tail_len + part].copy_from_slice(&data[..part]);
            self.tail_len += part;
            data = &data[part..];
            if self.tail_len < QUAD {
                return;
            }
            self.push(quad(&self.tail));
        }
        let (quads, rest) = data.as_chunks::<QUAD>();
        for bytes in quads {
            self.push(quad(bytes));
        }
        self.tail[..rest.len()].copy_from_slice(rest);
        self.tail_len = rest.len();
    }

    /// The piece of everything taken. Nothing taken is the piece of 127 zero bytes with a payload of none.
    ///
    /// # Errors
    /// `Limit` for content of more than 127 · 2^55 bytes.
    pub fn finish(mut self) -> Result<Piece> {
        let height = height(self.payload)?;
        if 0 < self.tail_len || self.payload == 0 {
            self.tail[self.tail_len..].fill(0);
            self.push(quad(&self.tail));
        }
        let top = usize::from(height);
        let mut zero = quad(&[0; QUAD]);
        let mut carried: Option<Node> = None;
        for level in usize::from(MIN_HEIGHT)..top {
            carried = match (self.waiting[level].take(), carried) {
                (Some(left), Some(right)) => Some(pair(&left, &right)),
                (Some(only), None) | (None, Some(only)) => Some(pair(&only, &zero)),
                (None, None) => None,
            };
            zero = pair(&zero, &zero);
        }
        let root = self.waiting[top].take().or(carried).unwrap_or(zero);
        Ok(Piece { root, height, payload: self.payload })
    }

    /// Hangs a finished subtree of four leaves into the tree, as a counter carries.
    fn push(&mut self, mut node: Node) {
        for slot in &mut self.waiting[usize::from(MIN_HEIGHT)..] {
            match slot.take() {
                Some(left) => node = pair(&left, &node),
                None => {
                    *slot = Some(node);
                    return;
                }
            }
        }
    }
}

/// The height of the lowest tree that holds `payload` bytes.
fn height(payload: u64) -> Result<u8> {
    let quads = payload.div_ceil(QUAD as u64).max(1);
    let levels = u64::BITS - (quads - 1).leading_zeros();
    match MIN_HEIGHT as u32 + levels {
        height if height <= u32::from(MAX_HEIGHT) => Ok(height as u8),
        _ => Err(Error::Limit { what: "piece", limit: capacity(MAX_HEIGHT) }),
    }
}

/// The most content that a tree of this height holds.
fn capacity(height: u8) -> u64 {
    (QUAD as u64) << (height - MIN_HEIGHT)
}

/// A root is a field element of 254 bits.
fn checked(root: &Node) -> Result<Node> {
    if root[31] < 0x40 { Ok(*root) } else { Err(invalid("piece root of more than 254 bits")) }
}

/// Four leaves of 254 bits each out of 127 bytes, and the node above them. Bits are counted from the lowest of each byte.
fn quad(bytes: &[u8; QUAD]) -> Node {
    let mut leaves = [0u8; 128];
    leaves[..32].copy_from_slice(&bytes[..32]);
    leaves[31] &= 0x3f;
    for at in 32..64 {
        leaves[at] = bytes[at] << 2 | bytes[at - 1] >> 6;
    }
    leaves[63] &= 0x3f;
    for at in 64..96 {
        leaves[at] = bytes[at] << 4 | bytes[at - 1] >> 4;
    }
    leaves[95] &= 0x3f;
    for at in 96..127 {
        leaves[at] = bytes[at] << 6 | bytes[at - 1] >> 2;
    }
    leaves[127] = bytes[126] >> 2;
    let (left, right) = leaves.split_at(64);
    pair(&node(Sha256::digest(left).into()), &node(Sha256::digest(right).into()))
}

fn pair(left: &Node, right: &Node) -> Node {
    node(Sha256::new().chain_update(left).chain_update(right).finalize().into())
}

/// A hash cut to 254 bits.
fn node(mut hash: Node) -> Node {
    hash[31] &= 0x3f;
    hash
}

fn invalid(detail: &str) -> Error {
    Error::InvalidCid(detail.to_owned())
}

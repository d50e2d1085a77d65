//! UnixFS v1: what a block means as a file, directory, shard or symlink. Reading and canonical writing.
//!
//! Source: specs.ipfs.tech UnixFS; protobuf `Data{Type=1 Data=2 filesize=3 blocksizes=4 hashType=5 fanout=6 mode=7 mtime=8}`. Fields are
//! read in any order and `blocksizes` packed or not; a field that occurs twice is refused, an unknown one is skipped, as protobuf says.
//! Nothing here checks hashes: give it blocks that were verified.

use bytes::Bytes;
use cid::Cid;

use crate::{
    address,
    dagpb::{self, Link, PbNode},
    error::{Error, Result},
    protobuf::{put_bytes, put_varint},
};

mod data;
mod shard;

use data::Data;
pub(crate) use shard::encode as encode_shard;
pub use shard::{ShardNode, Slot};

const FORMAT: &str = "unixfs";

/// What a block is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A raw block: bytes of a file.
    Raw(Bytes),
    /// A file, or a part of one.
    File(FileNode),
    /// A directory that fits one block; its links are the entries.
    Directory(Vec<Link>),
    /// A part of a directory that does not fit one block.
    Shard(ShardNode),
    /// A symbolic link; the target is raw bytes and has not been judged.
    Symlink(Bytes),
}

impl Node {
    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Node::Raw(_) => "raw block",
            Node::File(_) => "file",
            Node::Directory(_) | Node::Shard(_) => "directory",
            Node::Symlink(_) => "symlink",
        }
    }
}

/// A file node: its own bytes, then those of its children in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileNode {
    /// Bytes that sit in this very node; they come before those of the children.
    pub data: Bytes,
    /// Bytes of the file under this node. Checked: own bytes and all children's sizes add up to it.
    pub size: u64,
    /// The parts.
    pub children: Vec<Child>,
    /// Permission bits (12), when stored.
    pub mode: Option<u32>,
    /// Time of modification, when stored.
    pub mtime: Option<Mtime>,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The block.
    pub cid: Cid,
    /// Bytes of the file under it, as this node claims.
    pub size: u64,
    /// Tsize: bytes of the blocks under it, as this node claims. A hint.
    pub tsize: u64,
}

/// A time of modification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mtime {
    /// Seconds since 1970, also before.
    pub seconds: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub nanoseconds: u32,
}

/// Reads a verified block.
///
/// # Errors
/// `Malformed` when it is not UnixFS, or breaks its rules; what [`PbNode::decode`] answers.
pub fn decode(cid: &Cid, block: &Bytes) -> Result<Node> {
    match cid.codec() {
        address::RAW => Ok(Node::Raw(block.clone())),
        address::DAG_PB => decode_node(block),
        codec => Err(malformed(format!("codec 0x{codec:x} is not unixfs"))),
    }
}

fn decode_node(block: &Bytes) -> Result<Node> {
    let node = PbNode::decode(block)?;
    let bytes = node.data.ok_or_else(|| malformed("a dag-pb node without data"))?;
    let data = Data::decode(bytes)?;
    match data.kind {
        data::RAW | data::FILE => file(data, node.links).map(Node::File),
        data::DIRECTORY => Ok(Node::Directory(node.links)),
        data::SYMLINK if node.links.is_empty() => Ok(Node::Symlink(data.data.unwrap_or_default())),
        data::SHARD => ShardNode::new(data, node.links).map(Node::Shard),
        kind => Err(malformed(format!("type {kind} with {} links", node.links.len()))),
    }
}

fn file(data: Data, links: Vec<Link>) -> Result<FileNode> {
    if data.block_sizes.len() != links.len() {
        return Err(malformed(format!("{} links but {} sizes", links.len(), data.block_sizes.len())));
    }
    let own = data.data.unwrap_or_default();
    let sum = data.block_sizes.iter().try_fold(own.len() as u64, |sum, size| sum.checked_add(*size));
    let size = sum.ok_or(Error::Limit { what: "bytes of a file", limit: u64::MAX })?;
    if data.file_size.is_some_and(|claimed| claimed != size) {
        return Err(malformed("filesize is not the sum of its parts"));
    }
    let children = links.into_iter().zip(data.block_sizes);
    let children = children.map(|(link, size)| Child { cid: link.cid, size, tsize: link.size }).collect();
    Ok(FileNode { data: own, size, children, mode: data.mode, mtime: data.mtime })
}

impl FileNode {
    /// The canonical dag-pb block of this node. `size` is written as it stands.
    pub fn encode(&self) -> Bytes {
        let mut data = vec![0x08, data::FILE as u8];
        if !self.data.is_empty() {
            put_bytes(&mut data, 2, &self.data);
        }
        put_varint(&mut data, 3, self.size);
        self.children.iter().for_each(|child| put_varint(&mut data, 4, child.size));
        data::put_metadata(&mut data, self.mode, self.mtime);
        let mut out = Vec::with_capacity(data.len() + 8 + self.children.len() * 48);
        for child in &self.children {
            dagpb::put_link(&mut out, &child.cid, b"", child.tsize);
        }
        dagpb::put_data(&mut out, &data);
        out.into()
    }
}

/// The canonical block of a directory whose links are already sorted by name.
pub(crate) fn encode_directory<'a>(links: impl Iterator<Item = (&'a Cid, &'a [u8], u64)>) -> Bytes {
    let mut out = Vec::new();
    for (cid, name, size) in links {
        dagpb::put_link(&mut out, cid, name, size);
    }
    dagpb::put_data(&mut out, &[0x08, data::DIRECTORY as u8]);
    out.into()
}

/// The canonical block of a symbolic link.
pub(crate) fn encode_symlink(target: &[u8]) -> Bytes {
    let mut data = vec![0x08, data::SYMLINK as u8];
    put_bytes(&mut data, 2, target);
    let mut out = Vec::new();
    dagpb::put_data(&mut out, &data);
    out.into()
}

fn malformed(detail: impl Into<String>) -> Error {
    Error::malformed(FORMAT, detail)
}

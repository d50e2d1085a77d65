//! The blocks of any graph, each once: a node, then what its links lead to, in their order. This is the order of Kubo's `dag export`.

use std::collections::HashSet;
use std::sync::Arc;

use backend_core::{Dag, Error, ErrorKind, Result};
use bytes::Bytes;
use ipld::plan::{Chunk, Wrap};
use ipld::resolve::{Kind, Target};
use ipld::unixfs::{self, FileNode, Node};
use ipld::{Cid, address, car};
use sha2::{Digest as _, Sha256};

use crate::find::Stored;
use crate::manager::Manager;
use crate::trouble;

/// Nodes above one another.
const MAX_DEPTH: u32 = 2048;
/// Blocks that are known of and not yet walked; about 60 MiB.
const MAX_PENDING: usize = 1 << 19;
/// Blocks of one archive, which are remembered; some 200 MiB, and 4 TiB in chunks of 1 MiB.
const MAX_BLOCKS: usize = 1 << 22;

/// The next part of an archive.
#[derive(Debug)]
pub(super) enum Piece {
    /// A block, hashed.
    Block(Cid, Bytes),
    /// A block that only a store of blocks has; whoever fetches it hashes it.
    Fetch(Cid, Dag),
    /// A block that is made of bytes of this file.
    Leaf(Chunk, Arc<Stored>),
}

/// A walk that began at a root.
#[derive(Debug)]
pub(super) struct Walk {
    manager: Manager,
    /// The next one last.
    pending: Vec<Visit>,
    seen: HashSet<[u8; 32]>,
    /// The outboard that had the last directory.
    tree: Option<Dag>,
}

#[derive(Debug)]
struct Visit {
    cid: Cid,
    depth: u32,
    within: Within,
}

#[derive(Debug, Clone)]
enum Within {
    /// An entry of a directory, a link of another graph, or the root.
    Tree,
    /// A part of a file, at this place and of this length.
    File { file: Arc<Stored>, offset: u64, size: u64 },
}

impl Walk {
    pub(super) fn new(manager: &Manager, root: Cid) -> Self {
        let pending = vec![Visit { cid: root, depth: 0, within: Within::Tree }];
        Self { manager: manager.clone(), pending, seen: HashSet::new(), tree: None }
    }

    /// The next block, or `None` at the end.
    ///
    /// # Errors
    /// `NotFound` for a block that nobody has; `Integrity` for nodes that are not what they should be; `TooLarge` beyond the bounds.
    pub(super) async fn next(&mut self) -> Result<Option<Piece>> {
        while let Some(visit) = self.pending.pop() {
            if !self.seen.insert(key(&visit.cid)) {
                continue;
            }
            let over = |what, limit| Error::new(ErrorKind::TooLarge, format!("a graph of more than {limit} {what}"));
            if MAX_BLOCKS < self.seen.len() {
                return Err(over("blocks", MAX_BLOCKS));
            }
            if MAX_DEPTH < visit.depth {
                return Err(over("nodes above one another", MAX_DEPTH as usize));
            }
            let piece = self.visit(&visit).await?;
            if MAX_PENDING < self.pending.len() {
                return Err(over("blocks in wait", MAX_PENDING));
            }
            return Ok(Some(piece));
        }
        Ok(None)
    }

    async fn visit(&mut self, visit: &Visit) -> Result<Piece> {
        let Visit { cid, depth, within } = visit;
        match (within, cid.codec(), address::inline(cid)) {
            (Within::Tree, _, Some(bytes)) => self.node(cid, *depth, Bytes::copy_from_slice(bytes)).await,
            (Within::Tree, address::RAW, None) => self.single(cid).await,
            (Within::Tree, address::DAG_PB, None) => match self.manager.node(cid, &mut self.tree).await? {
                Some(node) => self.node(cid, *depth, node).await,
                None => self.single(cid).await,
            },
            (Within::Tree, ..) => {
                let node = self.manager.holding(cid).await?.dag.node(cid).await?;
                self.node(cid, *depth, node).await
            }
            (Within::File { file, offset, size }, ..) => self.part(visit, file, (*offset, *size)).await,
        }
    }

    /// A block that is a whole file.
    async fn single(&self, cid: &Cid) -> Result<Piece> {
        let raw = cid.codec() == address::RAW;
        let (kind, wrap) = if raw { (Kind::Raw, Wrap::Raw) } else { (Kind::File, Wrap::Node) };
        let held = self.manager.holding(cid).await?;
        if held.is_foreign {
            return Ok(Piece::Fetch(*cid, held.dag));
        }
        let (stored, len) = self.manager.file(&Target { cid: *cid, kind, size: None }).await?;
        leaf(Chunk { cid: *cid, offset: 0, len, wrap }, &Arc::new(stored))
    }

    /// A node that is at hand: what it links to comes next.
    async fn node(&mut self, cid: &Cid, depth: u32, node: Bytes) -> Result<Piece> {
        address::verify(cid, &node).map_err(trouble::ipld)?;
        let decoded = match cid.codec() {
            address::DAG_PB | address::RAW => unixfs::decode(cid, &node).ok(),
            _ => None,
        };
        match decoded {
            Some(Node::File(file)) if !file.children.is_empty() => {
                let target = Target { cid: *cid, kind: Kind::File, size: Some(file.size) };
                let (stored, _) = self.manager.file(&target).await?;
                self.parts(&Arc::new(stored), file, (0, depth));
            }
            Some(Node::File(_)) => {}
            _ => {
                let links = car::links(cid, &node).map_err(trouble::ipld)?.into_iter().rev();
                self.pending.extend(links.map(|cid| Visit { cid, depth: depth + 1, within: Within::Tree }));
            }
        }
        Ok(Piece::Block(*cid, node))
    }

    fn parts(&mut self, file: &Arc<Stored>, node: FileNode, (start, depth): (u64, u32)) {
        let mut offset = start + node.data.len() as u64;
        let first = self.pending.len();
        for child in node.children {
            let within = Within::File { file: file.clone(), offset, size: child.size };
            self.pending.push(Visit { cid: child.cid, depth: depth + 1, within });
            // The sum was checked when the node was decoded, and against the parent's.
            offset += child.size;
        }
        self.pending[first..].reverse();
    }

    async fn part(&mut self, visit: &Visit, file: &Arc<Stored>, (offset, size): (u64, u64)) -> Result<Piece> {
        let cid = visit.cid;
        let node = match (address::inline(&cid), cid.codec()) {
            (Some(bytes), _) => Some(Bytes::copy_from_slice(bytes)),
            (None, address::RAW) => None,
            (None, _) => file.dag.find(&cid).await?,
        };
        let Some(node) = node else {
            let wrap = if cid.codec() == address::RAW { Wrap::Raw } else { Wrap::Node };
            return leaf(Chunk { cid, offset, len: size, wrap }, file);
        };
        address::verify(&cid, &node).map_err(trouble::ipld)?;
        let told = match unixfs::decode(&cid, &node).map_err(trouble::ipld)? {
            Node::File(part) => {
                let told = part.size;
                if told == size {
                    self.parts(file, part, (offset, visit.depth));
                }
                told
            }
            Node::Raw(bytes) => bytes.len() as u64,
            _ => return Err(Error::new(ErrorKind::Integrity, format!("{cid} is no part of a file"))),
        };
        match told == size {
            true => Ok(Piece::Block(cid, node)),
            false => {
                Err(Error::new(ErrorKind::Integrity, format!("{cid} has {told} bytes, not the {size} said of it")))
            }
        }
    }
}

/// Of nothing there is nothing to read.
fn leaf(chunk: Chunk, file: &Arc<Stored>) -> Result<Piece> {
    if 0 < chunk.len {
        return Ok(Piece::Leaf(chunk, file.clone()));
    }
    let block = chunk.seal(&Bytes::new()).map_err(trouble::ipld)?;
    Ok(Piece::Block(block.cid, block.data))
}

/// What tells blocks apart: two versions of one name are two sections in Kubo's archives, too.
fn key(cid: &Cid) -> [u8; 32] {
    Sha256::digest(cid.to_bytes()).into()
}

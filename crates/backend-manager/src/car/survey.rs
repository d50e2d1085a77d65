//! What is in an archive: whether all of a root is there, and which files, directories and bytes it stands for. Blocking.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use backend_core::{Content, Dag, Error, ErrorKind, Result};
use ipld::preorder::{Preorder, Step};
use ipld::unixfs::{self, Node};
use ipld::{Cid, address, car};

use super::archive::Archive;
use super::source;
use crate::naming::NodeSpool;
use crate::trouble;

/// Blocks that are known of and not yet looked at.
const MAX_PENDING: usize = 1 << 20;
/// Folders inside of one another.
const MAX_DEPTH: usize = 1024;
/// How many times its own length an archive may stand for (equal parts are in it once), and how much any may.
const MAX_GROWTH: u64 = 1024;
const ANY_SIZE: u64 = 1 << 30;

/// Holds that every block below `root` is there, and can be kept: dag-pb and raw, under names that are hashes. The blocks that were met are added to `met`.
///
/// # Errors
/// `Integrity` for a block that is missing or broken; `Unsupported` for other codecs, and for names that hold their own bytes; `TooLarge`.
pub(super) fn complete(archive: &Archive, root: &Cid, met: &mut HashSet<Cid>) -> Result<()> {
    let mut pending = vec![*root];
    while let Some(cid) = pending.pop() {
        if !met.insert(address::to_v1(&cid)) {
            continue;
        }
        if address::inline(&cid).is_some() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("{cid} holds its own bytes: such names are not kept"),
            ));
        }
        match cid.codec() {
            address::RAW if archive.has(&cid) => {}
            address::RAW => drop(archive.block(&cid)?),
            address::DAG_PB => pending.extend(car::links(&cid, &archive.block(&cid)?).map_err(trouble::ipld)?),
            codec => {
                let text = format!("{cid} has the codec 0x{codec:x}: only files and folders (UnixFS) are kept");
                return Err(Error::new(ErrorKind::Unsupported, text));
            }
        }
        if MAX_PENDING < pending.len() {
            return Err(Error::new(ErrorKind::TooLarge, format!("more than {MAX_PENDING} blocks in wait")));
        }
    }
    Ok(())
}

/// What a root is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    File,
    Folder,
}

/// # Errors
/// `InvalidInput` for a symbolic link; `Integrity` for what is not UnixFS.
pub(super) fn shape(archive: &Archive, root: &Cid) -> Result<Shape> {
    match decode(archive, root)? {
        Node::File(_) | Node::Raw(_) => Ok(Shape::File),
        Node::Directory(_) | Node::Shard(_) => Ok(Shape::Folder),
        Node::Symlink(_) => Err(Error::new(ErrorKind::InvalidInput, "a symbolic link is no content of its own")),
    }
}

fn decode(archive: &Archive, cid: &Cid) -> Result<Node> {
    unixfs::decode(cid, &archive.block(cid)?).map_err(trouble::ipld)
}

/// A file of the archive as content.
///
/// # Errors
/// `Integrity` for broken nodes; `TooLarge` for one that stands for too much; what putting nodes aside answers.
pub(super) fn file(archive: &Archive, cid: &Cid, spool: &Path) -> Result<Content> {
    let len = len_of(decode(archive, cid)?).ok_or_else(|| Error::new(ErrorKind::InvalidInput, "it is no file"))?;
    within_bounds(archive, len)?;
    let (dag, root) = (nodes(archive, cid, spool, |_| true)?, address::to_v1(cid));
    Ok(Content::file(root, len, dag.clone(), source::of_file(archive, *cid, len, dag)))
}

fn len_of(node: Node) -> Option<u64> {
    match node {
        Node::File(file) => Some(file.size),
        Node::Raw(bytes) => Some(bytes.len() as u64),
        _ => None,
    }
}

fn within_bounds(archive: &Archive, len: u64) -> Result<()> {
    match len <= ANY_SIZE.max(archive.len().saturating_mul(MAX_GROWTH)) {
        true => Ok(()),
        false => Err(Error::new(
            ErrorKind::TooLarge,
            format!("the archive stands for {len} bytes, more than {MAX_GROWTH} times its own"),
        )),
    }
}

/// The inner nodes of `root`, as far as they are wanted, in pre-order.
///
/// # Errors
/// As [`file`].
pub(super) fn nodes(archive: &Archive, root: &Cid, spool: &Path, wanted: impl Fn(&Node) -> bool) -> Result<Dag> {
    let (mut kept, mut walk) = (NodeSpool::new(spool), Preorder::new(*root));
    loop {
        match walk.next().map_err(trouble::ipld)? {
            Step::Need(cid) => walk.feed(&cid, &archive.block(&cid)?).map_err(trouble::ipld)?,
            Step::Node(block) => {
                if wanted(&unixfs::decode(&block.cid, &block.data).map_err(trouble::ipld)?) {
                    kept.push(block)?;
                }
            }
            Step::Done => return kept.finish(root),
        }
    }
}

/// Whether a node belongs to the folders, and not to a file.
pub(super) fn is_of_folders(node: &Node) -> bool {
    matches!(node, Node::Directory(_) | Node::Shard(_) | Node::Symlink(_))
}

/// What a folder stands for, each file counted as often as it is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Total {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Total {
    fn add(&mut self, other: Total) {
        self.files = self.files.saturating_add(other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

struct Open {
    cid: Cid,
    /// The next one last; with the length of its block that the link tells.
    links: Vec<(Cid, u64)>,
    total: Total,
}

/// Walks a folder: each different file is told to `found` once.
///
/// # Errors
/// `Integrity` for broken nodes; `TooLarge` for a folder that stands for too much; what `found` answers.
pub(super) fn folder(archive: &Archive, root: &Cid, mut found: impl FnMut(&Cid) -> Result<()>) -> Result<Total> {
    let mut known: HashMap<Cid, Total> = HashMap::new();
    let mut open = vec![Open { cid: *root, links: links(decode(archive, root)?), total: Total::default() }];
    loop {
        let depth = open.len();
        let Some(top) = open.last_mut() else { return Ok(Total::default()) };
        let Some((cid, told)) = top.links.pop() else {
            let Some(done) = open.pop() else { return Ok(Total::default()) };
            known.insert(done.cid, done.total);
            match open.last_mut() {
                Some(above) => above.total.add(done.total),
                None => return within_bounds(archive, done.total.bytes).map(|()| done.total),
            }
            continue;
        };
        if let Some(total) = known.get(&cid) {
            top.total.add(*total);
            continue;
        }
        match decode(archive, &cid)? {
            Node::Symlink(_) => {}
            node @ (Node::Directory(_) | Node::Shard(_)) => {
                if MAX_DEPTH <= depth {
                    let text = format!("more than {MAX_DEPTH} folders inside of one another");
                    return Err(Error::new(ErrorKind::InvalidInput, text));
                }
                open.push(Open { cid, links: links(node), total: Total::default() });
            }
            node => {
                let bytes = len_of(node).unwrap_or_default();
                // A store of CIDs is sent the folder by what its links tell.
                if cid.codec() == address::RAW && told != bytes {
                    let text = format!("a folder says that {cid} has {told} bytes, and it has {bytes}");
                    return Err(Error::new(ErrorKind::InvalidInput, text));
                }
                let total = Total { files: 1, bytes };
                top.total.add(total);
                known.insert(cid, total);
                found(&cid)?;
            }
        }
    }
}

fn links(node: Node) -> Vec<(Cid, u64)> {
    let links = match node {
        Node::Directory(links) => links,
        Node::Shard(shard) => shard.slots.into_iter().map(|slot| slot.link).collect(),
        _ => Vec::new(),
    };
    links.into_iter().rev().map(|link| (link.cid, link.size)).collect()
}

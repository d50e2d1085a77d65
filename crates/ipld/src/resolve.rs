//! What a path below a CID leads to.
//!
//! One node a directory, or one per level of its HAMT. Where names repeat, the first counts. A symlink is never followed: where a path ends
//! at one it is the answer, and nothing lies below it.

use bytes::Bytes;
use cid::Cid;

use crate::{
    address,
    asked::{Asked, answer},
    error::{Error, Result},
    murmur::Slots,
    unixfs::{self, Node, ShardNode},
};

/// What a resolver wants or says next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Give me this block ([`Resolver::feed`]), or say that it is a leaf ([`Resolver::leaf`]). Asked again until answered.
    Need(Cid),
    /// The path leads here. Said again whenever asked.
    Found(Target),
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The block.
    pub cid: Cid,
    /// What it is.
    pub kind: Kind,
    /// Bytes of a file, and of a symlink's target, where its block was looked at. Of a raw block nobody looks: its length is its size.
    pub size: Option<u64>,
}

/// What a CID turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A raw block: a file of one chunk.
    Raw,
    /// A file.
    File,
    /// A directory, in one block or sharded.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A block that is no UnixFS, of this codec. Only at the end of a path.
    Other(u64),
}

/// Follows a path.
#[derive(Debug)]
pub struct Resolver {
    /// Where the path has come to; inside of a HAMT, the shard.
    cid: Cid,
    directory: Cid,
    /// The names that are left, the next one last.
    names: Vec<String>,
    /// Where the next name lies in the shards of `cid`, when that is not the first of them.
    shard: Option<(Slots, u32)>,
    asked: Asked<()>,
    found: Option<Target>,
}

impl Resolver {
    /// Follows `path` from `root`, as [`address::split_path`] answers them. No name may be empty.
    pub fn new(root: Cid, mut path: Vec<String>) -> Resolver {
        path.reverse();
        Resolver { cid: root, directory: root, names: path, shard: None, asked: Asked::default(), found: None }
    }

    /// What is wanted or found next.
    ///
    /// # Errors
    /// `NoEntry`; `WrongKind` when a name is left and it is not in a directory; `Malformed` for what should be a shard.
    #[expect(clippy::should_implement_trait, reason = "a step may fail, and asks again until it is answered")]
    pub fn next(&mut self) -> Result<Step> {
        loop {
            if let Some(target) = &self.found {
                return Ok(Step::Found(target.clone()));
            }
            if let Some(cid) = self.asked.open() {
                return Ok(Step::Need(cid));
            }
            let cid = self.cid;
            match (cid.codec(), address::inline(&cid)) {
                (address::DAG_PB, None) => self.asked.ask(cid, ()),
                (address::DAG_PB, Some(bytes)) => self.step(&cid, &Bytes::copy_from_slice(bytes))?,
                (address::RAW, _) => self.end(Kind::Raw, None)?,
                (codec, _) => self.end(Kind::Other(codec), None)?,
            }
        }
    }

    /// A block that was asked for, under either version of its CID. Its hash is checked here. After an error it is asked for again.
    ///
    /// # Errors
    /// `Unexpected` when it was not asked for, `Mismatch`, and what [`Resolver::next`] answers.
    pub fn feed(&mut self, cid: &Cid, block: &Bytes) -> Result<()> {
        answer(self, |walk| &mut walk.asked, (cid, block), |walk, cid, (), block| walk.step(cid, block))
    }

    /// Says that the needed block is a leaf: a file whose node nobody keeps.
    ///
    /// # Errors
    /// `Unexpected` when it was not asked for; `WrongKind` when the path goes on.
    pub fn leaf(&mut self, cid: &Cid) -> Result<()> {
        let (asked, ()) = self.asked.take(cid)?;
        self.end(Kind::File, None).inspect_err(|_| self.asked.ask(asked, ()))
    }

    fn step(&mut self, cid: &Cid, block: &Bytes) -> Result<()> {
        let node = unixfs::decode(cid, block)?;
        match (node, self.names.last()) {
            (Node::Shard(shard), Some(_)) => self.through_shard(&shard),
            (_, Some(_)) if self.shard.is_some() => Err(Error::malformed("hamt", format!("{cid} should be a shard"))),
            (Node::Directory(links), Some(name)) => {
                let link = links.iter().find(|link| link.name == name.as_bytes());
                let next = link.map(|link| link.cid).ok_or_else(|| self.no_entry())?;
                self.enter(next);
                Ok(())
            }
            (Node::Directory(_) | Node::Shard(_), None) => self.end(Kind::Directory, None),
            (Node::Raw(data), _) => self.end(Kind::Raw, Some(data.len() as u64)),
            (Node::File(file), _) => self.end(Kind::File, Some(file.size)),
            (Node::Symlink(target), _) => self.end(Kind::Symlink, Some(target.len() as u64)),
        }
    }

    fn through_shard(&mut self, node: &ShardNode) -> Result<()> {
        let Some(name) = self.names.last() else { return Ok(()) };
        let (mut slots, fanout) = self.shard.unwrap_or_else(|| (Slots::of(name.as_bytes()), node.fanout));
        if fanout != node.fanout {
            return Err(Error::malformed("hamt", format!("fanout {} below {fanout}", node.fanout)));
        }
        let slot = slots.next(fanout).ok_or_else(|| Error::malformed("hamt", "deeper than the hash"))?;
        match node.slot(slot) {
            Some(slot) if slot.link.name.is_empty() => {
                self.shard = Some((slots, fanout));
                self.cid = slot.link.cid;
            }
            Some(slot) if slot.link.name == name.as_bytes() => self.enter(slot.link.cid),
            _ => return Err(self.no_entry()),
        }
        Ok(())
    }

    /// The name was found.
    fn enter(&mut self, cid: Cid) {
        self.names.pop();
        self.shard = None;
        (self.cid, self.directory) = (cid, cid);
    }

    /// The path ends here, or should.
    fn end(&mut self, kind: Kind, size: Option<u64>) -> Result<()> {
        if !self.names.is_empty() {
            return Err(Error::wrong_kind(&self.cid, kind.name(), "directory"));
        }
        self.found = Some(Target { cid: self.cid, kind, size });
        Ok(())
    }

    fn no_entry(&self) -> Error {
        Error::NoEntry { directory: Box::new(self.directory), name: self.names.last().cloned().unwrap_or_default() }
    }
}

impl Kind {
    /// What it is, in a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Raw => "raw block",
            Kind::File => "file",
            Kind::Directory => "directory",
            Kind::Symlink => "symlink",
            Kind::Other(_) => "block of another codec",
        }
    }
}

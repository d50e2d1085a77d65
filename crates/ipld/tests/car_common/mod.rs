//! Writing, cutting and reading CARs in tests, and a second opinion on which blocks belong to a request.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "every test binary uses its own part, and fails by panic"
)]

use bytes::Bytes;
use ipld::{
    Block, Cid, Result, address,
    car::{
        self, Decoder, Hashes, Item, Options, Scope, Verifier,
        verify::{Output, Ready, Settings, Summary},
    },
    dagpb::PbNode,
};

use crate::common::Store;

/// The blocks as one CARv1.
pub(crate) fn write(root: &Cid, blocks: &[Block]) -> Vec<u8> {
    let mut out = car::header(&[*root]).to_vec();
    for block in blocks {
        let before = out.len() as u64;
        out.extend(car::section(&block.cid, block.data.len()));
        out.extend(&block.data);
        assert_eq!(out.len() as u64 - before, car::section_len(&block.cid, block.data.len() as u64));
    }
    out
}

/// Cuts bytes at these places, taken modulo the length.
pub(crate) fn cut(bytes: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut cuts: Vec<usize> = cuts.iter().map(|at| at % (bytes.len() + 1)).chain([0, bytes.len()]).collect();
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| Bytes::copy_from_slice(&bytes[pair[0]..pair[1]])).collect()
}

/// What a whole CAR says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) version: u8,
    pub(crate) roots: Vec<Cid>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) positions: Vec<u64>,
}

/// Reads a CAR that arrives in pieces.
pub(crate) fn read(pieces: impl IntoIterator<Item = Bytes>, options: Options) -> Result<Whole> {
    let mut decoder = Decoder::new(options);
    let mut whole = Whole { version: 0, roots: vec![], blocks: vec![], positions: vec![] };
    for piece in pieces {
        decoder.feed(piece);
        while let Some(item) = decoder.next()? {
            match item {
                Item::Header { version, roots } => (whole.version, whole.roots) = (version, roots),
                Item::Block(block) => {
                    whole.blocks.push(block);
                    whole.positions.push(decoder.position());
                }
            }
        }
    }
    decoder.finish().map(|()| whole)
}

/// Everything a verifier answers to a stream.
pub(crate) type Verdict = (Summary, Vec<Ready>);

/// A request: what a verifier is asked to prove.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) root: Cid,
    pub(crate) scope: Scope,
    pub(crate) settings: Settings,
}

impl Request {
    pub(crate) fn new(root: Cid, scope: Scope) -> Request {
        Request { root, scope, settings: Settings { output: Output::Everything, ..Settings::default() } }
    }

    /// Decodes and verifies, as a client of a gateway does.
    pub(crate) fn check(&self, pieces: impl IntoIterator<Item = Bytes>) -> Result<Verdict> {
        let mut decoder = Decoder::new(Options { hashes: Hashes::Leave, ..Options::default() });
        let mut verifier = Verifier::with(self.root, self.scope.clone(), self.settings.clone());
        let mut ready = Vec::new();
        for piece in pieces {
            decoder.feed(piece);
            while let Some(item) = decoder.next()? {
                if let Item::Block(block) = item {
                    verifier.push(block)?;
                    drain(&mut verifier, &mut ready)?;
                }
            }
        }
        decoder.finish()?;
        verifier.end();
        drain(&mut verifier, &mut ready)?;
        Ok((verifier.finish()?, ready))
    }

    /// As [`Request::check`], for blocks that need no decoding.
    pub(crate) fn check_blocks(&self, blocks: &[Block]) -> Result<Verdict> {
        self.check([Bytes::from(write(&self.root, blocks))])
    }
}

fn drain(verifier: &mut Verifier, ready: &mut Vec<Ready>) -> Result<()> {
    while let Some(next) = verifier.ready()? {
        ready.push(next);
    }
    Ok(())
}

/// The bytes of the range that starts at `start`, put together from what a verifier told.
pub(crate) fn content(ready: &[Ready], start: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for part in ready {
        match part {
            Ready::Node(block) => block.verify().unwrap(),
            Ready::Bytes { offset, data } => {
                assert_eq!(*offset, start + out.len() as u64, "in order, without a gap");
                out.extend(data);
            }
            Ready::Again { offset, len, from } => {
                assert_eq!(*offset, start + out.len() as u64, "in order, without a gap");
                let from = (from - start) as usize;
                out.extend_from_within(from..from + *len as usize);
            }
        }
    }
    out
}

/// Every block below `root` depth first, repeated ones again: what `order=dfs; dups=y` sends for `dag-scope=all`.
pub(crate) fn dfs(store: &Store, root: &Cid) -> Vec<Block> {
    let data = store.get(root);
    let links = match root.codec() {
        address::RAW => vec![],
        _ => PbNode::decode(&data).unwrap().links,
    };
    let below = links.iter().flat_map(|link| dfs(store, &link.cid)).collect::<Vec<_>>();
    std::iter::once(Block { cid: *root, data }).chain(below).collect()
}

/// The first of each block: what `dups=n` sends.
pub(crate) fn once(blocks: &[Block]) -> Vec<Block> {
    let mut seen = std::collections::HashSet::new();
    blocks.iter().filter(|block| seen.insert(address::to_v1(&block.cid))).cloned().collect()
}

//! DAGs out of any bytes, walked in every way: no walk panics or runs for ever, and a file's bytes are the same by plan and by verifier.
#![no_main]

use std::{collections::HashMap, ops::Range};

use bytes::Bytes;
use ipld::{
    Block, Cid, Result, address,
    car::{
        Scope, Verifier,
        verify::{Output, Ready, Settings},
    },
    dagpb::{Link, PbNode},
    listing::{self, Listing},
    plan::{self, Plan},
    preorder::{self, Preorder},
    resolve::{self, Resolver},
    unixfs::{Child, FileNode},
};
use libfuzzer_sys::fuzz_target;

/// More steps than any walk of so small a DAG may take.
const MAX_STEPS: usize = 200_000;
/// More bytes than are worth putting together.
const MAX_CONTENT: u64 = 1 << 16;

fuzz_target!(|input: &[u8]| {
    let mut dag = Dag::default();
    let mut rest = input;
    while let Some(block) = dag.next_block(&mut rest) {
        dag.blocks.insert(block.cid, (block.data.clone(), dag.order.len()));
        dag.order.push(block);
        if dag.order.len() == 64 {
            break;
        }
    }
    let Some(root) = dag.order.last().map(|block| block.cid) else { return };
    let start = u64::from(input[0]) / 8;
    for range in [0..u64::MAX, start..start + u64::from(input[input.len() - 1])] {
        let (by_plan, by_verifier) = (dag.plan(root, range.clone()), dag.verify(root, range.clone()));
        if let (Ok(Some(plan)), Ok(Some(verifier))) = (by_plan, by_verifier) {
            assert_eq!(plan, verifier, "bytes {range:?} of {root}");
        }
    }
    let _ = dag.list(root);
    let _ = dag.preorder(root);
    let _ = dag.resolve(root);
});

#[derive(Default)]
struct Dag {
    order: Vec<Block>,
    blocks: HashMap<Cid, (Bytes, usize)>,
}

impl Dag {
    /// One instruction: what kind of block, how many links to which earlier ones, then its bytes.
    fn next_block(&self, input: &mut &[u8]) -> Option<Block> {
        let (&[kind, links, len], rest) = input.split_first_chunk::<3>()?;
        let (picks, rest) = rest.split_at_checked(usize::from(links % 8))?;
        let (data, rest) = rest.split_at(usize::from(len).min(rest.len()));
        *input = rest;
        let data = Bytes::copy_from_slice(data);
        let picked: Vec<&Block> =
            picks.iter().filter_map(|&at| self.order.len().checked_sub(1 + usize::from(at))).map(|at| &self.order[at]).collect();
        Some(match kind % 5 {
            0 => Block::raw(data),
            1 => Block::of(address::DAG_PB, self.file(data, &picked, kind & 0x80 == 0)),
            2 => Block::of(address::DAG_PB, node(&picked, &data, Bytes::from_static(&[8, 1]))),
            3 => Block::of(address::DAG_PB, node(&picked, &data, data.clone())),
            _ => Block::of(address::DAG_PB, data),
        })
    }

    fn file(&self, data: Bytes, picked: &[&Block], honest: bool) -> Bytes {
        let size_of = |block: &Block| match ipld::unixfs::decode(&block.cid, &block.data) {
            Ok(ipld::unixfs::Node::Raw(data)) => data.len() as u64,
            Ok(ipld::unixfs::Node::File(file)) => file.size,
            _ => 3,
        };
        let lie = u64::from(!honest);
        let child = |block: &&Block| Child { cid: block.cid, size: size_of(block).wrapping_add(lie), tsize: block.data.len() as u64 };
        let children: Vec<Child> = picked.iter().map(child).collect();
        let size = children.iter().fold(data.len() as u64, |sum, child| sum.wrapping_add(child.size));
        FileNode { data, size, children, ..FileNode::default() }.encode()
    }

    fn get(&self, cid: &Cid) -> Result<Bytes> {
        self.blocks
            .get(&address::to_v1(cid))
            .map(|(data, _)| data.clone())
            .ok_or(ipld::Error::Missing { cid: Box::new(*cid) })
    }

    fn plan(&self, root: Cid, range: Range<u64>) -> Result<Option<Vec<u8>>> {
        let mut plan = Plan::new(root, None, range.clone());
        let mut out = Vec::new();
        for _ in 0..MAX_STEPS {
            match plan.next()? {
                plan::Step::Need(cid) => plan.feed(&cid, &self.get(&cid)?)?,
                plan::Step::Chunk(chunk) => {
                    let plain = match &chunk.wrap {
                        plan::Wrap::Inline(bytes) => bytes.clone(),
                        _ => chunk.unwrap(&self.get(&chunk.cid)?)?,
                    };
                    let from = range.start.saturating_sub(chunk.offset).min(chunk.len);
                    let to = range.end.saturating_sub(chunk.offset).min(chunk.len);
                    out.extend(&plain[from as usize..to.max(from) as usize]);
                    if MAX_CONTENT < out.len() as u64 {
                        return Ok(None);
                    }
                }
                plan::Step::Done => return Ok(Some(out)),
            }
        }
        panic!("a plan of {MAX_STEPS} steps");
    }

    fn verify(&self, root: Cid, range: Range<u64>) -> Result<Option<Vec<u8>>> {
        let settings = Settings { output: Output::Everything, ..Settings::default() };
        let mut verifier = Verifier::with(root, Scope::Entity(Some(range.clone())), settings);
        let mut out = Vec::new();
        for _ in 0..MAX_STEPS {
            while let Some(ready) = verifier.ready()? {
                match ready {
                    Ready::Node(block) => block.verify()?,
                    Ready::Bytes { offset, data } => {
                        assert_eq!(offset, range.start + out.len() as u64);
                        out.extend(data);
                    }
                    Ready::Again { offset, len, from } => {
                        assert_eq!(offset, range.start + out.len() as u64);
                        if MAX_CONTENT < len {
                            return Ok(None);
                        }
                        let from = (from - range.start) as usize;
                        out.extend_from_within(from..from + len as usize);
                    }
                }
                if MAX_CONTENT < out.len() as u64 {
                    return Ok(None);
                }
            }
            match verifier.wanted().copied() {
                Some(cid) => verifier.push(Block { cid, data: self.get(&cid)? })?,
                None => return verifier.finish().map(|summary| summary.file.map(|_| out)),
            }
        }
        panic!("a verifier of {MAX_STEPS} steps");
    }

    fn list(&self, root: Cid) -> Result<()> {
        let mut listing = Listing::new(root);
        for _ in 0..MAX_STEPS {
            match listing.next()? {
                listing::Step::Need(cid) => listing.feed(&cid, &self.get(&cid)?)?,
                listing::Step::Entry(_) => {}
                listing::Step::Done => return Ok(()),
            }
        }
        panic!("a listing of {MAX_STEPS} steps");
    }

    fn preorder(&self, root: Cid) -> Result<()> {
        let mut walk = Preorder::new(root);
        for _ in 0..MAX_STEPS {
            match walk.next()? {
                preorder::Step::Need(cid) => walk.feed(&cid, &self.get(&cid)?)?,
                preorder::Step::Node(block) => block.verify()?,
                preorder::Step::Done => return Ok(()),
            }
        }
        panic!("a walk of {MAX_STEPS} steps");
    }

    fn resolve(&self, root: Cid) -> Result<()> {
        let mut resolver = Resolver::new(root, vec!["a".to_owned(), "b".to_owned()]);
        for _ in 0..MAX_STEPS {
            match resolver.next()? {
                resolve::Step::Need(cid) => resolver.feed(&cid, &self.get(&cid)?)?,
                resolve::Step::Found(_) => return Ok(()),
            }
        }
        panic!("a path of {MAX_STEPS} steps");
    }
}

/// A node whose links take their names from `names`, two bytes each.
fn node(picked: &[&Block], names: &[u8], data: Bytes) -> Bytes {
    let name = |at: usize| Bytes::copy_from_slice(names.get(at * 2..at * 2 + 2).unwrap_or(b"a"));
    let link = |(at, block): (usize, &&Block)| Link { cid: block.cid, name: name(at), size: 1 };
    PbNode { links: picked.iter().enumerate().map(link).collect(), data: Some(data) }.encode()
}

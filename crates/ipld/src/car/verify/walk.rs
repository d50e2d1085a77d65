//! The walk over the DAG: what each block is to it, and which comes next.

use std::ops::Range;

use cid::Cid;

use super::{
    Order, Output, Ready, Verifier,
    expand::{Expansion, Part, Span, Want},
    key::{Key, Seen},
};
use crate::{
    Block, Error, Result, address,
    bounds::{check_depth, check_pending},
    resolve::{self, Resolver},
};

#[derive(Debug)]
pub(super) struct Path {
    pub(super) resolver: Resolver,
    /// The block that was looked at last; it may be the one the path leads to.
    pub(super) last: Option<Block>,
}

pub(super) enum Step {
    Went,
    Wait,
}

impl Verifier {
    /// One block further, if its bytes are there or not needed again.
    pub(super) fn step(&mut self) -> Result<Step> {
        self.follow_path()?;
        let Some(want) = self.wants.last().copied() else {
            return self.parked.any().map_or(Ok(Step::Wait), |block| Err(unexpected(&block.cid)));
        };
        let key = Key::of(&want.cid);
        if let Some(bytes) = address::inline(&want.cid) {
            self.parked.take(&key);
            return self.enter(want, Block { cid: want.cid, data: bytes.to_vec().into() });
        }
        let seen = self.memory.get(&key);
        // Bytes of a file are better told than referred to, so a server gets the chance to send them again.
        let may_come_again = self.settings.output == Output::Everything && matches!(want.part, Part::File { .. });
        match (seen, self.parked.take(&key)) {
            (Some(seen), None) if may_come_again && !self.ended && self.parked.any().is_none() => {
                seen.check(&want).map(|()| Step::Wait)
            }
            (Some(seen), block) if block.is_none() || !may_come_again => self.again(want, seen, block),
            (_, Some(block)) => self.enter(want, block),
            (_, None) => self.wait(),
        }
    }

    /// While there is a path, its next block is what is wanted; at its end the scope begins.
    fn follow_path(&mut self) -> Result<()> {
        let Some(path) = &mut self.path else { return Ok(()) };
        match path.resolver.next()? {
            resolve::Step::Need(cid) => {
                let passed = path.last.take_if(|last| !address::same(&last.cid, &cid));
                self.wants = vec![Want { cid, depth: 0, part: Part::Path }];
                passed.into_iter().for_each(|block| self.account(&block, Inner::Yes));
            }
            resolve::Step::Found(target) => {
                let last = path.last.take();
                self.path = None;
                self.wants = vec![Want { cid: target.cid, depth: 0, part: self.part }];
                match last {
                    Some(last) if address::same(&last.cid, &target.cid) => {
                        self.parked.insert(Key::of(&last.cid), last)?
                    }
                    last => last.into_iter().for_each(|block| self.account(&block, Inner::Yes)),
                }
            }
        }
        Ok(())
    }

    /// Looks into a block whose turn it is.
    fn enter(&mut self, want: Want, block: Block) -> Result<Step> {
        if want.part == Part::Path {
            if let Some(path) = &mut self.path {
                path.resolver.feed(&want.cid, &block.data)?;
                path.last = Some(block);
            }
            return Ok(Step::Went);
        }
        check_depth(want.depth)?;
        let found = want.expand(&block, self.range.as_ref())?;
        check_pending(self.wants.len() + found.children.len())?;
        self.wants.pop();
        self.account(&block, if found.inner { Inner::Yes } else { Inner::No });
        self.note(&want, &found, block);
        for cid in &found.optional {
            let key = Key::of(cid);
            self.memory.note(key, Seen { from: None, size: 0 });
            self.parked.take(&key);
        }
        self.wants.extend(found.children.into_iter().rev());
        if let Some(span) = found.file {
            self.tell(span);
        }
        Ok(Step::Went)
    }

    /// Counts a block that is met first and says it is there when it is an inner node.
    fn account(&mut self, block: &Block, inner: Inner) {
        let key = Key::of(&block.cid);
        if address::inline(&block.cid).is_some() || self.memory.get(&key).is_some() {
            return;
        }
        self.summary.blocks += 1;
        self.summary.bytes += block.data.len() as u64;
        if (inner, self.settings.output) == (Inner::Yes, Output::Everything) {
            self.ready.push_back(Ready::Node(block.clone()));
        }
        self.memory.note(key, Seen { from: None, size: 0 });
    }

    /// Remembers what was found in a block, and the block itself if the range cuts it: it may come again as a whole.
    fn note(&mut self, want: &Want, found: &Expansion, block: Block) {
        let key = Key::of(&block.cid);
        let Some(span) = &found.file else { return self.memory.note(key, Seen { from: Some(0), size: 0 }) };
        if want.part == Part::Entity {
            self.summary.file = Some(span.size);
        }
        let end = span.start + span.size;
        let whole = self.range.as_ref().is_none_or(|range| range.start <= span.start && end <= range.end);
        self.memory.note(key, Seen { from: whole.then_some(span.start), size: span.size });
        if !whole && self.cut.insert(key, block).is_err() {
            // Over the bound it is not kept; then it has to be sent again, which is what a stream with duplicates does.
            self.cut.take(&key);
        }
    }

    /// Goes past a block that was met before; `sent` when the server sent it again and nobody needs it.
    fn again(&mut self, want: Want, seen: Seen, sent: Option<Block>) -> Result<Step> {
        seen.check(&want)?;
        let Part::File { start, size } = want.part else {
            self.wants.pop();
            return Ok(Step::Went);
        };
        match (seen.from, sent.or_else(|| self.cut.take(&Key::of(&want.cid)))) {
            (Some(from), _) => {
                self.wants.pop();
                self.refer(start..start + size, from);
                Ok(Step::Went)
            }
            (None, Some(block)) => self.enter(want, block),
            (None, None) => self.wait(),
        }
    }

    fn wait(&self) -> Result<Step> {
        match self.parked.any() {
            Some(block) if self.settings.order == Order::Dfs => Err(unexpected(&block.cid)),
            _ => Ok(Step::Wait),
        }
    }

    /// The bytes in the block itself, as far as they are in the range.
    fn tell(&mut self, span: Span) {
        let told = self.clip(span.start..span.start + span.own.len() as u64);
        if self.settings.output == Output::Everything && !told.is_empty() {
            let data = span.own.slice((told.start - span.start) as usize..(told.end - span.start) as usize);
            self.ready.push_back(Ready::Bytes { offset: told.start, data });
        }
    }

    /// Bytes that were told before. They were in the range then, so only its end can cut them now.
    fn refer(&mut self, place: Range<u64>, from: u64) {
        let told = self.clip(place);
        if self.settings.output == Output::Everything && !told.is_empty() {
            self.ready.push_back(Ready::Again { offset: told.start, len: told.end - told.start, from });
        }
    }

    fn clip(&self, place: Range<u64>) -> Range<u64> {
        match &self.range {
            Some(range) => place.start.max(range.start)..place.end.min(range.end),
            None => place,
        }
    }
}

/// Whether a block is an inner node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inner {
    Yes,
    No,
}

fn unexpected(cid: &Cid) -> Error {
    Error::Unexpected { cid: Box::new(*cid) }
}

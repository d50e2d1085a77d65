//! Takes blocks as they come, hands out what they prove, and gives the verdict.

use std::{collections::VecDeque, ops::Range};

use cid::Cid;

use super::{
    Output, Ready, Scope, Settings, Summary,
    expand::{Part, Want},
    key::{Key, Memory},
    parked::Parked,
    walk::{Path, Step},
};
use crate::{Block, Error, Result, resolve::Resolver};

/// Checks blocks against the part of a DAG that was asked for. See the [module](super).
///
/// Memory is bounded by [`Settings`], half a million links that wait to be walked, and one block.
#[derive(Debug)]
pub struct Verifier {
    pub(super) settings: Settings,
    pub(super) range: Option<Range<u64>>,
    /// What the block is that the scope speaks of.
    pub(super) part: Part,
    /// The way there, as long as it is not at its end.
    pub(super) path: Option<Path>,
    /// Still to be walked; the next one last.
    pub(super) wants: Vec<Want>,
    pub(super) parked: Parked,
    pub(super) memory: Memory,
    /// Blocks at the edges of the range, which are met again as a whole.
    pub(super) cut: Parked,
    pub(super) ready: VecDeque<Ready>,
    received: u64,
    pub(super) summary: Summary,
    pub(super) ended: bool,
    failed: Option<Error>,
}

impl Verifier {
    /// A verifier with default [`Settings`].
    pub fn new(root: Cid, scope: Scope) -> Verifier {
        Verifier::with(root, scope, Settings::default())
    }

    /// A verifier that has seen nothing.
    pub fn with(root: Cid, scope: Scope, settings: Settings) -> Verifier {
        let (part, range) = match scope {
            Scope::Block => (Part::Single, None),
            Scope::Entity(range) => (Part::Entity, range),
            Scope::All => (Part::Whole, None),
        };
        let resolver = (!settings.path.is_empty()).then(|| Resolver::new(root, settings.path.clone()));
        let first = if resolver.is_some() { Part::Path } else { part };
        Verifier {
            range,
            part,
            path: resolver.map(|resolver| Path { resolver, last: None }),
            wants: vec![Want { cid: root, depth: 0, part: first }],
            parked: Parked::new(settings.parked),
            memory: Memory::new(settings.remembered),
            cut: Parked::new(settings.parked),
            ready: VecDeque::new(),
            received: 0,
            summary: Summary { blocks: 0, repeated: 0, bytes: 0, file: None },
            ended: false,
            failed: None,
            settings,
        }
    }

    /// The block that the walk waits for; a stream that breaks off can be completed with it from elsewhere. It may be one that a server
    /// is free to leave out, and then anything else that is pushed, or [`Verifier::end`], goes on without it.
    pub fn wanted(&self) -> Option<&Cid> {
        self.wants.last().map(|want| &want.cid)
    }

    /// Takes a block.
    ///
    /// # Errors
    /// `Mismatch` or `InvalidCid` for a block that is not what it is called: it was not taken, and the verifier can go on. All else is final:
    /// `Unexpected` for a block out of the scope, as soon as that is certain; `Limit`; `Malformed` or `WrongKind` for a DAG that breaks its own
    /// rules.
    pub fn push(&mut self, block: Block) -> Result<()> {
        self.usable()?;
        block.verify()?;
        let taken = self.take(block).and_then(|()| match self.settings.output {
            Output::Nothing => self.walk(),
            Output::Everything => Ok(()),
        });
        self.remember_failure(taken)
    }

    /// What the blocks so far prove, one at a time; `None` until more is pushed.
    ///
    /// # Errors
    /// As [`Verifier::push`].
    pub fn ready(&mut self) -> Result<Option<Ready>> {
        self.usable()?;
        while self.ready.is_empty() {
            match self.step() {
                Ok(Step::Went) => {}
                Ok(Step::Wait) => return Ok(None),
                Err(error) => return self.remember_failure(Err(error)),
            }
        }
        Ok(self.ready.pop_front())
    }

    /// Says that no further block will come, so that repeats at the very end are told as [`Ready::Again`].
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The verdict, when no further block will come and [`Verifier::ready`] has told everything.
    ///
    /// # Errors
    /// `Missing` names the first block that did not come, `Unexpected` one that does not belong there, `Malformed` when [`Verifier::ready`] had
    /// more to tell; and whatever failed before.
    pub fn finish(mut self) -> Result<Summary> {
        self.end();
        if self.ready()?.is_some() {
            return Err(Error::malformed("car", "finished before everything that was ready was taken"));
        }
        match self.wants.last() {
            Some(want) => Err(Error::Missing { cid: Box::new(want.cid) }),
            None => Ok(self.summary),
        }
    }

    fn usable(&self) -> Result<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn remember_failure<T>(&mut self, result: Result<T>) -> Result<T> {
        self.failed = result.as_ref().err().cloned();
        result
    }

    /// Keeps a verified block until the walk comes to it, unless it is known already.
    fn take(&mut self, block: Block) -> Result<()> {
        self.received = self.received.saturating_add(block.data.len() as u64);
        if self.settings.total < self.received {
            return Err(Error::Limit { what: "bytes of all blocks", limit: self.settings.total });
        }
        let key = Key::of(&block.cid);
        let is_next = self.wants.last().is_some_and(|want| Key::of(&want.cid) == key);
        let known = self.memory.get(&key).is_some();
        if known || self.parked.contains(&key) {
            self.summary.repeated += 1;
        }
        match is_next {
            _ if self.parked.contains(&key) => Ok(()),
            true => self.parked.insert_shared(key, block),
            false if known => Ok(()),
            false => self.parked.insert(key, block),
        }
    }

    fn walk(&mut self) -> Result<()> {
        while let Step::Went = self.step()? {}
        Ok(())
    }
}

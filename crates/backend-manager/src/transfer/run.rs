//! A transfer under way: pairs become groups of files, and some groups are sent at a time.

use std::sync::{Mutex, PoisonError};

use backend_core::{Error, ErrorKind, Result};
use futures::TryStreamExt;
use futures::future::LocalBoxFuture;
use futures::stream::{self, BoxStream, LocalBoxStream, StreamExt};

use super::Transfer;
use super::compare::{ComparedBy, Verdict, at_a_glance};
use super::delete::Deletes;
use super::entry::{Entry, What};
use super::merge::Pair;
use super::report::{Action, FileEvent, Transferred};
use super::source::Source;
use super::target::Target;
use crate::add::AddRequest;
use crate::manager::Manager;
use crate::reconcile::Mode;

/// Files of one group, and their bytes: a group ends with the first file that takes it to one of these.
const FILES: usize = 256;
const BYTES: u64 = 16 << 20;
/// Files under way at a time whose bytes come from a store. At 1024 most failed: each may take a blocking thread at either end, a reader waits for one while
/// a writer holds one, and of all together there are 512.
const STORED: usize = 128;

/// A file that is to be compared further, or sent.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) source: Entry,
    pub(super) target: Option<Entry>,
    /// What told that they differ; `None`: only the bytes can tell.
    pub(super) by: Option<ComparedBy>,
}

impl Job {
    /// What decided, once it is clear that no name of the target's is the source's.
    pub(super) fn decided_by(&self) -> ComparedBy {
        let is_known = self.target.as_ref().is_some_and(|it| it.known.is_some());
        self.by.unwrap_or(if is_known { ComparedBy::Checksum } else { ComparedBy::Nothing })
    }

    /// Whether what lies at the target is in no row, and may be what is to be sent.
    pub(super) fn may_be_the_same(&self) -> bool {
        self.by.is_none() && self.target.as_ref().is_some_and(|it| it.known.is_none())
    }

    /// For a display.
    pub(super) fn shown<'a>(jobs: impl IntoIterator<Item = &'a Job>) -> String {
        let mut jobs = jobs.into_iter();
        match (jobs.next(), jobs.count()) {
            (Some(one), 0) => one.source.shown(),
            (Some(one), more) => format!("{} and {more} more", one.source.shown()),
            (None, _) => String::new(),
        }
    }
}

/// What all parts of a transfer share.
pub(super) struct Run<'a> {
    pub(super) manager: &'a Manager,
    pub(super) opts: &'a Transfer,
    pub(super) source: Source,
    tally: Mutex<Transferred>,
    seen: Mutex<Seen>,
}

/// How much each side listed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) source: u64,
    pub(super) target: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(manager: &'a Manager, opts: &'a Transfer, source: Source) -> Self {
        Self { manager, opts, source, tally: Mutex::default(), seen: Mutex::default() }
    }

    pub(super) fn rehearses(&self) -> bool {
        self.opts.mode == Mode::Rehearse
    }

    pub(super) fn tell(&self, event: &FileEvent) {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).count(event);
        (self.opts.listener)(event);
    }

    pub(super) fn failed(&self, entry: &Entry, err: &Error) {
        self.tell(&FileEvent::new(entry, Action::Failed).because(err));
    }

    /// The sums so far.
    pub(super) fn sums(&self) -> Transferred {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saw(&self, source: u64, target: u64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.source += source;
        seen.target += target;
    }

    /// As the user wants content kept that becomes a name.
    pub(super) fn request(&self) -> AddRequest {
        AddRequest { to: self.opts.to_backends.clone(), policy: self.opts.policy.clone(), ..AddRequest::default() }
    }

    /// Brings everything over; what is only at the target is noted.
    ///
    /// # Errors
    /// What ends the transfer: a listing that breaks off, the catalog.
    pub(super) async fn carry(
        &self,
        target: &Target,
        pairs: BoxStream<'static, Result<Pair>>,
        deletes: &mut Deletes,
    ) -> Result<()> {
        let sends = self.groups(pairs, deletes).map_ok(|jobs| -> LocalBoxFuture<'_, Result<()>> {
            // Boxed: the future of a group is large, and there are several.
            Box::pin(target.take(self, jobs))
        });
        sends.try_buffer_unordered(self.at_a_time().0).try_for_each(|()| async { Ok(()) }).await
    }

    /// Groups under way at a time, and files of each.
    fn at_a_time(&self) -> (usize, usize) {
        let transfers = self.opts.transfers.max(1);
        match self.source.is_local() {
            true => (transfers, FILES),
            false => (transfers.min(STORED), (STORED / transfers).clamp(1, FILES)),
        }
    }

    fn groups<'b>(
        &'b self,
        pairs: BoxStream<'static, Result<Pair>>,
        deletes: &'b mut Deletes,
    ) -> LocalBoxStream<'b, Result<Vec<Job>>> {
        let files = self.at_a_time().1;
        stream::try_unfold((pairs, deletes), move |(mut pairs, deletes)| async move {
            let (mut jobs, mut bytes) = (Vec::new(), 0u64);
            while jobs.len() < files && bytes < BYTES {
                let Some(pair) = pairs.try_next().await? else { break };
                if let Some(job) = self.look(pair, deletes)? {
                    bytes = bytes.saturating_add(job.source.size.unwrap_or(BYTES));
                    jobs.push(job);
                }
            }
            Ok((!jobs.is_empty()).then_some((jobs, (pairs, deletes))))
        })
        .boxed_local()
    }

    /// What is clear at a glance is told at once.
    fn look(&self, pair: Pair, deletes: &mut Deletes) -> Result<Option<Job>> {
        let (source, target) = match pair {
            Pair::Source(source) => {
                self.saw(1, 0);
                (source, None)
            }
            Pair::Both(both) => {
                let (source, target) = *both;
                self.saw(1, 1);
                (source, Some(target))
            }
            Pair::Target(target) => {
                self.saw(0, 1);
                if self.opts.filter.takes(&target) && target.what == What::File {
                    deletes.note(&target)?;
                }
                return Ok(None);
            }
            Pair::Twice(entry) => {
                self.tell(&FileEvent::new(&entry, Action::Skipped));
                return Ok(None);
            }
        };
        self.opts.traffic.looked();
        if !self.opts.filter.takes(&source) {
            return Ok(None);
        }
        match source.what {
            What::File => {}
            What::Unreadable => {
                let text = format!("{} cannot be read", source.shown());
                self.failed(&source, &Error::new(ErrorKind::Denied, text));
                return Ok(None);
            }
            What::Link | What::Other => {
                self.tell(&FileEvent::new(&source, Action::Skipped));
                return Ok(None);
            }
        }
        if target.as_ref().is_some_and(|it| it.what != What::File) {
            let text = format!("a link, or what is no file, lies at {} of the target", source.shown());
            self.failed(&source, &Error::new(ErrorKind::AlreadyExists, text));
            return Ok(None);
        }
        let has_time = target.as_ref().is_some_and(|it| it.modified.is_some() && it.modified == source.modified);
        Ok(match at_a_glance(&source, target.as_ref(), self.opts.compare) {
            // The same, and its time is to be put on record.
            Verdict::Equal(ComparedBy::Checksum) if !has_time => Some(Job { source, target, by: None }),
            Verdict::Equal(by) => {
                self.tell(&FileEvent::new(&source, Action::Unchanged).by(by));
                None
            }
            Verdict::Differs(by) => Some(Job { source, target, by: Some(by) }),
            Verdict::Unsure => Some(Job { source, target, by: None }),
        })
    }
}

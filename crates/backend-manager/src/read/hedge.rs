//! When a copy keeps its reader waiting, another one is asked for the same chunk, and the first good answer counts. What that costs is bounded by a purse that all
//! reads of a manager share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backend_core::{Clock, Error, Result};
use bytes::Bytes;
use futures::future::{BoxFuture, Either, FutureExt, select};
use ipld::plan::Chunk;
use tokio::sync::watch;

use super::body::{Body, Got, Silence, Wanted, fetch};
use super::{INLINE, ReadReport, Replica};
use crate::trouble;

/// At most one request in so many is an extra one: below 5 %.
const EVERY: u64 = 21;
/// So many extra requests are saved up at the most, and so many are there from the beginning: a short command may hedge its first stalls.
const SAVED: u64 = 8;
const FIRST: u64 = 2;

/// Extra requests, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hedged {
    /// Asked of a second copy.
    pub issued: u64,
    /// Of these, answered first and well.
    pub won: u64,
    /// Of these, in vain.
    pub lost: u64,
    /// Not asked, because the budget was spent.
    pub refused: u64,
}

/// What extra requests may cost, and what became of them.
#[derive(Debug)]
pub(crate) struct Purse {
    credit: AtomicU64,
    issued: AtomicU64,
    won: AtomicU64,
    lost: AtomicU64,
    refused: AtomicU64,
}

impl Default for Purse {
    fn default() -> Self {
        let none = AtomicU64::default;
        Self { credit: AtomicU64::new(FIRST * EVERY), issued: none(), won: none(), lost: none(), refused: none() }
    }
}

impl Purse {
    /// A request was made that somebody asked for.
    fn earn(&self) {
        let more = |credit: u64| Some((credit + 1).min(SAVED * EVERY));
        let _ = self.credit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    fn spend(&self) -> bool {
        let less = |credit: u64| credit.checked_sub(EVERY);
        let is_spent = self.credit.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        let counter = if is_spent { &self.issued } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
        is_spent
    }

    fn ended(&self, won: bool) {
        let counter = if won { &self.won } else { &self.lost };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub(crate) fn counted(&self) -> Hedged {
        let read = |it: &AtomicU64| it.load(Ordering::Relaxed);
        Hedged {
            issued: read(&self.issued),
            won: read(&self.won),
            lost: read(&self.lost),
            refused: read(&self.refused),
        }
    }
}

/// How reads hedge: by which clock, and on whose account.
#[derive(Debug, Clone)]
pub(crate) struct Hedging {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) purse: Arc<Purse>,
}

/// One read's part in it.
#[derive(Clone)]
pub(super) struct Hedger {
    hedging: Hedging,
    pub(super) replicas: Arc<Vec<Replica>>,
    pub(super) report: ReadReport,
    /// Which copy another one was faster than, and which one.
    overtaken: Arc<watch::Sender<Option<(usize, usize)>>>,
}

impl Hedger {
    pub(super) fn new(hedging: Hedging, replicas: Arc<Vec<Replica>>, report: ReadReport) -> Self {
        Self { hedging, replicas, report, overtaken: Arc::new(watch::Sender::new(None)) }
    }

    /// The chunk from the copy `first`, or from another one if that keeps silent for longer than it uses to; and from which.
    ///
    /// # Errors
    /// What the copy `first` answers.
    pub(super) async fn get(&self, first: usize, body: Option<Body>, wanted: Wanted) -> Result<(usize, Got)> {
        let replica = &self.replicas[first];
        let is_request = !body.as_ref().is_some_and(|body| body.has(&wanted.chunk, replica.how));
        if is_request {
            self.hedging.purse.earn();
        }
        let chunk = wanted.chunk.clone();
        let (Some(delay), Some(_)) = (replica.delay(), self.other(first, &chunk)) else {
            return Ok((first, fetch(replica.clone(), body, wanted, None).await?));
        };
        let clock = self.hedging.clock.clone();
        let silence = Silence::new(clock.clone());
        let mut asked = fetch(replica.clone(), body, wanted.clone(), Some(silence.clone())).boxed();
        loop {
            let wait = delay.saturating_sub(silence.lasts());
            if wait.is_zero() {
                break;
            }
            match select(asked, clock.sleep(wait)).await {
                Either::Left((got, _)) => return Ok((first, got?)),
                Either::Right(((), waiting)) => asked = waiting,
            }
        }
        // Health and budgets are those of this moment.
        match self.other(first, &chunk) {
            Some(other) if self.spend() => self.race(first, asked, other, wanted).await,
            Some(_) => self.wait(first, asked, wanted).await,
            None => Ok((first, asked.await?)),
        }
    }

    /// There is nothing left to spend. But if meanwhile another request to the same copy was overtaken, this one goes the same way, whatever it costs: of
    /// blocks, a few are asked for at a time, and each would wait for the time-out of a copy that is known to stand still.
    async fn wait(&self, first: usize, asked: BoxFuture<'_, Result<Got>>, wanted: Wanted) -> Result<(usize, Got)> {
        let mut seen = self.overtaken.subscribe();
        let told = async move {
            let found = seen.wait_for(|it| it.is_some_and(|(of, _)| of == first)).await;
            found.ok().and_then(|it| *it)
        };
        match select(asked, told.boxed()).await {
            Either::Left((got, _)) => Ok((first, got?)),
            Either::Right((Some((_, other)), asked)) => {
                self.hedging.purse.issued.fetch_add(1, Ordering::Relaxed);
                self.report.hedged(|it| it.issued += 1);
                self.race(first, asked, other, wanted).await
            }
            Either::Right((None, asked)) => Ok((first, asked.await?)),
        }
    }

    /// Both are asked; the first good answer counts, and the other request is dropped.
    async fn race(
        &self,
        first: usize,
        asked: BoxFuture<'_, Result<Got>>,
        other: usize,
        wanted: Wanted,
    ) -> Result<(usize, Got)> {
        let (chunk, replica) = (wanted.chunk.clone(), self.replicas[other].clone());
        let one = good(chunk.clone(), asked);
        let two = good(chunk.clone(), fetch(replica, None, wanted, None).boxed());
        let told = |at: usize, err: &Error| self.report.trouble(&self.replicas[at], chunk.offset, chunk.len, err);
        match select(one, two).await {
            Either::Left((Ok(got), _)) => Ok((first, self.ended(false, got))),
            Either::Right((Ok(got), _)) => {
                self.overtaken.send_replace(Some((first, other)));
                Ok((other, self.ended(true, got)))
            }
            Either::Left((Err(err), two)) => match two.await {
                Ok(got) => {
                    told(first, &err);
                    Ok((other, self.ended(true, got)))
                }
                Err(second) => {
                    told(other, &second);
                    self.ended(false, ());
                    Err(err)
                }
            },
            Either::Right((Err(err), one)) => {
                told(other, &err);
                self.ended(false, ());
                Ok((first, one.await?))
            }
        }
    }

    /// Who may be asked beside `first`: best first, as they stand, those that cost much more only if there is nobody else.
    fn other(&self, first: usize, chunk: &Chunk) -> Option<usize> {
        let n = self.replicas.len();
        let may = |it: &usize| {
            let replica = &self.replicas[*it];
            !replica.is_bad(chunk.offset, chunk.len) && replica.may_help()
        };
        let mut found = (1..n).map(|step| (first + step) % n).filter(may).peekable();
        let instead = found.peek().copied();
        found.find(|it| !self.replicas[*it].is_much_dearer(&self.replicas[first])).or(instead)
    }

    fn spend(&self) -> bool {
        let is_spent = self.hedging.purse.spend();
        self.report.hedged(|it| if is_spent { it.issued += 1 } else { it.refused += 1 });
        is_spent
    }

    fn ended<T>(&self, won: bool, answer: T) -> T {
        self.hedging.purse.ended(won);
        self.report.hedged(|it| if won { it.won += 1 } else { it.lost += 1 });
        answer
    }
}

/// An answer that hashes to its name.
fn good(chunk: Chunk, asked: BoxFuture<'_, Result<Got>>) -> BoxFuture<'_, Result<Got>> {
    async move {
        let got = asked.await?;
        check(chunk, got.bytes.clone()).await?;
        Ok(got)
    }
    .boxed()
}

async fn check(chunk: Chunk, bytes: Bytes) -> Result<()> {
    if bytes.len() < INLINE {
        return chunk.verify(&bytes).map_err(trouble::ipld);
    }
    let hashed = tokio::task::spawn_blocking(move || chunk.verify(&bytes));
    hashed.await.map_err(trouble::lost)?.map_err(trouble::ipld)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_requests_stay_below_five_in_a_hundred() {
        let purse = Purse::default();
        let mut issued = 0;
        for _ in 0..10_000 {
            purse.earn();
            issued += u64::from(purse.spend());
        }
        assert!((400..=500).contains(&issued), "{issued}");
        assert_eq!(purse.counted(), Hedged { issued, refused: 10_000 - issued, ..Hedged::default() });
    }

    #[test]
    fn a_little_is_there_from_the_beginning_and_little_is_saved() {
        let purse = Purse::default();
        assert!(purse.spend() && purse.spend() && !purse.spend());
        (0..100_000).for_each(|_| purse.earn());
        assert_eq!((0..100).filter(|_| purse.spend()).count() as u64, SAVED);
    }
}

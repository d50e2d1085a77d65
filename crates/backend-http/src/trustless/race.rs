//! One question to several endpoints: the best first, a second beside it when it is slow, the next when one fails.

use std::future::Future;
use std::time::Duration;

use backend_core::{Error, ErrorKind, Result, RetryAdvice};
use bytes::Bytes;
use cid::Cid;
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};
use ipld::address;

use super::source::Source;
use super::{Inner, fault};

/// How many endpoints work on one question at the same time.
const AT_ONCE: usize = 2;

impl Inner {
    /// A block, from whoever gives it first.
    pub(super) async fn block(&self, cid: &Cid) -> Result<Bytes> {
        address::check_hash(cid).map_err(fault::of_content)?;
        match address::inline(cid) {
            Some(bytes) => Ok(Bytes::copy_from_slice(bytes)),
            None => self.race(|source| self.raw(source, cid)).await.map(|(_, data)| data),
        }
    }

    /// Asks until one answers; each at most once.
    pub(super) async fn race<'a, T, F>(&'a self, ask: impl Fn(&'a Source) -> F) -> Result<(usize, T)>
    where
        F: Future<Output = Result<T>>,
    {
        self.race_without(&[], ask).await
    }

    /// The same without those that were tried before. The losers are dropped.
    pub(super) async fn race_without<'a, T, F>(
        &'a self,
        tried: &[usize],
        ask: impl Fn(&'a Source) -> F,
    ) -> Result<(usize, T)>
    where
        F: Future<Output = Result<T>>,
    {
        let mut left = self.order(tried)?.into_iter();
        let ask = &ask;
        let begin = |n: usize| async move { (n, ask(&self.sources[n]).await) };
        let mut asked: Vec<usize> = left.next().into_iter().collect();
        let mut running: FuturesUnordered<_> = asked.iter().copied().map(begin).collect();
        let mut failure = None;
        loop {
            let may_hedge = running.len() < AT_ONCE && 0 < left.len();
            let wait = if may_hedge { self.options.hedge_after } else { Duration::MAX };
            let (n, result) = match self.next_within(&mut running, wait).await {
                Some(Some(done)) => done,
                Some(None) => return Err(failure.unwrap_or_else(none_left)),
                None => {
                    asked.extend(left.next());
                    running.extend(asked.last().copied().map(begin));
                    continue;
                }
            };
            match result {
                Ok(found) => {
                    // Whoever was asked before and is still at it was too slow.
                    asked.iter().take_while(|it| **it != n).for_each(|slow| self.sources[*slow].was_slow());
                    self.sources[n].succeeded();
                    return Ok((n, found));
                }
                Err(err) => {
                    self.sources[n].failed(&err, self.clock.monotonic());
                    failure = Some(fault::worst(failure, err));
                    asked.retain(|it| *it != n);
                    if let Some(next) = left.next() {
                        asked.push(next);
                        running.push(begin(next));
                    }
                }
            }
        }
    }

    /// The next that is done (`None`: none is left); or nothing, when the wait is over before.
    async fn next_within<T>(
        &self,
        running: &mut FuturesUnordered<impl Future<Output = T>>,
        wait: Duration,
    ) -> Option<Option<T>> {
        if wait == Duration::MAX {
            return Some(running.next().await);
        }
        match select(running.next(), self.clock.sleep(wait)).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }

    /// Whom to ask, the best first: fewest failures, then as configured. Who wants to be left alone is not asked.
    ///
    /// # Errors
    /// `RateLimited` when all that are left want to be left alone.
    fn order(&self, tried: &[usize]) -> Result<Vec<usize>> {
        let now = self.clock.monotonic();
        let left = (0..self.sources.len()).filter(|n| !tried.contains(n));
        let (resting, mut ready): (Vec<usize>, Vec<usize>) = left.partition(|n| self.sources[*n].rests(now).is_some());
        ready.sort_by_key(|n| self.sources[*n].failures());
        let wait = resting.iter().filter_map(|n| self.sources[*n].rests(now)).min();
        match (ready.is_empty(), wait) {
            (true, Some(wait)) => Err(Error::new(ErrorKind::RateLimited, "all gateways want to be left alone")
                .with_advice(RetryAdvice::After(wait))),
            (true, None) => Err(none_left()),
            (false, _) => Ok(ready),
        }
    }
}

fn none_left() -> Error {
    Error::new(ErrorKind::Unavailable, "no gateway is left to ask")
}

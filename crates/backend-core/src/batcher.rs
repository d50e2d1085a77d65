//! One costly act for many waiters: a commit of many files, one sync of a file system. Whoever waits drives it for all.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};

use crate::error::{Error, Result};

/// Groups what arrives while one act is under way into the next.
///
/// No task is spawned: every waiter polls the shared act, so when one is dropped the others go on. When all are dropped the act stands still where it is,
/// and the next submission drives it on first: an item that was submitted is therefore either acted upon or still queued, never lost, and a dropped
/// waiter's item may still be carried out. Submit only items for which that is harmless.
pub struct Batcher<T> {
    act: Act<T>,
    max: usize,
    tail: Mutex<Option<Batch<T>>>,
}

type Act<T> = Arc<dyn Fn(Vec<T>) -> BoxFuture<'static, Result<()>> + Send + Sync>;
type Running = Shared<BoxFuture<'static, Result<(), Arc<Error>>>>;
type Items<T> = Arc<Mutex<Option<Vec<T>>>>;

struct Batch<T> {
    /// `None` as soon as the act has begun.
    items: Items<T>,
    running: Running,
}

impl<T: Send + 'static> Batcher<T> {
    /// `act` is given at least one and at most `max` items; its error is every waiter's error.
    pub fn new<F, Fut>(max: usize, act: F) -> Self
    where
        F: Fn(Vec<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        Self { act: Arc::new(move |items| act(items).boxed()), max: max.max(1), tail: Mutex::new(None) }
    }

    /// Queues `item` and waits until an act that contains it is done.
    ///
    /// # Errors
    /// The act's error, with its kind, advice and effect.
    pub async fn submit(&self, item: T) -> Result<()> {
        let running = self.join(item);
        running.await.map_err(|err| copy(&err))
    }

    fn join(&self, item: T) -> Running {
        let mut tail = lock(&self.tail);
        let Some(batch) = tail.as_ref() else { return self.begin(&mut tail, item, None) };
        let mut items = lock(&batch.items);
        match items.as_mut().filter(|items| items.len() < self.max) {
            Some(items) => {
                items.push(item);
                batch.running.clone()
            }
            None => {
                drop(items);
                let before = Some(batch.running.clone());
                self.begin(&mut tail, item, before)
            }
        }
    }

    fn begin(&self, tail: &mut Option<Batch<T>>, item: T, before: Option<Running>) -> Running {
        let items: Items<T> = Arc::new(Mutex::new(Some(vec![item])));
        let (act, taken) = (self.act.clone(), items.clone());
        let running = async move {
            if let Some(before) = before {
                // Its failure is its waiters' matter.
                let _ = before.await;
            }
            let items = lock(&taken).take().unwrap_or_default();
            act(items).await.map_err(Arc::new)
        };
        let running = running.boxed().shared();
        *tail = Some(Batch { items, running: running.clone() });
        running
    }
}

impl<T> fmt::Debug for Batcher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batcher").field("max", &self.max).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same failure for one of many waiters.
fn copy(err: &Arc<Error>) -> Error {
    Error::new(err.kind(), err.message())
        .with_advice(err.advice())
        .with_effect(err.effect())
        .with_source(Shown(err.clone()))
}

#[derive(Debug)]
struct Shown(Arc<Error>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the shared act failed: {}", self.0)
    }
}

impl std::error::Error for Shown {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::task::Poll;

    use futures::executor::block_on;
    use futures::future::{join_all, poll_immediate};

    use super::*;
    use crate::error::{Effect, ErrorKind};

    type Seen = Arc<Mutex<Vec<Vec<u32>>>>;

    /// A batcher whose acts stand still until the gate opens, so that others can queue meanwhile.
    fn batcher(max: usize) -> (Batcher<u32>, Seen, Arc<AtomicBool>) {
        let (seen, gate) = (Seen::default(), Arc::new(AtomicBool::new(false)));
        let (kept, closed) = (seen.clone(), gate.clone());
        let batcher = Batcher::new(max, move |items: Vec<u32>| {
            let (kept, closed) = (kept.clone(), closed.clone());
            async move {
                poll_fn(|_| if closed.load(Ordering::Relaxed) { Poll::Ready(()) } else { Poll::Pending }).await;
                let bad = items.contains(&13);
                kept.lock().unwrap().push(items);
                match bad {
                    true => Err(Error::new(ErrorKind::Unavailable, "no").with_effect(Effect::Unknown)),
                    false => Ok(()),
                }
            }
        });
        (batcher, seen, gate)
    }

    /// Lets all of them queue, then opens the gate and polls them to the end, although nobody wakes them.
    fn drive(batcher: &Batcher<u32>, gate: &AtomicBool, items: Vec<u32>) -> Vec<Result<()>> {
        let mut all = Box::pin(join_all(items.into_iter().map(|n| batcher.submit(n))));
        assert!(block_on(poll_immediate(&mut all)).is_none());
        gate.store(true, Ordering::Relaxed);
        loop {
            if let Some(results) = block_on(poll_immediate(&mut all)) {
                return results;
            }
        }
    }

    #[test]
    fn whoever_comes_during_an_act_shares_the_next() {
        let (batcher, seen, gate) = batcher(3);
        let results = drive(&batcher, &gate, (0..7).collect());
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(*seen.lock().unwrap(), [vec![0], vec![1, 2, 3], vec![4, 5, 6]].to_vec());
    }

    #[test]
    fn one_failure_is_told_to_all_of_its_batch_and_to_no_other() {
        let (batcher, _, gate) = batcher(10);
        let results = drive(&batcher, &gate, vec![1, 13, 2]);
        assert!(results[0].is_ok());
        for err in results.into_iter().skip(1).map(Result::unwrap_err) {
            assert_eq!((err.kind(), err.effect()), (ErrorKind::Unavailable, Effect::Unknown));
        }
    }

    #[test]
    fn a_dropped_leader_does_not_stop_the_others() {
        let (batcher, seen, gate) = batcher(10);
        let mut leader = Box::pin(batcher.submit(1));
        assert!(block_on(poll_immediate(&mut leader)).is_none());
        drop(leader);
        assert!(drive(&batcher, &gate, vec![2])[0].is_ok());
        assert_eq!(*seen.lock().unwrap(), [vec![1], vec![2]].to_vec());
    }

    #[test]
    fn nothing_is_acted_upon_twice() {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let batcher = Batcher::new(1, move |items: Vec<u32>| {
            counted.fetch_add(items.len(), Ordering::Relaxed);
            async { Ok(()) }
        });
        block_on(join_all((0..50).map(|n| batcher.submit(n))));
        assert_eq!(calls.load(Ordering::Relaxed), 50);
    }
}

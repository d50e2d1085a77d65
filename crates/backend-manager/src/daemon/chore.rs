//! One thing that is done again and again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backend_core::Result;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::board::Board;
use super::stop::Stop;
use crate::catalog::replicas;
use crate::manager::Manager;

/// How often backends are probed.
const PROBE_EVERY: Duration = Duration::from_secs(30);
/// How often traffic is written down and what other processes found is learnt.
const EXCHANGE_EVERY: Duration = Duration::from_secs(10);
/// How often rows are counted, for metrics.
const COUNT_EVERY: Duration = Duration::from_secs(60);

/// How many processes do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holders {
    /// One at a time, over all processes.
    One,
    /// Each for itself.
    Each,
}

/// How often stores are told what was changed of the desired state.
const STATE_EVERY: Duration = Duration::from_secs(60);

type Work = dyn Fn(Manager, Stop) -> BoxFuture<'static, Result<()>> + Send + Sync;

/// A name, an interval, and what is done.
#[derive(Clone)]
pub struct Chore {
    name: &'static str,
    every: Duration,
    holders: Holders,
    work: Arc<Work>,
}

impl fmt::Debug for Chore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chore").field("name", &self.name).field("every", &self.every).finish_non_exhaustive()
    }
}

impl Chore {
    /// `work` is begun once an interval, and not while it is still going on. It looks at its [`Stop`] between two steps.
    pub fn new<F>(
        name: &'static str,
        every: Duration,
        holders: Holders,
        work: impl Fn(Manager, Stop) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        Self { name, every, holders, work: Arc::new(move |manager, stop| work(manager, stop).boxed()) }
    }

    /// What it is called, in metrics and in the catalog.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn every(&self) -> Duration {
        self.every
    }

    pub(super) fn holders(&self) -> Holders {
        self.holders
    }

    pub(super) fn begin(&self, manager: Manager, stop: Stop) -> BoxFuture<'static, Result<()>> {
        (self.work)(manager, stop)
    }
}

/// What every daemon does: look after its backends, and keep count.
pub fn standard(board: &Arc<Board>) -> Vec<Chore> {
    let board = board.clone();
    vec![
        Chore::new("probe", PROBE_EVERY, Holders::One, |manager, _| async move { manager.probe_all().await.map(drop) }),
        Chore::new(
            "exchange",
            EXCHANGE_EVERY,
            Holders::Each,
            |manager, _| async move { manager.fleet().exchange().await },
        ),
        Chore::new("state", STATE_EVERY, Holders::One, |manager, _| async move { crate::state::chore(manager).await }),
        Chore::new("count", COUNT_EVERY, Holders::Each, move |manager, _| {
            let board = board.clone();
            async move {
                board.count(manager.catalog().read(replicas::counts).await?);
                Ok(())
            }
        }),
    ]
}

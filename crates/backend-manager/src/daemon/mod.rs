//! The daemon: chores that come back, in this process and in others beside it, until somebody asks it to stop.
//!
//! A chore is a name, an interval and what is done ([`Chore`]). Each has a loop of its own; what only one process may do at a time is leased in the catalog
//! ([`crate::catalog::leases`]), by who is alive and not by a clock. What they did shows on the [`Board`], and from there as metrics ([`serve`]).

mod board;
mod chore;
mod exposition;
mod http;
mod metrics;
mod stop;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use backend_core::{Clock, Error, ErrorKind, Result};
use futures::future::{self, Either};

use crate::catalog::{Timestamp, leases};
use crate::manager::Manager;
use crate::trouble;

pub use board::{Board, ChoreState};
pub use chore::{Chore, Holders, standard};
pub use http::{Listener, serve};
pub use stop::Stop;

/// How long chores may take to come to an end after somebody has asked.
pub const GRACE: Duration = Duration::from_secs(10);

/// Chores, and whose they are.
#[derive(Debug)]
pub struct Daemon {
    manager: Manager,
    chores: Vec<Chore>,
    board: Arc<Board>,
}

/// A chore that is running; dropped, it is given up.
struct Running(tokio::task::JoinHandle<Result<()>>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Daemon {
    /// # Errors
    /// `InvalidInput` for two chores of one name.
    pub fn new(manager: Manager, chores: Vec<Chore>, board: Arc<Board>) -> Result<Self> {
        let mut names: Vec<&str> = chores.iter().map(Chore::name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::new(ErrorKind::InvalidInput, format!("two chores are called {}", pair[0]))),
            None => Ok(Self { manager, chores, board }),
        }
    }

    /// Does the chores until `stop`; whoever works then has [`GRACE`] to come to an end. A chore that fails is told, and comes again.
    pub async fn run(&self, stop: &Stop) {
        let all = future::join_all(self.chores.iter().map(|chore| self.keep(chore, stop)));
        let clock = self.clock().clone();
        let enough = async {
            stop.stopped().await;
            clock.sleep(GRACE).await;
        };
        futures::pin_mut!(all, enough);
        if let Either::Right(_) = future::select(all, enough).await {
            tracing::warn!(seconds = GRACE.as_secs(), "some chores did not come to an end and were given up");
        }
        if let Err(err) = self.manager.fleet().exchange().await {
            tracing::warn!(error = %err, "the last traffic could not be noted");
        }
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.manager.fleet().clock()
    }

    async fn keep(&self, chore: &Chore, stop: &Stop) {
        let mut round = 0_u64;
        while !stop.is_stopped() {
            if let Err(err) = self.once(chore, stop).await {
                tracing::warn!(chore = chore.name(), error = %err, "a chore failed");
            }
            round += 1;
            let pause = self.clock().sleep(self.jittered(chore, round));
            let stopped = stop.stopped();
            futures::pin_mut!(pause, stopped);
            future::select(pause, stopped).await;
        }
    }

    /// Does a chore, if it is this process's turn.
    async fn once(&self, chore: &Chore, stop: &Stop) -> Result<()> {
        if !self.take(chore).await? {
            return Ok(());
        }
        let begun = self.clock().monotonic();
        let mut running = Running(tokio::spawn(chore.begin(self.manager.clone(), stop.clone())));
        let outcome = (&mut running.0).await.map_err(trouble::lost).and_then(|outcome| outcome);
        let took = self.clock().monotonic().saturating_sub(begun);
        let trouble = outcome.as_ref().err().map(|err| err.message().chars().take(1000).collect::<String>());
        self.board.ended(chore.name(), self.clock().now(), took, trouble.clone());
        self.give_back(chore, trouble.unwrap_or_default()).await?;
        outcome
    }

    fn now(&self) -> Timestamp {
        self.clock().now().into()
    }

    async fn take(&self, chore: &Chore) -> Result<bool> {
        if chore.holders() == Holders::Each {
            return Ok(true);
        }
        let (process, name, now, every) = (self.manager.process().clone(), chore.name(), self.now(), chore.every());
        self.manager.catalog().write(move |conn| leases::take(conn, name, &process, now, every)).await
    }

    async fn give_back(&self, chore: &Chore, trouble: String) -> Result<()> {
        if chore.holders() == Holders::Each {
            return Ok(());
        }
        let (process, name, now) = (self.manager.process().clone(), chore.name(), self.now());
        // A little earlier than it comes again, for its interval is not always the same.
        let pause = chore.every() * 8 / 10;
        let work = move |conn: &rusqlite::Connection| leases::give_back(conn, name, &process, now, pause, &trouble);
        self.manager.catalog().write(work).await
    }

    /// The interval, a tenth more or less: processes that began together do not stay together.
    fn jittered(&self, chore: &Chore, round: u64) -> Duration {
        let mut hasher = DefaultHasher::new();
        (self.manager.process().worker(), chore.name(), round).hash(&mut hasher);
        let spread = u32::try_from(hasher.finish() % 201).unwrap_or_default();
        chore.every() * (900 + spread) / 1000
    }
}

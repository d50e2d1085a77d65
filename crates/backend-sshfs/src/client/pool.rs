//! Sessions that are lent to verbs, and the connections they run on.
//!
//! A verb has a session to itself. Reads, writes and everything else have places of their own, so that a copy from this store to itself, which holds
//! a body while it waits for a place to write, never waits for itself.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend_core::{Error, ErrorKind, Result};
use futures::future::{self, Either};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::link::{Link, Plan, Slot};
use super::root;
use super::session::Session;
use super::wire::kind;
use super::{BUDGET, BUDGETS};

/// Reads and listings at a time.
pub(crate) const READS: u32 = 16;
/// Writes at a time.
pub(crate) const WRITES: u32 = 16;
/// Short questions at a time.
const SHORT: usize = 8;
/// A session that nobody used for so long is asked whether it is still there.
const STALE: Duration = Duration::from_secs(10);

/// For what a session is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    Read,
    Write,
    Short,
}

#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) plan: Plan,
    state: Mutex<State>,
    reads: Arc<Semaphore>,
    writes: Arc<Semaphore>,
    short: Arc<Semaphore>,
    /// Of work without which a verb gets on too.
    beside: Arc<Semaphore>,
    /// One connection is made at a time: servers refuse many strangers at once (sshd_config(5), `MaxStartups`).
    connecting: Semaphore,
}

#[derive(Debug, Default)]
struct State {
    /// The last one used is the first to be used again.
    idle: Vec<(Session, Duration)>,
    links: Vec<Arc<Link>>,
    /// Sessions whose verb was dropped while answers were on their way.
    unsettled: Vec<Session>,
}

/// A session on loan.
pub(crate) struct Lease {
    session: Session,
    pool: Arc<Pool>,
    place: Option<OwnedSemaphorePermit>,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.session.fmt(f)
    }
}

impl Deref for Lease {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

impl Drop for Lease {
    /// A session in the middle of a file is closed, and the server gives up what it was doing. One that only waits for answers is settled by the next
    /// verb before it does anything: so what was on its way when a verb was dropped never appears behind anybody's back.
    fn drop(&mut self) {
        let session = std::mem::replace(&mut self.session, Session::dead());
        let now = self.pool.plan.clock.monotonic();
        let mut state = self.pool.state();
        match (session.is_clean(), session.can_settle()) {
            (true, _) => state.idle.push((session, now)),
            (false, true) => state.unsettled.push(session),
            // Outside of the lock: it gives back its place.
            (false, false) => {
                drop(state);
                drop(session);
            }
        }
    }
}

impl Lease {
    pub(crate) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Closes the session: nobody is to wait for what is under way on it.
    pub(crate) fn abandon(mut self) {
        self.session = Session::dead();
    }
}

impl Pool {
    pub(crate) fn new(plan: Plan) -> Arc<Self> {
        let places = |n: usize| Arc::new(Semaphore::new(n));
        Arc::new(Self {
            plan,
            state: Mutex::default(),
            reads: places(READS as usize),
            writes: places(WRITES as usize),
            short: places(SHORT),
            beside: places(1),
            connecting: Semaphore::new(1),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session that works, as far as can be told before it is used.
    pub(crate) async fn lend(self: &Arc<Self>, what: Use) -> Result<Lease> {
        let places = match what {
            Use::Read => &self.reads,
            Use::Write => &self.writes,
            Use::Short => &self.short,
        };
        let place = places.clone().acquire_owned().await.map_err(|_| gone())?;
        self.settle().await?;
        let mut lease = match self.ready().await {
            Some(lease) => lease,
            None => Lease { session: self.begin().await?, pool: self.clone(), place: None },
        };
        lease.place = Some(place);
        Ok(lease)
    }

    /// A session beside those that verbs have, if there is one, or the connection has room for one: none is made, nobody waits for it, and there is one at a
    /// time.
    pub(crate) async fn beside(self: &Arc<Self>, link: &Arc<Link>) -> Option<Lease> {
        let place = self.beside.clone().try_acquire_owned().ok()?;
        let mut lease = match self.ready().await {
            Some(lease) => lease,
            None => {
                let slot = link.slot()?;
                match self.in_time(self.session_on(slot)).await.ok()?.ok()? {
                    Ok(session) => Lease { session, pool: self.clone(), place: None },
                    Err(slot) => {
                        slot.0.is_full();
                        return None;
                    }
                }
            }
        };
        lease.place = Some(place);
        Some(lease)
    }

    /// One that waits to be used.
    async fn ready(self: &Arc<Self>) -> Option<Lease> {
        while let Some((session, since)) = self.idle() {
            let mut lease = Lease { session, pool: self.clone(), place: None };
            let is_fresh = self.plan.clock.monotonic().saturating_sub(since) < STALE;
            if is_fresh || self.answers(&mut lease).await {
                return Some(lease);
            }
            lease.session = Session::dead();
        }
        None
    }

    /// How many bytes a transfer may have on their way: the fewer transfers there are, the more.
    pub(crate) fn budget(&self) -> u64 {
        let idle = self.reads.available_permits() + self.writes.available_permits();
        let under_way = ((READS + WRITES) as usize).saturating_sub(idle).max(1);
        BUDGET.min(BUDGETS / under_way as u64)
    }

    fn idle(&self) -> Option<(Session, Duration)> {
        let mut state = self.state();
        state.links.retain(|it| !it.is_closed());
        let mut dead = Vec::new();
        let found = loop {
            match state.idle.pop() {
                Some((session, _)) if !session.is_whole() => dead.push(session),
                other => break other,
            }
        };
        drop(state);
        found
    }

    async fn answers(&self, session: &mut Session) -> bool {
        let asked = session.call(kind::REALPATH, &[super::wire::Field::Text(b".")]);
        matches!(self.in_time(asked).await, Ok(Ok(_)))
    }

    /// Waits for what dropped verbs had under way.
    async fn settle(self: &Arc<Self>) -> Result<()> {
        loop {
            let Some(session) = self.state().unsettled.pop() else { return Ok(()) };
            let mut lease = Lease { session, pool: self.clone(), place: None };
            // Whatever became of it, it is over: an answer, or the end of the connection. Silence for so long is an error of this verb.
            let over = self.in_time(lease.drain()).await?;
            if over.is_err() || !lease.is_clean() {
                lease.session = Session::dead();
            }
        }
    }

    pub(crate) async fn in_time<T>(&self, what: impl Future<Output = T>) -> Result<T> {
        let what = std::pin::pin!(what);
        match future::select(what, self.plan.clock.sleep(self.plan.timeout)).await {
            Either::Left((it, _)) => Ok(it),
            Either::Right(_) => {
                let host = &self.plan.connection.host;
                Err(Error::new(ErrorKind::Timeout, format!("{host}: it does not answer")))
            }
        }
    }

    async fn begin(&self) -> Result<Session> {
        // Each turn either ends or fills a connection; there are never more connections than sessions.
        for _ in 0..=(READS + WRITES) as usize + SHORT {
            let (slot, is_old) = match self.slot() {
                Some(slot) => (slot, true),
                None => (self.connected().await?, false),
            };
            let link = slot.0.clone();
            match self.in_time(self.session_on(slot)).await? {
                Ok(Err(slot)) => slot.0.is_full(),
                Ok(Ok(mut session)) => {
                    self.welcome(&mut session).await?;
                    return Ok(session);
                }
                // It has ended, and nobody had noticed. Nothing was asked on it yet: another one is made.
                Err(_) if is_old => self.state().links.retain(|it| !Arc::ptr_eq(it, &link)),
                Err(err) => return Err(err),
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "the server opens no further session"))
    }

    /// A session on a connection; the place comes back where the server opens none.
    async fn session_on(&self, slot: Slot) -> Result<std::result::Result<Session, Slot>> {
        let Some(channel) = slot.0.subsystem(&self.plan.connection.host).await? else { return Ok(Err(slot)) };
        let known = slot.0.features.get().copied();
        Session::begin(Box::new(channel.into_stream()), Some(slot), known).await.map(Ok)
    }

    /// The first session on a connection looks whether the store is there.
    async fn welcome(&self, session: &mut Session) -> Result<()> {
        let Some(link) = session.slot().map(|it| it.0.clone()) else { return Ok(()) };
        if link.features.get().is_some() {
            return Ok(());
        }
        root::check(session, &self.plan.connection).await?;
        // Another session was as fast, and has learnt the same.
        let _ = link.features.set(session.features);
        Ok(())
    }

    /// A place on the connection that has the fewest sessions, unless another connection may still be made.
    fn slot(&self) -> Option<Slot> {
        let mut state = self.state();
        state.links.retain(|it| !it.is_closed());
        let may_grow = state.links.len() < self.plan.connection.connections as usize;
        match may_grow && state.links.iter().all(Link::is_used) {
            true => None,
            false => {
                state.links.sort_by_key(|it| it.sessions());
                state.links.iter().find_map(Link::slot)
            }
        }
    }

    async fn connected(&self) -> Result<Slot> {
        let _one = self.connecting.acquire().await.map_err(|_| gone())?;
        // Somebody else may have made one meanwhile.
        if let Some(slot) = self.slot() {
            return Ok(slot);
        }
        let link = Arc::new(self.plan.connect().await?);
        let slot = link.slot().ok_or_else(gone)?;
        self.state().links.push(link);
        Ok(slot)
    }

    /// The connection's fingerprint, of those there are.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        self.state().links.first().map(|it| it.fingerprint.clone())
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::Internal, "the pool of sessions is closed")
}

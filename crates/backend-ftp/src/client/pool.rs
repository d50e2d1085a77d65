//! The connections: never more than asked for, kept while they are whole, and dropped as soon as they are not.
//!
//! Two rules keep transfers from waiting for each other for ever. Bodies, and adds, take at most all but one connection each, so there is always one for
//! the other side; and who adds what it reads from the same server has its connection before it opens its source, as the `limit` layer has it too. With
//! one connection there is no other side: then whoever transfers holds the connection for one piece only, and never while somebody else is waited for.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend_core::{Clock, Error, ErrorKind, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::control::Control;
use super::dial::Dialer;
use crate::error::strange;

/// A connection that was idle for longer is asked before it is used: what lies between may have forgotten it.
const IDLE: Duration = Duration::from_secs(10);
/// Unfinished uploads that are remembered to be removed; what is beyond lies there until somebody clears the folder.
const MAX_ORPHANS: usize = 256;

/// All connections of a store.
#[derive(Debug)]
pub(crate) struct Pool {
    dialer: Dialer,
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<(Control, Duration)>>,
    all: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    adds: Arc<Semaphore>,
    n_connections: u32,
    orphans: Mutex<Vec<String>>,
    /// The folder of unfinished uploads was there. Some servers say that it is not only behind the last byte.
    pub(crate) has_temps: AtomicBool,
}

impl Pool {
    pub(crate) fn new(dialer: Dialer, n_connections: u32, clock: Arc<dyn Clock>) -> Self {
        let semaphore = |permits: u32| Arc::new(Semaphore::new(permits as usize));
        let others = share(n_connections);
        Self {
            dialer,
            clock,
            idle: Mutex::new(Vec::new()),
            all: semaphore(n_connections),
            bodies: semaphore(others),
            adds: semaphore(others),
            n_connections,
            orphans: Mutex::new(Vec::new()),
            has_temps: AtomicBool::new(false),
        }
    }

    /// Whether there is but one connection, and transfers must take turns.
    pub(crate) fn is_single(&self) -> bool {
        self.n_connections == 1
    }

    /// The right to send, to be had before the source is opened.
    pub(crate) async fn turn_to_add(&self) -> Result<OwnedSemaphorePermit> {
        permit(&self.adds).await
    }

    /// The right to hold a body.
    pub(crate) async fn turn_to_read(&self) -> Result<OwnedSemaphorePermit> {
        permit(&self.bodies).await
    }

    /// A connection that works, as far as one can know.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease> {
        let permit = permit(&self.all).await?;
        let control = match self.kept().await {
            Some(control) => control,
            None => self.dialer.dial().await?,
        };
        Ok(Lease { pool: self.clone(), control, _permit: permit })
    }

    async fn kept(&self) -> Option<Control> {
        loop {
            let (mut control, since) = lock(&self.idle).pop()?;
            if !control.is_quiet().await {
                continue;
            }
            let idle = self.clock.monotonic().saturating_sub(since);
            if idle < IDLE || control.greet().await.is_ok() {
                return Some(control);
            }
        }
    }

    /// Remembers an upload that nobody will finish.
    pub(crate) fn give_up(&self, temp: String) {
        let mut orphans = lock(&self.orphans);
        if orphans.len() < MAX_ORPHANS {
            orphans.push(temp);
        }
    }

    /// Some of them, to be removed now.
    pub(crate) fn given_up(&self) -> Vec<String> {
        let mut orphans = lock(&self.orphans);
        let rest = orphans.len().saturating_sub(4);
        orphans.split_off(rest)
    }
}

/// How many connections bodies may hold, and adds.
pub(crate) fn share(n_connections: u32) -> u32 {
    n_connections.saturating_sub(1).max(1)
}

async fn permit(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    let permit = semaphore.clone().acquire_owned().await;
    permit.map_err(|_| strange("the connections are closed"))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection in use. Dropped without [`Lease::done`] it is closed: something may be under way on it.
#[derive(Debug)]
pub(crate) struct Lease {
    pool: Arc<Pool>,
    control: Control,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    pub(crate) fn control(&mut self) -> &mut Control {
        &mut self.control
    }

    /// Every answer was read: the connection may be used again.
    pub(crate) fn done(self) {
        let now = self.pool.clock.monotonic();
        lock(&self.pool.idle).push((self.control, now));
    }
}

/// A failure of a connection that was never asked anything is not the verb's.
pub(crate) fn is_gone(err: &Error) -> bool {
    matches!(err.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
}

//! A dropped add never appears: the flag between whoever waits for an add and the thread that carries it out.
//!
//! Dropping a future does not stop a blocking thread. So the thread looks at this flag between blocks and again immediately before the rename; and
//! whoever drops the future while the rename itself is running waits for that one system call, so that nothing appears later.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend_core::{Error, ErrorKind, Result};

/// How long a drop waits for a rename that has begun. Longer takes only a file system that hangs; the add is then of unknown effect, as its caller
/// knows anyway.
const LONGEST_RENAME: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Placing,
    Done,
    Cancelled,
}

#[derive(Debug)]
struct Shared {
    phase: Mutex<Phase>,
    moved_on: Condvar,
}

impl Shared {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The blocking thread's side.
#[derive(Debug, Clone)]
pub(crate) struct Cancel(Arc<Shared>);

/// The future's side: dropping it cancels, unless the rename has begun.
#[derive(Debug)]
pub(crate) struct Guard(Arc<Shared>);

/// A new flag with its guard.
pub(crate) fn cancel() -> (Cancel, Guard) {
    let shared = Arc::new(Shared { phase: Mutex::new(Phase::Open), moved_on: Condvar::new() });
    (Cancel(shared.clone()), Guard(shared))
}

impl Cancel {
    /// Stops a thread whose add nobody waits for.
    ///
    /// # Errors
    /// `Unavailable`; nobody is left to read it.
    pub(crate) fn check(&self) -> Result<()> {
        match *self.0.phase() {
            Phase::Cancelled => Err(given_up()),
            _ => Ok(()),
        }
    }

    /// Runs the rename, unless the add was cancelled.
    ///
    /// # Errors
    /// As [`Cancel::check`], or what the rename answers.
    pub(crate) fn place<T>(&self, rename: impl FnOnce() -> Result<T>) -> Result<T> {
        self.begin()?;
        let placed = rename();
        *self.0.phase() = Phase::Done;
        self.0.moved_on.notify_all();
        placed
    }

    fn begin(&self) -> Result<()> {
        let mut phase = self.0.phase();
        match *phase {
            Phase::Cancelled => Err(given_up()),
            _ => {
                *phase = Phase::Placing;
                Ok(())
            }
        }
    }
}

fn given_up() -> Error {
    Error::new(ErrorKind::Unavailable, "the add was given up")
}

impl Drop for Guard {
    fn drop(&mut self) {
        let phase = self.0.phase();
        let placing = |phase: &mut Phase| *phase == Phase::Placing;
        let waited = self.0.moved_on.wait_timeout_while(phase, LONGEST_RENAME, placing);
        let (mut phase, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *phase == Phase::Open {
            *phase = Phase::Cancelled;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_drop_nothing_is_placed() {
        let (cancel, guard) = cancel();
        assert!(cancel.check().is_ok());
        drop(guard);
        assert!(cancel.check().is_err());
        assert!(cancel.place(|| Ok(())).is_err());
    }

    #[test]
    fn a_drop_waits_for_a_rename_that_has_begun() {
        let (cancel, guard) = cancel();
        let (begun, wait) = std::sync::mpsc::channel();
        let placed = std::sync::Arc::new(Mutex::new(false));
        let seen = placed.clone();
        let thread = std::thread::spawn(move || {
            cancel.place(|| {
                begun.send(()).unwrap();
                std::thread::yield_now();
                *placed.lock().unwrap() = true;
                Ok(())
            })
        });
        wait.recv().unwrap();
        drop(guard);
        assert!(*seen.lock().unwrap(), "the drop came back before the rename did");
        thread.join().unwrap().unwrap();
    }
}

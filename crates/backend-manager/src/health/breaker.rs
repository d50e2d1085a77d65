//! When a power of a backend is shut, and when it is tried again: closed, open, half-open. Pure: it is told what happened and when.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backend_core::ErrorKind;
use backend_layers::Side;

use crate::catalog::Timestamp;
use crate::catalog::health::Shut;

/// So many failures, one after the other, shut a power.
const STREAK: u32 = 3;
/// Or half of the acts of a minute, if there were so many.
const ENOUGH: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);
/// The most outcomes that are remembered.
const KEPT: usize = 256;
/// The pause before it is tried again doubles from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LAST_PAUSE: Duration = Duration::from_secs(600);

/// What became of a power by something that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is shut now.
    Opened(Shut),
    /// It was tried again, in vain.
    Again(Shut),
    /// It works again.
    Closed(Shut),
}

/// How a power stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Circuit {
    /// Whoever wants to may use it.
    Closed,
    /// One may try.
    HalfOpen(Shut),
    /// Nobody is let through.
    Open(Shut),
}

impl Circuit {
    /// What it is shut for, tried again or not.
    pub(crate) fn shut(self) -> Option<Shut> {
        match self {
            Circuit::Closed => None,
            Circuit::HalfOpen(shut) | Circuit::Open(shut) => Some(shut),
        }
    }
}

/// Both powers of one backend. Nothing waits in here.
#[derive(Debug, Default)]
pub(crate) struct Breaker([Mutex<State>; 2]);

#[derive(Debug, Default)]
struct State {
    streak: u32,
    recent: VecDeque<(Timestamp, Option<ErrorKind>)>,
    shut: Option<Shut>,
    /// Somebody tries, until `shut.retry_at`.
    is_tried: bool,
}

impl Breaker {
    /// An act has worked (`None`) or failed.
    pub(crate) fn heard(&self, side: Side, failure: Option<ErrorKind>, now: Timestamp) -> Option<Change> {
        let change = match failure {
            None => self.lock(side).worked(now),
            Some(kind) => self.lock(side).failed(kind, now),
        };
        // What could not be read could not be written to any use: now it may be tried at once.
        if let (Some(Change::Closed(_)), Side::Reads) = (change, side)
            && let Some(shut) = &mut self.lock(Side::Writes).shut
        {
            shut.retry_at = shut.retry_at.min(now);
        }
        change
    }

    /// How it stands.
    pub(crate) fn circuit(&self, side: Side, now: Timestamp) -> Circuit {
        self.lock(side).circuit(now)
    }

    /// Whether an act may go. Of many that come when the pause is over, one is let through to try; the others with it, until its outcome is known.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn admit(&self, side: Side, now: Timestamp) -> Result<(), Shut> {
        self.lock(side).admit(now)
    }

    /// Failures since something last worked.
    pub(crate) fn streak(&self, side: Side) -> u32 {
        self.lock(side).streak
    }

    /// What another process, or an earlier one, has found. What is newer here stays.
    pub(crate) fn restore(&self, side: Side, shut: Option<Shut>) {
        let mut state = self.lock(side);
        match (state.shut, shut) {
            (None, Some(shut)) => *state = State { shut: Some(shut), ..State::default() },
            (Some(own), Some(shut)) if own.retry_at < shut.retry_at => state.shut = Some(shut),
            (Some(_), None) if !state.is_tried => *state = State::default(),
            _ => {}
        }
    }

    fn lock(&self, side: Side) -> MutexGuard<'_, State> {
        self.0[side as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn worked(&mut self, now: Timestamp) -> Option<Change> {
        self.streak = 0;
        self.note(now, None);
        let shut = self.shut.take()?;
        *self = Self::default();
        Some(Change::Closed(shut))
    }

    fn failed(&mut self, kind: ErrorKind, now: Timestamp) -> Option<Change> {
        self.streak = self.streak.saturating_add(1);
        self.note(now, Some(kind));
        let is_due = self.is_due(now);
        if let Some(shut) = &mut self.shut {
            shut.kind = kind;
            if !self.is_tried && !is_due {
                return None;
            }
            self.is_tried = false;
            shut.times = shut.times.saturating_add(1);
            shut.retry_at = now.plus(pause(shut.times));
            return Some(Change::Again(*shut));
        }
        // A store that is another one, or none, is no matter of luck.
        let is_certain = kind == ErrorKind::InvalidConfig;
        if !is_certain && self.streak < STREAK && !self.is_bad(now) {
            return None;
        }
        let shut = Shut { kind, since: now, retry_at: now.plus(pause(0)), times: 0 };
        self.shut = Some(shut);
        Some(Change::Opened(shut))
    }

    fn note(&mut self, now: Timestamp, failure: Option<ErrorKind>) {
        if self.recent.len() == KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back((now, failure));
    }

    fn is_bad(&self, now: Timestamp) -> bool {
        let from = now.minus(MINUTE);
        let recent = self.recent.iter().filter(|(at, _)| from <= *at && *at <= now);
        let (all, failed) =
            recent.fold((0, 0), |(all, failed), (_, failure)| (all + 1, failed + failure.iter().count()));
        ENOUGH <= all && all <= failed * 2
    }

    /// A clock that was set back puts nothing off for longer than the longest pause.
    fn is_due(&self, now: Timestamp) -> bool {
        self.shut.is_some_and(|shut| shut.retry_at <= now || now.plus(LAST_PAUSE) < shut.retry_at)
    }

    fn circuit(&self, now: Timestamp) -> Circuit {
        match self.shut {
            None => Circuit::Closed,
            Some(shut) if self.is_tried || self.is_due(now) => Circuit::HalfOpen(shut),
            Some(shut) => Circuit::Open(shut),
        }
    }

    fn admit(&mut self, now: Timestamp) -> Result<(), Shut> {
        let is_due = self.is_due(now);
        let Some(shut) = &mut self.shut else { return Ok(()) };
        if is_due {
            // Whoever tries and never tells is followed by another after the next pause.
            self.is_tried = true;
            shut.retry_at = now.plus(pause(shut.times));
        }
        match self.is_tried {
            true => Ok(()),
            false => Err(*shut),
        }
    }
}

fn pause(times: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << times.min(16)).min(LAST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorKind::{Denied, InvalidConfig, Timeout, Unavailable};
    use Side::{Reads, Writes};

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn shut_at(seconds: i64) -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..STREAK {
            breaker.heard(Writes, Some(Unavailable), at(seconds));
        }
        breaker
    }

    #[test]
    fn three_failures_in_a_row_shut_a_power_and_not_the_other() {
        let breaker = Breaker::default();
        let heard = |failure| breaker.heard(Writes, failure, at(0));
        assert_eq!((heard(Some(Timeout)), heard(Some(Timeout)), heard(None)), (None, None, None));
        assert_eq!((heard(Some(Timeout)), heard(Some(Timeout)), breaker.streak(Writes)), (None, None, 2));
        let shut = Shut { kind: Denied, since: at(0), retry_at: at(5), times: 0 };
        assert_eq!(heard(Some(Denied)), Some(Change::Opened(shut)));
        assert_eq!(breaker.circuit(Writes, at(4)), Circuit::Open(shut));
        assert_eq!((breaker.admit(Writes, at(4)), breaker.admit(Reads, at(4))), (Err(shut), Ok(())));
        let sure = Breaker::default();
        assert!(matches!(sure.heard(Reads, Some(InvalidConfig), at(0)), Some(Change::Opened(_))));
    }

    #[test]
    fn half_of_many_failures_shut_it_too() {
        let check = |outcomes: &[(i64, bool)], opens| {
            let breaker = Breaker::default();
            let changes = outcomes
                .iter()
                .filter_map(|(second, works)| breaker.heard(Reads, (!works).then_some(Timeout), at(*second)));
            assert_eq!(changes.count(), opens, "{outcomes:?}");
        };
        let turns = |n: i64, apart: i64| (0..n).map(|it| (it * apart, it % 2 == 0)).collect::<Vec<_>>();
        check(&turns(19, 1), 0);
        check(&turns(20, 1), 1);
        check(&turns(100, 10), 0);
    }

    #[test]
    fn after_a_growing_pause_one_may_try() {
        let breaker = shut_at(0);
        let mut now = 0;
        for wait in [5, 10, 20, 40, 80, 160, 320, 600, 600] {
            assert!(breaker.admit(Writes, at(now + wait - 1)).is_err(), "{wait}");
            now += wait;
            assert!(matches!(breaker.circuit(Writes, at(now)), Circuit::HalfOpen(_)));
            assert!(breaker.admit(Writes, at(now)).is_ok(), "one");
            assert!(breaker.admit(Writes, at(now)).is_ok(), "its batch goes with it");
            let again = breaker.heard(Writes, Some(Timeout), at(now));
            assert!(matches!(again, Some(Change::Again(Shut { since, kind: Timeout, .. })) if since == at(0)));
            assert_eq!(breaker.heard(Writes, Some(Timeout), at(now)), None, "the others of the batch say nothing new");
            assert!(breaker.admit(Writes, at(now)).is_err());
        }
        assert!(breaker.admit(Writes, at(now + 600)).is_ok());
        assert!(matches!(breaker.heard(Writes, None, at(now + 601)), Some(Change::Closed(_))));
        assert_eq!((breaker.circuit(Writes, at(now + 601)), breaker.streak(Writes)), (Circuit::Closed, 0));
    }

    #[test]
    fn what_can_be_read_again_may_be_written_at_once() {
        let breaker = shut_at(0);
        for _ in 0..STREAK {
            breaker.heard(Reads, Some(Unavailable), at(0));
        }
        assert!(breaker.admit(Writes, at(2)).is_err());
        breaker.heard(Reads, None, at(2));
        assert!(breaker.admit(Writes, at(2)).is_ok());
    }

    #[test]
    fn what_another_process_found_counts_and_a_clock_set_back_blocks_nothing() {
        let breaker = Breaker::default();
        let shut = Shut { kind: Unavailable, since: at(90_000), retry_at: at(90_600), times: 9 };
        breaker.restore(Reads, Some(shut));
        assert_eq!(breaker.circuit(Reads, at(90_000)), Circuit::Open(shut));
        assert!(breaker.admit(Reads, at(0)).is_ok(), "a day earlier");
        let tried = breaker.circuit(Reads, at(0));
        breaker.restore(Reads, None);
        assert_eq!(breaker.circuit(Reads, at(0)), tried, "what is being tried here is not forgotten");
        breaker.heard(Reads, None, at(1));
        assert_eq!(breaker.circuit(Reads, at(1)), Circuit::Closed);
        breaker.restore(Reads, Some(shut));
        breaker.restore(Reads, None);
        assert_eq!(breaker.circuit(Reads, at(90_000)), Circuit::Closed);
    }
}

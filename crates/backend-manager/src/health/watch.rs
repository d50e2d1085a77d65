//! Watches one backend: what real traffic and probes show goes to the breaker, what it decides to the catalog and the log, bytes to the month's count.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use backend_core::{Clock, ErrorKind, Result};
use backend_layers::{Listen, Meter, Side, Verb};
use rusqlite::Connection;

use super::breaker::{Breaker, Change};
use super::order;
use crate::catalog::health::{self, HealthRow, Pace};
use crate::catalog::traffic::{self, Month, Traffic};
use crate::catalog::{BackendNumber, Catalog, Timestamp};

/// What one process knows of how a backend is.
#[derive(Debug)]
pub(crate) struct Watch {
    name: String,
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    pub(super) breaker: Breaker,
    /// Bytes that may move in a month.
    pub(super) limit: Option<u64>,
    number: OnceLock<BackendNumber>,
    noted: Mutex<Noted>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Noted {
    /// What the meter had counted when it was last written to the catalog.
    counted: Traffic,
    /// What the catalog then had, of which month.
    total: Traffic,
    month: Option<Month>,
    /// How fast reads are, as an earlier process has found.
    pace: Pace,
    /// What the order of copies goes by.
    settled: Pace,
}

impl Watch {
    pub(crate) fn new(name: &str, catalog: Catalog, clock: Arc<dyn Clock>, limit: Option<u64>) -> Self {
        Self {
            name: name.to_owned(),
            catalog,
            clock,
            breaker: Breaker::default(),
            limit,
            number: OnceLock::new(),
            noted: Mutex::default(),
        }
    }

    /// Which row of the catalog is meant; until then nothing is written there.
    pub(crate) fn is(&self, number: BackendNumber) {
        let _ = self.number.set(number);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now().into()
    }

    /// Whether the month that the budget counts is over.
    pub(crate) fn is_stale(&self) -> bool {
        self.lock().month != Some(Month::of(self.now()))
    }

    /// What this month has, over all processes, as far as they have told.
    pub(super) fn month(&self, meter: &Meter) -> Traffic {
        let noted = *self.lock();
        let more = |now: u64, then: u64, total: u64| total.saturating_add(now.saturating_sub(then));
        Traffic {
            sent: more(meter.sent(), noted.counted.sent, noted.total.sent),
            received: more(meter.received(), noted.counted.received, noted.total.received),
        }
    }

    /// How long a read takes to answer, as this process or an earlier one has found.
    pub(super) fn latency(&self, meter: &Meter) -> Option<Duration> {
        self.pace(meter).latency
    }

    /// How fast reads are, as this process or an earlier one has found.
    pub(crate) fn pace(&self, meter: &Meter) -> Pace {
        let (here, before) = (measured(meter), self.lock().pace);
        Pace { latency: here.latency.or(before.latency), throughput: here.throughput.or(before.throughput) }
    }

    /// As [`Watch::pace`], held still while what is measured moves little: who is asked first does not change with every read.
    pub(crate) fn settled(&self, meter: &Meter) -> Pace {
        let now = self.pace(meter);
        let mut noted = self.lock();
        noted.settled = order::settled(noted.settled, now);
        noted.settled
    }

    /// Writes what was counted, and learns what others have counted and found.
    ///
    /// # Errors
    /// What the catalog answers; then nothing is lost, and the next time tells it.
    pub(crate) async fn exchange(&self, meter: &Meter) -> Result<()> {
        let Some(number) = self.number.get().copied() else { return Ok(()) };
        let month = Month::of(self.now());
        let (before, pace) = (self.lock().counted, measured(meter));
        let counted = Traffic { sent: meter.sent(), received: meter.received() };
        let more = self.take(counted);
        // What moved since the last exchange belongs to the month that was then; at its end somebody exchanges.
        let then = self.lock().month.unwrap_or(month);
        let work = move |conn: &Connection| {
            note(conn, number, then, more, pace)?;
            Ok((traffic::get(conn, number, month)?, health::of(conn, number)?))
        };
        let (total, rows) = match self.catalog.write(work).await {
            Ok(answer) => answer,
            Err(err) => {
                let mut noted = self.lock();
                noted.counted = before;
                noted.total.sent = noted.total.sent.saturating_sub(more.sent);
                noted.total.received = noted.total.received.saturating_sub(more.received);
                return Err(err);
            }
        };
        meter.allow(
            self.limit,
            total.sent.saturating_add(total.received),
            counted.sent.saturating_add(counted.received),
        );
        self.learn(&rows, total, month);
        Ok(())
    }

    fn learn(&self, rows: &[HealthRow], total: Traffic, month: Month) {
        for side in Side::ALL {
            let row = rows.iter().find(|row| row.side == side);
            self.breaker.restore(side, row.and_then(|row| row.shut));
        }
        let known = rows.iter().find(|row| row.side == Side::Reads);
        let mut noted = self.lock();
        (noted.total, noted.month) = (total, Some(month));
        noted.pace.latency = noted.pace.latency.or(known.and_then(|row| row.latency));
        noted.pace.throughput = noted.pace.throughput.or(known.and_then(|row| row.throughput));
    }

    /// As [`Watch::exchange`], for those who cannot wait: bytes alone, and nobody is told how it ends.
    pub(crate) fn post(&self, sent: u64, received: u64) {
        let Some(number) = self.number.get().copied() else { return };
        let more = self.take(Traffic { sent, received });
        let month = self.lock().month.unwrap_or(Month::of(self.now()));
        if more == Traffic::default() {
            return;
        }
        self.tell("the traffic", move |conn| note(conn, number, month, more, Pace::default()));
    }

    /// The last words of a process: bytes, and how fast reads are.
    pub(crate) fn farewell(&self, meter: &Meter) {
        self.post(meter.sent(), meter.received());
        let pace = measured(meter);
        if let Some(number) = self.number.get().copied().filter(|_| pace != Pace::default()) {
            self.tell("its pace", move |conn| health::put_pace(conn, number, Side::Reads, pace));
        }
    }

    /// What was not written yet; it is taken for written from now on.
    fn take(&self, counted: Traffic) -> Traffic {
        let mut noted = self.lock();
        let more = Traffic {
            sent: counted.sent.saturating_sub(noted.counted.sent),
            received: counted.received.saturating_sub(noted.counted.received),
        };
        noted.counted = counted;
        noted.total.sent = noted.total.sent.saturating_add(more.sent);
        noted.total.received = noted.total.received.saturating_add(more.received);
        more
    }

    /// What a probe or an act has shown.
    pub(super) fn heard(&self, side: Side, failure: Option<ErrorKind>) {
        let Some(change) = self.breaker.heard(side, failure, self.now()) else { return };
        let (backend, power) = (self.name.as_str(), side.as_str());
        let shut = match change {
            Change::Opened(shut) => {
                tracing::warn!(backend, power, kind = shut.kind.as_str(), "a backend is out of use");
                Some(shut)
            }
            Change::Again(shut) => {
                tracing::info!(backend, power, kind = shut.kind.as_str(), times = shut.times, "tried again, in vain");
                Some(shut)
            }
            Change::Closed(_) => {
                tracing::info!(backend, power, "a backend works again");
                None
            }
        };
        if let Some(number) = self.number.get().copied() {
            self.tell("its health", move |conn| health::put(conn, number, side, shut.as_ref()));
        }
    }

    fn tell(&self, what: &str, work: impl FnOnce(&Connection) -> Result<()> + Send + 'static) {
        if let Err(err) = self.catalog.post(work) {
            tracing::warn!(backend = %self.name, error = %err, "{what} could not be noted");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listen for Watch {
    fn outcome(&self, side: Side, failure: Option<ErrorKind>) {
        self.heard(side, failure);
    }

    fn moved(&self, sent: u64, received: u64) {
        self.post(sent, received);
    }
}

fn measured(meter: &Meter) -> Pace {
    Pace { latency: meter.observed().count(Verb::Get).latency, throughput: meter.throughput() }
}

fn note(conn: &Connection, number: BackendNumber, month: Month, more: Traffic, pace: Pace) -> Result<()> {
    if more != Traffic::default() {
        traffic::add(conn, number, month, more)?;
    }
    health::put_pace(conn, number, Side::Reads, pace)
}

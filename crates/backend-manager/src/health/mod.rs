//! How backends are: learnt from real traffic and from probes that change nothing, asked by whoever reads, writes or plans.
//!
//! A backend has two powers, and each has a breaker ([`breaker`]). Writes that the service has closed are not a backend that is down: [`Serving`] says which.
//! A read never refuses a copy for its backend's health, it only asks it last ([`order`]); a write to a power that is shut is refused before a byte goes.

mod breaker;
mod gauge;
mod order;
mod probe;
mod view;
mod watch;

use backend_core::{Error, ErrorKind, Result, RetryAdvice};
use backend_layers::Side;
use planner::Serving;

use crate::catalog::health::Shut;
use crate::fleet::{Fleet, Member};
use crate::reconcile::seconds;
use breaker::Circuit;

pub(crate) use gauge::Gauge;
pub use order::Standing;
pub use view::{Drift, HealthView, Level, PowerView, Probing, QuotaView, StateView};
pub(crate) use watch::Watch;

impl Fleet {
    /// How reads and writes of a backend stand, for whoever plans. Nothing is asked of the service. Whether it offers reads at all, the planner knows.
    pub(crate) fn serving(&self, member: &Member) -> (Serving, Serving) {
        let (offers, now) = (member.backend.info().offers, member.watch.now());
        let is_used_up = member.meter.left() == Some(0);
        let reads = match member.watch.breaker.circuit(Side::Reads, now).shut() {
            _ if is_used_up => Serving::Closed,
            Some(shut) => serving(Side::Reads, &shut),
            None => Serving::Up,
        };
        let writes = match member.watch.breaker.circuit(Side::Writes, now) {
            _ if is_used_up || !(offers.add || offers.pin) => Serving::Closed,
            Circuit::Open(shut) => serving(Side::Writes, &shut),
            // It is to be tried, and a plan is a way to try; of what cannot be read nothing is tried.
            Circuit::HalfOpen(shut) if matches!(reads, Serving::Down(_)) => serving(Side::Writes, &shut),
            Circuit::HalfOpen(_) | Circuit::Closed => Serving::Up,
        };
        (reads, writes)
    }

    /// A store did not show that it is the one that the catalog knows: since when that is so, in seconds since 1970. Failures of the service itself were
    /// heard when they happened; whose store it is, only the manager knows.
    pub(crate) fn stranger(&self, member: &Member, err: &Error) -> u64 {
        if err.kind() == ErrorKind::InvalidConfig {
            member.watch.heard(Side::Reads, Some(err.kind()));
        }
        let now = member.watch.now();
        let since = member.watch.breaker.circuit(Side::Reads, now).shut().map_or(now, |shut| shut.since);
        seconds(since)
    }

    /// Lets a write through, or the one that tries whether writing works again.
    ///
    /// # Errors
    /// `Unavailable` while the breaker is open, with the reason and when it is tried again. What the service has closed keeps its own kind.
    pub(crate) fn admit(&self, member: &Member, side: Side) -> Result<()> {
        let (breaker, now) = (&member.watch.breaker, member.watch.now());
        if side == Side::Writes
            && let Circuit::Open(shut) = breaker.circuit(Side::Reads, now)
        {
            return Err(refusal(member, Side::Reads, &shut, now.millis()));
        }
        breaker.admit(side, now).map_err(|shut| refusal(member, side, &shut, now.millis()))
    }

    /// Writes what was counted to the catalog, and learns what other processes have counted and found.
    ///
    /// # Errors
    /// What the catalog answers.
    pub(crate) async fn exchange(&self) -> Result<()> {
        for member in self.members() {
            member.watch.exchange(&member.meter).await?;
        }
        Ok(())
    }
}

/// What the service says by refusing: that it takes (or gives) nothing at present, or that it does not work.
fn is_closing(side: Side, kind: ErrorKind) -> bool {
    match side {
        Side::Reads => matches!(kind, ErrorKind::Disabled | ErrorKind::QuotaExceeded),
        Side::Writes => matches!(kind, ErrorKind::Disabled | ErrorKind::QuotaExceeded | ErrorKind::Denied),
    }
}

fn serving(side: Side, shut: &Shut) -> Serving {
    match is_closing(side, shut.kind) {
        true => Serving::Closed,
        false => Serving::Down(seconds(shut.since)),
    }
}

fn refusal(member: &Member, side: Side, shut: &Shut, now: i64) -> Error {
    let (name, side_name, kind) = (&member.name, side.as_str(), shut.kind.as_str());
    let wait = u64::try_from(shut.retry_at.millis().saturating_sub(now)).unwrap_or_default().div_ceil(1000);
    let since = backend_core::timestamp(shut.since.into());
    let text = format!("{side_name} of {name} fail since {since} ({kind}); tried again in {wait} s");
    let kind = if is_closing(side, shut.kind) { shut.kind } else { ErrorKind::Unavailable };
    let op = if side == Side::Reads { "get" } else { "add" };
    let advice = RetryAdvice::After(std::time::Duration::from_secs(wait));
    Error::new(kind, text).with_advice(advice).in_context(op, name, None)
}

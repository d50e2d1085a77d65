//! How backends are, for people and programs.

use std::time::{Duration, SystemTime};

use backend_core::{Error, ErrorKind, Health, Power, Result, Scope, Usage};
use backend_layers::{Lately, Side};
use futures::{StreamExt, TryStreamExt};
use planner::Serving;

use super::breaker::Circuit;
use super::probe::AT_ONCE;
use crate::cache::CacheView;
use crate::catalog::backends;
use crate::fleet::Member;
use crate::manager::Manager;

/// From this part of a quota on a user is warned.
const WARN: f64 = 0.8;

/// Whether the services are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probing {
    /// Only what is known is told.
    No,
    /// A probe that changes nothing.
    Look,
    /// Also what the service counts, against what the catalog counts.
    Usage,
}

/// How one power stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateView {
    /// As far as is known it works.
    Up,
    /// The service takes or gives none at present: it is not down.
    Closed,
    /// It fails.
    Down,
    /// It failed, and is to be tried again.
    HalfOpen,
}

impl StateView {
    /// Every state.
    pub const ALL: [StateView; 4] = [Self::Up, Self::Closed, Self::Down, Self::HalfOpen];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Closed => "closed",
            Self::Down => "down",
            Self::HalfOpen => "half_open",
        }
    }
}

/// One power of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerView {
    /// How it stands.
    pub state: StateView,
    /// Why, unless it is up.
    pub kind: Option<ErrorKind>,
    /// Since when, if the breaker knows.
    pub since: Option<SystemTime>,
    /// When it is tried again.
    pub retry_at: Option<SystemTime>,
    /// Failures since something last worked.
    pub streak: u32,
    /// How the last minute of this process was.
    pub lately: Lately,
}

/// How much of a quota is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Below 80 %, or there is no quota.
    Fine,
    /// At 80 % or above.
    Warn,
    /// Nothing is left.
    Full,
}

impl Level {
    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Warn => "warn",
            Self::Full => "full",
        }
    }
}

/// A quota and what is used of it, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaView {
    /// What is used.
    pub used: u64,
    /// What may be used.
    pub limit: Option<u64>,
}

impl QuotaView {
    /// Whether somebody should look.
    pub fn level(&self) -> Level {
        match self.limit {
            Some(limit) if limit <= self.used => Level::Full,
            Some(limit) if limit as f64 * WARN <= self.used as f64 => Level::Warn,
            _ => Level::Fine,
        }
    }
}

/// What a service counts against what the catalog counts. It is told and never adopted: others may keep things there too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// What the service says.
    pub usage: Usage,
    /// What the catalog counts, bytes.
    pub known: u64,
}

impl Drift {
    /// Bytes that the service counts more (or, below zero, less) than the catalog; only where it counts this store and nothing else.
    pub fn bytes(&self) -> Option<i64> {
        let used = self.usage.used.filter(|_| self.usage.scope == Scope::Store)?;
        let signed = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
        Some(signed(used).saturating_sub(signed(self.known)))
    }
}

/// How a backend is.
#[derive(Debug)]
pub struct HealthView {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Reading.
    pub reads: PowerView,
    /// Writing.
    pub writes: PowerView,
    /// What the service answered just now, if it was asked.
    pub probe: Option<Health>,
    /// How long a read takes to answer.
    pub latency: Option<Duration>,
    /// What is kept there.
    pub storage: QuotaView,
    /// Bytes of this month to the service, and from it.
    pub sent: u64,
    /// Bytes of this month from the service.
    pub received: u64,
    /// What of the month's traffic is used.
    pub traffic: QuotaView,
    /// How it does as a cache, if it is one.
    pub cache: Option<CacheView>,
    /// What the service counts, if it was asked; its failure otherwise.
    pub drift: Option<Result<Drift, Error>>,
}

impl HealthView {
    /// Whether content can be read there, as far as anybody knows: a probe that failed just now counts.
    pub fn is_readable(&self) -> bool {
        let failed = self.probe.as_ref().is_some_and(|it| matches!(it.reads, Power::Fails(_)));
        !failed && !matches!(self.reads.state, StateView::Down)
    }
}

impl Manager {
    /// How backends are: those named, or all that are switched on.
    ///
    /// # Errors
    /// `NotFound` and the like for a name that is not configured; what the catalog answers. That one is ill is an answer.
    pub async fn health(&self, names: &[String], probing: Probing) -> Result<Vec<HealthView>> {
        let mut members = Vec::new();
        for name in names {
            members.push(self.fleet().member(name).await?);
        }
        if names.is_empty() {
            members = self.all_members().await?;
        }
        let views = members.into_iter().map(|member| async move { self.view(&member, probing).await });
        futures::stream::iter(views).buffered(AT_ONCE).try_collect().await
    }

    async fn view(&self, member: &Member, probing: Probing) -> Result<HealthView> {
        let probe = match probing {
            Probing::No => None,
            Probing::Look | Probing::Usage => {
                let health = self.fleet().probe(member).await;
                member.watch.exchange(&member.meter).await?;
                Some(health)
            }
        };
        let number = member.number;
        let row = self.catalog().read(move |conn| backends::get(conn, number)).await?;
        let used = row.as_ref().map_or(0, |row| row.used);
        let drift = match (probing, member.backend.info().offers.usage) {
            (Probing::Usage, true) => Some(member.backend.usage().await.map(|usage| Drift { usage, known: used })),
            _ => None,
        };
        let month = member.watch.month(&member.meter);
        let cache = self.cache_view(member).await?;
        let storage = match &cache {
            Some(cache) => QuotaView { used: cache.bytes, limit: Some(cache.limit) },
            None => QuotaView { used, limit: row.and_then(|row| row.backend.quota) },
        };
        Ok(HealthView {
            name: member.name.clone(),
            kind: member.backend.info().kind.as_str().to_owned(),
            reads: self.power(member, Side::Reads),
            writes: self.power(member, Side::Writes),
            probe,
            latency: member.watch.latency(&member.meter),
            storage,
            cache,
            sent: month.sent,
            received: month.received,
            traffic: QuotaView { used: month.sent.saturating_add(month.received), limit: member.watch.limit },
            drift,
        })
    }

    fn power(&self, member: &Member, side: Side) -> PowerView {
        let ((reads, writes), offers) = (self.fleet().serving(member), member.backend.info().offers);
        let circuit = member.watch.breaker.circuit(side, member.watch.now());
        let shut = circuit.shut();
        let state = match (if side == Side::Reads { reads } else { writes }, circuit) {
            (Serving::Closed, _) => StateView::Closed,
            _ if side == Side::Reads && !offers.get => StateView::Closed,
            (_, Circuit::HalfOpen(_)) => StateView::HalfOpen,
            (Serving::Down(_), _) => StateView::Down,
            (Serving::Up, _) => StateView::Up,
        };
        let otherwise = match member.meter.left() {
            Some(0) => ErrorKind::QuotaExceeded,
            _ => ErrorKind::Unsupported,
        };
        let kind = shut.map(|it| it.kind).or((state == StateView::Closed).then_some(otherwise));
        PowerView {
            state,
            kind,
            since: shut.map(|it| it.since.into()),
            retry_at: shut.map(|it| it.retry_at.into()),
            streak: member.watch.breaker.streak(side),
            lately: member.meter.lately(side, self.fleet().clock().monotonic()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_warns_at_eighty_per_cent() {
        let check = |used, limit, wanted| assert_eq!(QuotaView { used, limit }.level(), wanted, "{used} of {limit:?}");
        check(u64::MAX, None, Level::Fine);
        check(79, Some(100), Level::Fine);
        check(80, Some(100), Level::Warn);
        check(99, Some(100), Level::Warn);
        check(100, Some(100), Level::Full);
        check(101, Some(100), Level::Full);
    }
}

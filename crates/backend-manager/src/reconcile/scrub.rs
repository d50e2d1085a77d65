//! Reading copies back by age, within a budget: what nobody has looked at for long is looked at, before it is needed.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use backend_core::{ErrorKind, Reads, Result};
use futures::{FutureExt, StreamExt};
use serde_json::json;

use super::Listener;
use super::done::{Deed, Done};
use crate::catalog::contents;
use crate::catalog::events::Verb;
use crate::catalog::replicas::{self, ReplicaId, ReplicaRow, ReplicaState};
use crate::daemon::Stop;
use crate::fleet::Member;
use crate::manager::{Manager, now};
use crate::views::Verified;

/// Copies of one backend that are looked at at a time.
const AT_A_TIME: usize = 8;
const PAGE: usize = 64;
/// So many copies that cannot be looked at end the look at a backend: it is down, and not its copies.
const GIVE_UP: usize = 32;
/// So few never stop it: see the planner's brakes.
const FEW: u64 = 16;
const PART: f64 = 0.05;

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct Scrub {
    /// Copies that nobody has looked at for so long.
    pub older_than: Duration,
    /// At most so many bytes, over all backends.
    pub budget: Option<u64>,
    /// At most so many bytes a second.
    pub max_rate: Option<u64>,
    /// On these backends alone; empty: on all.
    pub backends: Vec<String>,
    /// A wish to come to an end.
    pub stop: Stop,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Copies that were read back.
    pub checked: u64,
    /// Bytes that were read and hashed.
    pub bytes: u64,
    /// Copies with wrong bytes.
    pub bad: u64,
    /// Copies that are gone.
    pub missing: u64,
    /// Copies that could not be looked at.
    pub unknown: u64,
    /// Why a backend was not looked at to the end.
    pub stopped: Vec<String>,
}

struct Pace {
    begun: Instant,
    max_rate: Option<u64>,
    budget: Option<u64>,
    bytes: u64,
}

impl Pace {
    fn is_spent(&self) -> bool {
        self.budget.is_some_and(|budget| budget <= self.bytes)
    }

    /// Waits until the rate is kept again.
    async fn keep(&self) {
        let Some(rate) = self.max_rate.filter(|rate| 0 < *rate) else { return };
        let due = Duration::from_secs_f64(self.bytes as f64 / rate as f64);
        tokio::time::sleep(due.saturating_sub(self.begun.elapsed())).await;
    }
}

impl Manager {
    /// Reads back copies that nobody has looked at for long, the longest unseen first, each from the store's medium where that can be had.
    ///
    /// # Errors
    /// What the catalog answers. What a backend answers is told copy by copy.
    pub async fn scrub(&self, opts: &Scrub, listener: &Listener) -> Result<Scrubbed> {
        let names = match &*opts.backends {
            [] => self.fleet().names()?,
            some => some.to_vec(),
        };
        let mut found = Scrubbed::default();
        let (max_rate, budget) = (opts.max_rate, opts.budget);
        let mut pace = Pace { begun: Instant::now(), max_rate, budget, bytes: 0 };
        for name in names {
            let looked = match self.fleet().member(&name).await {
                Ok(member) => Box::pin(self.scrub_one(&member, opts, (&mut pace, &mut found), listener)).await,
                Err(err) => Err(err),
            };
            if let Err(err) = looked {
                if err.kind() == ErrorKind::Internal {
                    return Err(err);
                }
                found.stopped.push(format!("{name}: {}", err.message()));
            }
        }
        let body = json!({ "checked": found.checked, "bytes": found.bytes, "bad": found.bad, "missing": found.missing,
            "unknown": found.unknown });
        if found.checked + found.unknown != 0 {
            self.tell_event(Verb::Verified, None, None, body).await?;
        }
        Ok(found)
    }

    async fn scrub_one(
        &self,
        member: &Member,
        opts: &Scrub,
        (pace, found): (&mut Pace, &mut Scrubbed),
        listener: &Listener,
    ) -> Result<()> {
        let info = member.backend.info();
        if info.reads != Reads::Own || !info.offers.get {
            return Ok(());
        }
        member.recognise(self.catalog(), &**self.fleet().clock()).await?;
        let (number, before) = (member.number, now().minus(opts.older_than));
        let all = self.catalog().read(move |conn| replicas::count(conn, number, ReplicaState::Present)).await?;
        let (mut failed, mut missing): (HashSet<ReplicaId>, u64) = (HashSet::new(), 0);
        loop {
            // What could not be looked at comes first again: room for it, and for a page behind it.
            let limit = PAGE + failed.len();
            let page = self.catalog().read(move |conn| replicas::to_scrub(conn, number, before, limit)).await?;
            let page: Vec<ReplicaRow> = page.into_iter().filter(|row| !failed.contains(&row.replica)).collect();
            if page.is_empty() || pace.is_spent() || opts.stop.is_stopped() {
                return Ok(());
            }
            let manager = self.clone();
            let looks = futures::stream::iter(page).map(move |row| {
                let manager = manager.clone();
                async move { manager.scrub_row(row).await }.boxed()
            });
            let mut looks = looks.buffer_unordered(AT_A_TIME);
            while let Some(looked) = looks.next().await {
                let (id, done, verified) = looked?;
                pace.bytes += verified.as_ref().map_or(0, |it| it.bytes);
                missing += u64::from(found.count(verified.as_ref()));
                if verified.is_none() {
                    failed.insert(id);
                }
                listener(&done);
                if FEW < missing && all as f64 * PART < missing as f64 {
                    let why = format!("{}: {missing} of {all} copies are missing", member.name);
                    self.tell_event(Verb::Refused, None, Some(&member.name), json!({ "why": why })).await?;
                    found.stopped.push(why);
                    return Ok(());
                }
                if GIVE_UP < failed.len() {
                    found.stopped.push(format!("{}: too many copies cannot be looked at", member.name));
                    return Ok(());
                }
                if pace.is_spent() || opts.stop.is_stopped() {
                    return Ok(());
                }
                pace.keep().await;
            }
        }
    }

    /// `None`: it could not be looked at.
    async fn scrub_row(&self, row: ReplicaRow) -> Result<(ReplicaId, Done, Option<Verified>)> {
        let number = row.replica.content;
        let lost = || backend_core::Error::new(ErrorKind::Internal, "a copy without content");
        let content = self.catalog().read(move |conn| contents::get(conn, number)).await?.ok_or_else(lost)?;
        let done = Done::new(content.content.cid, &row.backend_name, Deed::Verify);
        let looked = match self.verify_row(&content, &row).await {
            Ok(Verified { error: Some(err), .. }) | Err(err) => Err(err),
            Ok(verified) => Ok(verified),
        };
        Ok(match looked {
            Err(err) => (row.replica, done.failed(&err), None),
            Ok(it) => {
                let bad = it.bad_chunks.iter().map(|bad| format!("{}..{}", bad.offset, bad.offset + bad.len));
                let bad = bad.collect::<Vec<_>>().join(", ");
                let note = (!bad.is_empty()).then(|| format!("bad bytes {bad}"));
                (row.replica, Done { state: Some(it.state), evidence: Some(it.evidence), note, ..done }, Some(it))
            }
        })
    }
}

impl Scrubbed {
    /// Whether it is gone.
    fn count(&mut self, verified: Option<&Verified>) -> bool {
        let Some(it) = verified else {
            self.unknown += 1;
            return false;
        };
        self.checked += 1;
        self.bytes += it.bytes;
        self.missing += u64::from(it.state == ReplicaState::Missing);
        self.bad += u64::from(!matches!(it.state, ReplicaState::Missing | ReplicaState::Present));
        it.state == ReplicaState::Missing
    }
}

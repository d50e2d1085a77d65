//! From what is wanted and what is there to what is done: one plan, rehearsed or carried out, with every act in the catalog's events.

mod act;
mod chores;
mod done;
mod places;
mod report;
mod scrub;
mod settle;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backend_core::Result;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use ipld::Cid;
use planner::{Brake, Limits, Planner, Standing, Step, Terms};

use crate::catalog::events::Verb;
use crate::catalog::survey::{self, Surveyed};
use crate::catalog::{ContentNumber, PAGE_MAX, contents, meta};
use crate::daemon::Stop;
use crate::desired::Policies;
use crate::manager::{Manager, now};
use crate::views::Safety;

pub use chores::{Upkeep, upkeep};
pub use done::{Deed, Done, Failed, PlannedStep};
pub use report::{Remaining, Report, Told};
pub use scrub::{Scrub, Scrubbed};

pub(crate) use act::consider;
pub(crate) use places::{Places, moment, seconds};
pub(crate) use state::{Case, Cases, compiled};

/// Contents that are worked on at a time.
const AT_A_TIME: usize = 32;
/// Pages that are read at a time: the catalog's readers are few, and others want them too.
const READERS: usize = 2;
/// Contents of a rehearsal of which the steps are told; the others are counted.
const TOLD: usize = 10_000;

/// How to reconcile.
#[derive(Debug, Clone)]
pub struct Reconcile {
    /// Whether anything is done.
    pub mode: Mode,
    /// From when on a plan stops and asks.
    pub limits: Limits,
    /// Which brakes a person has looked at and lets go.
    pub release: Vec<Release>,
    /// After so long the copies on a backend that is down count no longer.
    pub grace: Duration,
    /// A wish to come to an end: what is begun is ended, and no more is begun.
    pub stop: Stop,
}

/// Whether a plan is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is only told.
    Rehearse,
    /// It is carried out.
    Act,
}

/// A brake that a person lets go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// So much is to be removed.
    Removals,
    /// So much of this backend is missing.
    Missing(String),
    /// The catalog was restored or adopted, and may remove from now on.
    Unarmed,
}

impl Default for Reconcile {
    fn default() -> Self {
        let grace = Duration::from_secs(24 * 60 * 60);
        Self { mode: Mode::Act, limits: Limits::default(), release: Vec::new(), grace, stop: Stop::new() }
    }
}

/// Is told what is done, as it is done.
pub type Listener = Arc<dyn Fn(&Done) + Send + Sync>;

/// What a reconciliation came to.
#[derive(Debug, Clone, Default)]
pub struct Reconciled {
    /// Contents by how they stood before.
    pub standing: BTreeMap<&'static str, u64>,
    /// Contents that somebody is adding at this moment.
    pub being_added: u64,
    /// The plan: what is to be done for which content. Of a rehearsal, at most 10,000.
    pub planned: Vec<(Cid, Vec<PlannedStep>)>,
    /// Contents for which something is to be done.
    pub to_do: u64,
    /// Contents that stay less safe than they should be, whatever is done now.
    pub unmet: u64,
    /// Why nothing was done: the plan is too large to be believed.
    pub brakes: Vec<Braked>,
    /// Acts that came to something.
    pub done: u64,
    /// Acts that failed.
    pub failed: u64,
    /// Bytes that were sent to backends.
    pub bytes: u64,
}

/// A brake that holds, and how to let it go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Braked {
    /// What is the matter.
    pub why: String,
    /// The words that let it go.
    pub release: String,
}

impl Reconciled {
    fn count(&mut self, done: &Done) {
        match &done.error {
            None => self.done += 1,
            Some(_) => self.failed += 1,
        }
        self.bytes += done.bytes;
    }
}

/// Everything that one reconciliation is about.
pub(crate) struct Round {
    pub(crate) policies: Policies,
    pub(crate) places: Places,
    pub(crate) compiled: Vec<planner::Policy>,
    pub(crate) terms: Terms,
}

impl Round {
    pub(crate) fn planner(&self) -> Planner<'_> {
        Planner::new(&self.places.places, &self.compiled, self.terms)
    }

    pub(crate) fn cases(&self, manager: &Manager) -> Cases<'_> {
        Cases::new(&self.places, &self.policies, manager.process(), now())
    }
}

impl Manager {
    /// Does what is missing between what is wanted and what is there, or says what it would be. May be stopped at any moment by dropping it, and several
    /// processes may do it at once.
    ///
    /// # Errors
    /// `InvalidConfig` for a policy that is wrong; what the catalog answers. What a backend answers is told act by act.
    pub async fn reconcile(&self, opts: &Reconcile, listener: &Listener) -> Result<Reconciled> {
        let mut result = Reconciled::default();
        if opts.mode == Mode::Act {
            if opts.release.contains(&Release::Unarmed) {
                self.catalog().write(meta::arm).await?;
            }
            self.release_dead().await?;
            self.settle(&mut |done| {
                listener(done);
                result.count(done);
            })
            .await?;
        }
        let round = self.round(opts).await?;
        let to_do = self.survey(&round, opts, &mut result).await?;
        if opts.mode == Mode::Rehearse || !result.brakes.is_empty() {
            for brake in result.brakes.iter().filter(|_| opts.mode == Mode::Act) {
                tracing::warn!(why = %brake.why, "the plan stops and asks");
                self.tell_event(Verb::Refused, None, None, serde_json::json!({ "why": brake.why })).await?;
            }
            return Ok(result);
        }
        let (stop, manager, round) = (opts.stop.clone(), self.clone(), Arc::new(round));
        let begun = futures::stream::iter(to_do).take_while(move |_| std::future::ready(!stop.is_stopped()));
        // Each owns what it needs: what borrows could not be shown to be `Send`.
        let acts = begun.map(move |number| {
            let (manager, round) = (manager.clone(), round.clone());
            async move { manager.act(&round, number).await }.boxed()
        });
        let mut acts = acts.buffer_unordered(AT_A_TIME);
        while let Some(all) = acts.next().await {
            for done in all? {
                listener(&done);
                result.count(&done);
            }
        }
        Ok(result)
    }

    pub(crate) async fn round(&self, opts: &Reconcile) -> Result<Round> {
        let policies = self.in_force().await?;
        let places = self.recognised_places().await?;
        let compiled = compiled(&policies, &places)?;
        let terms = Terms { grace_s: opts.grace.as_secs(), ..self.terms().await? };
        Ok(Round { policies, places, compiled, terms })
    }

    /// Plans everything and answers what is to be worked on; nothing is done yet.
    async fn survey(&self, round: &Round, opts: &Reconcile, result: &mut Reconciled) -> Result<Vec<ContentNumber>> {
        let (mut planner, mut cases) = (round.planner(), round.cases(self));
        let mut to_do = Vec::new();
        let mut pages = self.surveyed().await?;
        while let Some(page) = pages.next().await {
            let page = page?;
            let mut told = Vec::new();
            for surveyed in page {
                let Some(case) = cases.case(surveyed) else {
                    result.being_added += 1;
                    continue;
                };
                let outcome = planner.plan(&case.content());
                *result.standing.entry(Safety::from(outcome.standing).as_str()).or_default() += 1;
                let is_act = outcome.steps.iter().any(Step::is_act);
                let is_unmet = !is_act || outcome.steps.iter().any(|step| matches!(step, Step::Unsatisfiable(_)));
                let is_well = matches!(outcome.standing, Standing::Safe | Standing::Unwanted);
                result.unmet += u64::from(is_unmet && !is_well);
                if is_act {
                    to_do.push(case.number);
                }
                let is_told = opts.mode == Mode::Rehearse && !outcome.steps.is_empty();
                if is_told && result.planned.len() + told.len() < TOLD {
                    let steps = outcome.steps.iter().map(|step| PlannedStep::of(step, &case, &round.places));
                    told.push((case.number, steps.collect()));
                }
            }
            result.planned.extend(self.with_names(told).await?);
        }
        result.to_do = to_do.len() as u64;
        let brakes = planner.totals().brakes(&opts.limits);
        result.brakes = brakes.iter().filter_map(|it| braked(it, &round.places, &opts.release)).collect();
        Ok(to_do)
    }

    /// Everything in order, page by page; the next ones are read while one is planned.
    async fn surveyed(&self) -> Result<BoxStream<'static, Result<Vec<Surveyed>>>> {
        let last = self.catalog().read(survey::last).await?;
        let catalog = self.catalog().clone();
        let starts = (0..last).step_by(PAGE_MAX);
        let pages = futures::stream::iter(starts).map(move |from| {
            let catalog = catalog.clone();
            async move { catalog.read(move |conn| survey::page(conn, from)).await }.boxed()
        });
        Ok(pages.buffered(READERS).boxed())
    }

    async fn with_names(&self, told: Vec<(ContentNumber, Vec<PlannedStep>)>) -> Result<Vec<(Cid, Vec<PlannedStep>)>> {
        self.catalog()
            .read(move |conn| {
                let named = told.into_iter().map(|(number, steps)| {
                    let row = contents::get(conn, number)?;
                    Ok(row.map(|row| (row.content.cid, steps)))
                });
                named.filter_map(Result::transpose).collect()
            })
            .await
    }
}

fn braked(brake: &Brake, places: &Places, released: &[Release]) -> Option<Braked> {
    let (why, release, words) = match brake {
        Brake::Missing { place, n, of } => {
            let name = places.name(*place).to_owned();
            let why = format!("{n} of {of} copies on {name} are missing: is it the right store, and all of it?");
            (why, Release::Missing(name.clone()), format!("--release missing:{name}"))
        }
        Brake::Removals { n, of } => {
            let why =
                format!("copies of {n} of {of} contents would be removed: is the clock right, and are the policies?");
            (why, Release::Removals, "--release removals".to_owned())
        }
    };
    (!released.contains(&release)).then_some(Braked { why, release: words })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Daemons hand it to whichever thread is free.
    #[expect(dead_code, reason = "that it is compiled is the test")]
    fn may_be_sent<'a>(manager: &'a Manager, opts: &'a Reconcile, scrub: &'a Scrub, listener: &'a Listener) {
        fn sent<T: Send>(_: T) {}
        sent(manager.reconcile(opts, listener));
        sent(manager.scrub(scrub, listener));
    }
}

//! Why content is kept as it is: what is wanted, what is there, where it may be and where not, and what would be done now.

use backend_core::{Error, ErrorKind, Evidence, Result};
use ipld::{Cid, address};
use planner::{Outcome, Planner};

use crate::catalog::contents;
use crate::catalog::survey::{self, Surveyed};
use crate::manager::{Manager, now};
use crate::reconcile::{Case, Cases, Places, PlannedStep, compiled};
use crate::views::{ReplicaState, Safety};

/// Why content is kept as it is.
#[derive(Debug, Clone)]
pub struct Explained {
    /// Which.
    pub cid: Cid,
    /// How it stands.
    pub safety: Safety,
    /// Under which policies it is kept, each once; also because a folder that it is in is.
    pub policies: Vec<String>,
    /// Every backend.
    pub places: Vec<ExplainedPlace>,
    /// What would be done now.
    pub steps: Vec<PlannedStep>,
}

/// A backend, as far as one content is concerned.
#[derive(Debug, Clone)]
pub struct ExplainedPlace {
    /// Which.
    pub backend: String,
    /// Its failure domain.
    pub domain: String,
    /// The copies there.
    pub copies: Vec<(ReplicaState, Evidence)>,
    /// Why a copy may not be there, or is not put there; `None`: it may.
    pub why_not: Option<String>,
}

impl Manager {
    /// Why `cid` is kept as it is. No backend is asked.
    ///
    /// # Errors
    /// `NotFound` for content that the catalog does not know; `InvalidConfig` for a policy that is wrong.
    pub async fn explain(&self, cid: &Cid) -> Result<Explained> {
        let wanted = address::to_v1(cid);
        let found = self.catalog().read(move |conn| {
            let Some(row) = contents::find(conn, &wanted)? else { return Ok(None) };
            survey::one(conn, row.number)
        });
        let Some(surveyed) = found.await? else {
            let text = format!("{} is no content of this catalog", address::text(cid));
            return Err(Error::new(ErrorKind::NotFound, text));
        };
        let (policies, places) = (self.in_force().await?, self.places().await?);
        let compiled = compiled(&policies, &places)?;
        let mut planner = Planner::new(&places.places, &compiled, self.terms().await?);
        let rows = surveyed.clone();
        let mut names: Vec<String> = Vec::new();
        for wish in &surveyed.wishes {
            let policy = policies.views().iter().find(|it| it.number == wish.policy);
            names.extend(policy.map(|it| it.name.clone()).filter(|name| !names.contains(name)));
        }
        let case = Cases::new(&places, &policies, self.process(), now()).case(surveyed);
        let (why_not, outcome) = match &case {
            Some(case) => (planner.explain(&case.content()), Some(planner.plan(&case.content()))),
            None => (Vec::new(), None),
        };
        let steps = match (&case, &outcome) {
            (Some(case), Some(outcome)) => outcome.steps.iter().map(|it| PlannedStep::of(it, case, &places)).collect(),
            _ => vec![PlannedStep::being_added()],
        };
        let explained = (0..places.places.len())
            .map(|at| {
                let why_not = why_not.get(at).copied().flatten().map(|why| why.to_string());
                place(&places, at, &rows, why_not)
            })
            .collect();
        let safety = outcome.map_or(Safety::Short, |it: Outcome| Safety::from(it.standing));
        Ok(Explained { cid: wanted, safety, policies: names, places: explained, steps })
    }

    /// How one content stands, as the catalog says.
    pub(crate) async fn safety(&self, case: Surveyed) -> Result<Safety> {
        let (policies, places) = (self.in_force().await?, self.places().await?);
        let compiled = compiled(&policies, &places)?;
        let mut planner = Planner::new(&places.places, &compiled, self.terms().await?);
        let case: Option<Case> = Cases::new(&places, &policies, self.process(), now()).case(case);
        Ok(case.map_or(Safety::Short, |case| Safety::from(planner.plan(&case.content()).standing)))
    }
}

fn place(places: &Places, at: usize, rows: &Surveyed, why_not: Option<String>) -> ExplainedPlace {
    let copies = rows.copies.iter().filter(|it| places.position(it.backend) == Some(at));
    ExplainedPlace {
        backend: places.name(at).to_owned(),
        domain: places.places.get(at).map_or_else(String::new, |it| it.domain.clone()),
        copies: copies.map(|it| (it.state, it.evidence)).collect(),
        why_not,
    }
}

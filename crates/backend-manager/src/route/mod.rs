//! Which backend is asked first, and why: for reading content, and for placing new content. What is known of backends is [`crate::health`]'s; where content may
//! be is the planner's. Nothing is fetched here, and nothing is probed.

mod estimate;
mod place;
mod read;

use backend_core::{Error, ErrorKind, Result};
use ipld::Cid;

use crate::fleet::Member;
use crate::health::Standing;
use crate::manager::Manager;

pub use estimate::{Criterion, Estimate};
pub(crate) use estimate::{Key, Price};

/// What a route is sought for, and what matters.
#[derive(Debug, Clone)]
pub struct Criteria {
    /// Of those that could all do it, which is best.
    pub by: Criterion,
    /// What for.
    pub sought: Sought,
}

/// What a route is sought for.
#[derive(Debug, Clone)]
pub enum Sought {
    /// Reading content.
    Read(Cid),
    /// Placing new content of so many bytes.
    Place {
        /// Its bytes.
        size: u64,
        /// Under which policy; `None`: the default.
        policy: Option<String>,
    },
}

/// A backend that could do it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Which.
    pub backend: String,
    /// Whether it works: this stands before everything else.
    pub standing: Standing,
    /// How much the policy prefers it, 0 most of all; of reading, 0 for a cache and 1 for a copy.
    pub preference: usize,
    /// What it takes and costs: of reading, the price of reading; of placing, that of keeping for a month.
    pub estimate: Estimate,
    /// What else speaks for it or against it, in words.
    pub reasons: Vec<String>,
}

/// A backend that could not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Which.
    pub backend: String,
    /// Why.
    pub why: String,
}

/// Who is asked, in this order, and who is not.
#[derive(Debug, Clone, PartialEq)]
pub struct Routed {
    /// By what they were compared.
    pub by: Criterion,
    /// How many bytes they were compared for.
    pub size: u64,
    /// Best first.
    pub candidates: Vec<Candidate>,
    /// The others.
    pub left_out: Vec<LeftOut>,
}

impl Manager {
    /// Which backends could do it, best first, with the reasons. A read asks in this order, by [`Criterion::Balanced`] unless [`Manager::reading_by`] says otherwise; whoever adds content may name the first
    /// of them as targets.
    ///
    /// # Errors
    /// `NotFound` for content or a policy that there is not; what the catalog answers.
    pub async fn route_to_best(&self, criteria: &Criteria) -> Result<Routed> {
        match &criteria.sought {
            Sought::Read(cid) => self.route_read(cid, criteria.by).await,
            Sought::Place { size, policy } => self.route_place(*size, policy.as_deref(), criteria.by).await,
        }
    }

    fn candidate(&self, member: &Member, preference: usize, price: Price) -> Candidate {
        let (standing, estimate) = (self.fleet().standing(member), self.fleet().estimate(member, price));
        let mut reasons = Vec::new();
        match standing {
            Standing::Works => {}
            Standing::Failed => reasons.push("its last act failed".to_owned()),
            Standing::Shut => reasons.push("it is out of use, and asked last".to_owned()),
            Standing::UsedUp => reasons.push("its traffic of this month is used up, and it is asked last".to_owned()),
        }
        if let Some(left) = member.meter.left().filter(|left| 0 < *left) {
            reasons.push(format!("{left} bytes of this month's traffic are left"));
        }
        Candidate { backend: member.name.clone(), standing, preference, estimate, reasons }
    }
}

impl Routed {
    fn sort(&mut self) {
        let (size, by) = (self.size, self.by);
        self.candidates.sort_by_key(|it| (it.standing, it.preference, it.estimate.key(size, by)));
    }
}

fn unknown(cid: &Cid) -> Error {
    Error::new(ErrorKind::NotFound, format!("{} is no content of this catalog", ipld::address::text(cid)))
}

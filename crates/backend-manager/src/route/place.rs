//! Where new content could go: what the planner would allow, in the order of the policy's preferences and then of the criterion.

use backend_core::Result;

use super::{Criterion, LeftOut, Price, Routed};
use crate::catalog::policies::DEFAULT;
use crate::manager::Manager;

impl Manager {
    pub(super) async fn route_place(&self, size: u64, policy: Option<&str>, by: Criterion) -> Result<Routed> {
        let (policies, places) = (self.in_force().await?, self.places().await?);
        let wanted = policies.named(policy.unwrap_or(DEFAULT))?.number;
        let compiled = policies.compiled()?;
        let planner = planner::Planner::new(&places.places, &compiled, self.terms().await?);
        let mut routed = Routed { by, size, candidates: Vec::new(), left_out: Vec::new() };
        for (place, standing) in
            planner.candidates(policies.position(wanted).unwrap_or(0), size).into_iter().enumerate()
        {
            let backend = places.name(place).to_owned();
            match (standing, places.members.get(place).and_then(Option::as_ref)) {
                (Ok(preference), Some(member)) => {
                    routed.candidates.push(self.candidate(member, preference, Price::OfKeeping))
                }
                (Ok(_), None) => {
                    routed.left_out.push(LeftOut { backend, why: "it is not configured, or switched off".to_owned() });
                }
                (Err(why), _) => routed.left_out.push(LeftOut { backend, why: why.to_string() }),
            }
        }
        routed.sort();
        Ok(routed)
    }
}

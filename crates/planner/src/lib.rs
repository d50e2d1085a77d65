//! The one planner: what is wanted and what is there go in, what must be done comes out. It asks no clock, no disk and no network.
//!
//! There is no second engine beside it: retention, quotas, limits and health say where content *may* live ([`Place`]), pins and their policies say what
//! *must* be there ([`Policy`]). A contradiction between the two is [`Step::Unsatisfiable`] with its reason, never a copy that comes and goes. Contents are
//! planned one by one, in any order, with what the whole fleet needs in between: [`Planner`] holds a few words a backend, however many contents there are.
//!
//! Three sentences hold, and properties over random states show them:
//!
//! * A plan that was carried out leaves nothing to plan.
//! * No content that was safe is less safe after any prefix of its plan.
//! * What came into being before us is never removed.

mod brake;
mod choose;
mod clear;
mod content;
mod goal;
mod place;
mod plan;
mod policy;
mod rule;
mod step;

pub use brake::{Brake, Limits, Totals};
pub use content::{Content, Copy, State, Wish};
pub use place::{Place, Serving};
pub use plan::Planner;
pub use policy::{Policy, Tier};
pub use rule::{Bound, Malformed, Rule, Trait};
pub use step::{Outcome, Standing, Step, Terms, Why};

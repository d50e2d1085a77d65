//! What is wanted: policies by name, and which content is kept under which. What is there is another room's.

mod explain;
mod matching;
mod pins;
mod policies;

pub use explain::{Explained, ExplainedPlace};
pub use pins::{PinView, PinWish};
pub use policies::{Finding, PolicyView};

pub(crate) use matching::Traits;
pub(crate) use pins::expiry;
pub(crate) use policies::Policies;

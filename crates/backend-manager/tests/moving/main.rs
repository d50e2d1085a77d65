//! Bringing what lies at one place to another: folders, users' keys, names; what must not happen on the way.
#![expect(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod bed;
mod brakes;
mod changes;
mod ends;
mod hostile;
mod unnamed;

use backend_memory as _;

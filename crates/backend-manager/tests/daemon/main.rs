//! The daemon: chores that come back, one process at a time where that matters, an end when it is asked for, and metrics that a parser takes.
#![expect(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod bed;
mod chores;
mod endpoint;
mod exposition;

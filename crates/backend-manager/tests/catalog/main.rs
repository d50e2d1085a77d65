//! The catalog, held to its promises from outside. Each file is one promise.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod arrows;
mod bed;
mod data;
mod groups;
mod intents;
mod kill;
mod licenses;
mod liveness;
mod open;
mod pages;
mod races;
mod telling;
mod walks;

//! What the planner decides: case by case, and for random states.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod cases;
mod properties;
mod states;

//! The layers, seen through the stack that everybody uses. Time is tokio's paused clock: it jumps to the next sleeper, so nothing really waits.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod budget;
mod gates;
mod guard;
mod limit;
mod lists;
mod observe;
mod operational;
mod resume;
mod retry;
mod scripted;
mod timeout;
mod words;

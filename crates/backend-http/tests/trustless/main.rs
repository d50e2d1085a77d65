//! The client of trustless gateways against gateways that tell the truth, and against every liar.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]
#![allow(clippy::panic, reason = "a test fails by panic")]

mod bed;
mod choice;
mod files;
mod liars;

//! Mending copies: what is wrong comes from whoever has it right, what is good is not sent again, and nothing is claimed that was not read.
#![expect(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod bed;
mod beside;
mod damages;
mod killed;
mod lies;
mod services;
mod together;

//! The client against peers that say exactly what a test wants them to say, byte for byte.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]
#![allow(clippy::panic, reason = "a test fails by panic")]

mod answers;
mod bodies;
mod broken;
mod peer;
mod redirects;
mod uploads;

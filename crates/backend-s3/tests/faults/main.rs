//! What a service can do to us: other regions and hosts, clocks, answers that lie, connections that break, uploads that are broken off.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod chain;
mod common;
mod facts;
mod mending;
mod sent;
mod service;
mod uploads;

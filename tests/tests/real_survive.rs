//! Survival on real services, as large as CI has time for; `real_large` does it with ten thousand files.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step of a journey that cannot be taken, fails it")]

mod survival;

use std::time::Duration;

use survival::{Daemon, Size, proof};

const SIZE: Size = Size { small: 360, middle: 36, large: 4, large_bytes: 16 << 20, patience: Duration::from_secs(240) };

#[test]
fn one_service_is_destroyed_and_one_rots() {
    proof(SIZE, Daemon::LeftAlone);
}

#[test]
fn the_daemon_is_killed_every_few_seconds() {
    proof(SIZE, Daemon::Killed(Duration::from_millis(1500)));
}

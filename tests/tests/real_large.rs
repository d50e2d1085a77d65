//! What takes longer than CI has: an upload of 5 GiB whose client and whose server are killed; ten thousand files on four services of which one is destroyed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a step of a journey that cannot be taken, fails it")]

mod broken;
mod pairs;
mod street;
mod survival;

use std::time::Duration;

use survival::{Daemon, Size, proof};

/// Under 4 GiB in all.
const MANY: Size =
    Size { small: 9400, middle: 580, large: 20, large_bytes: 64 << 20, patience: Duration::from_secs(1800) };

#[test]
fn ten_thousand_files_survive() {
    proof(MANY, Daemon::LeftAlone);
}

#[test]
fn ten_thousand_files_survive_a_daemon_that_is_killed() {
    proof(MANY, Daemon::Killed(Duration::from_secs(7)));
}

#[test]
fn five_gibibytes_survive_the_death_of_both_ends() {
    broken::survives((5 << 30) + 12_345);
}

#[test]
fn every_pair_of_services_brings_ten_thousand_files_in_one_folder() {
    pairs::every_pair(10_000);
}

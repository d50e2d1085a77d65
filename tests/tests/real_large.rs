//! What takes longer than CI has: an upload of 5 GiB whose client and whose server are killed.

#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

mod broken;

#[test]
fn five_gibibytes_survive_the_death_of_both_ends() {
    broken::survives((5 << 30) + 12_345);
}

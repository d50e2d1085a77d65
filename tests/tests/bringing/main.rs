//! Content that is brought in, brought back and moved: from the stores alone, killed at every step, with nothing lost.

#![expect(clippy::unwrap_used, reason = "a step of a journey that cannot be taken, fails it")]

mod adopted;
mod backed_up;
mod bed;
mod configured;
mod moved;

//! Who is asked first, who is asked as well, and what is kept near.
#![expect(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod bed;
mod caching;
mod hedging;
mod order;

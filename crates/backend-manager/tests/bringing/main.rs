//! Adoption, migration and backups against stores that lie, fail and are somebody else's.
#![expect(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod adopting;
mod backing;
mod bed;
mod moving;

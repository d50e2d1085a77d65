//! Where content lies: under a user's key, within a folder on a store of CIDs; and content that only others know.
#![expect(clippy::unwrap_used, reason = "a step that cannot be taken fails its test")]

mod archives;
mod bed;
mod folders;
mod foreign;
mod keys;

use backend_memory as _;

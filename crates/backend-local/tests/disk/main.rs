//! What the conformance suite cannot know: links, disks, mounts, dead processes and large folders.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails by panic")]

mod common;
mod copied;
mod fresh;
mod kept;
mod killed;
mod listed;
mod mended;
mod mounted;
mod planted;
mod rooted;

//! The workspace's tasks, as a library: so that tests can hold what `cargo xtask` does.
//!
//! It uses no crate of this workspace, so that a broken crate never keeps the tools from running.
#![warn(missing_docs)]

pub mod bench;
pub mod data;
pub mod failure;
pub mod generate;
pub mod oracle;
pub mod real;
pub mod run;
pub mod scaffold;
pub mod services;
pub mod tidy;
pub mod tree;

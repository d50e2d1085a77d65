//! Brings in what ipfs_kit_py wrote, in all five generations of its files, and the remotes of an `rclone.conf`. Never part of the load path.
//!
//! [`plan`] reads and writes nothing; [`apply`] writes what can be written. Nothing is lost: a source file stays where it is, or, where it lies in the very
//! place of the new file, is kept beside it as `<name>.yaml.ipfs_kit_py`. What is not taken over is said.

mod apply;
mod fields;
mod kinds;
mod names;
mod plan;
mod policy;
mod rclone;
mod record;
mod samples;
mod scan;
mod text;
mod translate;

use std::path::PathBuf;

use backend_core::Error;

use super::envelope::BackendConfig;

pub use apply::{Applied, Done, apply};
pub use plan::plan;
pub use rclone::{is_rclone, plan_rclone};

/// What was found in one place of the files that are brought in, and what becomes of it.
#[derive(Debug)]
pub struct Imported {
    /// The file or folder.
    pub source: PathBuf,
    /// What the backend is called here, if it is one.
    pub name: Option<String>,
    /// What becomes of it.
    pub outcome: Outcome,
    /// What the user should know: fields that are not taken over, policies that nobody enforces. No value is in them.
    pub warnings: Vec<String>,
}

/// What becomes of something that ipfs_kit_py wrote.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// A configuration of ours, as it would be written: variables and references stand in it.
    Config(Box<BackendConfig>),
    /// A backend that this build cannot have. The source stays where it is.
    Unsupported {
        /// The type as the source says it.
        kind: String,
        /// Why, and what it would need.
        why: String,
    },
    /// Nothing to bring in.
    Skipped {
        /// Why.
        why: String,
    },
    /// It is meant as a backend and cannot be read.
    Failed(Error),
}

//! Why a task failed: one sentence for the person who ran it.

use std::fmt;
use std::path::Path;

/// The result of every task.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// A sentence that names the thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure with this sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// What could not be done with `path`, and why.
    pub fn at(path: &Path, what: &str, why: impl fmt::Display) -> Self {
        Self(format!("cannot {what} {}: {why}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

//! `tidy`: the rules of the house that no compiler holds.
//!
//! Each rule looks at files and answers a list of findings. None needs a build, so a plain `cargo test` tells.

mod arrows;
mod contract;
mod dependencies;
mod files;
pub(crate) mod leaves;
mod links;
mod source;
mod territory;
mod words;

use std::fmt;

use crate::failure::Result;
use crate::tree::Tree;

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, or the folder, from the root.
    pub place: String,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl Finding {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

type Rule = fn(&Tree) -> Result<Vec<Finding>>;

/// Every finding of every rule, sorted.
///
/// # Errors
/// If the tree cannot be read: that is no finding.
pub fn findings(tree: &Tree) -> Result<Vec<Finding>> {
    let rules: [Rule; 8] = [
        files::findings,
        words::findings,
        leaves::findings,
        arrows::findings,
        territory::findings,
        dependencies::findings,
        contract::findings,
        links::findings,
    ];
    let mut all = Vec::new();
    for rule in rules {
        all.extend(rule(tree)?);
    }
    all.sort();
    Ok(all)
}

//! `services`: real servers by package name, pinned and cached by version.
//!
//! What is built lies in `target/services`, or in the folder that `IPFS_KIT_SERVICES` names. It is built once; a build that was cut off leaves nothing
//! that could be taken for a whole one.

mod kubo;

use std::env;
use std::path::PathBuf;

use crate::failure::{Failure, Result};
use crate::tree::Tree;

/// A server that this workspace can provision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Kubo: the judge of our CIDs, and the peer of our benches.
    Kubo,
}

impl Service {
    /// Every one.
    pub const ALL: [Service; 1] = [Service::Kubo];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Service::Kubo => "kubo",
        }
    }

    /// Where its program lies; builds it if it is not there.
    ///
    /// # Errors
    /// If it cannot be built: says what was missing.
    pub fn provision(self, tree: &Tree) -> Result<PathBuf> {
        match self {
            Service::Kubo => kubo::provision(tree, &shelf(tree)),
        }
    }

    /// Where its program lies, if it was provisioned.
    ///
    /// # Errors
    /// If it was not: says how to.
    pub fn find(self, tree: &Tree) -> Result<PathBuf> {
        let path = match self {
            Service::Kubo => kubo::program(&shelf(tree)),
        };
        match path.is_file() {
            true => Ok(path),
            false => Err(Failure::new(format!("{0} is missing: run `cargo xtask services {0}`", self.as_str()))),
        }
    }
}

/// The services that `name` means: one, or `all`.
///
/// # Errors
/// If there is none of that name.
pub fn named(name: &str) -> Result<Vec<Service>> {
    let found: Vec<Service> = Service::ALL.into_iter().filter(|it| name == "all" || name == it.as_str()).collect();
    match found.is_empty() {
        true => {
            let names: Vec<&str> = Service::ALL.iter().map(|it| it.as_str()).collect();
            Err(Failure::new(format!("no service {name:?}; there are: all, {}", names.join(", "))))
        }
        false => Ok(found),
    }
}

fn shelf(tree: &Tree) -> PathBuf {
    env::var_os("IPFS_KIT_SERVICES")
        .filter(|it| !it.is_empty())
        .map_or_else(|| tree.path("target/services"), PathBuf::from)
}

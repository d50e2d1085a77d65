//! `test`: the hermetic suite, and the comparison of our names with Kubo's.
//!
//! The oracle is real software that was built here. If it is missing the comparison fails: it never passes without having compared.

mod samples;

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::failure::{Failure, Result};
use crate::run;
use crate::services;
use crate::tree::Tree;

/// The profiles that both programs know by the same name.
const PROFILES: [&str; 2] = ["unixfs-v1-2025", "unixfs-v0-2015"];

/// Runs the whole hermetic suite, as the README says.
///
/// # Errors
/// If a test fails.
pub fn hermetic(tree: &Tree) -> Result<()> {
    run::aloud(run::cargo().args(["test", "--locked"]).current_dir(tree.root()))
}

/// Compares `ipfs-kit cid` with `ipfs add -n -Q` for every sample under every profile; answers how many names were equal.
///
/// # Errors
/// If Kubo was not provisioned, or any name differs: lists all that do.
pub fn compare(tree: &Tree) -> Result<usize> {
    let kubo = services::find(tree, "kubo")?;
    let ours = program(tree)?;
    let folder = scratch(tree)?;
    let samples = samples::write(folder.path())?;
    let mut differing = Vec::new();
    let mut equal = 0;
    for profile in PROFILES {
        let oracle = Oracle::new(&kubo, &folder.path().join(format!("repo-{profile}")), profile)?;
        for sample in &samples {
            let (theirs, ours) = (oracle.name(sample)?, our_name(&ours, sample, profile)?);
            match oracle.plain(&theirs)? == oracle.plain(&ours)? {
                true => equal += 1,
                false => differing.push(format!("{} under {profile}: {ours}, Kubo says {theirs}", sample.display())),
            }
        }
    }
    match differing.is_empty() {
        true => Ok(equal),
        false => Err(Failure::new(format!("{equal} names are equal; these differ:\n{}", differing.join("\n")))),
    }
}

/// Our program, built in the profile in which it is used.
///
/// # Errors
/// If it does not build.
pub(crate) fn program(tree: &Tree) -> Result<PathBuf> {
    let build = ["build", "--quiet", "--locked", "--release", "--package", "ipfs-kit"];
    run::quietly(run::cargo().args(build).current_dir(tree.root()))?;
    Ok(target(tree).join("release/ipfs-kit"))
}

/// Where cargo puts what it builds.
pub(crate) fn target(tree: &Tree) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| tree.path("target"), |it| tree.root().join(it))
}

/// A folder for samples on the disk of the checkout: the system's own may be small, or memory.
///
/// # Errors
/// If the disk refuses.
pub(crate) fn scratch(tree: &Tree) -> Result<TempDir> {
    let shelf = tree.path("target/scratch");
    std::fs::create_dir_all(&shelf).map_err(|err| Failure::at(&shelf, "make", err))?;
    tempfile::tempdir_in(&shelf).map_err(|err| Failure::at(&shelf, "make a folder in", err))
}

fn our_name(program: &Path, sample: &Path, profile: &str) -> Result<String> {
    let mut cid = Command::new(program);
    cid.args(["cid", "--hidden", "--profile", profile]).arg(sample);
    Ok(run::answer(&mut cid)?.trim().to_owned())
}

/// Kubo with a repository of one profile.
#[derive(Debug)]
pub(crate) struct Oracle {
    program: PathBuf,
    repo: PathBuf,
}

impl Oracle {
    /// Makes the repository: no network, no neighbours.
    pub(crate) fn new(program: &Path, repo: &Path, profile: &str) -> Result<Self> {
        let oracle = Self { program: program.to_owned(), repo: repo.to_owned() };
        run::quietly(oracle.command().args(["init", "--profile", &format!("test,{profile}")]))?;
        Ok(oracle)
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env("IPFS_PATH", &self.repo);
        command
    }

    fn name(&self, sample: &Path) -> Result<String> {
        let mut add = self.command();
        // Hidden files are content, too; our program takes them along.
        add.args(["add", "-n", "-Q", "-r", "-H"]).arg(sample);
        Ok(run::answer(&mut add)?.trim().to_owned())
    }

    /// The same name as CIDv1 in base32: the comparison is of names, not of spellings.
    fn plain(&self, name: &str) -> Result<String> {
        let mut format = self.command();
        format.args(["cid", "format", "-v", "1", "-b", "base32", name]);
        Ok(run::answer(&mut format)?.trim().to_owned())
    }
}

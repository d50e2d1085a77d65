//! The table of what each service gives: measured by an example of the journeys, which has all the servers at hand.

use std::process::Command;

use super::machine;
use crate::failure::{Failure, Result};
use crate::tree::Tree;
use crate::{oracle, run, services};

const PAGE: &str = "docs/PERFORMANCE.md";
const EXAMPLE: &str = "services";

/// Measures, and writes the page; answers its path.
///
/// # Errors
/// If a server was not provisioned, or anything fails.
pub fn performance(tree: &Tree) -> Result<String> {
    for service in ["azurite", "kubo", "rclone", "s3s-fs", "sshd", "vsftpd"] {
        services::find(tree, service)?;
    }
    let ours = oracle::program(tree)?;
    let mut build = run::cargo();
    // As tests are built: nothing of others is built anew for it.
    build.args(["build", "--quiet", "--locked", "--workspace", "--example", EXAMPLE]);
    build.args(["--features", "journeys/real-servers"]);
    run::quietly(build.current_dir(tree.root()))?;
    let said = run::answer(Command::new(tree.path("target/debug/examples").join(EXAMPLE)).arg(ours))?;
    let page = format!("{said}\nMachine: {}.\n", machine::description());
    let path = tree.path(PAGE);
    std::fs::write(&path, page).map_err(|err| Failure::at(&path, "write", err))?;
    Ok(PAGE.to_owned())
}

//! Kubo, built from its Go module: `xtask/services/kubo` holds the pinned version and the sums of everything that it is made of.
//!
//! `go install` refuses Kubo, because its manifest replaces modules; a module of our own works. With the sums committed no checksum service is asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Failure, Result};
use crate::run;
use crate::tree::Tree;

/// The version that `xtask/services/kubo/go.mod` requires; a test compares the two.
pub(super) const VERSION: &str = "0.43.1";
const RECIPE: &str = "xtask/services/kubo";

pub(super) fn program(shelf: &Path) -> PathBuf {
    shelf.join(format!("kubo-{VERSION}/ipfs"))
}

pub(super) fn provision(tree: &Tree, shelf: &Path) -> Result<PathBuf> {
    let program = program(shelf);
    if program.is_file() {
        return Ok(program);
    }
    let folder = shelf.join(format!("kubo-{VERSION}/build-{}", std::process::id()));
    fs::create_dir_all(&folder).map_err(|err| Failure::at(&folder, "make", err))?;
    let built = build(tree, &folder);
    let placed = built.and_then(|made| fs::rename(&made, &program).map_err(|err| Failure::at(&program, "place", err)));
    // The work is done or lost either way; what is left of it only takes room.
    let _ = fs::remove_dir_all(&folder);
    placed.map(|()| program)
}

fn build(tree: &Tree, folder: &Path) -> Result<PathBuf> {
    for file in ["go.mod", "go.sum"] {
        let to = folder.join(file);
        fs::copy(tree.path(RECIPE).join(file), &to).map_err(|err| Failure::at(&to, "copy to", err))?;
    }
    let made = folder.join("ipfs");
    let mut go = Command::new("go");
    // The recipe was resolved by this kind of toolchain; another may not be fetched.
    go.env("GOTOOLCHAIN", "local").env("GOFLAGS", "-buildvcs=false").env("GOWORK", "off").current_dir(folder);
    go.args(["build", "-mod=readonly", "-trimpath", "-o"]).arg(&made).arg("github.com/ipfs/kubo/cmd/ipfs");
    run::quietly(&mut go)?;
    let says = run::answer(Command::new(&made).args(["version", "--number"]))?;
    match says.trim() == VERSION {
        true => Ok(made),
        false => Err(Failure::new(format!("the build says that it is Kubo {}, not {VERSION}", says.trim()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recipe_requires_the_version_under_which_it_is_cached() {
        let recipe = Tree::own().unwrap().read("xtask/services/kubo/go.mod").unwrap();
        assert!(recipe.contains(&format!("github.com/ipfs/kubo v{VERSION}\n")));
    }
}

//! `gen`: what follows from the leaves that exist is written by a program, committed, and checked.
//!
//! Two halves. What files alone decide (`linked.rs`, feature lists, workspace dependencies) is also checked by a plain `cargo test`. What the
//! descriptors say (tables, references, schemas) comes from the built program's `internal describe`; this crate never links a crate of ours.

mod describe;
mod features;
mod linked;
mod marker;
mod matrix;
mod readme;
mod reference;
mod schema;
mod table;

pub use describe::{Backend, Described, Failing, Purpose, Suiting};

use crate::failure::{Failure, Result};
use crate::tree::Tree;

/// One file as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// From the root.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// What files alone decide.
///
/// # Errors
/// If a manifest cannot be read.
pub fn from_files(tree: &Tree) -> Result<Vec<Output>> {
    let leaves = tree.leaves()?;
    let mut outputs = vec![linked::output(&leaves)];
    outputs.extend(features::outputs(tree, &leaves)?);
    Ok(outputs)
}

/// What the descriptors decide.
///
/// # Errors
/// If the built program cannot be run, or a README lacks the heading under which its table belongs.
pub fn from_descriptors(tree: &Tree, described: &Described) -> Result<Vec<Output>> {
    let described = with_families(tree, described.clone())?;
    let mut outputs = readme::outputs(tree, &described)?;
    outputs.extend(reference::outputs(&described));
    outputs.extend(schema::outputs(&described)?);
    Ok(outputs)
}

/// The program only guesses the package from the type; the manifest of a family says which types it has.
fn with_families(tree: &Tree, mut described: Described) -> Result<Described> {
    let leaves = tree.leaves()?;
    for backend in &mut described.backends {
        if let Some(leaf) = leaves.iter().find(|it| it.kinds.contains(&backend.kind)) {
            backend.package.clone_from(&leaf.package);
        }
    }
    Ok(described)
}

/// Those of `outputs` that the tree does not hold as they should be.
pub fn stale(tree: &Tree, outputs: &[Output]) -> Vec<String> {
    let differs = |it: &&Output| tree.read(&it.name).ok().as_deref() != Some(it.text.as_str());
    outputs.iter().filter(differs).map(|it| it.name.clone()).collect()
}

/// Writes those of `outputs` that differ, and says which.
///
/// # Errors
/// If the disk refuses.
pub fn write(tree: &Tree, outputs: &[Output]) -> Result<Vec<String>> {
    let stale = stale(tree, outputs);
    let wanted = outputs.iter().filter(|it| stale.contains(&it.name));
    wanted.map(|it| tree.write(&it.name, &it.text).map(|()| it.name.clone())).collect()
}

/// Fails, naming the files, if anything is stale.
///
/// # Errors
/// The list of stale files.
pub fn check(tree: &Tree, outputs: &[Output]) -> Result<()> {
    match stale(tree, outputs).as_slice() {
        [] => Ok(()),
        names => Err(Failure::new(format!("stale; run `cargo xtask gen` and commit: {}", names.join(", ")))),
    }
}

/// Asks the built program for its descriptors.
///
/// # Errors
/// If it does not build, or answers something else.
pub fn describe(tree: &Tree) -> Result<Described> {
    describe::ask(tree)
}

/// Reads an answer of `internal describe`.
///
/// # Errors
/// If it is something else.
pub fn described(answer: &str) -> Result<Described> {
    describe::parse(answer)
}

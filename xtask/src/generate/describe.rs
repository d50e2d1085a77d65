//! What the built program says of itself: `ipfs-kit internal describe`.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::oracle;
use crate::run;
use crate::tree::Tree;

/// The answer of `internal describe`. Fields that this task does not use are left alone.
#[derive(Debug, Clone, Deserialize)]
pub struct Described {
    /// Every linked backend.
    pub backends: Vec<Backend>,
    /// Every kind of error.
    pub errors: Vec<Failing>,
    /// Every purpose, and how the types suit it.
    #[serde(default)]
    pub purposes: Vec<Purpose>,
}

/// A purpose.
#[derive(Debug, Clone, Deserialize)]
pub struct Purpose {
    /// Its name.
    pub name: String,
    /// One line.
    pub summary: String,
    /// Every type, the best first.
    pub types: Vec<Suiting>,
}

/// A type, judged for a purpose.
#[derive(Debug, Clone, Deserialize)]
pub struct Suiting {
    /// Which.
    #[serde(rename = "type")]
    pub kind: String,
    /// `good`, `fair`, `poor` or `no`.
    pub verdict: String,
    /// Of 100.
    pub score: u32,
    /// What speaks for it.
    pub reasons: Vec<String>,
    /// What it lacks.
    pub lacks: Vec<String>,
}

/// One descriptor.
#[derive(Debug, Clone, Deserialize)]
pub struct Backend {
    /// What `type:` says.
    pub kind: String,
    /// Other names of the type.
    pub aliases: Vec<String>,
    /// One line.
    pub summary: String,
    /// Who names content there.
    pub addressing: String,
    /// Whether copies there are replicas.
    pub role: String,
    /// What an instance may offer.
    pub offers: BTreeMap<String, bool>,
    /// Latency, durability and cost, before anything was measured.
    pub traits: BTreeMap<String, String>,
    /// The JSON schema of `connection` and `credentials`.
    pub schema: Value,
    /// A configuration file that opens.
    pub example: String,
    /// Its package: `backend-local`.
    #[serde(rename = "crate")]
    pub package: String,
}

/// One kind of error.
#[derive(Debug, Clone, Deserialize)]
pub struct Failing {
    /// Its stable name.
    pub kind: String,
    /// The `type` of the JSON form.
    pub class: String,
    /// The family of the hierarchy.
    pub family: String,
    /// Whether to try again.
    pub advice: String,
    /// What the program exits with.
    pub exit_code: u8,
}

/// The program as the journeys run it: with every backend, and with the features under which `cargo test` builds the workspace, so that nothing is built
/// again.
const PROGRAM: &str = "program";

/// Builds the program with every backend, and asks it.
pub(super) fn ask(tree: &Tree) -> Result<Described> {
    let build = ["build", "--quiet", "--locked", "--workspace", "--example", PROGRAM];
    run::quietly(run::cargo().args(build).current_dir(tree.root()))?;
    let mut ask = Command::new(oracle::target(tree).join("debug/examples").join(PROGRAM));
    parse(&run::answer(ask.args(["internal", "describe"]).current_dir(tree.root()))?)
}

pub(super) fn parse(said: &str) -> Result<Described> {
    serde_json::from_str(said)
        .map_err(|err| Failure::new(format!("`ipfs-kit internal describe` answered something else: {err}")))
}

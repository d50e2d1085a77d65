//! How soon the program is there, and how large it is.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::command::median;
use super::{Line, Stage, Wanted, shown};
use crate::failure::{Failure, Result};
use crate::run;

const RUNS: usize = 51;

pub(super) fn times(stage: &Stage) -> Result<Vec<Line>> {
    let home = stage.empty_home()?;
    let ours = |words: &'static str| {
        let mut command = Command::new(&stage.ours);
        command.arg(words).env("IPFS_KIT_HOME", &home);
        command
    };
    let bare = median(RUNS, || Command::new("true"))?;
    let version = median(RUNS, || ours("--version"))?;
    let list = median(RUNS, || ours("ls"))?;
    Ok(vec![
        start("`--version`, ms, against `true`", version, bare, 10.0),
        start("`ls` of an empty home, ms, against `true`", list, bare, 30.0),
    ])
}

fn start(what: &str, ours: Duration, bare: Duration, most: f64) -> Line {
    let ratio = ours.as_secs_f64() * 1e3;
    Line { what: what.to_owned(), ours: shown(ours), peer: shown(bare), ratio, wanted: Wanted::AtMost(most) }
}

/// The program as it is shipped, with the local backend alone.
pub(super) fn size(stage: &Stage) -> Result<Vec<Line>> {
    let shelf = stage.tree.path("target/bench");
    let mut build = run::cargo();
    build.args(["build", "--quiet", "--locked", "--profile", "dist", "--package", "ipfs-kit"]);
    build.args(["--no-default-features", "--features", "local", "--target-dir"]).arg(&shelf);
    run::quietly(build.current_dir(stage.tree.root()))?;
    let path = shelf.join("dist/ipfs-kit");
    let len = fs::metadata(&path).map_err(|err| Failure::at(&path, "look at", err))?.len();
    let what = "stripped program with the local backend alone, MB".to_owned();
    let peer_len = fs::metadata(&stage.kubo).map_err(|err| Failure::at(&stage.kubo, "look at", err))?.len();
    let peer = format!("{} bytes (ipfs)", peer_len);
    Ok(vec![Line { what, ours: format!("{len} bytes"), peer, ratio: len as f64 / 1e6, wanted: Wanted::AtMost(12.0) }])
}

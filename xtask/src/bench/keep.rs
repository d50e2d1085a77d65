//! Keeping: how long it takes to plan a million contents, and to read back a gibibyte.

use std::process::Command;
use std::time::Duration;

use super::command::{Cost, cheaper, once};
use super::large::{added, file};
use super::{Line, Stage, Wanted, peers, shown, times};
use crate::failure::Result;
use crate::run;

const CONTENTS: u64 = 1_000_000;

/// A rehearsal of a million contents with two copies each: all of the catalog is read, and each content is planned.
pub(super) fn plan(stage: &Stage) -> Result<Vec<Line>> {
    let home = stage.empty_home()?;
    let ours = |words: &[&str]| {
        let mut command = Command::new(&stage.ours);
        command.args(words).env("IPFS_KIT_HOME", &home);
        once(&command, &stage.path("note")).map(|(_, cost)| cost)
    };
    for name in ["a", "b"] {
        let set = format!("connection.path={}", stage.path(name).display());
        ours(&["backend", "create", name, "--type", "local", "--set", &set, "--set", "connection.create=true"])?;
    }
    ours(&["policy", "set", "default", "--replicas", "2"])?;
    // The backends are entered when they are first opened.
    ours(&["policy", "check"])?;
    // As tests are built, and with the features that they have: nothing of others is built anew for it.
    let mut build = run::cargo();
    build.args(["build", "--quiet", "--locked", "--workspace", "--example", "million"]);
    run::quietly(build.current_dir(stage.tree.root()))?;
    let mut fill = Command::new(stage.tree.path("target/debug/examples/million"));
    run::quietly(fill.arg(&home).arg(CONTENTS.to_string()))?;
    let costs = (0..3).map(|_| ours(&["reconcile", "--dry-run"])).collect::<Result<Vec<Cost>>>()?;
    let Some(best) = costs.into_iter().reduce(cheaper) else { return Ok(Vec::new()) };
    let line = |what: &str, ratio: f64, most: f64| Line {
        what: what.to_owned(),
        ours: best.text(),
        peer: "-".to_owned(),
        ratio,
        wanted: Wanted::AtMost(most),
    };
    Ok(vec![
        line("planning 1,000,000 contents of two copies (`reconcile --dry-run`), s", best.wall.as_secs_f64(), 2.0),
        line("memory of the same, MiB", best.rss_mib(), 128.0),
    ])
}

/// A scrub of a local store, from its medium, against reading the same bytes from the page cache and hashing them on two cores.
pub(super) fn scrub(stage: &Stage) -> Result<Vec<Line>> {
    let (file, home) = (file(stage)?, stage.empty_home()?);
    added(stage, &home, &file)?;
    let ours = || {
        let mut command = Command::new(&stage.ours);
        command.args(["scrub", "--older-than", "0s"]).env("IPFS_KIT_HOME", &home);
        once(&command, &stage.path("note")).map(|(_, cost)| cost)
    };
    let costs = (0..3).map(|_| ours()).collect::<Result<Vec<Cost>>>()?;
    let Some(best) = costs.into_iter().reduce(cheaper) else { return Ok(Vec::new()) };
    let bare = (0..3).map(|_| peers::hash_on_two(&file)).collect::<Result<Vec<_>>>()?;
    let bare = bare.into_iter().min().unwrap_or(Duration::MAX);
    let what = "`scrub` of 1 GiB on a local store, against reading (cached) and sha2 on two cores".to_owned();
    let (ratio, peer) = (times(bare, best.wall), shown(bare));
    Ok(vec![Line { what, ours: best.text(), peer, ratio, wanted: Wanted::AtLeast(0.8) }])
}

//! One file of a gibibyte: named, added durably, given back verified.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::command::{Cost, cheaper, in_turns, once};
use super::{Line, Stage, Wanted, peers, shown, times};
use crate::data;
use crate::failure::{Failure, Result};
use crate::run;

const SIZE: u64 = 1 << 30;
/// The most memory for content of any size.
const MOST_MIB: f64 = 64.0;

pub(super) fn cid(stage: &Stage) -> Result<Vec<Line>> {
    let file = file(stage)?;
    let oracle = stage.empty_repo()?;
    let ours = || named(stage, &file, None);
    let theirs = || {
        let mut add = oracle.command();
        add.args(["add", "-n", "-Q"]).arg(&file);
        once(&add, &stage.path("note"))
    };
    let ((our_name, ours), (their_name, theirs)) = in_turns(ours, theirs, best, best)?;
    if our_name != their_name {
        return Err(Failure::new(format!("ours is {our_name}, Kubo's is {their_name}: nothing to compare")));
    }
    let bare = (0..3).map(|_| peers::hash_on_two(&file)).collect::<Result<Vec<_>>>()?;
    let bare = bare.into_iter().min().unwrap_or(Duration::MAX);
    Ok(vec![
        line("`cid` of 1 GiB, against `ipfs add -n`", ours, theirs.text(), times(theirs.wall, ours.wall), 3.2),
        line("the same, against reading and sha2 on two cores", ours, shown(bare), times(bare, ours.wall), 0.8),
        memory("memory of `cid` of 1 GiB, MiB", ours),
    ])
}

fn named(stage: &Stage, file: &Path, home: Option<&Path>) -> Result<(String, Cost)> {
    let mut cid = Command::new(&stage.ours);
    cid.arg("cid").arg(file).env("IPFS_KIT_HOME", home.unwrap_or(&stage.path("home")));
    let (said, cost) = once(&cid, &stage.path("note"))?;
    Ok((said, cost))
}

fn best(one: (String, Cost), other: (String, Cost)) -> (String, Cost) {
    (one.0, cheaper(one.1, other.1))
}

pub(super) fn add(stage: &Stage) -> Result<Vec<Line>> {
    let file = file(stage)?;
    let ours = || {
        let home = stage.empty_home()?;
        settle();
        added(stage, &home, &file).map(|(_, cost)| cost)
    };
    let least = || {
        settle();
        Ok(peers::hash_on_two(&file)? + peers::durable_copy(&file, &stage.path("copy"))?)
    };
    let (durable, least) = in_turns(ours, least, cheaper, Duration::min)?;
    let theirs = || {
        let repo = stage.empty_repo()?;
        settle();
        let mut add = repo.command();
        add.args(["add", "-Q"]).arg(&file);
        once(&add, &stage.path("note")).map(|(_, cost)| cost)
    };
    let (again, theirs) = in_turns(ours, theirs, cheaper, cheaper)?;
    let wall = durable.wall.min(again.wall);
    Ok(vec![
        line(
            "`add` of 1 GiB to local, durable, against a two-core hash and a synced copy",
            durable,
            shown(least),
            times(least, durable.wall),
            0.8,
        ),
        line("the same, against `ipfs add`, which does not sync", again, theirs.text(), times(theirs.wall, wall), 3.0),
        memory("memory of `add` of 1 GiB, MiB", durable),
    ])
}

/// What was written before is on the disk before the next is measured: nobody pays for another.
fn settle() {
    // A machine without `sync` only measures a little worse.
    let _ = run::quietly(&mut Command::new("sync"));
}

/// Adds `path` to the home, and answers its name.
pub(super) fn added(stage: &Stage, home: &Path, path: &Path) -> Result<(String, Cost)> {
    let mut add = Command::new(&stage.ours);
    add.args(["add", "--json"]).arg(path).env("IPFS_KIT_HOME", home);
    let (said, cost) = once(&add, &stage.path("note"))?;
    Ok((cid_of(&said)?, cost))
}

/// The name in the receipt that `ipfs-kit add --json` prints.
pub(super) fn cid_of(said: &str) -> Result<String> {
    let receipt: serde_json::Value = serde_json::from_str(said)
        .map_err(|err| Failure::new(format!("`ipfs-kit add --json` answered no JSON: {err}")))?;
    let cid = receipt.get("cid").and_then(|it| it.as_str());
    let cid = cid.ok_or_else(|| Failure::new("`ipfs-kit add --json` answered without a `cid`"))?;
    Ok(cid.to_owned())
}

pub(super) fn get(stage: &Stage) -> Result<Vec<Line>> {
    let file = file(stage)?;
    let home = stage.empty_home()?;
    let (cid, _) = added(stage, &home, &file)?;
    let out = stage.path("out");
    let ours = || {
        settle();
        let mut get = Command::new(&stage.ours);
        get.args(["get", &cid, "-o"]).arg(&out).env("IPFS_KIT_HOME", &home);
        let (_, cost) = once(&get, &stage.path("note"))?;
        let len = fs::metadata(&out).map_err(|err| Failure::at(&out, "look at", err))?.len();
        fs::remove_file(&out).map_err(|err| Failure::at(&out, "remove", err))?;
        match len == SIZE {
            true => Ok(cost),
            false => Err(Failure::new(format!("`get` wrote {len} bytes"))),
        }
    };
    let slower = || {
        settle();
        Ok(peers::hash_on_two(&file)?.max(peers::copy(&file, &out)?))
    };
    let (ours, slower) = in_turns(ours, slower, cheaper, Duration::min)?;
    Ok(vec![
        line(
            "verified `get` of 1 GiB, against the slower of a two-core hash and a copy",
            ours,
            shown(slower),
            times(slower, ours.wall),
            0.9,
        ),
        memory("memory of `get` of 1 GiB, MiB", ours),
    ])
}

fn line(what: &str, ours: Cost, peer: String, ratio: f64, wanted: f64) -> Line {
    Line { what: what.to_owned(), ours: ours.text(), peer, ratio, wanted: Wanted::AtLeast(wanted) }
}

fn memory(what: &str, ours: Cost) -> Line {
    let wanted = Wanted::AtMost(MOST_MIB);
    Line { what: what.to_owned(), ours: ours.text(), peer: "-".to_owned(), ratio: ours.rss_mib(), wanted }
}

/// The file, in the page cache.
pub(super) fn file(stage: &Stage) -> Result<PathBuf> {
    let path = stage.path("gibibyte");
    if !path.exists() {
        data::write(&path, SIZE, 1).map_err(|err| Failure::at(&path, "write", err))?;
    }
    peers::hash_on_two(&path).map(|_| path)
}
